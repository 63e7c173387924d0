//! The time of this machine: the one place that reads it.

use std::time::{Duration, Instant, SystemTime};

use arca_base::time::Sleep;
use arca_base::{Clock, Timestamp};

/// The clocks and timers of the operating system.
#[derive(Clone, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the adapter that everything else takes as a parameter"
    )]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the adapter that everything else takes as a parameter"
    )]
    fn now(&self) -> Timestamp {
        // A machine whose clock stands before 1970 is told it is 1970: every certificate and lease then fails.
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix(
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            since.subsec_nanos(),
        )
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the adapter that everything else takes as a parameter"
    )]
    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Time that stands still until a test moves it.
#[cfg(test)]
pub(crate) mod fake {
    use std::time::Duration;

    use arca_base::time::Sleep;
    use arca_base::{Clock, Timestamp};
    use tokio::sync::watch;

    pub(crate) struct FakeClock(watch::Sender<Duration>);

    impl Default for FakeClock {
        fn default() -> Self {
            Self(watch::Sender::new(Duration::from_secs(1)))
        }
    }

    impl FakeClock {
        pub(crate) fn advance(&self, by: Duration) {
            self.0.send_modify(|now| *now += by);
        }
    }

    impl Clock for FakeClock {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH.plus_duration(self.monotonic())
        }

        fn monotonic(&self) -> Duration {
            *self.0.borrow()
        }

        fn sleep(&self, duration: Duration) -> Sleep {
            let mut time = self.0.subscribe();
            let end = self.monotonic() + duration;
            Box::pin(async move {
                let _ = time.wait_for(|now| *now >= end).await;
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_and_is_of_this_century() {
        let clock = SystemClock::new();
        let (wall, since_start) = (clock.now(), clock.monotonic());
        assert!(wall > Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        assert!(clock.now() >= wall);
        assert!(clock.monotonic() >= since_start);
    }

    #[tokio::test(start_paused = true)]
    async fn sleeps_as_long_as_asked() {
        let clock = SystemClock::new();
        let day = Duration::from_secs(86_400);
        let early = tokio::time::timeout(day - Duration::from_secs(1), clock.sleep(day));
        assert!(early.await.is_err());
        let late = tokio::time::timeout(day + Duration::from_secs(1), clock.sleep(day));
        assert!(late.await.is_ok());
    }
}
