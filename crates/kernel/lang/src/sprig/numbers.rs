//! Numbers. Anything counts as a number here; what is none counts as zero.

use std::borrow::Cow;

use super::call::Call;
use super::{Answer, Entry, entry, variadic};
use crate::template::{FunctionError, Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    variadic("add", &[], Kind::Any, |call| {
        int(fold(call.all(), 0, i64::wrapping_add))
    }),
    entry("add1", &[Kind::Any], |call| {
        int(whole(call.value(0)).wrapping_add(1))
    }),
    entry("sub", &[Kind::Any, Kind::Any], |call| {
        int(whole(call.value(0)).wrapping_sub(whole(call.value(1))))
    }),
    variadic("mul", &[Kind::Any], Kind::Any, |call| {
        int(fold(call.all(), 1, i64::wrapping_mul))
    }),
    entry("div", &[Kind::Any, Kind::Any], |call| {
        int(whole(call.value(0)).wrapping_div(divisor(call)?))
    }),
    entry("mod", &[Kind::Any, Kind::Any], |call| {
        int(whole(call.value(0)).wrapping_rem(divisor(call)?))
    }),
    variadic("max", &[Kind::Any], Kind::Any, |call| {
        int(fold(call.all(), i64::MIN, i64::max))
    }),
    variadic("biggest", &[Kind::Any], Kind::Any, |call| {
        int(fold(call.all(), i64::MIN, i64::max))
    }),
    variadic("min", &[Kind::Any], Kind::Any, |call| {
        int(fold(call.all(), i64::MAX, i64::min))
    }),
    variadic("maxf", &[Kind::Any], Kind::Any, |call| extreme(call, f64::max)),
    variadic("minf", &[Kind::Any], Kind::Any, |call| extreme(call, f64::min)),
    entry("ceil", &[Kind::Any], |call| float(fraction(call.value(0)).ceil())),
    entry("floor", &[Kind::Any], |call| {
        float(fraction(call.value(0)).floor())
    }),
    variadic("round", &[Kind::Any, Kind::Int], Kind::Float, round),
    entry("int", &[Kind::Any], |call| int(whole(call.value(0)))),
    entry("int64", &[Kind::Any], |call| int(whole(call.value(0)))),
    entry("float64", &[Kind::Any], |call| float(fraction(call.value(0)))),
    entry("atoi", &[Kind::String], |call| int(decimal(&call.text(0)))),
    entry("toDecimal", &[Kind::Any], |call| {
        let digits = call.shown(call.value(0))?;
        int(digits_of(&digits, 8).and_then(number).unwrap_or(0))
    }),
];

#[expect(clippy::unnecessary_wraps, reason = "ends what can fail")]
const fn int(number: i64) -> Answer {
    Ok(Value::Int(number))
}

#[expect(clippy::unnecessary_wraps, reason = "ends what can fail")]
const fn float(number: f64) -> Answer {
    Ok(Value::Float(number))
}

fn fold(values: &[Value], start: i64, with: fn(i64, i64) -> i64) -> i64 {
    values.iter().map(whole).fold(start, with)
}

fn extreme(call: &Call<'_>, choose: fn(f64, f64) -> f64) -> Answer {
    let numbers = call.all().iter().map(fraction);
    let chosen = numbers.reduce(|a, b| {
        if a.is_nan() || b.is_nan() {
            f64::NAN
        } else {
            choose(a, b)
        }
    });
    float(chosen.unwrap_or(0.0))
}

fn divisor(call: &Call<'_>) -> Result<i64, FunctionError> {
    match whole(call.value(1)) {
        0 => Err("division by zero".into()),
        divisor => Ok(divisor),
    }
}

/// Rounds to so many digits; a third argument says from which fraction on it goes up.
fn round(call: &Call<'_>) -> Answer {
    let up_from = match call.rest(2).first() {
        Some(Value::Float(up_from)) => *up_from,
        _ => 0.5,
    };
    let places = i32::try_from(call.int(1)).unwrap_or(if call.int(1) < 0 { i32::MIN } else { i32::MAX });
    let power = 10_f64.powi(places);
    let shifted = power * fraction(call.value(0));
    let rounded = if shifted.fract() >= up_from {
        shifted.ceil()
    } else {
        shifted.floor()
    };
    float(rounded / power)
}

