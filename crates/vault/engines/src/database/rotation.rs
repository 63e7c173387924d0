//! Passwords that are being changed: written down before the database is told, so that whatever happens in
//! between, one of two known passwords is the right one.

use std::collections::HashMap;
use std::sync::Arc;

use arca_base::{Secret, Timestamp, Ttl};
use arca_core::Fault;
use arca_core::barrier::{Row, Rows, Stored, Writes};
use arca_core::engine::Site;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use super::driver::CredentialKind;

/// After this long nobody is still changing the password.
pub(super) const STALE: Ttl = Ttl::from_seconds(120);

/// A password that is being given to a user, as stored. No `Debug`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Pending {
    created: Option<Timestamp>,
    pub(super) username: String,
    /// Empty in records of the time when there were passwords only.
    credential_type: String,
    /// A password, or the private key of a pair.
    pub(super) password: String,
}

impl Stored for Pending {
    const VERSION: u8 = 1;
    const NAME: &'static str = "password that is being changed";
}

impl Pending {
    fn kind(&self) -> CredentialKind {
        CredentialKind::named(&self.credential_type).unwrap_or_default()
    }

    /// Whether nobody is at it any more.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        self.created.is_none_or(|created| created.plus(STALE) <= now)
    }

    /// The same, being worked at again.
    pub(super) fn seen(&self, now: Timestamp) -> Self {
        Self {
            created: Some(now),
            ..self.clone()
        }
    }

    pub(super) fn of_roles(site: &Site) -> Rows<Self> {
        Rows::new(site.view.folder("rotation/role/"))
    }

    pub(super) fn of_roots(site: &Site) -> Rows<Self> {
        Rows::new(site.view.folder("rotation/root/"))
    }

    /// The password that is being given to a user already, or `secret`, written down.
    pub(super) async fn begin(
        rows: &Rows<Self>,
        site: &Site,
        name: &str,
        username: &str,
        kind: CredentialKind,
        secret: impl Future<Output = Result<Secret<String>, Fault>>,
    ) -> Result<Row<Self>, Fault> {
        let found = rows.get(name).await?;
        if let Some(found) = found
            .as_ref()
            .filter(|row| row.value.username == username && row.value.kind() == kind)
        {
            return Ok(Row {
                value: found.value.clone(),
                revision: found.revision,
            });
        }
        let pending = Self {
            created: Some(site.now),
            username: username.to_owned(),
            credential_type: kind.as_str().to_owned(),
            password: secret.await?.expose().clone(),
        };
        let mut writes = Writes::new();
        rows.expect_in(&mut writes, name, found.as_ref());
        rows.put_in(&mut writes, name, &pending)?;
        let revision = rows.view().commit(writes).await?;
        Ok(Row {
            value: Arc::new(pending),
            revision,
        })
    }
}

/// One change at a time for each name on this node; what is written down does the rest between nodes.
#[derive(Default)]
pub(super) struct Locks(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Locks {
    pub(super) async fn hold(&self, name: String) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock();
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(name).or_default().clone()
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_form_is_read() {
        let stored = br#"{"created":"2026-01-02T03:04:05Z","username":"svc","password":"p"}"#;
        let pending = Pending::decode(1, stored).unwrap();
        assert_eq!(
            (pending.username.as_str(), pending.password.as_str()),
            ("svc", "p")
        );
        assert!(Pending::decode(2, stored).is_err());
    }
}
