//! Times written after an example, as Go's `time.Format` does: `2006-01-02T15:04:05Z`.

mod parse;

use arca_base::Timestamp;

pub use parse::parse;

const DAY: i64 = 24 * 60 * 60;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// What stands for what. Of those that fit, the first one counts.
const ELEMENTS: [(&str, Element); 38] = [
    ("January", Element::Month),
    ("Jan", Element::ShortMonth),
    ("Monday", Element::Weekday),
    ("Mon", Element::ShortWeekday),
    ("MST", Element::Zone),
    ("01", Element::MonthNumber(2)),
    ("02", Element::Day(2)),
    ("03", Element::HalfDayHour(2)),
    ("04", Element::Minute(2)),
    ("05", Element::Second(2)),
    ("06", Element::ShortYear),
    ("002", Element::YearDay('0')),
    ("15", Element::Hour),
    ("1", Element::MonthNumber(1)),
    ("2006", Element::Year),
    ("2", Element::Day(1)),
    ("_2006", Element::UnderscoreYear),
    ("_2", Element::SpacedDay),
    ("__2", Element::YearDay(' ')),
    ("3", Element::HalfDayHour(1)),
    ("4", Element::Minute(1)),
    ("5", Element::Second(1)),
    ("PM", Element::HalfDay(["AM", "PM"])),
    ("pm", Element::HalfDay(["am", "pm"])),
    ("-070000", Element::Literal("+000000")),
    ("-07:00:00", Element::Literal("+00:00:00")),
    ("-0700", Element::Literal("+0000")),
    ("-07:00", Element::Literal("+00:00")),
    ("-07", Element::Literal("+00")),
    ("Z070000", Element::Literal("Z")),
    ("Z07:00:00", Element::Literal("Z")),
    ("Z0700", Element::Literal("Z")),
    ("Z07:00", Element::Literal("Z")),
    ("Z07", Element::Literal("Z")),
    (".0", Element::Fraction),
    (".9", Element::Fraction),
    (",0", Element::Fraction),
    (",9", Element::Fraction),
];

