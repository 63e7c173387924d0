//! New shares in place of those people hold: of the unseal key, or of the recovery key of an automatic seal.
//!
//! The root key stays; what changes is the key that seals it, in one commit. With verification the new key is put
//! in use only when enough of its shares were given back. Without, the former shares prove until the new ones
//! do for the first time.

use std::sync::Arc;

use arca_base::{Secret, id};
use arca_crypto::aead::AeadKey;
use arca_crypto::constant_time;

use super::{Authority, Given, authorize, guards, read_share, required};
use crate::active::Active;
use crate::barrier::Writes;
use crate::fault::Fault;
use crate::layout;
use crate::seal::{Guard, Guards, Seal, SealConfig, close_root_key, combine, guard_rows, split};

/// A change of shares that is under way.
pub(crate) struct Rekey {
    nonce: String,
    config: SealConfig,
    verify: bool,
    given: Given,
    pending: Option<Pending>,
}

/// A new key that was handed out and is to be given back before it counts.
struct Pending {
    nonce: String,
    key: AeadKey,
    given: Given,
}

/// What a caller may know of it.
#[derive(Default)]
pub(crate) struct RekeyStatus {
    pub(crate) nonce: String,
    pub(crate) started: bool,
    pub(crate) threshold: u8,
    pub(crate) shares: u8,
    pub(crate) progress: usize,
    pub(crate) required: usize,
    pub(crate) verify: bool,
    pub(crate) verification_nonce: Option<String>,
}

/// The new shares, once.
pub(crate) struct NewShares {
    pub(crate) nonce: String,
    pub(crate) keys: Vec<Secret<Vec<u8>>>,
    /// Names the verification that must follow.
    pub(crate) verification_nonce: Option<String>,
}

/// What a share led to.
pub(crate) enum RekeyStep {
    More(RekeyStatus),
    Done(NewShares),
}

/// How the verification proceeds.
pub(crate) struct VerifyStatus {
    pub(crate) nonce: String,
    pub(crate) threshold: u8,
    pub(crate) shares: u8,
    pub(crate) progress: usize,
}

/// What a share of the new key led to.
pub(crate) enum VerifyStep {
    More(VerifyStatus),
    /// The new shares are in force; the nonce of the verification.
    Done(String),
}

impl Rekey {
    pub(crate) async fn status(active: &Active) -> Result<RekeyStatus, Fault> {
        let required = required(active).await?;
        let current = active.ceremonies.rekey.lock().await;
        Ok(current.as_ref().map_or_else(
            || RekeyStatus {
                required,
                ..RekeyStatus::default()
            },
            |rekey| rekey.shown(required),
        ))
    }

    fn shown(&self, required: usize) -> RekeyStatus {
        RekeyStatus {
            nonce: self.nonce.clone(),
            started: true,
            threshold: self.config.threshold,
            shares: self.config.shares,
            progress: self.given.count(),
            required,
            verify: self.verify,
            verification_nonce: self.pending.as_ref().map(|pending| pending.nonce.clone()),
        }
    }

    pub(crate) async fn start(
        active: &Active,
        shares: i64,
        threshold: i64,
        verify: bool,
    ) -> Result<RekeyStatus, Fault> {
        let config = SealConfig::new(active.settings.seal.kind(), shares, threshold);
        let config = config.map_err(|error| Fault::invalid(error.to_string()))?;
        let required = required(active).await?;
        let mut current = active.ceremonies.rekey.lock().await;
        if current.is_some() {
            return Err(Fault::invalid("rekey already in progress"));
        }
        let rekey = Self {
            nonce: id::uuid_v4(&*active.entropy),
            config,
            verify,
            given: Given::default(),
            pending: None,
        };
        let status = rekey.shown(required);
        tracing::warn!(nonce = %rekey.nonce, "a change of key shares was begun");
        *current = Some(rekey);
        Ok(status)
    }

    /// Ends the ceremony; what the shares open stays as it is.
    pub(crate) async fn cancel(active: &Active, nonce: &str) -> Result<(), Fault> {
        let mut current = active.ceremonies.rekey.lock().await;
        if let Some(rekey) = current.as_ref() {
            if !nonce.is_empty() && nonce != rekey.nonce {
                return Err(wrong_nonce(&rekey.nonce));
            }
            tracing::info!(nonce = %rekey.nonce, "a change of key shares was ended");
        }
        *current = None;
        Ok(())
    }

    /// Takes a share of the key in force.
    pub(crate) async fn give(active: &Arc<Active>, key: &str, nonce: &str) -> Result<RekeyStep, Fault> {
        let share = read_share(key)?;
        let mut current = active.ceremonies.rekey.lock().await;
        let Some(rekey) = current.as_mut() else {
            return Err(Fault::invalid("no barrier rekey in progress"));
        };
        if rekey.nonce != nonce {
            return Err(wrong_nonce(&rekey.nonce));
        }
        if rekey.pending.is_some() {
            return Err(Fault::invalid(
                "the new shares were handed out already; verify them, or cancel and begin again",
            ));
        }
        match authorize(active, &mut rekey.given, share).await? {
            Authority::More => Ok(RekeyStep::More(rekey.shown(required(active).await?))),
            Authority::Wrong => Err(Fault::invalid(
                "rekey aborted: invalid key: the shares given do not open this server; give them again",
            )),
            Authority::Proven(proven) => {
                let made = rekey.hand_out(active, proven).await?;
                if !rekey.verify {
                    *current = None;
                }
                Ok(RekeyStep::Done(made))
            }
        }
    }

