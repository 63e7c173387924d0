//! Strings, heredocs and numbers.

use super::cursor::{Cursor, Fault, Mark};
use super::error::Cause;
use super::lexer::{Token, is_digit, is_letter};

/// A quoted string. What stands in `${...}` is kept as it is, quotes and line ends included.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let start = cursor.mark();
    cursor.accept("\"");
    let mut bytes = Vec::new();
    let mut braces = 0_usize;
    loop {
        let plain = cursor.take_while(|c| !matches!(c, '"' | '\\' | '\n' | '\0' | '$' | '{' | '}'));
        bytes.extend_from_slice(plain.as_bytes());
        let special = cursor.mark();
        match cursor.bump() {
            Some('"') if braces == 0 => break,
            Some('\n') if braces == 0 => return Err(cursor.fault(Cause::OpenString, start)),
            None => return Err(cursor.fault(Cause::OpenString, start)),
            Some('\0') => return Err(cursor.fault(Cause::IllegalCharacter('\0'), special)),
            Some('\\') => escape(cursor, special, braces > 0, &mut bytes)?,
            Some('$') if braces == 0 && cursor.accept("{") => {
                braces = 1;
                bytes.extend_from_slice(b"${");
            }
            Some(other) => {
                match other {
                    '{' if braces > 0 => braces += 1,
                    '}' => braces = braces.saturating_sub(1),
                    _ => {}
                }
                bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| cursor.fault(Cause::EscapedBytes, start))
}

/// One escape, the backslash already taken; `raw` escapes are checked but kept as written.
fn escape(cursor: &mut Cursor<'_>, start: Mark, raw: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    let digits = |cursor: &mut Cursor<'_>, count: usize, radix: u32| {
        let text = cursor.take(count);
        let valid = text.len() == count && text.chars().all(|c| c.is_digit(radix));
        valid.then(|| u32::from_str_radix(text, radix).ok()).flatten()
    };
    let byte = |value: u32| u8::try_from(value).ok().map(|byte| vec![byte]);
    let scalar = |value: u32| char::from_u32(value).map(|c| c.to_string().into_bytes());
    let decoded = match cursor.peek() {
        Some('0'..='7') => digits(cursor, 3, 8).and_then(byte),
        _ => match cursor.bump() {
            Some('a') => Some(vec![0x07]),
            Some('b') => Some(vec![0x08]),
            Some('f') => Some(vec![0x0c]),
            Some('n') => Some(vec![b'\n']),
            Some('r') => Some(vec![b'\r']),
            Some('t') => Some(vec![b'\t']),
            Some('v') => Some(vec![0x0b]),
            Some('\\') => Some(vec![b'\\']),
            Some('"') => Some(vec![b'"']),
            Some('x') => digits(cursor, 2, 16).and_then(byte),
            Some('u') => digits(cursor, 4, 16).and_then(scalar),
            Some('U') => digits(cursor, 8, 16).and_then(scalar),
            _ => None,
        },
    };
    let decoded = decoded.ok_or_else(|| cursor.fault(Cause::Escape, start))?;
    if raw {
        out.extend_from_slice(cursor.text_since(start).as_bytes());
    } else {
        out.extend_from_slice(&decoded);
    }
    Ok(())
}

/// `<<NAME` up to the line that consists of `NAME`, with or without white space in front of it.
pub(super) fn heredoc(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let start = cursor.mark();
    if !cursor.accept("<<") {
        cursor.bump();
        return Err(cursor.fault(Cause::IllegalCharacter('<'), start));
    }
    let indented = cursor.accept("-");
    let anchor = cursor.take_while(|c| is_letter(c) || is_digit(c));
    if anchor.is_empty() || !cursor.accept("\n") {
        return Err(cursor.fault(Cause::HeredocAnchor, start));
    }
    let body = cursor.rest();
    let mut length = 0;
    for line in body.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        if content.contains('\0') {
            return Err(cursor.fault(Cause::IllegalCharacter('\0'), start));
        }
        if let Some(indent) = closing_indent(content, anchor) {
            let text = body.get(..length).unwrap_or_default();
            // The line end stays: it separates this item from the next, and a list may go on with a comma.
            cursor.take(length + content.trim_end_matches('\r').len());
            return Ok(if indented {
                unindent(text, indent)
            } else {
                format!("{text}{indent}")
            });
        }
        length += line.len();
    }
    cursor.take(body.len());
    Err(cursor.fault(Cause::OpenHeredoc, start))
}