/// A value as a whole number.
pub(super) fn whole(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::Bool(truth) => i64::from(*truth),
        Value::Uint(number) => number.cast_signed(),
        Value::Float(number) => truncated(*number),
        Value::String(text) => literal(text),
        Value::JsonNumber(digits) => literal(digits.as_bytes()),
        _ => 0,
    }
}

/// Numbers that are too large become the smallest one, as processors do it.
fn truncated(number: f64) -> i64 {
    // Two to the power of 63.
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&number) {
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        let whole = number as i64;
        whole
    } else {
        i64::MIN
    }
}

/// A value as a number with a fraction.
pub(super) fn fraction(value: &Value) -> f64 {
    let text = match value {
        #[expect(clippy::cast_precision_loss, reason = "the nearest one is meant")]
        Value::Uint(number) => return *number as f64,
        Value::Float(number) => return *number,
        Value::String(text) => std::str::from_utf8(text).unwrap_or_default(),
        Value::JsonNumber(digits) => digits,
        #[expect(clippy::cast_precision_loss, reason = "the nearest one is meant")]
        other => return whole(other) as f64,
    };
    let text = without_underscores(text);
    let number = text.parse::<f64>().unwrap_or(0.0);
    let named = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    if number.is_infinite() && !named {
        0.0
    } else {
        number
    }
}

/// The digits alone; an underscore must stand between two of them.
fn without_underscores(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let is_digit = |index: Option<usize>| {
        let byte = index.and_then(|index| bytes.get(index));
        byte.is_some_and(u8::is_ascii_digit)
    };
    let mut underscores = memchr::memchr_iter(b'_', bytes).peekable();
    if underscores.peek().is_none() {
        return Cow::Borrowed(text);
    }
    if underscores.all(|at| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1))) {
        return Cow::Owned(text.replace('_', ""));
    }
    Cow::Borrowed(text)
}

/// A number as programs write it: `0x1f`, `017`, `1_000`; a fraction of zeros is left out.
fn literal(text: &[u8]) -> i64 {
    let zeros = text.iter().rev().take_while(|byte| **byte == b'0').count();
    let before = text.get(..text.len() - zeros).unwrap_or_default();
    let text = before.strip_suffix(b".").filter(|_| zeros > 0).unwrap_or(text);
    digits_of(text, 0).and_then(number).unwrap_or(0)
}

/// A number in base ten; one that is too large becomes the largest one.
fn decimal(text: &str) -> i64 {
    match digits_of(text.as_bytes(), 10) {
        None => 0,
        Some((negative, magnitude)) => {
            number((negative, magnitude)).unwrap_or(if negative { i64::MIN } else { i64::MAX })
        }
    }
}

/// The number with this sign and magnitude, if there is one.
fn number((negative, magnitude): (bool, u128)) -> Option<i64> {
    let magnitude = i128::try_from(magnitude).ok()?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Sign and magnitude of digits in a base; in base zero, the digits say their base.
fn digits_of(text: &[u8], base: u32) -> Option<(bool, u128)> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (prefixed, radix, digits) = match (base, text) {
        (0, [b'0', b'x' | b'X', rest @ ..]) => (true, 16, rest),
        (0, [b'0', b'b' | b'B', rest @ ..]) => (true, 2, rest),
        (0, [b'0', b'o' | b'O', rest @ ..]) => (true, 8, rest),
        (0, [b'0', rest @ ..]) if !rest.is_empty() => (true, 8, rest),
        (0, rest) => (false, 10, rest),
        (base, rest) => (false, base, rest),
    };
    let mut magnitude = 0_u128;
    // An underscore stands between digits; a prefix counts as one.
    let mut after_digit = prefixed;
    let mut any = false;
    for byte in digits {
        if *byte == b'_' && base == 0 && after_digit {
            after_digit = false;
            continue;
        }
        let digit = char::from(*byte).to_digit(radix)?;
        magnitude = magnitude
            .saturating_mul(u128::from(radix))
            .saturating_add(u128::from(digit));
        (after_digit, any) = (true, true);
    }
    (any && after_digit).then_some((negative, magnitude))
}
