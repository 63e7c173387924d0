//! What a request waits with until a device has its line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

const PENDING: u8 = 0;
const WRITTEN: u8 = 1;
const FAILED: u8 = 2;

/// Lines that are written together, and how that went.
#[derive(Default)]
pub(super) struct Batch {
    outcome: AtomicU8,
    settled: Notify,
}

/// A line on its way to a device.
#[must_use]
pub(super) enum Ticket {
    /// It was written, or not.
    Settled(bool),
    /// It is being written.
    Waiting(Pending),
}

/// A line that is written with others.
pub(super) struct Pending(pub(super) Arc<Batch>);

impl Ticket {
    /// Waits until the line is written, and says whether it was.
    pub(super) async fn written(self) -> bool {
        match self {
            Self::Settled(written) => written,
            Self::Waiting(Pending(batch)) => batch.written().await,
        }
    }
}

impl Batch {
    async fn written(&self) -> bool {
        loop {
            // Listening comes before looking, or the word between the two would be missed.
            let settled = self.settled.notified();
            match self.outcome.load(Ordering::Acquire) {
                PENDING => settled.await,
                outcome => return outcome == WRITTEN,
            }
        }
    }

    /// Tells whoever waits how it went; the first word counts. Says whether this was it.
    pub(super) fn settle(&self, written: bool) -> bool {
        let outcome = if written { WRITTEN } else { FAILED };
        let first = self
            .outcome
            .compare_exchange(PENDING, outcome, Ordering::Release, Ordering::Relaxed)
            .is_ok();
        self.settled.notify_waiters();
        first
    }
}
