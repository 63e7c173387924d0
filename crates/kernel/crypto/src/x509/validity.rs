//! From when to when a certificate is valid.

use std::time::Duration;

use arca_base::Timestamp;
use x509_cert::der::DateTime;
use x509_cert::time::{Time, Validity as Encoded};

use super::X509Error;

/// A period in whole seconds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Validity {
    /// The period from `not_before` to `not_after`, fractions of a second dropped. Begin a little in the past
    /// when the clocks of clients may be behind.
    ///
    /// # Errors
    /// [`X509Error::Validity`] when it ends before it begins, or reaches outside the years 1970 to 9999.
    pub fn new(not_before: Timestamp, not_after: Timestamp) -> Result<Self, X509Error> {
        let period = Self {
            not_before: not_before.truncated_to_seconds(),
            not_after: not_after.truncated_to_seconds(),
        };
        if period.not_after < period.not_before {
            return Err(period.refused());
        }
        period.encoded()?;
        Ok(period)
    }

    /// The first instant.
    #[must_use]
    pub const fn not_before(self) -> Timestamp {
        self.not_before
    }

    /// The last instant.
    #[must_use]
    pub const fn not_after(self) -> Timestamp {
        self.not_after
    }

    /// Whether `now` is within the period.
    #[must_use]
    pub fn contains(self, now: Timestamp) -> bool {
        self.not_before <= now && now.truncated_to_seconds() <= self.not_after
    }

    pub(super) fn encoded(self) -> Result<Encoded, X509Error> {
        let not_before = encode(self.not_before).ok_or_else(|| self.refused())?;
        let not_after = encode(self.not_after).ok_or_else(|| self.refused())?;
        Ok(Encoded::new(not_before, not_after))
    }

    const fn refused(self) -> X509Error {
        X509Error::Validity {
            from: self.not_before,
            to: self.not_after,
        }
    }
}

impl From<&Encoded> for Validity {
    fn from(encoded: &Encoded) -> Self {
        Self {
            not_before: decode(encoded.not_before),
            not_after: decode(encoded.not_after),
        }
    }
}

fn encode(time: Timestamp) -> Option<Time> {
    let seconds = u64::try_from(time.unix_seconds()).ok()?;
    let date = DateTime::from_unix_duration(Duration::from_secs(seconds)).ok()?;
    Some(Time::from(date))
}

pub(super) fn decode(time: Time) -> Timestamp {
    let seconds = time.to_unix_duration().as_secs();
    Timestamp::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: &str, to: &str) -> Result<Validity, X509Error> {
        Validity::new(Timestamp::parse(from).unwrap(), Timestamp::parse(to).unwrap())
    }

    #[test]
    fn survives_its_encoding() {
        for (from, to) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            // UTCTime ends with 2049, GeneralizedTime begins in 2050.
            ("2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z"),
            ("2026-01-02T03:04:05Z", "9999-12-30T22:00:00Z"),
        ] {
            let period = period(from, to).unwrap();
            assert_eq!(Validity::from(&period.encoded().unwrap()), period);
            assert_eq!(
                (period.not_before().to_string(), period.not_after().to_string()),
                (from.into(), to.into())
            );
        }
    }

    #[test]
    fn refuses_what_no_certificate_can_say() {
        for (from, to) in [
            ("2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
        ] {
            assert!(
                matches!(period(from, to), Err(X509Error::Validity { .. })),
                "{from}"
            );
        }
    }

    #[test]
    fn both_ends_belong_to_it_to_the_last_fraction() {
        let period = period("2026-01-01T00:00:00.9Z", "2026-01-01T00:00:05.9Z").unwrap();
        for (now, inside) in [
            ("2025-12-31T23:59:59.999Z", false),
            ("2026-01-01T00:00:00Z", true),
            ("2026-01-01T00:00:05.999Z", true),
            ("2026-01-01T00:00:06Z", false),
        ] {
            assert_eq!(period.contains(Timestamp::parse(now).unwrap()), inside, "{now}");
        }
    }
}
