//! Strings, characters and numbers as they are written in a template.

use super::ast::Number;

/// The bytes of a string in double quotes or backquotes, with its quotes.
pub(super) fn string(written: &str) -> Option<Vec<u8>> {
    let inner = written.get(1..written.len().checked_sub(1)?)?;
    if written.starts_with('`') {
        return Some(inner.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        match one(&mut rest, '"')? {
            Piece::Byte(byte) => bytes.push(byte),
            Piece::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(bytes)
}

/// The number of a character in single quotes.
pub(super) fn character(written: &str) -> Result<Number, String> {
    let mut rest = written.get(1..).unwrap_or_default();
    let code = match one(&mut rest, '\'').ok_or("invalid syntax")? {
        Piece::Byte(byte) => u32::from(byte),
        Piece::Char(c) => u32::from(c),
    };
    if rest != "'" {
        return Err(format!("malformed character constant: {written}"));
    }
    let (int, uint, float) = (i64::from(code), u64::from(code), f64::from(code));
    Ok(Number::new(written, Some(int), Some(uint), Some(float)))
}

enum Piece {
    Byte(u8),
    Char(char),
}

/// Takes one character or escape.
fn one(rest: &mut &str, quote: char) -> Option<Piece> {
    let mut chars = rest.chars();
    let first = chars.next()?;
    if first != '\\' {
        *rest = chars.as_str();
        return (first != quote).then_some(Piece::Char(first));
    }
    let letter = chars.next()?;
    *rest = chars.as_str();
    let control = match letter {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        letter if letter == quote => quote,
        'x' => {
            return digits(rest, 2, 16, 0)
                .and_then(|code| u8::try_from(code).ok())
                .map(Piece::Byte);
        }
        'u' => return digits(rest, 4, 16, 0).and_then(char::from_u32).map(Piece::Char),
        'U' => return digits(rest, 8, 16, 0).and_then(char::from_u32).map(Piece::Char),
        '0'..='7' => {
            let code = digits(rest, 2, 8, letter.to_digit(8)?)?;
            return u8::try_from(code).ok().map(Piece::Byte);
        }
        _ => return None,
    };
    Some(Piece::Char(control))
}

/// Takes exactly `count` digits.
fn digits(rest: &mut &str, count: usize, base: u32, first: u32) -> Option<u32> {
    let digits = rest.get(..count)?;
    *rest = rest.get(count..)?;
    digits.chars().try_fold(first, |sum, digit| {
        sum.checked_mul(base)?.checked_add(digit.to_digit(base)?)
    })
}

/// A number, as each kind of number that can hold it.
pub(super) fn number(written: &str) -> Result<Number, String> {
    let (negative, digits) = match written.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, written.strip_prefix('+').unwrap_or(written)),
    };
    let magnitude = whole(digits);
    let signed = magnitude.and_then(|size| {
        if negative {
            0i64.checked_sub_unsigned(size)
        } else {
            i64::try_from(size).ok()
        }
    });
    let unsigned = magnitude.filter(|size| digits.len() == written.len() || *size == 0);
    let float = signed.map(as_float).or(unsigned.map(|size| size as f64));
    if float.is_some() {
        return Ok(Number::new(written, signed, unsigned, float));
    }
    let illegal = || format!("illegal number syntax: {written:?}");
    let size = fraction(digits).ok_or_else(illegal)?;
    if !written.contains(['.', 'e', 'E', 'p', 'P']) {
        return Err(format!("integer overflow: {written:?}"));
    }
    let float = if negative { -size } else { size };
    let int = Some(float as i64).filter(|int| *int as f64 == float);
    let uint = Some(float as u64).filter(|uint| *uint as f64 == float);
    Ok(Number::new(written, int, uint, Some(float)))
}

const fn as_float(int: i64) -> f64 {
    int as f64
}

/// A whole number without its sign: decimal, `0x`, `0o` or `0`, `0b`.
fn whole(digits: &str) -> Option<u64> {
    let lower = digits.to_ascii_lowercase();
    let (base, rest) = match lower.strip_prefix('0') {
        None => (10, lower.as_str()),
        Some("") => return Some(0),
        Some(rest) => match rest.strip_prefix(['x', 'b', 'o']) {
            Some(rest) if lower.starts_with("0x") => (16, rest),
            Some(rest) if lower.starts_with("0b") => (2, rest),
            Some(rest) => (8, rest),
            None => (8, rest),
        },
    };
    let rest = without_separators(rest, lower.len() > rest.len())?;
    if !rest.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    u64::from_str_radix(&rest, base).ok()
}

/// The digits without their underscores, each of which must stand between digits (or behind a prefix).
fn without_separators(digits: &str, prefixed: bool) -> Option<String> {
    let sound = !digits.contains("__") && !digits.ends_with('_') && (prefixed || !digits.starts_with('_'));
    sound.then(|| digits.replace('_', ""))
}

/// A number with a fraction or an exponent, without its sign.
fn fraction(digits: &str) -> Option<f64> {
    let lower = digits.to_ascii_lowercase();
    if let Some(rest) = lower.strip_prefix("0x") {
        return hex_fraction(rest);
    }
    if lower
        .split(|c: char| !c.is_ascii_digit() && c != '_')
        .any(|part| without_separators(part, false).is_none())
    {
        return None;
    }
    let plain = lower.replace('_', "");
    let float: f64 = plain
        .starts_with(|c: char| c.is_ascii_digit() || c == '.')
        .then(|| plain.parse().ok())??;
    float.is_finite().then_some(float)
}

/// `1.8p3`, whose exponent is a power of two.
fn hex_fraction(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = digits.split_once('p')?;
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = without_separators(&format!("{whole}{part}"), true)?;
    let size = u64::from_str_radix(&all, 16).ok()?;
    let shift = i32::try_from(part.replace('_', "").len()).ok()?.checked_mul(4)?;
    let exponent: i32 = exponent.replace('_', "").parse().ok()?;
    let exponent = exponent.checked_sub(shift)?;
    // In two steps, because the smallest numbers are smaller than the power of two alone could be.
    let float = match size {
        0 => 0.0,
        size => size as f64 * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2),
    };
    float.is_finite().then_some(float)
}
