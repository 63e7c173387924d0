//! The records of a token.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use arca_base::{JsonText, Secret, Timestamp, Ttl};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::barrier::Stored;

/// How a token is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// As a row; can be renewed, revoked, have children and a cubbyhole.
    #[default]
    Service,
    /// In the token itself; costs no storage, ends by time only.
    Batch,
}

impl TokenKind {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
        }
    }
}

/// A token, as stored: everything but the token itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Token {
    /// Name of its row: a keyed hash of the token.
    pub hash: String,
    /// Namespace it was made in.
    pub namespace: String,
    /// Names the token without giving its power; empty for batch tokens.
    pub accessor: String,
    /// How it is kept.
    pub kind: TokenKind,
    /// Hash of the token it dies with.
    pub parent: Option<String>,
    /// Identifier of the namespace of that one, where it is another: an ancestor of its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent_namespace: String,
    /// Its own policies, sorted.
    pub policies: Vec<String>,
    /// Where it was made.
    pub path: String,
    /// Name shown with it.
    pub display_name: String,
    /// Texts shown with it.
    pub meta: BTreeMap<String, String>,
    /// Requests left; 0 for any number, -1 for none.
    pub num_uses: i64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// How long it was made to live; zero for ever.
    pub creation_ttl: Ttl,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was last renewed.
    pub last_renewal: Option<Timestamp>,
    /// How long it lives at most.
    pub explicit_max_ttl: Ttl,
    /// The longest its auth method allows.
    pub max_ttl: Ttl,
    /// Renewable for ever, each time by this long.
    pub period: Ttl,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Whether it has a lease; the first root token has none.
    pub leased: bool,
    /// Role it was made with.
    pub role: String,
    /// Whom it belongs to.
    pub entity_id: String,
    /// Networks it may be used from.
    pub bound_cidrs: Vec<IpNet>,
    /// Whether the `default` policy was left out.
    pub no_default_policy: bool,
    /// Accessor of the auth mount it was made by.
    pub mount_accessor: String,
    /// Role of that auth method it was made by.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub login_role: String,
    /// What that auth method needs at renewal.
    pub internal: Option<JsonText>,
    /// Set while it is being revoked: nobody can use it any more.
    pub revoking: bool,
}

impl Stored for Token {
    const VERSION: u8 = 1;
    const NAME: &'static str = "token";
}

impl Token {
    /// Whether it can be used at `now`.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        !self.revoking && self.num_uses >= 0 && self.expires.is_none_or(|expires| expires > now)
    }

    /// Whether it may do anything.
    #[must_use]
    pub fn is_root(&self) -> bool {
        matches!(&*self.policies, [only] if only == "root")
    }

    /// Whether it has no parent.
    #[must_use]
    pub const fn is_orphan(&self) -> bool {
        self.parent.is_none()
    }

    /// Whether it may be used from `address`.
    #[must_use]
    pub fn allows_address(&self, address: Option<IpAddr>) -> bool {
        self.bound_cidrs.is_empty()
            || address.is_some_and(|address| self.bound_cidrs.iter().any(|net| net.contains(&address)))
    }

    /// Seconds it has left at `now`; 0 for ever.
    #[must_use]
    pub fn seconds_left(&self, now: Timestamp) -> u64 {
        self.expires.map_or(0, |expires| expires.seconds_until(now))
    }
}

/// From an accessor to its token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessorRow {
    /// Hash of the token.
    pub hash: String,
}

impl Stored for AccessorRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "accessor";
}

/// From a parent to a child.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ParentRow {
    /// Identifier of the namespace of the child, where it is another than that of the parent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

impl Stored for ParentRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "child token";
}

/// A token that was made or renewed, with the token itself where the caller may have it.
pub struct Issued {
    /// The token itself.
    pub client_token: Option<Arc<Secret<String>>>,
    /// What is known of it.
    pub token: Arc<Token>,
    /// Seconds it lives from now; 0 for ever.
    pub lease_seconds: u64,
    /// Policies its identity adds.
    pub identity_policies: Vec<String>,
    /// Things the caller should know.
    pub warnings: Vec<String>,
}

impl Issued {
    /// Token and identity policies together, sorted.
    #[must_use]
    pub fn all_policies(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .token
            .policies
            .iter()
            .chain(&self.identity_policies)
            .cloned()
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_until_expired_used_up_or_revoked() {
        let now = Timestamp::from_unix(100, 0);
        let token = Token {
            expires: Some(Timestamp::from_unix(101, 0)),
            ..Token::default()
        };
        assert!(token.is_good(now));
        assert!(
            !Token {
                expires: Some(now),
                ..token.clone()
            }
            .is_good(now)
        );
        assert!(
            !Token {
                num_uses: -1,
                ..token.clone()
            }
            .is_good(now)
        );
        assert!(
            !Token {
                revoking: true,
                ..token.clone()
            }
            .is_good(now)
        );
        assert!(
            Token {
                expires: None,
                ..token
            }
            .is_good(now)
        );
    }

    #[test]
    fn bound_networks_exclude_everybody_else() {
        let token = Token {
            bound_cidrs: vec!["10.0.0.0/8".parse().unwrap()],
            ..Token::default()
        };
        assert!(token.allows_address(Some("10.1.2.3".parse().unwrap())));
        assert!(!token.allows_address(Some("192.168.0.1".parse().unwrap())));
        assert!(!token.allows_address(None));
        assert!(Token::default().allows_address(None));
    }

    #[test]
    fn root_stands_alone() {
        let with = |policies: &[&str]| Token {
            policies: policies.iter().map(ToString::to_string).collect(),
            ..Token::default()
        };
        assert!(with(&["root"]).is_root());
        assert!(!with(&["default", "root"]).is_root());
        assert!(!with(&[]).is_root());
    }
}
