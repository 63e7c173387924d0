//! From sealed to unsealed: by shares, or by an automatic seal.

use arca_base::{Secret, id};
use arca_crypto::aead::AeadKey;
use arca_storage::{Batch, Expected};

use super::{Lifecycle, Progress, unavailable};
use crate::fault::Fault;
use crate::layout;
use crate::seal::{AutoSeal, Guards, Proof, Seal, decode_share};

impl Lifecycle {
    /// Takes a share. With the last one needed the server unseals.
    ///
    /// # Errors
    /// 400 for a share that cannot be read, or shares that do not open the root key; those given so far are
    /// then forgotten.
    pub async fn unseal(&self, share: &str) -> Result<(), Fault> {
        let _turn = self.turn.lock().await;
        self.complete_restore().await?;
        if !self.is_initialized().await? {
            return Err(Fault::invalid("Vault is not initialized"));
        }
        if !self.is_sealed() {
            return Ok(());
        }
        if let Some(source) = self.leaving().await? {
            return Err(Fault::invalid(format!(
                "the store is under a {} seal and this server is configured for {}: give shares with the migrate option to \
                 move it",
                source.kind(),
                self.settings.seal.kind()
            )));
        }
        if self.settings.seal.is_automatic() {
            return Err(Fault::invalid(format!(
                "this server unseals by itself with its {} seal; its shares are recovery keys",
                self.settings.seal.kind()
            )));
        }
        let guards = Guards::read(&self.settings.storage, &self.settings.seal)
            .await?
            .ok_or_else(|| Fault::invalid("Vault is not initialized"))?;
        let share = decode_share(share).map_err(|error| Fault::invalid(error.to_string()))?;
        let Some(shares) = self.collect(share) else {
            return Ok(());
        };
        match guards.prove(&self.settings.seal, &shares).await? {
            Proof::More => Ok(()),
            Proof::Wrong => {
                self.reset_unseal();
                Err(Fault::invalid(
                    "invalid key: failed to decrypt keys from storage: cipher: message authentication failed",
                ))
            }
            Proof::Proven { key, by_former, .. } => {
                self.reset_unseal();
                self.activate(key).await?;
                if !by_former {
                    guards.retire_former(&self.settings.storage).await;
                }
                Ok(())
            }
        }
    }

    /// Adds a share to those given and returns all of them; nothing for one that was given before.
    pub(super) fn collect(&self, share: Secret<Vec<u8>>) -> Option<Vec<Secret<Vec<u8>>>> {
        let mut progress = self.progress.lock();
        let same =
            |given: &Secret<Vec<u8>>| arca_crypto::constant_time::equal(given.expose(), share.expose());
        if progress.shares.iter().any(same) {
            return None;
        }
        if progress.shares.is_empty() {
            progress.nonce = id::uuid_v4(&*self.settings.entropy);
        }
        progress.shares.push(share);
        Some(progress.shares.iter().map(Secret::duplicate).collect())
    }

    /// Forgets the shares given so far.
    pub fn reset_unseal(&self) {
        *self.progress.lock() = Progress::default();
    }

    /// Unseals with an automatic seal. Does nothing with a Shamir seal, when unsealed, or before initialization.
    ///
    /// # Errors
    /// [`Fault`] when the seal does not open or the server does not start; trying again may help.
    pub async fn unseal_automatically(&self) -> Result<(), Fault> {
        let _turn = self.turn.lock().await;
        let Seal::Automatic(automatic) = &self.settings.seal else {
            return Ok(());
        };
        self.complete_restore().await?;
        if !self.is_sealed() || !self.is_initialized().await? {
            return Ok(());
        }
        if let Some(source) = self.leaving().await? {
            return Err(Fault::unavailable(format!(
                "the store is under a {} seal: operators move it with operator unseal -migrate",
                source.kind()
            )));
        }
        let stored = self
            .settings
            .storage
            .get(layout::ROOT_KEY)
            .await
            .map_err(Fault::internal)?;
        let stored = stored.ok_or_else(|| Fault::internal("the root key is missing from storage"))?;
        let root = automatic.unwrap(&stored.sealed).await.map_err(unavailable)?;
        if !automatic.is_current(&stored.sealed) {
            self.wrap_again(&**automatic, &root).await?;
        }
        let root_key = AeadKey::from_slice(root.expose()).map_err(Fault::internal)?;
        self.activate(root_key).await
    }

    /// Seals root key and recovery keys with the current key of the seal: also the former recovery key, for as long
    /// as it proves something.
    async fn wrap_again(&self, seal: &dyn AutoSeal, root: &Secret<Vec<u8>>) -> Result<(), Fault> {
        let mut batch = Batch::new().put(layout::ROOT_KEY, seal.wrap(root).await.map_err(unavailable)?);
        let recovery = self
            .settings
            .storage
            .get(layout::RECOVERY_KEY)
            .await
            .map_err(Fault::internal)?;
        if let Some(entry) = recovery {
            let key = seal.unwrap(&entry.sealed).await.map_err(unavailable)?;
            batch = batch.put(layout::RECOVERY_KEY, seal.wrap(&key).await.map_err(unavailable)?);
        }
        if let Some((mut former, revision)) = Guards::former(&self.settings.storage).await? {
            let key = seal.unwrap(&former.sealed).await.map_err(unavailable)?;
            former.sealed = seal.wrap(&key).await.map_err(unavailable)?;
            // Not if it was retired meanwhile: it must not come back.
            batch = batch
                .expect(layout::FORMER, Expected::At(revision))
                .put(layout::FORMER, former.as_former()?);
        }
        self.settings
            .storage
            .commit(batch)
            .await
            .map_err(Fault::internal)?;
        tracing::info!(
            "the root key is now sealed by the current key of the seal; the previous one can be removed"
        );
        Ok(())
    }
}