    /// Makes the new key, and puts it in use unless it is to be verified first.
    async fn hand_out(&mut self, active: &Active, proven: Guard) -> Result<NewShares, Fault> {
        let key = AeadKey::generate(&*active.entropy);
        let material = Secret::new(key.bytes().expose().to_vec());
        let keys = split(
            &material,
            self.config.shares,
            self.config.threshold,
            &*active.entropy,
        )
        .map_err(Fault::internal)?;
        let mut made = NewShares {
            nonce: self.nonce.clone(),
            keys,
            verification_nonce: None,
        };
        if self.verify {
            let nonce = id::uuid_v4(&*active.entropy);
            made.verification_nonce = Some(nonce.clone());
            self.pending = Some(Pending {
                nonce,
                key,
                given: Given::default(),
            });
        } else {
            install(active, &key, &self.config, Some(proven)).await?;
        }
        Ok(made)
    }

    pub(crate) async fn verification(active: &Active) -> Result<VerifyStatus, Fault> {
        let current = active.ceremonies.rekey.lock().await;
        let rekey = current.as_ref().ok_or_else(no_verification)?;
        rekey.verify_status()
    }

    fn verify_status(&self) -> Result<VerifyStatus, Fault> {
        let pending = self.pending.as_ref().ok_or_else(no_verification)?;
        Ok(VerifyStatus {
            nonce: pending.nonce.clone(),
            threshold: self.config.threshold,
            shares: self.config.shares,
            progress: pending.given.count(),
        })
    }

    /// Forgets the new shares given back so far.
    pub(crate) async fn restart_verification(active: &Active) -> Result<VerifyStatus, Fault> {
        let mut current = active.ceremonies.rekey.lock().await;
        let rekey = current.as_mut().ok_or_else(no_verification)?;
        let pending = rekey.pending.as_mut().ok_or_else(no_verification)?;
        pending.nonce = id::uuid_v4(&*active.entropy);
        pending.given.forget();
        rekey.verify_status()
    }

    /// Takes a share of the new key back. With the last one needed the new key is put in use.
    pub(crate) async fn verify(active: &Active, key: &str, nonce: &str) -> Result<VerifyStep, Fault> {
        let share = read_share(key)?;
        let mut current = active.ceremonies.rekey.lock().await;
        let rekey = current.as_mut().ok_or_else(no_verification)?;
        let pending = rekey.pending.as_mut().ok_or_else(no_verification)?;
        if pending.nonce != nonce {
            return Err(wrong_nonce(&pending.nonce));
        }
        pending.given.add(share)?;
        if pending.given.count() < usize::from(rekey.config.threshold) {
            return rekey.verify_status().map(VerifyStep::More);
        }
        let combined = combine(pending.given.shares(), rekey.config.threshold);
        pending.given.forget();
        let same = combined
            .is_ok_and(|combined| constant_time::equal(combined.expose(), pending.key.bytes().expose()));
        if !same {
            return Err(Fault::invalid(
                "rekey verification failed: the shares given are not those of the new key; give them again",
            ));
        }
        install(active, &pending.key, &rekey.config, None).await?;
        let nonce = pending.nonce.clone();
        *current = None;
        Ok(VerifyStep::Done(nonce))
    }
}

/// Puts a new key in use, in one commit. `former` stays valid until the new shares are used.
async fn install(
    active: &Active,
    key: &AeadKey,
    config: &SealConfig,
    former: Option<Guard>,
) -> Result<(), Fault> {
    let seal = &active.settings.seal;
    let guards = guards(active).await?;
    let sealed = match seal {
        Seal::Shamir => close_root_key(key, &active.root_key, &*active.entropy).map_err(Fault::internal)?,
        Seal::Automatic(seal) => {
            let material = Secret::new(key.bytes().expose().to_vec());
            let wrapped = seal.wrap(&material).await;
            wrapped.map_err(|error| Fault::unavailable(error.to_string()))?
        }
    };
    let (config_row, sealed_row) = guard_rows(seal);
    let mut writes = expecting(&guards, config_row, sealed_row);
    let numbers = serde_json::to_vec(config).map_err(Fault::internal)?;
    writes.put_clear(config_row, numbers.clone());
    if seal.is_automatic() {
        writes.put_clear(layout::SEAL_CONFIG, numbers);
    }
    writes.put_clear(sealed_row, sealed.clone());
    match former {
        Some(former) => writes.put_clear(layout::FORMER, former.as_former()?),
        None => writes.delete(layout::FORMER),
    }
    let Err(error) = active.barrier.commit(writes).await else {
        tracing::warn!("the key shares were changed");
        return Ok(());
    };
    if error.is_conflict() {
        return Err(Fault::invalid(
            "the shares were changed by somebody else meanwhile; begin again",
        ));
    }
    // The answer of storage may have been lost after the commit.
    let stored = active.barrier.storage().get(sealed_row).await;
    match stored {
        Ok(Some(entry)) if *entry.sealed == *sealed => Ok(()),
        _ => Err(error.into()),
    }
}

fn expecting(guards: &Guards, config_row: &str, sealed_row: &str) -> Writes {
    let mut writes = Writes::new();
    writes.expect(config_row, Some(guards.revisions.config));
    writes.expect(sealed_row, Some(guards.revisions.sealed));
    writes.expect(layout::FORMER, guards.revisions.former);
    writes
}

fn wrong_nonce(right: &str) -> Fault {
    Fault::invalid(format!(
        "incorrect nonce supplied; nonce for this rekey operation is {right:?}"
    ))
}

fn no_verification() -> Fault {
    Fault::invalid("no rekey verification in progress")
}
