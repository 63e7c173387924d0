//! Proof by shares: enough of them open the root key, or are the recovery key of an automatic seal.
//!
//! After a change of shares that nobody confirmed, the former ones prove too until the new ones do for the first
//! time: whatever is lost between the commit and the people, one of the two sets still opens the store.

use std::sync::Arc;

use arca_base::Secret;
use arca_crypto::aead::AeadKey;
use arca_crypto::constant_time;
use arca_storage::{Batch, Expected, Revision, Storage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Seal, SealConfig, SealError, combine, open_root_key};
use crate::fault::Fault;
use crate::layout;

/// A set of shares: how many it takes, and what they open.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) config: SealConfig,
    /// The root key sealed by what the shares combine to, or the recovery key sealed by the seal.
    pub(crate) sealed: Vec<u8>,
}

/// The set in force, the one before it if the new one was never used, and where they were read.
pub(crate) struct Guards {
    pub(crate) current: Guard,
    pub(crate) former: Option<Guard>,
    pub(crate) revisions: Revisions,
}

/// Commits that wrote the rows of the guards.
#[derive(Clone, Copy)]
pub(crate) struct Revisions {
    pub(crate) config: Revision,
    pub(crate) sealed: Revision,
    pub(crate) former: Option<Revision>,
}

/// What shares amount to.
pub(crate) enum Proof {
    /// More are needed.
    More,
    /// They open nothing.
    Wrong,
    /// They open `guard`.
    Proven {
        /// The root key, or the recovery key.
        key: AeadKey,
        guard: Guard,
        /// Whether these are the shares from before the last change.
        by_former: bool,
    },
}

/// How the row of the former set is written.
const FORMER_VERSION: u32 = 1;

/// A guard as stored after a change.
#[derive(Serialize, Deserialize)]
struct StoredFormer {
    version: u32,
    config: SealConfig,
    sealed: String,
}

impl Guard {
    /// The row of a guard that was replaced.
    ///
    /// # Errors
    /// [`Fault::internal`] when it cannot be encoded.
    pub(crate) fn as_former(&self) -> Result<Vec<u8>, Fault> {
        let stored = StoredFormer {
            version: FORMER_VERSION,
            config: self.config.clone(),
            sealed: STANDARD.encode(&self.sealed),
        };
        serde_json::to_vec(&stored).map_err(Fault::internal)
    }

    fn of_former(bytes: &[u8]) -> Result<Self, Fault> {
        let stored: StoredFormer = serde_json::from_slice(bytes).map_err(Fault::internal)?;
        if stored.version != FORMER_VERSION {
            let found = stored.version;
            return Err(Fault::internal(format!(
                "{} has version {found}, which a newer server wrote",
                layout::FORMER
            )));
        }
        Ok(Self {
            sealed: STANDARD.decode(&stored.sealed).map_err(Fault::internal)?,
            config: stored.config,
        })
    }

    async fn open(&self, seal: &Seal, shares: &[Secret<Vec<u8>>]) -> Result<Option<AeadKey>, SealError> {
        let combined = combine(shares, self.config.threshold)
            .ok()
            .and_then(|key| AeadKey::from_slice(key.expose()).ok());
        let Some(combined) = combined else {
            return Ok(None);
        };
        match seal {
            Seal::Shamir => Ok(open_root_key(&combined, &self.sealed)),
            Seal::Automatic(seal) => {
                let recovery = seal.unwrap(&self.sealed).await?;
                let same = constant_time::equal(recovery.expose(), combined.bytes().expose());
                Ok(same.then_some(combined))
            }
        }
    }
}

/// The rows of the set in force: its numbers, and what it opens.
pub(crate) const fn rows(seal: &Seal) -> (&'static str, &'static str) {
    if seal.is_automatic() {
        (layout::RECOVERY_CONFIG, layout::RECOVERY_KEY)
    } else {
        (layout::SEAL_CONFIG, layout::ROOT_KEY)
    }
}

impl Guards {
    /// Reads them; `None` for a store that is not initialized.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails or half of a set is missing.
    pub(crate) async fn read(storage: &Arc<dyn Storage>, seal: &Seal) -> Result<Option<Self>, Fault> {
        let (config_row, sealed_row) = rows(seal);
        let Some(config) = storage.get(config_row).await.map_err(Fault::internal)? else {
            return Ok(None);
        };
        let sealed = storage.get(sealed_row).await.map_err(Fault::internal)?;
        let sealed =
            sealed.ok_or_else(|| Fault::internal(format!("{sealed_row} is missing from storage")))?;
        let former = Self::former(storage).await?;
        Ok(Some(Self {
            current: Guard {
                config: serde_json::from_slice(&config.sealed).map_err(Fault::internal)?,
                sealed: sealed.sealed.to_vec(),
            },
            revisions: Revisions {
                config: config.revision,
                sealed: sealed.revision,
                former: former.as_ref().map(|(_, revision)| *revision),
            },
            former: former.map(|(guard, _)| guard),
        }))
    }

    /// The set from before the last change, if it still proves something.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails or the row cannot be read.
    pub(crate) async fn former(storage: &Arc<dyn Storage>) -> Result<Option<(Guard, Revision)>, Fault> {
        let entry = storage.get(layout::FORMER).await.map_err(Fault::internal)?;
        entry
            .map(|entry| Ok((Guard::of_former(&entry.sealed)?, entry.revision)))
            .transpose()
    }

    /// What `shares`, all that were given so far, amount to.
    ///
    /// # Errors
    /// [`Fault::unavailable`] when the seal cannot be reached.
    pub(crate) async fn prove(&self, seal: &Seal, shares: &[Secret<Vec<u8>>]) -> Result<Proof, Fault> {
        let mut more = false;
        let sets =
            std::iter::once((&self.current, false)).chain(self.former.iter().map(|former| (former, true)));
        for (guard, by_former) in sets {
            let needed = usize::from(guard.config.threshold);
            more |= shares.len() < needed;
            if shares.len() != needed {
                continue;
            }
            let opened = match guard.open(seal, shares).await {
                // The key it was sealed by is gone: nobody can prove anything by these shares any more.
                Err(error @ SealError::WrongKey { .. }) if by_former => {
                    tracing::warn!(%error, "the former shares cannot be tried and count as wrong");
                    None
                }
                opened => opened.map_err(|error| Fault::unavailable(error.to_string()))?,
            };
            if let Some(key) = opened {
                let guard = guard.clone();
                return Ok(Proof::Proven {
                    key,
                    guard,
                    by_former,
                });
            }
        }
        Ok(if more { Proof::More } else { Proof::Wrong })
    }

    /// Ends the validity of the former shares, after the ones in force have proven themselves. What fails now
    /// is done the next time.
    pub(crate) async fn retire_former(&self, storage: &Arc<dyn Storage>) {
        let Some(revision) = self.revisions.former else {
            return;
        };
        let batch = Batch::new()
            .expect(layout::FORMER, Expected::At(revision))
            .delete(layout::FORMER);
        match storage.commit(batch).await {
            Ok(_) => tracing::info!("the new shares were used; the former ones are worth nothing now"),
            Err(error) => {
                tracing::warn!(%error, "the former shares stay valid until the new ones are used again")
            }
        }
    }
}
