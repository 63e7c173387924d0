//! Canonical text out of a tree.

use super::Json;

pub(super) fn value(json: &Json, out: &mut String) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(number) => out.push_str(number.as_str()),
        Json::String(text) => push_string(text, out),
        Json::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                value(element, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_string(key, out);
                out.push(':');
                value(member, out);
            }
            out.push('}');
        }
    }
}

/// Appends `text` as a quoted JSON string, escaped as Go's `encoding/json` does.
pub fn push_string(text: &str, out: &mut String) {
    out.push('"');
    push_string_body(text, out);
    out.push('"');
}

/// Appends `text` escaped for the inside of a JSON string, without quotes.
pub fn push_string_body(text: &str, out: &mut String) {
    // Nearly every text is like this, and the loop without a branch looks at many bytes at a time.
    if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        out.push_str(text);
    } else {
        push_escaped(text, out);
    }
}

/// Whether a byte stands for itself wherever it occurs.
const fn is_plain(byte: u8) -> bool {
    (byte >= 0x20)
        & (byte != b'"')
        & (byte != b'\\')
        & (byte != b'<')
        & (byte != b'>')
        & (byte != b'&')
        & (byte != 0xe2)
}

fn push_escaped(text: &str, out: &mut String) {
    let mut clean_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            b'<' => "\\u003c",
            b'>' => "\\u003e",
            b'&' => "\\u0026",
            0..=0x1f => "",
            // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
            0xe2 if text.as_bytes().get(at + 1) == Some(&0x80) => match text.as_bytes().get(at + 2) {
                Some(0xa8) => "\\u2028",
                Some(0xa9) => "\\u2029",
                _ => continue,
            },
            _ => continue,
        };
        out.push_str(text.get(clean_from..at).unwrap_or_default());
        clean_from = at + if byte == 0xe2 { 3 } else { 1 };
        if escape.is_empty() {
            out.push_str("\\u00");
            for nibble in [byte >> 4, byte & 0x0f] {
                out.push(char::from(if nibble < 10 {
                    b'0' + nibble
                } else {
                    b'a' + nibble - 10
                }));
            }
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(text.get(clean_from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_go_does() {
        let mut out = String::new();
        push_string(
            "a\"\\\n\r\t\u{8}\u{c}\u{1}<>&\u{2028}\u{2029}\u{20ac}\u{e9}",
            &mut out,
        );
        assert_eq!(
            out,
            "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u003c\\u003e\\u0026\\u2028\\u2029\u{20ac}\u{e9}\""
        );
    }
}
