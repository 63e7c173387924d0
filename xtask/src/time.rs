//! The one place that reads the clock of the machine: tasks measure real time.

use std::time::{Duration, Instant};

/// Measures the time since it was started.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "tasks measure real time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits a little for another process.
#[expect(
    clippy::disallowed_methods,
    reason = "another process has no clock that we could own"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
