//! Durations, and times as texts write them.

use std::sync::Arc;

use arca_base::Timestamp;

use super::call::{Call, made};
use super::{Answer, Entry, entry};
use crate::template::{Kind, Object, Value};
use crate::time_layout;

pub(super) const ENTRIES: &[Entry] = &[
    entry("duration", &[Kind::Any], |call| {
        let seconds = match call.value(0) {
            Value::Int(seconds) => *seconds,
            Value::String(_) => call.text(0).parse().unwrap_or(0),
            _ => 0,
        };
        made(written(seconds.wrapping_mul(SECOND)))
    }),
    entry("durationRound", &[Kind::Any], rounded),
    entry("toDate", &[Kind::String, Kind::String], |call| {
        Ok(Time::read(call).unwrap_or(Time::ZERO).into_value())
    }),
    entry("mustToDate", &[Kind::String, Kind::String], |call| {
        let time = Time::read(call).ok_or("the text is not a time that is written like the layout")?;
        Ok(time.into_value())
    }),
    entry("unixEpoch", &[Kind::Any], |call| match call.value(0) {
        Value::Object(time) if time.type_name() == TIME => match time.method("Unix", &[]) {
            Some(Ok(Value::Int(seconds))) => made(seconds.to_string()),
            _ => Err("the time has no seconds".into()),
        },
        other => Err(format!(
            "expected a time, as sprig_toDate gives it; got {}",
            other.type_name()
        )
        .into()),
    }),
];

const TIME: &str = "time.Time";

/// A moment. It prints in UTC or with the offset it was written with.
struct Time {
    /// Seconds since 1970; the first moment of year one is before what timestamps hold.
    seconds: i64,
    nanos: u32,
    offset: i64,
}

impl Time {
    /// What a text that is no time gives: the start of the year one.
    const ZERO: Self = Self {
        seconds: -62_135_596_800,
        nanos: 0,
        offset: 0,
    };

    fn read(call: &Call<'_>) -> Option<Self> {
        let (time, offset) = time_layout::parse(&call.text(0), &call.text(1))?;
        Some(Self {
            seconds: time.unix_seconds(),
            nanos: u32::try_from(time.unix_nanos().rem_euclid(1_000_000_000)).ok()?,
            offset,
        })
    }

    fn into_value(self) -> Value {
        Value::Object(Arc::new(self))
    }

    /// Sign, hours and minutes its clock is ahead of UTC.
    const fn offset(&self) -> (char, u64, u64) {
        let size = self.offset.unsigned_abs();
        let sign = if self.offset < 0 { '-' } else { '+' };
        (sign, size / 3600, size / 60 % 60)
    }

    fn rfc3339(&self) -> String {
        let time = self.local("2006-01-02T15:04:05.999999999");
        if self.offset == 0 {
            return format!("{time}Z");
        }
        let (sign, hours, minutes) = self.offset();
        format!("{time}{sign}{hours:02}:{minutes:02}")
    }

    /// What the clock of its place shows.
    fn local(&self, layout: &str) -> String {
        time_layout::format(
            Timestamp::from_unix(self.seconds + self.offset, self.nanos),
            layout,
        )
    }
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        TIME
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Answer> {
        let number = |layout: &str| Ok(Value::Int(self.local(layout).parse().unwrap_or_default()));
        Some(match (name, arguments) {
            ("Unix", []) => Ok(Value::Int(self.seconds)),
            ("IsZero", []) => Ok(Value::Bool(self.seconds == Self::ZERO.seconds && self.nanos == 0)),
            ("String", []) => Ok(Value::from(self.text())),
            ("MarshalText", []) => Ok(Value::from(self.rfc3339())),
            ("Year", []) => number("2006"),
            ("Day", []) => number("2"),
            ("Hour", []) => number("15"),
            ("Minute", []) => number("4"),
            ("Second", []) => number("5"),
            ("YearDay", []) => number("002"),
            ("Format", [layout]) if self.offset == 0 => match layout.as_str() {
                Some(layout) => Ok(Value::from(self.local(layout))),
                None => Err("expected a layout, such as 2006-01-02".into()),
            },
            ("Format", [_]) => Err("a time with an offset of its own cannot be formatted".into()),
            ("Unix" | "IsZero" | "String" | "Year" | "Day" | "Hour" | "Minute" | "Second" | "YearDay", _) => {
                Err(format!("{name} takes no arguments").into())
            }
            ("Format", _) => Err("Format takes one argument".into()),
            _ => return None,
        })
    }

    fn text(&self) -> String {
        let time = self.local("2006-01-02 15:04:05.999999999");
        if self.offset == 0 {
            return format!("{time} +0000 UTC");
        }
        let (sign, hours, minutes) = self.offset();
        format!("{time} {sign}{hours:02}{minutes:02} {sign}{hours:02}{minutes:02}")
    }
}

/// Nanoseconds.
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Nanoseconds as `1h2m3.5s`.
fn written(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    let second = SECOND.unsigned_abs();
    if size == 0 {
        return "0s".to_owned();
    }
    if size < second {
        let (unit, width, name) = match size {
            0..1_000 => (1, 0, "ns"),
            1_000..1_000_000 => (1_000, 3, "µs"),
            _ => (1_000_000, 6, "ms"),
        };
        return format!("{sign}{}{}{name}", size / unit, fraction(size % unit, width));
    }
    let (hours, minutes) = (size / second / 3600, size / second / 60 % 60);
    let seconds = format!("{}{}s", size / second % 60, fraction(size % second, 9));
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}"),
    }
}

fn fraction(part: u64, width: usize) -> String {
    if part == 0 {
        return String::new();
    }
    format!(".{part:0width$}").trim_end_matches('0').to_owned()
}

/// The largest unit that fits, such as `3d`.
fn rounded(call: &Call<'_>) -> Answer {
    let nanos = match call.value(0) {
        Value::Int(nanos) => *nanos,
        Value::String(_) => parsed(&call.text(0)).unwrap_or(0),
        Value::Object(_) => return Err("how long ago a time was cannot be told without a clock".into()),
        _ => 0,
    };
    let units = [
        (365 * DAY, "y"),
        (30 * DAY, "mo"),
        (DAY, "d"),
        (HOUR, "h"),
        (MINUTE, "m"),
        (SECOND, "s"),
    ];
    let size = nanos.unsigned_abs();
    let unit = units.iter().find(|(unit, _)| size > unit.unsigned_abs());
    made(unit.map_or("0s".to_owned(), |(unit, name)| {
        format!("{}{name}", size / unit.unsigned_abs())
    }))
}

/// A duration such as `-1.5h` or `1h15m30.918s`, in nanoseconds.
fn parsed(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut nanos = 0_i128;
    let mut any = false;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && part.is_empty() || part.contains('.') {
            return None;
        }
        let end = behind
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        let unit = i128::from(match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => MINUTE,
            "h" => HOUR,
            _ => return None,
        });
        let whole = if whole.is_empty() {
            0
        } else {
            whole.parse::<i64>().ok()?
        };
        nanos = nanos.checked_add(i128::from(whole).checked_mul(unit)?)?;
        let part = part.get(..part.len().min(15))?;
        if !part.is_empty() {
            let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
            nanos += part.parse::<i128>().ok()? * unit / scale;
        }
        rest = behind;
        any = true;
    }
    let nanos = if negative { -nanos } else { nanos };
    any.then(|| i64::try_from(nanos).ok())?
}
