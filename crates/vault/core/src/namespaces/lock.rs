//! Locking a namespace: nothing is answered in it and below it until somebody unlocks it. Leases and tokens go on ending
//! meanwhile.

use arca_base::{Secret, id};
use arca_crypto::constant_time;
use arca_crypto::digest::sha256;

use super::{NamespaceName, NamespaceRow, Namespaces};
use crate::barrier::Change;
use crate::fault::Fault;

/// Length of the key that unlocks.
const KEY: usize = 24;
/// Longest key that is looked at, in bytes.
const LONGEST_KEY: usize = 128;

/// With what a namespace is unlocked.
pub(crate) enum Unlocking<'a> {
    /// What locking it gave.
    Key(&'a str),
    /// A root token, which may unlock what it may delete.
    Root,
}

impl Namespaces {
    /// Locks a namespace and gives what unlocks it.
    ///
    /// # Errors
    /// 404 when there is none, 400 when it is locked already.
    pub(crate) async fn lock(&self, name: &NamespaceName) -> Result<Secret<String>, Fault> {
        let key = Secret::new(id::base62(&*self.server.entropy, KEY));
        let hash = id::hex(&sha256(key.expose().as_bytes()));
        let changed = self.at.update(name.row(), |found| {
            let found = found.ok_or_else(Fault::absent)?;
            super::change::refuse_tainted(found)?;
            if found.is_locked() {
                return Err(Fault::invalid(format!(
                    "path: the namespace {:?} is locked already",
                    found.path
                )));
            }
            let locked = NamespaceRow {
                unlock_key_hash: hash.clone(),
                ..found.clone()
            };
            Ok((Change::Put(locked), ()))
        });
        changed.await?;
        Ok(key)
    }

    /// Unlocks a namespace; one that is not locked stays as it is.
    ///
    /// # Errors
    /// 404 when there is none, 400 for a wrong key.
    pub(crate) async fn unlock(&self, name: &NamespaceName, with: &Unlocking<'_>) -> Result<(), Fault> {
        let changed = self.at.update(name.row(), |found| {
            let found = found.ok_or_else(Fault::absent)?;
            if !found.is_locked() {
                return Ok((Change::Keep, ()));
            }
            match with {
                Unlocking::Root => {}
                Unlocking::Key("") => {
                    return Err(Fault::invalid(
                        "unlock_key must be what locking the namespace gave; only a root token unlocks without it",
                    ));
                }
                Unlocking::Key(key) if opens(found, key) => {}
                Unlocking::Key(_) => return Err(Fault::invalid("unlock_key is not that of this lock")),
            }
            let unlocked = NamespaceRow {
                unlock_key_hash: String::new(),
                ..found.clone()
            };
            Ok((Change::Put(unlocked), ()))
        });
        changed.await
    }

    /// Refuses a request in the namespace at a full path, which ends in a slash, while that or one around it is locked.
    ///
    /// # Errors
    /// 503 naming the namespace that is locked.
    pub(crate) async fn refuse_locked(&self, path: &str) -> Result<(), Fault> {
        for (slash, _) in path.match_indices('/') {
            let row = self.at.get(path.get(..slash).unwrap_or_default()).await?;
            if let Some(row) = row.filter(|row| row.value.is_locked()) {
                return Err(Fault::unavailable(format!(
                    "locked namespace: the API of {:?} is locked; unlock it with its unlock key or a root token",
                    row.value.path
                )));
            }
        }
        Ok(())
    }
}

impl NamespaceRow {
    /// Whether nothing is answered in it.
    pub(crate) const fn is_locked(&self) -> bool {
        !self.unlock_key_hash.is_empty()
    }
}

fn opens(row: &NamespaceRow, key: &str) -> bool {
    let hash = |key: &str| id::hex(&sha256(key.as_bytes()));
    key.len() <= LONGEST_KEY && constant_time::equal(hash(key).as_bytes(), row.unlock_key_hash.as_bytes())
}
