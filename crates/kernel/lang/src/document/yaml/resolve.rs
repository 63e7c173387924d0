//! What a word that stands without quotes means.

use crate::time_layout;

/// A word that stands without quotes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Word {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// It is read as a text but looks like a time, so it is written in quotes.
    Time,
    Text,
}

/// How times look.
const TIMES: [&str; 4] = [
    "2006-1-2T15:4:5.999999999Z07:00",
    "2006-1-2t15:4:5.999999999Z07:00",
    "2006-1-2 15:4:5.999999999",
    "2006-1-2",
];

pub(super) fn resolve(word: &str) -> Word {
    if let Some(known) = known(word) {
        return known;
    }
    match word.as_bytes().first() {
        Some(b'.') => float(&joined(word)).map_or(Word::Text, Word::Float),
        Some(b'+' | b'-' | b'0'..=b'9') if is_time(word) => Word::Time,
        Some(b'+' | b'-' | b'0'..=b'9') => number(&word.replace('_', "")),
        _ => Word::Text,
    }
}

fn known(word: &str) -> Option<Word> {
    Some(match word {
        "" | "~" | "null" | "Null" | "NULL" => Word::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Word::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Word::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Word::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Word::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Word::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn is_time(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits == 4
        && word.as_bytes().get(4) == Some(&b'-')
        && TIMES
            .iter()
            .any(|layout| time_layout::parse(layout, word).is_some())
}

fn number(word: &str) -> Word {
    let (sign, digits) = match word.as_bytes() {
        [b'-', ..] => (-1, word.get(1..)),
        [b'+', ..] => (1, word.get(1..)),
        _ => (1, Some(word)),
    };
    let whole = digits.and_then(whole);
    if let Some(size) = whole {
        let signed = i128::from(size) * sign;
        if let Ok(number) = i64::try_from(signed) {
            return Word::Int(number);
        }
        // Numbers without a sign may be larger.
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return Word::Uint(size);
        }
    }
    if is_decimal(word)
        && let Some(number) = float(word)
    {
        return Word::Float(number);
    }
    Word::Text
}

/// Digits of a whole number, perhaps with the prefix of their base; a leading zero is octal.
fn whole(digits: &str) -> Option<u64> {
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.get(2..)?),
        [b'0', b'o', ..] => (8, lower.get(2..)?),
        [b'0', b'b', ..] => (2, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(word: &str) -> bool {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (before, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_mantissa = !before.is_empty() || !behind.is_empty();
    let has_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && is_digits(digits)
    });
    has_mantissa && is_digits(before) && is_digits(behind) && has_exponent
}

/// A decimal number that is not too large.
fn float(word: &str) -> Option<f64> {
    if !word.starts_with(['+', '-', '.']) && !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    word.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Digits without the underscores between them.
fn joined(word: &str) -> String {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let is_between = |(at, _): (usize, &str)| {
        let (before, behind) = word.split_at(at);
        is_digit(before.chars().next_back()) && is_digit(behind.chars().nth(1))
    };
    if word.match_indices('_').all(is_between) {
        word.replace('_', "")
    } else {
        word.to_owned()
    }
}

/// Numbers to the base of 60, which version 1.1 had and nothing here reads; other readers may.
pub(super) fn is_sexagesimal(word: &str) -> bool {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    let (places, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let mut places = places.split(':');
    let first = places.next().unwrap_or_default();
    let rest: Vec<&str> = places.collect();
    let is_place = |place: &&str| match place.as_bytes() {
        [b'0'..=b'9'] => true,
        [tens, ones] => matches!(tens, b'0'..=b'5') && ones.is_ascii_digit(),
        _ => false,
    };
    first.starts_with(|c: char| c.is_ascii_digit())
        && is_digits(first)
        && is_digits(fraction)
        && !rest.is_empty()
        && rest.iter().all(is_place)
}
