//! The clock of the machine: processes live in its time.

use std::time::{Duration, Instant, SystemTime};

use arca_base::time::Sleep;
use arca_base::{Clock, Timestamp};

pub(crate) struct RealTime(Instant);

impl RealTime {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RealTime {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_unix(since.as_secs().cast_signed(), since.subsec_nanos())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}
