//! Text in quotes, with escapes for what has no shape.

use super::text::{is_printable, runes};

/// In double quotes; with `ascii`, everything beyond ASCII is escaped.
pub(super) fn string(bytes: &[u8], ascii: bool) -> Vec<u8> {
    let mut out = vec![b'"'];
    for (_, rune) in runes(bytes) {
        match rune {
            Ok(c) => character(&mut out, c, '"', ascii),
            Err(byte) => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
    out
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
    let written = match c {
        '\x07' => "\\a".to_owned(),
        '\x08' => "\\b".to_owned(),
        '\x0c' => "\\f".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\x0b' => "\\v".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if c == quote => format!("\\{c}"),
        c if is_printable(c) && (c.is_ascii() || !ascii) => c.to_string(),
        c if c < ' ' || c == '\x7f' => format!("\\x{code:02x}"),
        _ if code < 0x10000 => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    };
    out.extend_from_slice(written.as_bytes());
}
