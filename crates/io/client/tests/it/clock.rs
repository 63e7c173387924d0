//! A clock whose short waits pass at once and whose long ones never end, and randomness without any.

use std::sync::Arc;
use std::time::Duration;

use arca_base::time::Sleep;
use arca_base::{Clock, Entropy, Timestamp};
use parking_lot::Mutex;

/// Waits up to `patience` pass at once and are written down.
pub(crate) struct Waits {
    patience: Duration,
    pub(crate) passed: Mutex<Vec<Duration>>,
}

impl Waits {
    pub(crate) fn up_to(seconds: u64) -> Arc<Self> {
        Arc::new(Self {
            patience: Duration::from_secs(seconds),
            passed: Mutex::default(),
        })
    }
}

impl Clock for Waits {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        if duration > self.patience {
            return Box::pin(std::future::pending());
        }
        self.passed.lock().push(duration);
        Box::pin(std::future::ready(()))
    }
}

pub(crate) struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
    }
}