/// The white space in front of the anchor, if `line` closes the heredoc.
fn closing_indent<'a>(line: &'a str, anchor: &str) -> Option<&'a str> {
    let indent = line.trim_end_matches('\r').strip_suffix(anchor)?;
    indent
        .bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | 0x0b | 0x0c | b'\r'))
        .then_some(indent)
}

/// Takes the closing line's indentation off each line, if each line has it; an empty line has not.
fn unindent(text: &str, indent: &str) -> String {
    if !text.split_inclusive('\n').all(|line| line.starts_with(indent)) {
        return text.to_owned();
    }
    text.split_inclusive('\n')
        .map(|line| line.strip_prefix(indent).unwrap_or(line))
        .collect()
}

/// A number: whole (also octal or hexadecimal), or with a fraction or exponent.
pub(super) fn number<'a>(cursor: &mut Cursor<'a>) -> Result<Token<'a>, Fault> {
    let start = cursor.mark();
    let digits = |cursor: &mut Cursor<'a>| cursor.take_while(|c| c.is_ascii_digit());
    cursor.accept("-");
    if cursor.accept("0x") || cursor.accept("0X") {
        let found = cursor.take_while(|c| c.is_ascii_hexdigit());
        return finish(cursor, start, !found.is_empty(), Token::Integer);
    }
    let whole = digits(cursor);
    let point = cursor.accept(".");
    let fraction = if point { digits(cursor) } else { "" };
    let exponent = cursor.accept("e") || cursor.accept("E");
    if exponent && !cursor.accept("-") {
        cursor.accept("+");
    }
    let power = if exponent { digits(cursor) } else { "" };
    if point || exponent {
        let valid = (!whole.is_empty() || !fraction.is_empty()) && (power.is_empty() != exponent);
        return finish(cursor, start, valid, Token::Float);
    }
    let digits = if whole.len() > 1 && whole.starts_with('0') {
        '0'..='7'
    } else {
        '0'..='9'
    };
    let valid = !whole.is_empty() && whole.chars().all(|digit| digits.contains(&digit));
    finish(cursor, start, valid, Token::Integer)
}

fn finish<'a>(
    cursor: &mut Cursor<'a>,
    start: Mark,
    valid: bool,
    token: fn(&'a str) -> Token<'a>,
) -> Result<Token<'a>, Fault> {
    if valid {
        Ok(token(cursor.text_since(start)))
    } else {
        Err(cursor.fault(Cause::Number, start))
    }
}

/// The value of a whole number as written: decimal, `0x` hexadecimal, `0o` or `0` octal, `0b` binary.
pub(super) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &*lower)
    } else {
        (10, &*lower)
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

/// The value of any number as written, if it is finite.
pub(super) fn float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_each_base() {
        for (text, value) in [
            ("0", Some(0)),
            ("42", Some(42)),
            ("-42", Some(-42)),
            ("+1", Some(1)),
            ("0600", Some(384)),
            ("-0x1F", Some(-31)),
            ("0o17", Some(15)),
            ("0b101", Some(5)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("99999999999999999999999999999999999999999", None),
            ("", None),
            ("-", None),
            ("0x", None),
            ("08", None),
            ("1.0", None),
            ("--1", None),
            ("\u{661}", None),
        ] {
            assert_eq!(integer(text), value, "{text}");
        }
    }

    #[test]
    fn floats_are_finite() {
        assert_eq!(float("1."), Some(1.0));
        assert_eq!(float(".5"), Some(0.5));
        assert_eq!(float("1e999"), None);
        assert_eq!(float("nan"), None);
    }
}
