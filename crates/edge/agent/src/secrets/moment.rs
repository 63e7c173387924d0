//! Two clocks at once: the one that never goes backwards, and the one on the wall.
//!
//! A machine that was suspended finds its wall clock ahead, one whose time was set finds it anywhere. What is due by
//! either clock is due: a clock that jumps forward makes things happen early, which costs a request; one that jumps
//! backward changes nothing.

use std::time::Duration;

use arca_base::{Clock, Timestamp};

/// An instant by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Time since an arbitrary start.
    pub(crate) steady: Duration,
    /// Time of day.
    pub(crate) wall: Timestamp,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self {
            steady: clock.monotonic(),
            wall: clock.now(),
        }
    }

    pub(crate) fn after(self, wait: Duration) -> Self {
        Self {
            steady: self.steady.saturating_add(wait),
            wall: self.wall.plus_duration(wait),
        }
    }

    /// How long until this instant; zero once either clock has reached it.
    pub(crate) fn from(self, now: Self) -> Duration {
        let steady = self.steady.saturating_sub(now.steady);
        steady.min(self.wall.since(now.wall))
    }

    /// Whether either clock has reached this instant.
    pub(crate) fn is_reached(self, now: Self) -> bool {
        self.from(now).is_zero()
    }

    /// An instant that is reached no earlier than both.
    pub(crate) fn later(self, other: Self) -> Self {
        Self {
            steady: self.steady.max(other.steady),
            wall: self.wall.max(other.wall),
        }
    }

    /// The instant that is reached as soon as one of two is: which one is earlier by one clock may be later by the
    /// other, if a machine was suspended between the two were noted.
    pub(crate) fn earlier(self, other: Self) -> Self {
        Self {
            steady: self.steady.min(other.steady),
            wall: self.wall.min(other.wall),
        }
    }
}
