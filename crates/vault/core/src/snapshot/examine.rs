//! What is in a snapshot, without a server: counts without any key, and with the keys a look at every record.
//!
//! Nothing is started and nothing is written: leases in a snapshot are not ended by looking at it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arca_base::{Secret, id};
use arca_storage::{Batch, MemoryStorage, Storage};

use super::unpack::BadSnapshot;
use super::{Item, RowsOf, SEAL_LABEL, Whole};
use crate::barrier::{Keyring, Stored, open_record, parse};
use crate::fault::Fault;
use crate::layout;
use crate::leases::Lease;
use crate::router::{Class, Mount};
use crate::seal::{Guards, Proof, Seal, SealConfig, decode_share};

/// Looks at a snapshot as it is read.
#[derive(Default)]
pub struct Examiner {
    keyring: Option<Keyring>,
    counts: BTreeMap<String, u64>,
    holding: Holding,
    /// Rows that are readable without the data keys.
    clear: Vec<(String, Vec<u8>)>,
    /// By the identifier of the mount.
    leases: BTreeMap<String, u64>,
    mounts: BTreeMap<String, String>,
    opened: u64,
}

/// What a restore would bring, by name; never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Paths of mounts and their kinds.
    pub mounts: BTreeMap<String, String>,
    /// Names of policies.
    pub policies: BTreeSet<String>,
    /// Leases by the path of their mount.
    pub leases: BTreeMap<String, u64>,
}

/// What was found.
pub struct Examined {
    /// Rows by what they are: the first names of their keys, without namespaces.
    pub counts: BTreeMap<String, u64>,
    /// Known only with the keys.
    pub holding: Holding,
    /// Records that were opened.
    pub opened: u64,
    clear: Vec<(String, Vec<u8>)>,
}

impl Examiner {
    /// Counts rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens every record too.
    #[must_use]
    pub fn with_keys(keyring: Keyring) -> Self {
        Self {
            keyring: Some(keyring),
            ..Self::default()
        }
    }

    /// Looks at the next member.
    ///
    /// # Errors
    /// [`BadSnapshot`] for rows without their form, and for records that do not open.
    pub fn take(&mut self, item: &Item) -> Result<(), BadSnapshot> {
        let Item::Part { number, bytes } = item else {
            return Ok(());
        };
        for row in RowsOf::new(*number, bytes) {
            let (key, value) = row?;
            *self.counts.entry(kind_of(key)).or_default() += 1;
            if layout::is_clear(key) {
                self.clear.push((key.to_owned(), value.to_vec()));
            } else {
                self.look_into(key, value)?;
            }
        }
        Ok(())
    }

    fn look_into(&mut self, key: &str, value: &[u8]) -> Result<(), BadSnapshot> {
        let Some(keyring) = &self.keyring else {
            return Ok(());
        };
        let plaintext =
            open_record(keyring, key, value).map_err(|error| BadSnapshot::Record(error.to_string()))?;
        self.opened += 1;
        let Some(row) = below_namespace(key) else {
            return Ok(());
        };
        if let Some(name) = row.strip_prefix("policy/") {
            let name = id::unhex(name).and_then(|name| String::from_utf8(name).ok());
            self.holding.policies.extend(name);
        } else if row.starts_with("mount/secret/") || row.starts_with("mount/auth/") {
            let mount: Mount = typed(key, &plaintext)?;
            let class = if mount.class == Class::Auth { "auth/" } else { "" };
            let path = format!("{class}{}", mount.path);
            self.mounts.insert(mount.uuid.clone(), path.clone());
            self.holding.mounts.insert(path, mount.kind);
        } else if row.starts_with(crate::leases::BY_ID) {
            let lease: Lease = typed(key, &plaintext)?;
            *self.leases.entry(lease.mount_uuid).or_default() += 1;
        }
        Ok(())
    }

    /// What was found, after the last member. With the keys, the seal over the digests is opened too.
    ///
    /// # Errors
    /// [`BadSnapshot::Seal`].
    pub fn finish(mut self, whole: &Whole) -> Result<Examined, BadSnapshot> {
        if let Some(keyring) = &self.keyring {
            let sums = open_record(keyring, SEAL_LABEL, &whole.sealed);
            if !sums.is_ok_and(|sums| *sums.expose() == *whole.sums.as_bytes()) {
                return Err(BadSnapshot::Seal);
            }
        }
        for (mount, count) in std::mem::take(&mut self.leases) {
            let path = self.mounts.get(&mount).cloned();
            let path = path.unwrap_or_else(|| format!("(a mount that is gone: {mount})"));
            *self.holding.leases.entry(path).or_default() += count;
        }
        Ok(Examined {
            counts: self.counts,
            holding: self.holding,
            opened: self.opened,
            clear: self.clear,
        })
    }
}

