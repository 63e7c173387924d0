//! Bytes as text: characters where they are UTF-8, single bytes where they are not.

use super::super::value::Value;
use super::{Flags, Printer, quote};

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Each character, or each byte that belongs to none, with its offset and length.
pub(super) fn runes(bytes: &[u8]) -> impl Iterator<Item = (usize, Result<char, u8>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let first = *rest.first()?;
        let start = at;
        if first.is_ascii() {
            at += 1;
            return Some((start, Ok(char::from(first))));
        }
        let width = match first {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        let found = rest
            .get(..width)
            .and_then(|piece| std::str::from_utf8(piece).ok());
        match found.and_then(|text| text.chars().next()) {
            Some(c) => {
                at += width;
                Some((start, Ok(c)))
            }
            None => {
                at += 1;
                Some((start, Err(first)))
            }
        }
    })
}

/// How many characters.
pub(super) fn count(bytes: &[u8]) -> usize {
    runes(bytes).count()
}

/// Whether a character has a shape: letters, marks, numbers, punctuation, symbols and the plain space.
#[must_use]
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // Escaping leaves shapes alone; behind another character, that includes marks.
    c.escape_debug().next() == Some(c) || format!("a{c}").escape_debug().nth(1) == Some(c)
}

impl Printer {
    /// Bytes cut to the precision and filled up to the width.
    pub(super) fn string(&mut self, bytes: &[u8]) {
        self.pad(self.cut(bytes));
    }

    fn cut<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(precision) = self.flags.precision else {
            return bytes;
        };
        let end = runes(bytes).nth(precision).map_or(bytes.len(), |(at, _)| at);
        bytes.get(..end).unwrap_or(bytes)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8], verb: char, value: &Value) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(bytes),
            'v' | 's' => self.string(bytes),
            'x' => self.hex(bytes, LOWER, b"0x"),
            'X' => self.hex(bytes, UPPER, b"0X"),
            'q' => self.quoted(bytes),
            _ => self.bad_verb(verb, value),
        }
    }

    fn quoted(&mut self, bytes: &[u8]) {
        let bytes = self.cut(bytes);
        if self.flags.width.is_none() {
            if !self.is_full() {
                quoted(&mut self.out, bytes, self.flags);
            }
            return;
        }
        let mut written = Vec::new();
        quoted(&mut written, bytes, self.flags);
        self.pad(&written);
    }

    fn hex(&mut self, bytes: &[u8], digits: &[u8; 16], prefix: &[u8]) {
        let length = self.flags.precision.unwrap_or(bytes.len()).min(bytes.len());
        let mut written = Vec::with_capacity(2 * length);
        for (index, byte) in bytes.iter().take(length).enumerate() {
            if self.flags.space && index > 0 {
                written.push(b' ');
            }
            if self.flags.sharp && (index == 0 || self.flags.space) {
                written.extend_from_slice(prefix);
            }
            written.extend(digits.get(usize::from(byte >> 4)));
            written.extend(digits.get(usize::from(byte & 15)));
        }
        self.pad(&written);
    }
}

fn quoted(out: &mut Vec<u8>, bytes: &[u8], flags: Flags) {
    if flags.sharp && quote::fits_backquotes(bytes) {
        out.push(b'`');
        out.extend_from_slice(bytes);
        out.push(b'`');
    } else {
        quote::string(out, bytes, flags.plus);
    }
}
