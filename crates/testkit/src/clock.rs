//! Time that stands still until the test moves it.

use std::sync::Arc;
use std::time::Duration;

use arca_base::time::Sleep;
use arca_base::{Clock, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;

/// A clock that only [`ManualClock::advance`] moves.
pub struct ManualClock {
    elapsed: Mutex<Duration>,
    start: Timestamp,
    moved: watch::Sender<Duration>,
}

impl ManualClock {
    /// A clock at 2026-01-02T03:04:05Z.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            elapsed: Mutex::new(Duration::ZERO),
            start: Timestamp::from_unix(1_767_323_045, 0),
            moved: watch::channel(Duration::ZERO).0,
        })
    }

    /// Moves time forward and wakes whoever slept until then.
    pub fn advance(&self, duration: Duration) {
        let now = {
            let mut elapsed = self.elapsed.lock();
            *elapsed += duration;
            *elapsed
        };
        self.moved.send_replace(now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.start.plus_duration(*self.elapsed.lock())
    }

    fn monotonic(&self) -> Duration {
        *self.elapsed.lock()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let until = *self.elapsed.lock() + duration;
        let mut moved = self.moved.subscribe();
        Box::pin(async move {
            while *moved.borrow_and_update() < until {
                if moved.changed().await.is_err() {
                    // The clock is gone, and with it the test.
                    std::future::pending::<()>().await;
                }
            }
        })
    }
}