impl Examined {
    /// Kind of the seal the snapshot was taken under, and how many shares unseal it.
    #[must_use]
    pub fn seal(&self) -> Option<SealConfig> {
        serde_json::from_slice(self.row(layout::SEAL_CONFIG)?).ok()
    }

    fn row(&self, key: &str) -> Option<&[u8]> {
        let found = self.clear.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| &**value)
    }

    /// The data keys of the snapshot, opened by `seal`, or by `shares` where people hold them.
    ///
    /// # Errors
    /// [`Fault`] when the keys are not those of the snapshot, or too few.
    pub async fn open(&self, seal: &Seal, shares: &[Secret<String>]) -> Result<Keyring, Fault> {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let batch = self.clear.iter().fold(Batch::new(), |batch, (key, value)| {
            batch.put(key.clone(), value.clone())
        });
        storage.commit(batch).await.map_err(Fault::internal)?;
        let root = match seal {
            Seal::Shamir => by_shares(&storage, shares).await?,
            Seal::Automatic(automatic) => {
                let wrapped = self.row(layout::ROOT_KEY);
                let wrapped = wrapped.ok_or_else(|| Fault::invalid("the snapshot has no root key"))?;
                let root = automatic.unwrap(wrapped).await;
                let root = root.map_err(|error| Fault::invalid(error.to_string()))?;
                arca_crypto::aead::AeadKey::from_slice(root.expose()).map_err(Fault::internal)?
            }
        };
        let sealed = self.row(layout::KEYRING);
        let sealed = sealed.ok_or_else(|| Fault::invalid("the snapshot has no keyring"))?;
        Keyring::open(&root, sealed).map_err(|error| Fault::invalid(error.to_string()))
    }
}

async fn by_shares(
    storage: &Arc<dyn Storage>,
    shares: &[Secret<String>],
) -> Result<arca_crypto::aead::AeadKey, Fault> {
    let guards = Guards::read(storage, &Seal::Shamir)
        .await?
        .ok_or_else(|| Fault::invalid("the snapshot has no seal configuration"))?;
    let shares: Result<Vec<_>, _> = shares.iter().map(|share| decode_share(share.expose())).collect();
    let shares = shares.map_err(|error| Fault::invalid(error.to_string()))?;
    match guards.prove(&Seal::Shamir, &shares).await? {
        Proof::Proven { key, .. } => Ok(key),
        Proof::More => Err(Fault::invalid(format!(
            "the snapshot takes {} shares",
            guards.current.config.threshold
        ))),
        Proof::Wrong => Err(Fault::invalid("these are not the shares of the snapshot")),
    }
}

fn typed<T: Stored>(key: &str, plaintext: &Secret<Vec<u8>>) -> Result<T, BadSnapshot> {
    parse(plaintext.expose()).map_err(|error| BadSnapshot::Record(format!("{key:?}: {error}")))
}

/// The key of a row below its namespace.
fn below_namespace(key: &str) -> Option<&str> {
    let (_, row) = key.strip_prefix("ns/")?.split_once('/')?;
    Some(row)
}

/// What a row is, from its key: `core`, `expiry`, `policy`, `token/id`, `lease/id`, `data`.
fn kind_of(key: &str) -> String {
    let row = below_namespace(key).unwrap_or(key);
    let mut names = row.split('/');
    let first = names.next().unwrap_or_default();
    // Deeper names of these are names of rows, not of kinds.
    let is_flat = matches!(
        first,
        "core" | "expiry" | "policy" | "password-policy" | "data" | "cubbyhole" | "audit" | "upgrade"
    );
    match names.next() {
        Some(second) if !is_flat && names.next().is_some() => format!("{first}/{second}"),
        _ => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_what_they_are() {
        for (key, kind) in [
            ("core/seal/config", "core"),
            ("expiry/00ff/root/token/x", "expiry"),
            ("ns/root/policy/61", "policy"),
            ("ns/root/token/id/abc", "token/id"),
            ("ns/root/token/salt", "token"),
            ("ns/root/lease/id/a/b/c", "lease/id"),
            ("ns/root/data/uuid/config", "data"),
            ("ns/root/mount/secret/kv", "mount/secret"),
        ] {
            assert_eq!(kind_of(key), kind);
        }
    }
}
