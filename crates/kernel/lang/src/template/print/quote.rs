//! Text in quotes, with escapes for what has no shape.

use std::fmt;
use std::io::Write as _;

use super::text::{is_printable, runes};

/// In double quotes; with `ascii`, everything beyond ASCII is escaped.
pub(super) fn string(out: &mut Vec<u8>, bytes: &[u8], ascii: bool) {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut rest = bytes;
    loop {
        // Most of a text stands for itself.
        let plain = rest.iter().take_while(|byte| stands_for_itself(**byte)).count();
        let (before, behind) = rest.split_at(plain);
        out.extend_from_slice(before);
        let Some((_, rune)) = runes(behind).next() else {
            break;
        };
        match rune {
            Ok(c) => character(out, c, '"', ascii),
            Err(byte) => escaped(out, format_args!("\\x{byte:02x}")),
        }
        rest = behind.get(rune.map_or(1, char::len_utf8)..).unwrap_or_default();
    }
    out.push(b'"');
}

const fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn escaped(out: &mut Vec<u8>, written: fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(written);
}

/// In single quotes.
pub(super) fn rune(c: char, ascii: bool) -> Vec<u8> {
    let mut out = vec![b'\''];
    character(&mut out, c, '\'', ascii);
    out.push(b'\'');
    out
}

/// Whether it can stand in backquotes as it is.
pub(super) fn fits_backquotes(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        !text.contains(|c| matches!(c, '`' | '\u{feff}' | '\u{7f}') || (c < ' ' && c != '\t'))
    })
}

fn character(out: &mut Vec<u8>, c: char, quote: char, ascii: bool) {
    let code = u32::from(c);
    let letter = match c {
        '\x07' => b'a',
        '\x08' => b'b',
        '\x0c' => b'f',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\x0b' => b'v',
        '\\' => b'\\',
        '"' | '\'' if c == quote => quote as u8,
        c if is_printable(c) && (c.is_ascii() || !ascii) => {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
        c if c < ' ' || c == '\x7f' => return escaped(out, format_args!("\\x{code:02x}")),
        _ if code < 0x10000 => return escaped(out, format_args!("\\u{code:04x}")),
        _ => return escaped(out, format_args!("\\U{code:08x}")),
    };
    out.extend([b'\\', letter]);
}
