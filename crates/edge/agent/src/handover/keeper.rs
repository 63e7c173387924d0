//! Leaving a state whenever something has changed, and at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::{GivenToken, Handover, State};
use crate::secrets::Secrets;
use crate::token::TokenFeed;

/// Changes come in groups: the state is left when it has been quiet for so long.
const QUIET: Duration = Duration::from_secs(1);
/// Pause after a state that could not be left.
const PAUSE: Duration = Duration::from_secs(15);

/// Leaves states for the next run. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Keeper(Arc<Shared>);

struct Shared {
    handover: Handover,
    secrets: Secrets,
    feed: TokenFeed,
    /// The newest login, and how long its token was granted for.
    granted: Mutex<(u64, Option<Duration>)>,
    is_failing: Mutex<bool>,
    /// Whether this run leaves anything: one that took up a state which is not kept does not.
    is_begun: AtomicBool,
}

impl Keeper {
    pub(crate) fn new(handover: Handover, secrets: Secrets, feed: TokenFeed) -> Self {
        Self(Arc::new(Shared {
            handover,
            secrets,
            feed,
            granted: Mutex::new((0, None)),
            is_failing: Mutex::new(false),
            is_begun: AtomicBool::new(false),
        }))
    }

    /// From now on states are left.
    pub(crate) fn begin(&self) {
        self.0.is_begun.store(true, Ordering::Release);
    }

    /// The state of another run is taken up, or of no use. Says whether the configuration wants it gone then.
    pub(crate) fn imported(&self) -> bool {
        let is_removed = !self.0.handover.place().keep_after_import;
        if is_removed {
            self.0.handover.remove();
        }
        is_removed
    }

    /// Works until it is dropped.
    pub(crate) async fn run(self) {
        let clock = Arc::clone(&self.0.handover.clock);
        let (mut changes, mut feed) = (self.0.secrets.changes(), self.0.feed.clone());
        loop {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                changed = feed.changed() => if changed.is_err() { return },
            }
            clock.sleep(QUIET).await;
            changes.mark_unchanged();
            feed.mark_unchanged();
            if !self.leave() {
                clock.sleep(PAUSE).await;
                changes.mark_changed();
            }
        }
    }

    /// Leaves the state as it is now; says whether that succeeded. A failure is said once.
    pub(crate) fn leave(&self) -> bool {
        if !self.0.is_begun.load(Ordering::Acquire) {
            return true;
        }
        let state = self.state();
        if state.token.is_none() {
            // Without the token they were made with, leases are of no use.
            return true;
        }
        let outcome = self.0.handover.leave(&state);
        let mut is_failing = self.0.is_failing.lock();
        match &outcome {
            Err(error) if !*is_failing => tracing::warn!(
                "cannot leave token and leases for the next run in {}: {error}; it logs in and fetches for itself",
                self.0.handover.path().display()
            ),
            Ok(()) if *is_failing => tracing::info!("token and leases are left for the next run again"),
            _ => {}
        }
        *is_failing = outcome.is_err();
        outcome.is_ok()
    }

    /// Nothing is left: the token is revoked, and all that was made with it.
    pub(crate) fn remove(&self) {
        self.0.handover.remove();
    }

    fn state(&self) -> State {
        let held = self.0.feed.borrow().clone();
        let token = held.map(|held| {
            let mut granted = self.0.granted.lock();
            if granted.0 != held.generation {
                *granted = (held.generation, held.lease);
            }
            granted.1 = granted.1.max(held.lease);
            GivenToken {
                token: held.token.duplicate(),
                granted: granted.1,
            }
        });
        State {
            token,
            secrets: self.0.secrets.saved(),
            position: self.0.secrets.position(),
            ..State::default()
        }
    }
}
