//! Times read after an example, as Go's `time.Parse` does.

use arca_base::Timestamp;

use super::{DAY, ELEMENTS, Element, MONTHS, WEEKDAYS, civil, days_before};

/// Reads a time that is written the way `layout` writes the second of January 2006, 15:04:05. Without an offset, it
/// is UTC. Gives the time and how far its clock is ahead of UTC, in seconds. `None` if the text is not written so, or
/// names a moment that does not exist.
#[must_use]
pub fn parse(layout: &str, text: &str) -> Option<(Timestamp, i64)> {
    let mut reader = Reader {
        text,
        year: 0,
        month: None,
        day: None,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        afternoon: None,
        offset: 0,
    };
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        let element = ELEMENTS.iter().find(|(example, element)| {
            let behind = rest.strip_prefix(example);
            behind.is_some_and(|behind| element.may_be_followed_by(behind, example))
        });
        match element {
            Some((_, Element::Fraction)) => {
                let digit = rest.chars().nth(1)?;
                let run = rest.get(1..)?;
                rest = run.trim_start_matches(digit);
                reader.fraction(digit, run.len() - rest.len())?;
            }
            Some((example, element)) => {
                rest = rest.get(example.len()..)?;
                reader.element(*element, example)?;
                // A fraction of a second may be written although the layout has none.
                if matches!(element, Element::Second(_)) && !rest.starts_with(['.', ',']) {
                    reader.fraction('9', 0)?;
                }
            }
            None if first == ' ' => {
                rest = rest.trim_start_matches(' ');
                if !reader.text.is_empty() && !reader.text.starts_with(' ') {
                    return None;
                }
                reader.text = reader.text.trim_start_matches(' ');
            }
            None => {
                rest = rest.get(first.len_utf8()..)?;
                reader.text = reader.text.strip_prefix(first)?;
            }
        }
    }
    reader.finish()
}

struct Reader<'t> {
    text: &'t str,
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    /// Seconds ahead of UTC.
    offset: i64,
}