#[derive(Clone, Copy)]
enum Element {
    Year,
    ShortYear,
    UnderscoreYear,
    Month,
    ShortMonth,
    /// With at least so many digits.
    MonthNumber(usize),
    Weekday,
    ShortWeekday,
    Day(usize),
    SpacedDay,
    /// Three characters, filled up with this one.
    YearDay(char),
    Hour,
    HalfDayHour(usize),
    Minute(usize),
    Second(usize),
    HalfDay([&'static str; 2]),
    Zone,
    Literal(&'static str),
    /// A point or comma and a run of zeros (all digits) or nines (without zeros at the end).
    Fraction,
}

/// Writes a time in UTC the way `layout` writes the second of January 2006, 15:04:05.
#[must_use]
pub fn format(time: Timestamp, layout: &str) -> String {
    let time = Parts::of(time);
    let mut out = String::with_capacity(layout.len());
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        let element = ELEMENTS.iter().find(|(example, element)| {
            let behind = rest.strip_prefix(example);
            behind.is_some_and(|behind| element.may_be_followed_by(behind, example))
        });
        match element {
            Some((_, Element::Fraction)) => rest = time.write_fraction(&mut out, rest),
            Some((example, element)) => {
                time.write(&mut out, *element);
                rest = rest.get(example.len()..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

impl Element {
    fn may_be_followed_by(self, behind: &str, example: &str) -> bool {
        match self {
            Self::ShortMonth | Self::ShortWeekday => !behind.starts_with(|c: char| c.is_ascii_lowercase()),
            Self::Fraction => {
                let digit = example.chars().next_back().unwrap_or('0');
                !behind
                    .trim_start_matches(digit)
                    .starts_with(|c: char| c.is_ascii_digit())
            }
            _ => true,
        }
    }
}

/// A time taken apart.
struct Parts {
    year: i64,
    /// From 0.
    month: usize,
    day: i64,
    /// From 1.
    year_day: i64,
    weekday: usize,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i128,
}

impl Parts {
    fn of(time: Timestamp) -> Self {
        let nanos = time.unix_nanos();
        let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default();
        let days = seconds.div_euclid(DAY);
        let second = seconds.rem_euclid(DAY);
        let (year, month, day) = civil(days);
        Self {
            year,
            month: usize::try_from(month - 1).unwrap_or_default(),
            day,
            year_day: days - days_before(year, 1, 1) + 1,
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or_default(),
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            nanos: nanos.rem_euclid(1_000_000_000),
        }
    }

    fn write(&self, out: &mut String, element: Element) {
        let month = MONTHS.get(self.month).copied().unwrap_or_default();
        let weekday = WEEKDAYS.get(self.weekday).copied().unwrap_or_default();
        let half_day_hour = if self.hour % 12 == 0 { 12 } else { self.hour % 12 };
        let text = match element {
            Element::Year => format!("{:04}", self.year),
            Element::ShortYear => format!("{:02}", self.year.abs() % 100),
            Element::UnderscoreYear => format!("_{:04}", self.year),
            Element::Month => month.to_owned(),
            Element::ShortMonth => month.chars().take(3).collect(),
            Element::MonthNumber(digits) => format!("{:0digits$}", self.month + 1),
            Element::Weekday => weekday.to_owned(),
            Element::ShortWeekday => weekday.chars().take(3).collect(),
            Element::Day(digits) => format!("{:0digits$}", self.day),
            Element::SpacedDay => format!("{:2}", self.day),
            Element::YearDay('0') => format!("{:03}", self.year_day),
            Element::YearDay(_) => format!("{:3}", self.year_day),
            Element::Hour => format!("{:02}", self.hour),
            Element::HalfDayHour(digits) => format!("{half_day_hour:0digits$}"),
            Element::Minute(digits) => format!("{:0digits$}", self.minute),
            Element::Second(digits) => format!("{:0digits$}", self.second),
            Element::HalfDay([before, after]) => if self.hour < 12 { before } else { after }.to_owned(),
            Element::Zone => "UTC".to_owned(),
            Element::Literal(text) => text.to_owned(),
            Element::Fraction => String::new(),
        };
        out.push_str(&text);
    }

    /// Takes `.000` or `,999` off the layout and writes as many digits.
    fn write_fraction<'a>(&self, out: &mut String, layout: &'a str) -> &'a str {
        let mut chars = layout.chars();
        let point = chars.next().unwrap_or('.');
        let digit = chars.next().unwrap_or('0');
        let run = layout.get(1..).unwrap_or_default();
        let rest = run.trim_start_matches(digit);
        let digits = format!("{:09}", self.nanos);
        let digits = digits.get(..run.len() - rest.len()).unwrap_or(&digits);
        let digits = if digit == '9' {
            digits.trim_end_matches('0')
        } else {
            digits
        };
        if digit == '0' || !digits.is_empty() {
            out.push(point);
            out.push_str(digits);
        }
        rest
    }
}

/// Year, month and day of a day counted from 1970-01-01, by the Gregorian calendar.
const fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from the first of March of the year 0, a leap day is the last day of its year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Days from 1970-01-01 to a day.
const fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations printed by Go's `time.Format`.
    const CASES: [(i64, u32, &str, &str); 55] = [
        (1136214245, 0, "2006-01-02T15:04:05Z", "2006-01-02T15:04:05Z"),
        (
            1772323199,
            120000000,
            "2006-01-02T15:04:05Z",
            "2026-02-28T23:59:59Z",
        ),
        (0, 0, "2006-01-02T15:04:05Z", "1970-01-01T00:00:00Z"),
        (
            951827696,
            123456789,
            "2006-01-02T15:04:05Z",
            "2000-02-29T12:34:56Z",
        ),
        (-1, 999999999, "2006-01-02T15:04:05Z", "1969-12-31T23:59:59Z"),
        (1735689600, 5, "2006-01-02T15:04:05Z", "2025-01-01T00:00:00Z"),
        (1721053800, 0, "2006-01-02T15:04:05Z", "2024-07-15T14:30:00Z"),
        (1136214245, 0, "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z"),
        (
            1772323199,
            120000000,
            "2006-01-02T15:04:05Z07:00",
            "2026-02-28T23:59:59Z",
        ),
        (0, 0, "2006-01-02T15:04:05Z07:00", "1970-01-01T00:00:00Z"),
        (
            951827696,
            123456789,
            "2006-01-02T15:04:05Z07:00",
            "2000-02-29T12:34:56Z",
        ),
        (-1, 999999999, "2006-01-02T15:04:05Z07:00", "1969-12-31T23:59:59Z"),
        (1735689600, 5, "2006-01-02T15:04:05Z07:00", "2025-01-01T00:00:00Z"),
        (1721053800, 0, "2006-01-02T15:04:05Z07:00", "2024-07-15T14:30:00Z"),
        (
            1136214245,
            0,
            "Mon Jan _2 15:04:05 MST 2006",
            "Mon Jan  2 15:04:05 UTC 2006",
        ),
        (
            1772323199,
            120000000,
            "Mon Jan _2 15:04:05 MST 2006",
            "Sat Feb 28 23:59:59 UTC 2026",
        ),
        (
            0,
            0,
            "Mon Jan _2 15:04:05 MST 2006",
            "Thu Jan  1 00:00:00 UTC 1970",
        ),
        (
            951827696,
            123456789,
            "Mon Jan _2 15:04:05 MST 2006",
            "Tue Feb 29 12:34:56 UTC 2000",
        ),
        (
            -1,
            999999999,
            "Mon Jan _2 15:04:05 MST 2006",
            "Wed Dec 31 23:59:59 UTC 1969",
        ),
        (
            1735689600,
            5,
            "Mon Jan _2 15:04:05 MST 2006",
            "Wed Jan  1 00:00:00 UTC 2025",
        ),
        (
            1721053800,
            0,
            "Mon Jan _2 15:04:05 MST 2006",
            "Mon Jul 15 14:30:00 UTC 2024",
        ),
        (
            1136214245,
            0,
            "Monday, 02-Jan-06 3:4:5PM pm",
            "Monday, 02-Jan-06 3:4:5PM pm",
        ),
        (
            1772323199,
            120000000,
            "Monday, 02-Jan-06 3:4:5PM pm",
            "Saturday, 28-Feb-26 11:59:59PM pm",
        ),
        (
            0,
            0,
            "Monday, 02-Jan-06 3:4:5PM pm",
            "Thursday, 01-Jan-70 12:0:0AM am",
        ),
        (
            951827696,
            123456789,
            "Monday, 02-Jan-06 3:4:5PM pm",
            "Tuesday, 29-Feb-00 12:34:56PM pm",
        ),
        (
            -1,
            999999999,
            "Monday, 02-Jan-06 3:4:5PM pm",
            "Wednesday, 31-Dec-69 11:59:59PM pm",
        ),
        (
            1735689600,
            5,
            "Monday, 02-Jan-06 3:4:5PM pm",
            "Wednesday, 01-Jan-25 12:0:0AM am",
        ),
        (
            1721053800,
            0,
            "Monday, 02-Jan-06 3:4:5PM pm",
            "Monday, 15-Jul-24 2:30:0PM pm",
        ),
        (
            1136214245,
            0,
            "002 __2 _2006 January 1 2",
            "002   2 _2006 January 1 2",
        ),
        (
            1772323199,
            120000000,
            "002 __2 _2006 January 1 2",
            "059  59 _2026 February 2 28",
        ),
        (0, 0, "002 __2 _2006 January 1 2", "001   1 _1970 January 1 1"),
        (
            951827696,
            123456789,
            "002 __2 _2006 January 1 2",
            "060  60 _2000 February 2 29",
        ),
        (
            -1,
            999999999,
            "002 __2 _2006 January 1 2",
            "365 365 _1969 December 12 31",
        ),
        (
            1735689600,
            5,
            "002 __2 _2006 January 1 2",
            "001   1 _2025 January 1 1",
        ),
        (
            1721053800,
            0,
            "002 __2 _2006 January 1 2",
            "197 197 _2024 July 7 15",
        ),
        (
            1136214245,
            0,
            "15h03 03:04:05.000000000 .999 .000 ,999999",
            "15h03 03:04:05.000000000  .000 ",
        ),
        (
            1772323199,
            120000000,
            "15h03 03:04:05.000000000 .999 .000 ,999999",
            "23h11 11:59:59.120000000 .12 .120 ,12",
        ),
        (
            0,
            0,
            "15h03 03:04:05.000000000 .999 .000 ,999999",
            "00h12 12:00:00.000000000  .000 ",
        ),
        (
            951827696,
            123456789,
            "15h03 03:04:05.000000000 .999 .000 ,999999",
            "12h12 12:34:56.123456789 .123 .123 ,123456",
        ),
        (
            1136214245,
            0,
            "-07 -0700 -07:00 -070000 -07:00:00 Z07 Z0700",
            "+00 +0000 +00:00 +000000 +00:00:00 Z Z",
        ),
        (
            1772323199,
            120000000,
            "-07 -0700 -07:00 -070000 -07:00:00 Z07 Z0700",
            "+00 +0000 +00:00 +000000 +00:00:00 Z Z",
        ),
        (
            0,
            0,
            "-07 -0700 -07:00 -070000 -07:00:00 Z07 Z0700",
            "+00 +0000 +00:00 +000000 +00:00:00 Z Z",
        ),
        (
            951827696,
            123456789,
            "-07 -0700 -07:00 -070000 -07:00:00 Z07 Z0700",
            "+00 +0000 +00:00 +000000 +00:00:00 Z Z",
        ),
        (
            1136214245,
            0,
            "Janet Monet Mont 20060102150405 plain 5.0001 .09",
            "Janet Monet Mont 20060102150405 plain 5.0001 .09",
        ),
        (
            1772323199,
            120000000,
            "Janet Monet Mont 20060102150405 plain 5.0001 .09",
            "Janet Monet Mont 20260228235959 plain 59.0002 .09",
        ),
        (
            0,
            0,
            "Janet Monet Mont 20060102150405 plain 5.0001 .09",
            "Janet Monet Mont 19700101000000 plain 0.0001 .09",
        ),
        (
            951827696,
            123456789,
            "Janet Monet Mont 20060102150405 plain 5.0001 .09",
            "Janet Monet Mont 20000229123456 plain 56.0002 .09",
        ),
        (1136214245, 0, "06 1/2 _2", "06 1/2  2"),
        (1772323199, 120000000, "06 1/2 _2", "26 2/28 28"),
        (0, 0, "06 1/2 _2", "70 1/1  1"),
        (951827696, 123456789, "06 1/2 _2", "00 2/29 29"),
        (1136214245, 0, "é 2006é", "é 2006é"),
        (1772323199, 120000000, "é 2006é", "é 2026é"),
        (0, 0, "é 2006é", "é 1970é"),
        (951827696, 123456789, "é 2006é", "é 2000é"),
    ];

    #[test]
    fn writes_times_as_the_example_does() {
        for (seconds, nanos, layout, expected) in CASES {
            let time = Timestamp::from_unix(seconds, nanos);
            assert_eq!(format(time, layout), expected, "{layout}");
        }
    }

    #[test]
    fn knows_the_calendar() {
        for year in -3000..4000 {
            let first = days_before(year, 1, 1);
            assert_eq!(civil(first), (year, 1, 1));
            assert_eq!(civil(first - 1), (year - 1, 12, 31));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            assert_eq!(days_before(year + 1, 1, 1) - first, if leap { 366 } else { 365 });
        }
    }
}
