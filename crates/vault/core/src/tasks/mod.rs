//! Work in the background of an unsealed server: plain functions over its parts, stopped when it is sealed.

mod expiry;
mod follow;
mod lanes;
mod lead;
mod regular;
mod upkeep;

use std::sync::Arc;

use crate::active::Active;
use crate::fault::Fault;
use crate::layout;
use crate::router::UPGRADES;

/// Starts everything.
pub(crate) fn start(active: &Arc<Active>) {
    spawn(active, expiry::run);
    spawn(active, upkeep::run);
    spawn(active, regular::run);
    spawn(active, crate::events::run);
    spawn(active, crate::oidc::run);
    spawn(active, |active| async move {
        if let Err(fault) = finish_upgrades(&active).await {
            tracing::error!(%fault, "an interrupted upgrade of a mount was not finished");
        }
    });
    if active.barrier.storage().is_shared() {
        // Nothing is cached until the changes of others are followed.
        active.barrier.set_caching(false);
        spawn(active, follow::run);
    }
    match active.barrier.storage().election() {
        Some(election) => {
            let leading = active.clone();
            tokio::spawn(async move { lead::run(leading, election).await });
        }
        None => active.set_expiring(true),
    }
}

/// Finishes the upgrades that were interrupted, in all namespaces.
async fn finish_upgrades(root: &Arc<Active>) -> Result<(), Fault> {
    let namespaces = root.namespaces()?;
    for id in namespaces.ids().await? {
        let begun = layout::view_of(&root.barrier, &id)?.folder(UPGRADES);
        if begun.list("", "", 1).await?.names.is_empty() {
            continue;
        }
        if let Some(active) = namespaces.by_id(&id).await? {
            active.router.finish_upgrades(active.clock.now()).await?;
        }
    }
    Ok(())
}

fn spawn<F, R>(active: &Arc<Active>, task: F)
where
    F: FnOnce(Arc<Active>) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let active = active.clone();
    tokio::spawn(async move {
        let stop = active.stop.clone();
        tokio::select! {
            // In this order: a sealed server does nothing more, even if it would be time to.
            biased;
            () = stop.cancelled() => {}
            () = task(active) => {}
        }
    });
}