impl Reader<'_> {
    fn element(&mut self, element: Element, example: &str) -> Option<()> {
        match element {
            Element::Year => self.year = self.digits(4, 4)?,
            Element::UnderscoreYear => {
                self.text = self.text.strip_prefix('_')?;
                self.year = self.digits(4, 4)?;
            }
            Element::ShortYear => {
                let year = self.digits(2, 2)?;
                self.year = if year >= 69 { 1900 + year } else { 2000 + year };
            }
            Element::Month => self.month = Some(self.name(&MONTHS, usize::MAX)?),
            Element::ShortMonth => self.month = Some(self.name(&MONTHS, 3)?),
            Element::MonthNumber(least) => self.month = Some(self.digits(least, 2)?),
            Element::Weekday => drop(self.name(&WEEKDAYS, usize::MAX)?),
            Element::ShortWeekday => drop(self.name(&WEEKDAYS, 3)?),
            Element::Day(least) => self.day = Some(self.digits(least, 2)?),
            Element::SpacedDay => {
                self.text = self.text.strip_prefix(' ').unwrap_or(self.text);
                self.day = Some(self.digits(1, 2)?);
            }
            Element::YearDay('0') => self.year_day = Some(self.digits(3, 3)?),
            Element::YearDay(_) => {
                for _ in 0..2 {
                    self.text = self.text.strip_prefix(' ').unwrap_or(self.text);
                }
                self.year_day = Some(self.digits(1, 3)?);
            }
            Element::Hour => self.hour = self.digits(1, 2).filter(|hour| *hour < 24)?,
            Element::HalfDayHour(least) => {
                self.hour = self.digits(least, 2).filter(|hour| *hour <= 12)?;
            }
            Element::Minute(least) => self.minute = self.digits(least, 2).filter(|minute| *minute < 60)?,
            Element::Second(least) => self.second = self.digits(least, 2).filter(|second| *second < 60)?,
            Element::HalfDay([before, after]) => {
                let afternoon = self.text.starts_with(after);
                let text = if afternoon { after } else { before };
                self.text = self.text.strip_prefix(text)?;
                self.afternoon = Some(afternoon);
            }
            Element::Zone => self.zone()?,
            Element::Literal(_) => self.offset(example)?,
            Element::Fraction => {}
        }
        Some(())
    }

    /// A number of at least so many and at most so many digits.
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let digits = self
            .text
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        let number = self.text.get(..digits).filter(|_| digits >= least)?;
        self.text = self.text.get(digits..)?;
        number.parse().ok()
    }

    /// The index from one of a name, or of its first letters.
    fn name(&mut self, names: &[&str], letters: usize) -> Option<i64> {
        for (name, number) in names.iter().zip(1..) {
            let name = name.get(..letters).unwrap_or(name);
            let text = self.text.get(..name.len());
            if text.is_some_and(|text| text.eq_ignore_ascii_case(name)) {
                self.text = self.text.get(name.len()..)?;
                return Some(number);
            }
        }
        None
    }

    /// The name of a zone. Only that of UTC means anything; the others are read as if they were UTC.
    fn zone(&mut self) -> Option<()> {
        let letters = self
            .text
            .bytes()
            .take(6)
            .take_while(u8::is_ascii_uppercase)
            .count();
        let name = self.text.get(..letters)?;
        let known = match letters {
            3 => true,
            4 => name.ends_with('T') || name == "WITA",
            5 => name.ends_with('T'),
            _ => false,
        };
        self.text = self.text.get(letters..).filter(|_| known)?;
        Some(())
    }

    /// An offset written like `example`, such as `-07:00` or `Z0700`.
    fn offset(&mut self, example: &str) -> Option<()> {
        if example.starts_with('Z')
            && let Some(rest) = self.text.strip_prefix('Z')
        {
            self.text = rest;
            return Some(());
        }
        let (sign, rest) = match self.text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, self.text.strip_prefix('+')?),
        };
        self.text = rest;
        let colons = example.contains(':');
        let digits = example.bytes().filter(u8::is_ascii_digit).count();
        let mut parts = [0; 3];
        for (index, part) in parts.iter_mut().take(digits / 2).enumerate() {
            if index > 0 && colons {
                self.text = self.text.strip_prefix(':')?;
            }
            *part = self.digits(2, 2)?;
        }
        let [hours, minutes, seconds] = parts;
        if hours > 24 || minutes > 60 || seconds > 60 {
            return None;
        }
        self.offset = sign * (hours * 3600 + minutes * 60 + seconds);
        Some(())
    }

    /// A fraction of a second: exactly so many digits if they are zeros in the layout, else any number or none.
    fn fraction(&mut self, digit: char, count: usize) -> Option<()> {
        let behind = self.text.strip_prefix(['.', ',']).unwrap_or_default();
        let found = behind.bytes().take_while(u8::is_ascii_digit).count();
        let taken = match digit {
            '0' if found < count => return None,
            '0' => count,
            _ if found == 0 => return Some(()),
            _ => found,
        };
        let digits: String = behind.chars().take(taken.min(9)).collect();
        self.nanos = format!("{digits:0<9}").parse().ok()?;
        self.text = behind.get(taken..)?;
        Some(())
    }

    fn finish(self) -> Option<(Timestamp, i64)> {
        if !self.text.is_empty() {
            return None;
        }
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let days = self.days()?;
        let seconds = days * DAY + hour * 3600 + self.minute * 60 + self.second - self.offset;
        Some((Timestamp::from_unix(seconds, self.nanos), self.offset))
    }

    /// Days since 1970, if the date exists.
    fn days(&self) -> Option<i64> {
        let Some(year_day) = self.year_day else {
            let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
            let days = days_before(self.year, month, day);
            return (civil(days) == (self.year, month, day)).then_some(days);
        };
        let days = days_before(self.year, 1, 1) + year_day - 1;
        let (year, month, day) = civil(days);
        let fits = |given: Option<i64>, is| given.is_none_or(|given| given == is);
        (year == self.year && fits(self.month, month) && fits(self.day, day)).then_some(days)
    }
}
