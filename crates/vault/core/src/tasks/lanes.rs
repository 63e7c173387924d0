//! Queues of what is due, one for each thing it waits for, and the workers that empty them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::expiry;
use crate::active::Active;

/// Entries a lane holds; more stay in the index until there is room.
const CAPACITY: usize = 4096;
/// Entries of one lane that are worked on at the same time.
const WORKERS: usize = 8;

/// All lanes.
#[derive(Default)]
pub(super) struct Lanes {
    state: Mutex<State>,
    room: Notify,
}

#[derive(Default)]
struct State {
    lanes: HashMap<String, Lane>,
    /// Entries that wait or are worked on.
    known: HashSet<Arc<str>>,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Arc<str>>,
    workers: usize,
    /// Something did not fit.
    overflowed: bool,
}

impl Lanes {
    /// Whether an entry waits or is worked on.
    pub(super) fn holds(&self, entry: &str) -> bool {
        self.state.lock().known.contains(entry)
    }

    /// Puts an entry into a lane and sees that somebody works there; false when there is no room.
    pub(super) fn add(self: &Arc<Self>, active: &Arc<Active>, name: &str, entry: String) -> bool {
        let mut state = self.state.lock();
        let state = &mut *state;
        let lane = state.lanes.entry(name.to_owned()).or_default();
        if lane.waiting.len() >= CAPACITY {
            lane.overflowed = true;
            return false;
        }
        let entry: Arc<str> = entry.into();
        lane.waiting.push_back(entry.clone());
        state.known.insert(entry);
        if lane.workers < WORKERS {
            lane.workers += 1;
            self.hire(active.clone(), name.to_owned());
        }
        true
    }

    /// Completes when a lane that overflowed has room again.
    pub(super) async fn room(&self) {
        self.room.notified().await;
    }

    fn hire(self: &Arc<Self>, active: Arc<Active>, name: String) {
        let lanes = self.clone();
        tokio::spawn(async move {
            let stop = active.stop.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = lanes.work(&active, &name) => {}
            }
        });
    }

    async fn work(&self, active: &Arc<Active>, name: &str) {
        while let Some(entry) = self.next(name) {
            // Not begun by a node that has lost its office meanwhile.
            if active.is_expiring() {
                let ended = expiry::end(active, &entry, active.clock.now());
                match AssertUnwindSafe(ended).catch_unwind().await {
                    Ok(Ok(())) => active.metrics.expired(1),
                    Ok(Err(fault)) => {
                        tracing::warn!(entry = %expiry::redacted(&entry), %fault, "not ended; tried again later");
                    }
                    // The panic hook has logged where. The lane goes on with the next.
                    Err(_) => tracing::error!(entry = %expiry::redacted(&entry), "not ended"),
                }
            }
            self.state.lock().known.remove(&entry);
        }
    }

    /// The next entry of a lane. Without one the caller is dismissed.
    fn next(&self, name: &str) -> Option<Arc<str>> {
        let mut state = self.state.lock();
        let lane = state.lanes.get_mut(name)?;
        let next = lane.waiting.pop_front();
        if lane.overflowed && lane.waiting.len() < CAPACITY / 2 {
            lane.overflowed = false;
            self.room.notify_one();
        }
        if next.is_none() {
            lane.workers -= 1;
            if lane.workers == 0 {
                state.lanes.remove(name);
            }
        }
        next
    }
}
