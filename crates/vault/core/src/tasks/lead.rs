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
/// The same for a node that was told to step down.
const ABSTENTION: Duration = Duration::from_secs(10);

pub(super) async fn run(active: Arc<Active>, election: Arc<dyn Election>) {
    let candidate = id::uuid_v4(&*active.entropy);
    let stop = active.stop.clone();
    loop {
        let term = tokio::select! {
            () = stop.cancelled() => return,
            term = election.campaign(&candidate) => term,
        };
        let mut pause = PAUSE;
        match term {
            Ok(term) => {
                let ended = hold(&active, &*election, term).await;
                if ended != Ended::Lost {
                    // Best effort: the lease time ends the term in any case.
                    let _ = election.resign(term).await;
                }
                match ended {
                    Ended::Stopped => return,
                    Ended::SteppedDown => {
                        tracing::warn!(
                            term = term.0,
                            "this node was told to step down and runs the timers no more"
                        );
                        pause = ABSTENTION;
                    }
                    Ended::Lost => {}
                }
            }
            Err(error) => tracing::warn!(%error, "no election"),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = active.clock.sleep(pause) => {}
        }
    }
}

/// Why a term is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The server is being sealed.
    Stopped,
    /// An operator wants another node.
    SteppedDown,
    /// It could not be renewed.
    Lost,
}

/// Runs the timers for as long as the term can be renewed.
async fn hold(active: &Active, election: &dyn Election, term: Term) -> Ended {
    active.barrier.set_fence(Some(term));
    active.set_expiring(true);
    tracing::info!(term = term.0, "this node runs the timers");
    let ended = serve(active, election, term).await;
    active.set_expiring(false);
    active.barrier.set_fence(None);
    ended
}

async fn serve(active: &Active, election: &dyn Election, term: Term) -> Ended {
    loop {
        tokio::select! {
            biased;
            () = active.stop.cancelled() => return Ended::Stopped,
            () = active.asked_to_step_down() => return Ended::SteppedDown,
            () = active.clock.sleep(RENEWAL) => {}
        }
        if let Err(error) = election.renew(term).await {
            if !matches!(error, StorageError::Fenced) {
                tracing::warn!(%error, "the term cannot be renewed");
            }
            return Ended::Lost;
        }
    }
}
