//! Schedules in five fields: minute, hour, day of month, month, day of week; in UTC.
//!
//! Each field is `*`, a number, a range `1-5`, a step `*/15` or `0-30/10`, or a list of those. Months and days of
//! the week also have names of three letters; Sunday is 0 and 7. As in every cron, when neither the day of month
//! nor the day of week is `*`, a day that fits either of them will do.

use arca_base::Timestamp;

/// How far to look for the next time. The rarest day, a 29th of February on a given weekday, comes within 40 years.
const HORIZON_DAYS: i64 = 366 * 41;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A schedule. Each field is a set of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Days of month or days of week are not restricted, so that the other decides alone.
    any_day: bool,
    any_weekday: bool,
}

impl Cron {
    /// Reads a schedule.
    ///
    /// # Errors
    /// What is wrong with which field.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            text => text,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!(
                "expected five fields (minute hour day month weekday), found {}",
                fields.len()
            ));
        };
        let weekdays = field("weekday", weekday, 0, 7, &DAYS, 0)?;
        let cron = Self {
            minutes: field("minute", minute, 0, 59, &[], 0)?,
            hours: field("hour", hour, 0, 23, &[], 0)?,
            days: field("day", day, 1, 31, &[], 0)?,
            months: field("month", month, 1, 12, &MONTHS, 1)?,
            // Sunday has two numbers.
            weekdays: weekdays | (weekdays >> 7 & 1),
            any_day: day.starts_with('*'),
            any_weekday: weekday.starts_with('*'),
        };
        if cron.next_after(Timestamp::EPOCH).is_none() {
            return Err("no day is like that".to_owned());
        }
        Ok(cron)
    }

    /// The first time after `time`.
    pub(super) fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        self.next_minute(time.unix_seconds().div_euclid(60) + 1)
    }

    /// The first time that is not before `time`.
    pub(super) fn next_from(&self, time: Timestamp) -> Option<Timestamp> {
        let seconds = time.unix_seconds();
        let begun = seconds.rem_euclid(60) > 0 || Timestamp::from_unix(seconds, 0) < time;
        self.next_minute(seconds.div_euclid(60) + i64::from(begun))
    }

    fn next_minute(&self, first: i64) -> Option<Timestamp> {
        let (first_day, start) = (first.div_euclid(1440), first.rem_euclid(1440));
        for day in first_day..first_day + HORIZON_DAYS {
            if !self.fits_day(day) {
                continue;
            }
            let from = if day == first_day { start } else { 0 };
            let fits = |minute: &i64| has(self.hours, minute / 60) && has(self.minutes, minute % 60);
            if let Some(minute) = (from..1440).find(fits) {
                return Some(Timestamp::from_unix((day * 1440 + minute) * 60, 0));
            }
        }
        None
    }

    fn fits_day(&self, day: i64) -> bool {
        let (month, day_of_month) = month_and_day(day);
        // The epoch was a Thursday.
        let weekday = (day + 4).rem_euclid(7);
        if !has(self.months, month) {
            return false;
        }
        let (by_day, by_weekday) = (has(self.days, day_of_month), has(self.weekdays, weekday));
        if self.any_day || self.any_weekday {
            by_day && by_weekday
        } else {
            by_day || by_weekday
        }
    }
}

fn has(set: u64, number: i64) -> bool {
    u32::try_from(number).is_ok_and(|number| set.checked_shr(number).unwrap_or(0) & 1 == 1)
}

/// Month and day of month of a day since the epoch, in the Gregorian calendar.
fn month_and_day(day: i64) -> (i64, i64) {
    // Years begin with March, so that leap days come last.
    let shifted = day + 719_468;
    let era = shifted.rem_euclid(146_097);
    let year = (era - era / 1460 + era / 36_524 - era / 146_096) / 365;
    let day_of_year = era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 }, day_of_month)
}

