//! The format string of `printf`.

use super::super::value::Value;
use super::text::runes;
use super::{Flags, Printer};

/// Larger widths and precisions are taken for a mistake.
const WIDEST: i64 = 1_000_000;

/// Writes `format` with a value for each verb.
pub(super) fn format(printer: &mut Printer, format: &[u8], values: &[Value]) {
    let mut scan = Scan {
        printer,
        format,
        at: 0,
        values,
        next: 0,
        reordered: false,
        good_index: true,
        after_index: false,
    };
    while scan.piece() {}
    scan.extra();
}

struct Scan<'a> {
    printer: &'a mut Printer,
    format: &'a [u8],
    at: usize,
    values: &'a [Value],
    /// The index of the next value.
    next: usize,
    /// Whether values were chosen by number, so that some may be left over.
    reordered: bool,
    good_index: bool,
    after_index: bool,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Plain text and the verb behind it. Whether there may be more.
    fn piece(&mut self) -> bool {
        let rest = self.format.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
        self.printer.write(rest.get(..length).unwrap_or_default());
        self.at += length + 1;
        if length == rest.len() || self.printer.is_full() {
            return false;
        }
        self.good_index = true;
        self.after_index = false;
        self.printer.flags = Flags::default();
        self.flags();
        self.index();
        self.width();
        if self.at + 1 < self.format.len() && self.accept(b'.') {
            self.precision();
        }
        if !self.after_index {
            self.index();
        }
        self.verb()
    }

    fn flags(&mut self) {
        let flags = &mut self.printer.flags;
        while let Some(byte) = self.format.get(self.at) {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    /// `[2]`: the number of the value to take.
    fn index(&mut self) {
        let rest = self.format.get(self.at..).unwrap_or_default();
        if rest.first() != Some(&b'[') {
            self.after_index = false;
            return;
        }
        self.reordered = true;
        let Some(close) = rest
            .iter()
            .position(|byte| *byte == b']')
            .filter(|_| rest.len() >= 3)
        else {
            self.good_index = false;
            self.after_index = false;
            self.at += 1;
            return;
        };
        self.at += close + 1;
        let digits = rest.get(1..close).unwrap_or_default();
        let number = std::str::from_utf8(digits)
            .ok()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let number: Option<usize> = number
            .and_then(|text| text.parse().ok())
            .filter(|n| *n <= 1_000_000);
        self.after_index = number.is_some();
        match number
            .and_then(|number| number.checked_sub(1))
            .filter(|index| *index < self.values.len())
        {
            Some(index) => self.next = index,
            None => self.good_index = false,
        }
    }

    fn width(&mut self) {
        if self.accept(b'*') {
            match self.number_from_value() {
                Some(width) => {
                    if width < 0 {
                        self.printer.flags.minus = true;
                        self.printer.flags.zero = false;
                    }
                    self.printer.flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => self.printer.write(b"%!(BADWIDTH)"),
            }
            self.after_index = false;
            return;
        }
        self.printer.flags.width = self.digits();
        if self.after_index && self.printer.flags.width.is_some() {
            self.good_index = false;
        }
    }

    fn precision(&mut self) {
        if self.after_index {
            self.good_index = false;
        }
        self.index();
        if self.accept(b'*') {
            self.printer.flags.precision = match self.number_from_value() {
                Some(precision) if precision >= 0 => usize::try_from(precision).ok(),
                _ => {
                    self.printer.write(b"%!(BADPREC)");
                    None
                }
            };
            self.after_index = false;
            return;
        }
        self.printer.flags.precision = Some(self.digits().unwrap_or(0));
    }

    /// A width or precision that is given as a value.
    fn number_from_value(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let number = match value {
            Value::Int(number) => *number,
            Value::Uint(number) => i64::try_from(*number).ok()?,
            _ => return None,
        };
        (-WIDEST..=WIDEST).contains(&number).then_some(number)
    }

    fn digits(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let sum = number.unwrap_or(0) * 10 + usize::from(digit - b'0');
            if number.is_some_and(|number| number > 1_000_000) {
                self.at = self.format.len();
                return None;
            }
            number = Some(sum);
            self.at += 1;
        }
        number
    }

    fn verb(&mut self) -> bool {
        let rest = self.format.get(self.at..).unwrap_or_default();
        let Some((_, rune)) = runes(rest).next() else {
            self.printer.write(b"%!(NOVERB)");
            return false;
        };
        let verb = rune.unwrap_or(char::REPLACEMENT_CHARACTER);
        self.at += rune.map_or(1, char::len_utf8);
        match self.values.get(self.next) {
            _ if verb == '%' => self.printer.write(b"%"),
            _ if !self.good_index => self.complain(verb, "BADINDEX"),
            None => self.complain(verb, "MISSING"),
            Some(value) => {
                if matches!(verb, 'v' | 'w') {
                    let flags = &mut self.printer.flags;
                    flags.sharp_v = std::mem::replace(&mut flags.sharp, false);
                    flags.plus_v = std::mem::replace(&mut flags.plus, false);
                }
                self.printer.argument(value, verb);
                self.next += 1;
            }
        }
        true
    }

    fn complain(&mut self, verb: char, what: &str) {
        self.printer.write(format!("%!{verb}({what})").as_bytes());
    }

    /// Values without a verb.
    fn extra(&mut self) {
        let left = self.values.get(self.next..).unwrap_or_default();
        if self.reordered || left.is_empty() {
            return;
        }
        self.printer.flags = Flags::default();
        self.printer.write(b"%!(EXTRA ");
        for (index, value) in left.iter().enumerate() {
            if index > 0 {
                self.printer.write(b", ");
            }
            if !matches!(value, Value::Nil) {
                self.printer.write(format!("{}=", value.type_name()).as_bytes());
            }
            self.printer.argument(value, 'v');
        }
        self.printer.write(b")");
    }
}
