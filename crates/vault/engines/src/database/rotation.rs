//! Passwords that are being changed: written down before the database is told, so that whatever happens in
//! between, one of two known passwords is the right one.

use std::collections::HashMap;
use std::sync::Arc;

use arca_base::{Timestamp, Ttl};
use arca_core::Fault;
use arca_core::barrier::{Row, Rows, Stored, Writes};
use arca_core::engine::Site;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

/// After this long nobody is still changing the password.
pub(super) const STALE: Ttl = Ttl::from_seconds(120);

/// A password that is being given to a user, as stored. No `Debug`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Pending {
    created: Option<Timestamp>,
    pub(super) username: String,
    pub(super) password: String,
}

impl Stored for Pending {
    const VERSION: u8 = 1;
    const NAME: &'static str = "password that is being changed";
}

impl Pending {
    /// Whether nobody is at it any more.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        self.created.is_none_or(|created| created.plus(STALE) <= now)
    }

    pub(super) fn of_roles(site: &Site) -> Rows<Self> {
        Rows::new(site.view.folder("rotation/role/"))
    }

    pub(super) fn of_roots(site: &Site) -> Rows<Self> {
        Rows::new(site.view.folder("rotation/root/"))
    }

    /// The password that is being given to a user already, or a new one, written down.
    pub(super) async fn begin(
        rows: &Rows<Self>,
        site: &Site,
        name: &str,
        username: &str,
        policy: &str,
    ) -> Result<Row<Self>, Fault> {
        let found = rows.get(name).await?;
        if let Some(found) = found.as_ref().filter(|row| row.value.username == username) {
            return Ok(Row {
                value: found.value.clone(),
                revision: found.revision,
            });
        }
        let pending = Self {
            created: Some(site.now),
            username: username.to_owned(),
            password: site.passwords.generate(policy).await?.expose().clone(),
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
