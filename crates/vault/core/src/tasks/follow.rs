//! Follows what other nodes write to a shared store, so that nothing stale stays in memory.

use std::sync::Arc;
use std::time::Duration;

use arca_storage::{Changes, WatchError};

use crate::active::Active;
use crate::layout;

/// How long to wait before watching again after storage failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Watches for as long as the server is unsealed. While it cannot, nothing is cached.
pub(super) async fn run(active: Arc<Active>) {
    loop {
        match active.barrier.storage().revision().await {
            Ok(revision) => {
                let changes = active.barrier.storage().watch("", revision);
                active.barrier.forget_everything();
                active.barrier.set_caching(true);
                let ended = apply(&active, changes).await;
                active.barrier.set_caching(false);
                if let Err(error) = ended {
                    tracing::warn!(%error, "changes by other nodes cannot be followed; caching is off until they can");
                }
            }
            Err(error) => tracing::warn!(%error, "storage does not answer"),
        }
        active.clock.sleep(PAUSE).await;
    }
}

async fn apply(active: &Active, mut changes: Changes) -> Result<(), WatchError> {
    while let Some(batch) = changes.next().await {
        let keys: Vec<String> = batch?.into_iter().map(|change| change.key).collect();
        active.barrier.forget(&keys);
        if keys.iter().any(|key| key == layout::RESTORE_STATE) {
            active.superseded.cancel();
        }
        if keys.iter().any(|key| key == layout::KEYRING)
            && let Err(error) = active.reload_keyring().await
        {
            tracing::error!(%error, "the keyring rotated by another node cannot be read");
        }
    }
    Ok(())
}
