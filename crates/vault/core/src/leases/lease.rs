//! The records of a lease.

use arca_base::{JsonText, Timestamp, Ttl};
use serde::{Deserialize, Serialize};

use crate::barrier::Stored;

/// A lease, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Its identifier: the request path and a random part.
    pub id: String,
    /// The request path.
    pub path: String,
    /// The mount that made the secret.
    pub mount_uuid: String,
    /// Hash of the token it ends with.
    pub token: String,
    /// Identifier of the namespace of that token, where it is another: an ancestor of its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_namespace: String,
    /// When it was made.
    pub issued: Option<Timestamp>,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// Where its entry in the expiry index is: its end, or the next attempt to revoke it.
    pub due: Option<Timestamp>,
    /// When it was last renewed.
    pub last_renewal: Option<Timestamp>,
    /// How long its engine wants it to live.
    pub ttl: Ttl,
    /// How long at most.
    pub max_ttl: Ttl,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// What its engine needs to renew and revoke.
    pub internal: Option<JsonText>,
    /// What must be within reach for it to be ended.
    pub target: String,
    /// Set while it is being revoked.
    pub revoking: bool,
    /// Attempts to revoke it that failed.
    pub attempts: u32,
    /// Why it could not be revoked, once nobody tries any more.
    pub irrevocable: Option<String>,
}

impl Stored for Lease {
    const VERSION: u8 = 1;
    const NAME: &'static str = "lease";
}

/// From a token to a lease.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeaseLink {}

impl Stored for LeaseLink {
    const VERSION: u8 = 1;
    const NAME: &'static str = "lease of a token";
}

/// What an engine says about a lease it has extended.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    /// How long it should live from now; zero for what was said when it was made.
    pub ttl: Ttl,
    /// How long at most since it was made; zero for what was said then.
    pub max_ttl: Ttl,
    /// Shown to the caller.
    pub data: Option<JsonText>,
}

/// How sure it is that what a lease stood for has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// Nobody looked.
    #[default]
    Unasked,
    /// Somebody looked, and nothing is left.
    Gone,
    /// Somebody looked, and something is left.
    Left,
}

impl Proof {
    /// Label for metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unasked => "ended",
            Self::Gone => "gone",
            Self::Left => "left",
        }
    }
}

/// What an engine says about a secret it has ended.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// How sure that is.
    pub proof: Proof,
    /// What whoever revoked it should know.
    pub remarks: Vec<String>,
}

/// A lease that was extended, as the caller sees it.
#[derive(Debug)]
pub struct Renewed {
    /// Its identifier.
    pub lease_id: String,
    /// Whether it can be renewed again.
    pub renewable: bool,
    /// How long it lives from now.
    pub ttl: Ttl,
    /// What the engine shows.
    pub data: Option<JsonText>,
    /// Things the caller should know.
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_form_is_read() {
        let stored = br#"{"id":"db/creds/app/x","path":"db/creds/app","mount_uuid":"u","token":"t","issued":"2026-01-02T03:04:05Z","expires":"2026-01-02T04:04:05Z","due":"2026-01-02T04:04:05Z","last_renewal":null,"ttl":3600,"max_ttl":7200,"renewable":true,"internal":{"user":"a"},"revoking":false,"attempts":0,"irrevocable":null}"#;
        let lease = Lease::decode(1, stored).unwrap();
        assert_eq!(
            (lease.id.as_str(), lease.ttl),
            ("db/creds/app/x", Ttl::from_hours(1))
        );
        assert_eq!(lease.internal.unwrap().as_str(), r#"{"user":"a"}"#);
        assert!(
            Lease::decode(2, stored).is_err(),
            "a version nobody has written yet is refused"
        );
    }
}
