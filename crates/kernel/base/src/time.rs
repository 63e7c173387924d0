//! Instants, and time as a parameter.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::duration::Ttl;

/// An instant in UTC with nanoseconds.
///
/// Prints as RFC 3339 with trailing zeros of the fraction trimmed, as Go's `RFC3339Nano` does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// Text or number that is not an instant.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a time: use RFC 3339 (2026-01-02T03:04:05Z) or Unix seconds")]
pub struct NotATime(pub String);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// The instant `seconds` and `nanos` after the epoch; out-of-range values are clamped.
    #[must_use]
    pub fn from_unix(seconds: i64, nanos: u32) -> Self {
        let nanos = i32::try_from(nanos).unwrap_or(0);
        Self(jiff::Timestamp::new(seconds, nanos).unwrap_or(if seconds < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        }))
    }

    /// Parses RFC 3339, with or without a fraction.
    ///
    /// # Errors
    /// [`NotATime`] with the text given.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        text.parse().map(Self).map_err(|_| NotATime(text.to_owned()))
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub fn unix_nanos(self) -> i128 {
        self.0.as_nanosecond()
    }

    /// This instant without its fraction of a second.
    #[must_use]
    pub fn truncated_to_seconds(self) -> Self {
        Self::from_unix(self.unix_seconds(), 0)
    }

    /// This instant moved forward; stays at the largest instant instead of overflowing.
    #[must_use]
    pub fn plus(self, ttl: Ttl) -> Self {
        self.plus_duration(Duration::from_secs(ttl.seconds()))
    }

    /// This instant moved forward; stays at the largest instant instead of overflowing.
    #[must_use]
    pub fn plus_duration(self, duration: Duration) -> Self {
        self.0
            .checked_add(duration)
            .map_or(Self(jiff::Timestamp::MAX), Self)
    }

    /// Time from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.unix_nanos().saturating_sub(earlier.unix_nanos()).max(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Seconds left until this instant, rounded to the nearest second, zero when it has passed.
    #[must_use]
    pub fn seconds_until(self, now: Self) -> u64 {
        let left = self.since(now);
        left.as_secs() + u64::from(left.subsec_millis() >= 500)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A future that a [`Clock`] completes when its time has come.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where time comes from.
///
/// Read once for a request, at its admission; background work reads it at each step.
pub trait Clock: Send + Sync + 'static {
    /// The current instant of wall time.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary start that never goes backwards, for measuring.
    fn monotonic(&self) -> Duration;

    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> Sleep;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1_767_323_045, 678_901_234, "2026-01-02T03:04:05.678901234Z"),
            (1_767_323_045, 678_900_000, "2026-01-02T03:04:05.6789Z"),
        ] {
            let time = Timestamp::from_unix(seconds, nanos);
            assert_eq!(time.to_string(), text);
            assert_eq!(Timestamp::parse(text).unwrap(), time);
        }
    }

    #[test]
    fn reads_offsets_and_refuses_nonsense() {
        assert_eq!(
            Timestamp::parse("2026-01-02T04:04:05+01:00").unwrap().to_string(),
            "2026-01-02T03:04:05Z"
        );
        for text in ["", "soon", "2026-01-02", "2026-13-02T00:00:00Z"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let end = Timestamp::EPOCH.plus(Ttl::from_seconds(u64::MAX));
        assert!(end > Timestamp::from_unix(250_000_000_000, 0));
        assert_eq!(Timestamp::EPOCH.since(end), Duration::ZERO);
        assert_eq!(
            Timestamp::from_unix(10, 0).seconds_until(Timestamp::from_unix(7, 400_000_000)),
            3
        );
    }
}
