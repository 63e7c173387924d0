//! Whole numbers.

use std::io::Write as _;

use super::super::value::Value;
use super::float::zeros;
use super::{Printer, quote};

/// A whole number with its sign apart.
#[derive(Clone, Copy)]
pub(super) struct Integer {
    size: u64,
    negative: bool,
    is_signed: bool,
}

impl Integer {
    pub(super) const fn signed(number: i64) -> Self {
        Self {
            size: number.unsigned_abs(),
            negative: number < 0,
            is_signed: true,
        }
    }

    pub(super) const fn unsigned(size: u64) -> Self {
        Self {
            size,
            negative: false,
            is_signed: false,
        }
    }

    /// The bits, as a character's number is taken from them.
    const fn bits(self) -> u64 {
        if self.negative {
            self.size.wrapping_neg()
        } else {
            self.size
        }
    }

    /// The character of this number, or the one that stands for none.
    fn character(self) -> char {
        let code = u32::try_from(self.bits()).ok();
        code.and_then(char::from_u32)
            .unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

impl Printer {
    pub(super) fn integer(&mut self, number: Integer, verb: char, value: &Value) {
        match verb {
            'v' if self.flags.sharp_v && !number.is_signed => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(number, 16, 'v');
                self.flags.sharp = sharp;
            }
            'v' | 'd' => self.digits(number, 10, verb),
            'b' => self.digits(number, 2, verb),
            'o' | 'O' => self.digits(number, 8, verb),
            'x' | 'X' => self.digits(number, 16, verb),
            'c' => self.pad(number.character().encode_utf8(&mut [0; 4]).as_bytes()),
            'q' => self.pad(&quote::rune(number.character(), self.flags.plus)),
            'U' => self.code_point(number),
            _ => self.bad_verb(verb, value),
        }
    }

    fn digits(&mut self, number: Integer, base: u64, verb: char) {
        let flags = self.flags;
        if flags.precision == Some(0) && number.size == 0 {
            self.pad_with_spaces(b"");
            return;
        }
        if base == 10 && flags.is_bare() {
            if !self.is_full() {
                let sign = if number.negative { "-" } else { "" };
                // Writing to memory cannot fail.
                let _ = write!(self.out, "{sign}{}", number.size);
            }
            return;
        }
        let sign = match number {
            Integer { negative: true, .. } => "-",
            _ if flags.plus => "+",
            _ if flags.space => " ",
            _ => "",
        };
        let wanted = match (flags.precision, flags.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero && !flags.minus => width.saturating_sub(sign.len()),
            _ => 0,
        };
        let digits = match base {
            2 => format!("{:b}", number.size),
            8 => format!("{:o}", number.size),
            16 if verb == 'X' => format!("{:X}", number.size),
            16 => format!("{:x}", number.size),
            _ => number.size.to_string(),
        };
        let digits = zeros(wanted.saturating_sub(digits.len())) + &digits;
        let prefix = match base {
            _ if verb == 'O' && flags.sharp && !digits.starts_with('0') => "0o0",
            _ if verb == 'O' => "0o",
            2 if flags.sharp => "0b",
            8 if flags.sharp && !digits.starts_with('0') => "0",
            16 if flags.sharp && verb == 'X' => "0X",
            16 if flags.sharp => "0x",
            _ => "",
        };
        self.pad_with_spaces(format!("{sign}{prefix}{digits}").as_bytes());
    }

    /// `U+0041`, with `#` followed by the character.
    fn code_point(&mut self, number: Integer) {
        let wanted = self.flags.precision.unwrap_or(4).max(4);
        let digits = format!("{:X}", number.bits());
        let mut written = format!("U+{}{digits}", zeros(wanted.saturating_sub(digits.len())));
        let shape = u32::try_from(number.bits()).ok().and_then(char::from_u32);
        if let Some(c) = shape.filter(|c| self.flags.sharp && super::is_printable(*c)) {
            written.push_str(&format!(" '{c}'"));
        }
        self.pad_with_spaces(written.as_bytes());
    }
}
