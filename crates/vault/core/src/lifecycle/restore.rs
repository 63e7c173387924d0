//! From what the store holds to what a snapshot holds, and back to serving.

use std::sync::Arc;
use std::time::Duration;

use arca_crypto::aead::AeadKey;

use super::Lifecycle;
use crate::active::Active;
use crate::fault::Fault;
use crate::snapshot::Upload;
use crate::snapshot::restore;

/// What other nodes get to notice a restore before rows are removed.
const GRACE: Duration = Duration::from_secs(2);

/// What became of a server whose store is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It serves what the snapshot held.
    Unsealed,
    /// The keys of the snapshot are needed.
    Sealed,
}

impl Lifecycle {
    /// Puts the snapshot in `upload` in place of everything in the store. Without `force` it must be sealed by the root key
    /// of this server.
    ///
    /// # Errors
    /// 400 for a snapshot that cannot be restored: nothing was changed then. 503 when storage fails: once the restore has
    /// begun it is completed when the server is started or unsealed.
    pub(crate) async fn restore(
        &self,
        active: &Arc<Active>,
        upload: &Upload,
        force: bool,
    ) -> Result<Restored, Fault> {
        let storage = &self.settings.storage;
        let id = restore::new_id(&*self.settings.entropy);
        let staged = restore::stage(storage, upload.take()?, &active.root_key, id, force).await?;
        let turn = self.turn.lock().await;
        restore::begin(storage, &staged, active.generation).await?;
        if storage.is_shared() {
            // Other nodes write nothing any more; those that answer reads get the time to notice.
            self.settings.clock.sleep(GRACE).await;
        }
        tracing::warn!(
            id = %staged.id,
            revision = staged.header.revision,
            created = %staged.header.created,
            cluster = %staged.header.cluster_name,
            "a snapshot is being restored"
        );
        self.withdraw();
        restore::apply(storage, &*self.settings.clock).await?;
        if staged.same_root_key {
            self.activate(duplicate(&active.root_key)?).await?;
            return Ok(Restored::Unsealed);
        }
        drop(turn);
        // A snapshot of another server under the same automatic seal.
        if let Err(fault) = self.unseal_automatically().await {
            tracing::warn!(%fault, "the seal does not open the restored snapshot");
        }
        if self.is_sealed() {
            tracing::warn!("the server is sealed: the keys of the restored snapshot unseal it");
            return Ok(Restored::Sealed);
        }
        Ok(Restored::Unsealed)
    }

    /// Completes a restore that was interrupted, and removes what one that had not begun has left; for the start of a
    /// server.
    ///
    /// # Errors
    /// 503 when storage fails.
    pub async fn finish_restore(&self) -> Result<(), Fault> {
        let _turn = self.turn.lock().await;
        self.complete_restore().await?;
        // Other nodes of a shared store may be taking one in.
        if self.is_sealed() && !self.settings.storage.is_shared() {
            restore::sweep_leftovers(&self.settings.storage).await?;
        }
        Ok(())
    }

    /// The same for whoever has the turn.
    pub(super) async fn complete_restore(&self) -> Result<(), Fault> {
        if !self.is_sealed() {
            return Ok(());
        }
        restore::apply(&self.settings.storage, &*self.settings.clock).await
    }

    pub(super) async fn is_being_restored(&self) -> Result<bool, Fault> {
        restore::is_being_restored(&self.settings.storage).await
    }

    /// Forgets the keys; what is being answered ends, but can change nothing any more.
    fn withdraw(&self) {
        self.reset_unseal();
        if let Some(active) = self.active.swap(None) {
            active.shut_down();
        }
    }

    /// Lets a server follow when another node restores a snapshot.
    pub(super) fn watch_for_restores(&self, active: &Arc<Active>) {
        let (itself, active) = (self.itself.clone(), active.clone());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = active.stop.cancelled() => return,
                () = active.superseded.cancelled() => {}
            }
            let Some(lifecycle) = itself.upgrade() else { return };
            if let Err(fault) = lifecycle.follow_restore(&active).await {
                tracing::error!(%fault, cause = fault.cause().map(tracing::field::display), "the server is sealed: another node restores a snapshot, which this one could not follow");
            }
        });
    }

    async fn follow_restore(&self, active: &Arc<Active>) -> Result<(), Fault> {
        let turn = self.turn.lock().await;
        if active.stop.is_cancelled() {
            return Ok(());
        }
        tracing::warn!("another node restores a snapshot; this one is sealed until that is done");
        self.withdraw();
        self.settings.clock.sleep(GRACE).await;
        restore::apply(&self.settings.storage, &*self.settings.clock).await?;
        let Err(fault) = self.activate(duplicate(&active.root_key)?).await else {
            return Ok(());
        };
        drop(turn);
        // Of other keys; those of an automatic seal may open it.
        self.unseal_automatically().await?;
        if self.is_sealed() { Err(fault) } else { Ok(()) }
    }
}

fn duplicate(key: &AeadKey) -> Result<AeadKey, Fault> {
    AeadKey::from_slice(key.bytes().expose()).map_err(Fault::internal)
}