/// The set of numbers a field stands for.
fn field(name: &str, text: &str, low: u32, high: u32, names: &[&str], first: u32) -> Result<u64, String> {
    let mut set = 0;
    for part in text.split(',') {
        let wrong = || format!("{part:?} in the {name} field; numbers are from {low} to {high}");
        let number = |text: &str| -> Option<u32> {
            let named = names.iter().position(|name| text.eq_ignore_ascii_case(name));
            let number = match named {
                Some(at) => u32::try_from(at).ok()? + first,
                None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
                None => return None,
            };
            (low..=high).contains(&number).then_some(number)
        };
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (
                range,
                Some(
                    step.parse::<usize>()
                        .ok()
                        .filter(|step| *step > 0)
                        .ok_or_else(wrong)?,
                ),
            ),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (number(from).ok_or_else(wrong)?, number(to).ok_or_else(wrong)?),
            None => {
                let from = number(range).ok_or_else(wrong)?;
                (from, if step.is_some() { high } else { from })
            }
        };
        if from > to {
            return Err(wrong());
        }
        for number in (from..=to).step_by(step.unwrap_or(1)) {
            set |= 1 << number;
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str) -> String {
        let after = Timestamp::parse(after).unwrap();
        Cron::parse(cron).unwrap().next_after(after).unwrap().to_string()
    }

    #[test]
    fn the_next_time_is_found() {
        for (cron, after, expected) in [
            ("* * * * *", "2026-01-02T03:04:05Z", "2026-01-02T03:05:00Z"),
            ("0 * * * *", "2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z"),
            ("*/15 * * * *", "2026-01-02T03:50:00Z", "2026-01-02T04:00:00Z"),
            ("5/20 3 * * *", "2026-01-02T03:30:00Z", "2026-01-02T03:45:00Z"),
            ("0 2 * * *", "2026-12-31T02:00:00Z", "2027-01-01T02:00:00Z"),
            ("30 4 1,15 * *", "2026-01-02T00:00:00Z", "2026-01-15T04:30:00Z"),
            ("0 0 * * sat", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"),
            ("0 0 * * 7", "2026-01-02T00:00:00Z", "2026-01-04T00:00:00Z"),
            ("0 0 13 * FRI", "2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z"),
            ("0 0 29 feb *", "2026-01-02T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 31 * *", "2026-02-01T00:00:00Z", "2026-03-31T00:00:00Z"),
            (
                "0 9-17/4 * * mon-fri",
                "2026-01-02T17:30:00Z",
                "2026-01-05T09:00:00Z",
            ),
            ("@monthly", "2026-01-02T00:00:00Z", "2026-02-01T00:00:00Z"),
        ] {
            assert_eq!(next(cron, after), expected, "{cron}");
        }
    }

    #[test]
    fn the_instant_itself_counts_when_asked() {
        let cron = Cron::parse("0 2 * * *").unwrap();
        let at = Timestamp::parse("2026-01-02T02:00:00Z").unwrap();
        assert_eq!(cron.next_from(at), Some(at));
        let later = Timestamp::parse("2026-01-02T02:00:00.5Z").unwrap();
        assert_eq!(cron.next_from(later).unwrap().to_string(), "2026-01-03T02:00:00Z");
    }

    #[test]
    fn nonsense_is_refused_with_the_field() {
        for (cron, field) in [
            ("", "five fields"),
            ("* * * *", "five fields"),
            ("* * * * * *", "five fields"),
            ("60 * * * *", "minute"),
            ("* 24 * * *", "hour"),
            ("* * 0 * *", "day"),
            ("* * * 13 *", "month"),
            ("* * * * 8", "weekday"),
            ("*/0 * * * *", "minute"),
            ("5-1 * * * *", "minute"),
            ("-1 * * * *", "minute"),
            ("+1 * * * *", "minute"),
            ("a * * * *", "minute"),
            ("0 0 30 feb *", "no day"),
        ] {
            let error = Cron::parse(cron).unwrap_err();
            assert!(error.contains(field), "{cron}: {error}");
        }
    }

    #[test]
    fn the_calendar_is_right_for_four_centuries() {
        let mut day = 0;
        for year in 1970..2400_i64 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let february = if leap { 29 } else { 28 };
            for (month, days) in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
                .iter()
                .enumerate()
            {
                for of_month in 1..=*days {
                    assert_eq!(month_and_day(day), (i64::try_from(month).unwrap() + 1, of_month));
                    day += 1;
                }
            }
        }
    }
}
