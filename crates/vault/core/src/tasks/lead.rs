//! Takes part in the election that decides which node runs the timers.

use std::sync::Arc;
use std::time::Duration;

use arca_base::id;
use arca_storage::{Election, StorageError, Term};

use crate::active::Active;

/// How often a term is renewed.
const RENEWAL: Duration = Duration::from_secs(3);
/// How long to wait before standing again.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(active: Arc<Active>, election: Arc<dyn Election>) {
    let candidate = id::uuid_v4(&*active.entropy);
    let stop = active.stop.clone();
    loop {
        let term = tokio::select! {
            () = stop.cancelled() => return,
            term = election.campaign(&candidate) => term,
        };
        match term {
            Ok(term) => {
                hold(&active, &*election, term).await;
                if stop.is_cancelled() {
                    // Best effort: the lease time ends the term in any case.
                    let _ = election.resign(term).await;
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "no election"),
        }
        active.clock.sleep(PAUSE).await;
    }
}

/// Runs the timers for as long as the term can be renewed.
async fn hold(active: &Active, election: &dyn Election, term: Term) {
    active.barrier.set_fence(Some(term));
    active.set_expiring(true);
    tracing::info!(term = term.0, "this node runs the timers");
    loop {
        tokio::select! {
            () = active.stop.cancelled() => break,
            () = active.clock.sleep(RENEWAL) => {}
        }
        if let Err(error) = election.renew(term).await {
            if !matches!(error, StorageError::Fenced) {
                tracing::warn!(%error, "the term cannot be renewed");
            }
            break;
        }
    }
    active.set_expiring(false);
    active.barrier.set_fence(None);
}
