//! `html`, `js` and `urlquery`.

use std::borrow::Cow;
use std::fmt::Write;

use super::super::print::{self, Overflow};
use super::super::value::Value;

/// The text to escape: the one string, or what `print` makes of the values.
pub(super) fn text(values: &[Value], limit: usize) -> Result<Cow<'_, [u8]>, Overflow> {
    if let [Value::String(bytes)] = values {
        return Ok(Cow::Borrowed(bytes));
    }
    let shown = |value: &Value| match value {
        Value::Nil => Value::from("<no value>"),
        value => value.clone(),
    };
    let values: Vec<Value> = values.iter().map(shown).collect();
    print::print(&values, limit).map(Cow::Owned)
}

pub(super) fn html(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(*byte),
        }
    }
    out
}

/// For a string literal of JavaScript.
pub(super) fn js(bytes: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '\\' | '\'' | '"' => {
                out.push('\\');
                out.push(c);
            }
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c if c.is_ascii() || print::is_printable(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
        }
    }
    out.into_bytes()
}

/// For a value in the query of a URL.
pub(super) fn url_query(bytes: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(*byte)),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out.into_bytes()
}
