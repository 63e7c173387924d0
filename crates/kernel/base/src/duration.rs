//! Durations as Vault clients write and read them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in whole seconds, never negative: TTLs, periods, lease durations.
///
/// On the wire an integer number of seconds; as input also `"3600"`, `"1h30m"` and `"2d"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ttl(u64);

/// The reason a text is not a duration. Texts follow Go's `time.ParseDuration`, which clients match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// Not of the form `1h30m`.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit where one is needed.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit that is none of `ns us ms s m h d`.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// The part that is no unit.
        unit: String,
    },
    /// Negative where only positive durations make sense.
    #[error("cannot provide negative value '{0}'")]
    Negative(String),
}

impl Ttl {
    /// No time at all; in most fields "use the default".
    pub const ZERO: Self = Self(0);

    /// A duration of `seconds`.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// A duration of `hours`.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        Self(hours * 3600)
    }

    /// Length in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Whether the length is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `None` for zero, which most fields use for "unset".
    #[must_use]
    pub const fn nonzero(self) -> Option<Self> {
        if self.0 == 0 { None } else { Some(self) }
    }

    /// As a standard duration.
    #[must_use]
    pub const fn to_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    /// Parses `""` (zero), `"3600"`, `"1h30m"`, `"250ms"` or `"2d"`; parts of a second are dropped.
    ///
    /// # Errors
    /// [`BadDuration`], also for negative values.
    pub fn parse(text: &str) -> Result<Self, BadDuration> {
        let parsed = GoDuration::parse_lenient(text)?;
        if parsed.nanos() < 0 {
            return Err(BadDuration::Negative(text.trim().to_owned()));
        }
        Ok(Self(
            u64::try_from(parsed.nanos() / NANOS_PER_SECOND).unwrap_or(0),
        ))
    }
}

/// `1h`, `768h`, `1h30m`: Go form with zero tails trimmed, as warnings print it.
impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        match (hours, minutes, seconds) {
            (0, 0, s) => write!(f, "{s}s"),
            (0, m, 0) => write!(f, "{m}m"),
            (0, m, s) => write!(f, "{m}m{s}s"),
            (h, 0, 0) => write!(f, "{h}h"),
            (h, m, 0) => write!(f, "{h}h{m}m"),
            (h, m, s) => write!(f, "{h}h{m}m{s}s"),
        }
    }
}

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A signed length of time in nanoseconds that prints as Go's `time.Duration` does: `3h25m19s`, `1.5s`, `0s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

impl GoDuration {
    /// A duration of `nanos` nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// A duration of whole seconds; saturates.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Length in nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Parses what Vault accepts where it expects a duration: `""` is zero, bare digits are seconds, a
    /// whole number with suffix `d` is days, and everything else is Go's own syntax.
    ///
    /// # Errors
    /// [`BadDuration`] naming the text.
    pub fn parse_lenient(text: &str) -> Result<Self, BadDuration> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self(0));
        }
        if let Ok(seconds) = text.parse::<i64>() {
            return Ok(Self::from_seconds(seconds));
        }
        if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()) {
            return Ok(Self::from_seconds(days.saturating_mul(86_400)));
        }
        Self::parse(text)
    }

    /// Parses Go's duration syntax (`1h30m`, `-1.5s`, `250ms`).
    ///
    /// # Errors
    /// [`BadDuration`] with the text of Go's `time.ParseDuration`.
    pub fn parse(text: &str) -> Result<Self, BadDuration> {
        let invalid = || BadDuration::Invalid(text.to_owned());
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let number_end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (number, tail) = rest.split_at(number_end);
            let unit_end = tail
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            if unit.is_empty() && !number.is_empty() {
                return Err(BadDuration::MissingUnit(text.to_owned()));
            }
            let scale = unit_nanos(unit).ok_or_else(|| match number {
                "" => invalid(),
                _ => BadDuration::UnknownUnit {
                    text: text.to_owned(),
                    unit: unit.to_owned(),
                },
            })?;
            total += scaled(number, scale).ok_or_else(invalid)?;
            rest = tail;
        }
        let total = if negative { -total } else { total };
        i64::try_from(total).map(Self).map_err(|_| invalid())
    }
}

fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `number` (digits with at most one dot) times `scale`.
fn scaled(number: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || whole.len() > 19 {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits past the eighteenth are below a nanosecond for every unit.
    let fraction = fraction.get(..fraction.len().min(18))?;
    let part: i128 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    let digits = u32::try_from(fraction.len()).ok()?;
    Some(whole * scale + part * scale / 10_i128.pow(digits))
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let with_unit = |f: &mut fmt::Formatter<'_>, unit_nanos: u64, digits: usize, unit: &str| {
            let fraction = format!("{:0digits$}", nanos % unit_nanos);
            let fraction = fraction.trim_end_matches('0');
            let dot = if fraction.is_empty() || digits == 0 {
                ""
            } else {
                "."
            };
            let fraction = if digits == 0 { "" } else { fraction };
            write!(f, "{sign}{}{dot}{fraction}{unit}", nanos / unit_nanos)
        };
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => with_unit(f, 1, 0, "ns"),
            1_000..1_000_000 => with_unit(f, 1_000, 3, "\u{b5}s"),
            1_000_000..1_000_000_000 => with_unit(f, 1_000_000, 6, "ms"),
            _ => {
                let seconds = nanos / 1_000_000_000;
                let fraction = format!("{:09}", nanos % 1_000_000_000);
                let fraction = fraction.trim_end_matches('0');
                let dot = if fraction.is_empty() { "" } else { "." };
                let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                match (h, m) {
                    (0, 0) => write!(f, "{sign}{s}{dot}{fraction}s"),
                    (0, m) => write!(f, "{sign}{m}m{s}{dot}{fraction}s"),
                    (h, m) => write!(f, "{sign}{h}h{m}m{s}{dot}{fraction}s"),
                }
            }
        }
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ttl_accepts_the_forms_clients_send() {
        for (text, seconds) in [
            ("", 0),
            ("0", 0),
            ("3600", 3600),
            (" 15 ", 15),
            ("1h", 3600),
            ("1h30m", 5400),
            ("1.5h", 5400),
            ("90m", 5400),
            ("250ms", 0),
            ("2d", 172_800),
            ("100us", 0),
        ] {
            assert_eq!(Ttl::parse(text), Ok(Ttl(seconds)), "{text}");
        }
    }

    #[test]
    fn ttl_refuses_the_rest() {
        for (text, message) in [
            ("-1", "cannot provide negative value '-1'"),
            ("-1h", "cannot provide negative value '-1h'"),
            ("soon", "time: invalid duration \"soon\""),
            ("1x", "time: unknown unit \"x\" in duration \"1x\""),
            ("1.2", "time: missing unit in duration \"1.2\""),
            ("1d12h", "time: unknown unit \"d\" in duration \"1d12h\""),
            ("1..2h", "time: invalid duration \"1..2h\""),
            (
                "99999999999999999999h",
                "time: invalid duration \"99999999999999999999h\"",
            ),
        ] {
            assert_eq!(Ttl::parse(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn prints_as_go_does() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (1_500_000_000, "1.5s"),
            (-1_000_000_000, "-1s"),
            (12_319_000_000_000, "3h25m19s"),
            (3_600_000_000_000, "1h0m0s"),
            (60_000_000_000, "1m0s"),
        ] {
            assert_eq!(GoDuration(nanos).to_string(), text);
            assert_eq!(GoDuration::parse(text), Ok(GoDuration(nanos)), "{text}");
        }
    }

    #[test]
    fn warnings_trim_zero_tails() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3600, "1h"),
            (5400, "1h30m"),
            (2_764_800, "768h"),
        ] {
            assert_eq!(Ttl(seconds).to_string(), text);
        }
    }
}
