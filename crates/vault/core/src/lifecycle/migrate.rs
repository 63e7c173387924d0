//! From one seal to another: what seals the root key changes, in one commit, and nothing else.
//!
//! The shares stay with those who hold them. Moved to an automatic seal, the key they combine to becomes the recovery
//! key; moved away from one, the recovery key becomes the key that seals the root key. A failure leaves the old seal
//! in force or the new one.

use arca_base::Secret;
use arca_crypto::aead::AeadKey;
use arca_storage::{Batch, Expected};

use super::{Lifecycle, unavailable};
use crate::fault::Fault;
use crate::layout;
use crate::seal::{
    AutoSeal, Guard, Guards, Proof, Seal, SealConfig, SealKind, close_root_key, combine, decode_share,
    guard_rows,
};

impl Lifecycle {
    /// The seal the store is under, when that is not the one this server is configured for.
    ///
    /// # Errors
    /// 503 when storage fails, and when the configuration does not have the seal of the store any more.
    pub(super) async fn leaving(&self) -> Result<Option<Seal>, Fault> {
        let storage = &self.settings.storage;
        let Some(config) = storage.get(layout::SEAL_CONFIG).await.map_err(Fault::internal)? else {
            return Ok(None);
        };
        let config: SealConfig = serde_json::from_slice(&config.sealed).map_err(Fault::internal)?;
        if config.kind == self.settings.seal.kind() {
            return Ok(None);
        }
        let former = self.settings.former_seal.as_ref();
        match (config.kind, former.filter(|former| former.kind() == config.kind)) {
            (SealKind::Shamir, _) => Ok(Some(Seal::Shamir)),
            (_, Some(former)) => Ok(Some(former.clone())),
            (kind, None) => Err(Fault::unavailable(format!(
                "the store is under a {kind} seal and this server is configured for {}: configure seal {kind:?} again, with \
                 disabled = \"true\" to move the store away from it",
                self.settings.seal.kind(),
                kind = kind.as_str(),
            ))),
        }
    }

    /// Takes a share of the seal the store is under. With the last one needed the store is moved to the seal this server
    /// is configured for, and the server unseals.
    ///
    /// # Errors
    /// 400 when there is nothing to move, and as [`Lifecycle::unseal`]; 503 when a seal or storage cannot be reached:
    /// the old seal is in force then, or the new one.
    pub async fn unseal_and_migrate(&self, share: &str) -> Result<(), Fault> {
        let _turn = self.turn.lock().await;
        self.complete_restore().await?;
        if !self.is_sealed() {
            return Ok(());
        }
        let Some(source) = self.leaving().await? else {
            return Err(Fault::invalid(
                "this server is not configured to move to another seal",
            ));
        };
        let guards = Guards::read(&self.settings.storage, &source)
            .await?
            .ok_or_else(|| Fault::invalid("Vault is not initialized"))?;
        let share = decode_share(share).map_err(|error| Fault::invalid(error.to_string()))?;
        let Some(shares) = self.collect(share) else {
            return Ok(());
        };
        match guards.prove(&source, &shares).await {
            Ok(Proof::More) => Ok(()),
            Ok(Proof::Wrong) => {
                self.reset_unseal();
                Err(Fault::invalid(
                    "invalid key: failed to decrypt keys from storage: cipher: message authentication failed",
                ))
            }
            Ok(Proof::Proven { guard, .. }) => {
                self.reset_unseal();
                let root = self.move_seal(&source, &guards, &guard, &shares).await?;
                self.activate(root).await
            }
            Err(fault) => {
                self.reset_unseal();
                Err(fault)
            }
        }
    }

    /// Seals the root key by the new seal, in one commit.
    async fn move_seal(
        &self,
        source: &Seal,
        guards: &Guards,
        proven: &Guard,
        shares: &[Secret<Vec<u8>>],
    ) -> Result<AeadKey, Fault> {
        let storage = &self.settings.storage;
        let held = combine(shares, proven.config.threshold).map_err(Fault::internal)?;
        let held = AeadKey::from_slice(held.expose()).map_err(Fault::internal)?;
        let stored = storage.get(layout::ROOT_KEY).await.map_err(Fault::internal)?;
        let stored = stored.ok_or_else(|| Fault::internal("the root key is missing from storage"))?;
        let root = match source {
            // What the shares open, which may be the set before the last change.
            Seal::Shamir => crate::seal::open_root_key(&held, &proven.sealed)
                .ok_or_else(|| Fault::internal("the root key does not open"))?,
            Seal::Automatic(seal) => {
                let root = seal.unwrap(&stored.sealed).await.map_err(unavailable)?;
                AeadKey::from_slice(root.expose()).map_err(Fault::internal)?
            }
        };
        let (config_row, sealed_row) = guard_rows(source);
        let mut batch = Batch::new()
            .expect(config_row, Expected::At(guards.revisions.config))
            .expect(sealed_row, Expected::At(guards.revisions.sealed))
            .expect(
                layout::FORMER,
                guards.revisions.former.map_or(Expected::Absent, Expected::At),
            )
            .expect(layout::ROOT_KEY, Expected::At(stored.revision))
            .delete(layout::FORMER);
        let config = SealConfig {
            kind: self.settings.seal.kind(),
            ..proven.config.clone()
        };
        let numbers = serde_json::to_vec(&config).map_err(Fault::internal)?;
        batch = match &self.settings.seal {
            Seal::Shamir => {
                let sealed = close_root_key(&held, &root, &*self.settings.entropy);
                batch
                    .put(layout::ROOT_KEY, sealed.map_err(Fault::internal)?)
                    .delete(layout::RECOVERY_CONFIG)
                    .delete(layout::RECOVERY_KEY)
            }
            Seal::Automatic(seal) => batch
                .put(layout::ROOT_KEY, wrap(&**seal, &root).await?)
                .put(layout::RECOVERY_KEY, wrap(&**seal, &held).await?)
                .put(layout::RECOVERY_CONFIG, numbers.clone()),
        };
        batch = batch.put(layout::SEAL_CONFIG, numbers);
        if let Err(error) = storage.commit(batch).await {
            // The answer of storage may have been lost after the commit.
            let moved = matches!(self.leaving().await, Ok(None));
            if !moved {
                return Err(Fault::unavailable(format!(
                    "the store was not moved to another seal: {error}"
                )));
            }
        }
        tracing::warn!(from = %source.kind(), to = %config.kind, "the store was moved to another seal");
        Ok(root)
    }
}

async fn wrap(seal: &dyn AutoSeal, key: &AeadKey) -> Result<Vec<u8>, Fault> {
    let material = Secret::new(key.bytes().expose().to_vec());
    seal.wrap(&material).await.map_err(unavailable)
}
