//! Numbers.

use std::cmp::Ordering;

use arca_lang::template::{FunctionError, Kind, Value};

use super::{ANYS, Answer, Entry, STRING, entry, text, value, variadic};

/// Most numbers `loop` counts.
const LOOP: i64 = 100_000;

pub(super) const ENTRIES: &[Entry] = &[
    entry("parseBool", STRING, |_, arguments| {
        Ok(Value::Bool(match text(arguments, 0)? {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            _ => return Err("the text is neither true nor false".into()),
        }))
    }),
    entry("parseInt", STRING, |_, arguments| int(text(arguments, 0)?)),
    entry("parseUint", STRING, |_, arguments| {
        let text = text(arguments, 0)?;
        let number = if text.is_empty() { "0" } else { text };
        let digits = Some(number).filter(|number| !number.starts_with('+'));
        let number = digits.and_then(|digits| digits.parse().ok());
        let number = number.ok_or("the text is no whole number from 0 to 18446744073709551615")?;
        Ok(Value::Uint(number))
    }),
    entry("parseFloat", STRING, |_, arguments| float(text(arguments, 0)?)),
    variadic("loop", &[], Kind::Any, |_, arguments| counted(arguments)),
    entry("add", ANYS, |_, arguments| {
        computed(arguments, i64::checked_add, u64::checked_add, |a, b| a + b)
    }),
    entry("subtract", ANYS, |_, arguments| {
        computed(arguments, i64::checked_sub, u64::checked_sub, |a, b| a - b)
    }),
    entry("multiply", ANYS, |_, arguments| {
        computed(arguments, i64::checked_mul, u64::checked_mul, |a, b| a * b)
    }),
    entry("divide", ANYS, |_, arguments| {
        computed(arguments, i64::checked_div, u64::checked_div, |a, b| a / b)
    }),
    entry("modulo", ANYS, |_, arguments| {
        if arguments.iter().any(|value| matches!(value, Value::Float(_))) {
            return Err("modulo takes whole numbers".into());
        }
        computed(arguments, i64::checked_rem, u64::checked_rem, |a, b| a % b)
    }),
    entry("minimum", ANYS, |_, arguments| chosen(arguments, Ordering::Less)),
    entry("maximum", ANYS, |_, arguments| {
        chosen(arguments, Ordering::Greater)
    }),
];

fn int(text: &str) -> Answer {
    let text = if text.is_empty() { "0" } else { text };
    let number = text
        .parse()
        .map_err(|_| "the text is no whole number of 64 bits")?;
    Ok(Value::Int(number))
}

fn float(text: &str) -> Answer {
    if text.is_empty() {
        return Ok(Value::Float(0.0));
    }
    let is_named = text.ends_with(|c: char| c.is_ascii_alphabetic());
    let number: Option<f64> = joined(text).parse().ok();
    // A number too large for its digits is a mistake; the word for it is not.
    let number = number.filter(|number| number.is_finite() || is_named);
    Ok(Value::Float(number.ok_or("the text is no number")?))
}

/// Digits without the underscores between them.
fn joined(text: &str) -> String {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let is_between = |(at, _): (usize, &str)| {
        let (before, behind) = text.split_at(at);
        is_digit(before.chars().next_back()) && is_digit(behind.chars().nth(1))
    };
    if text.match_indices('_').all(is_between) {
        text.replace('_', "")
    } else {
        text.to_owned()
    }
}

fn counted(arguments: &[Value]) -> Answer {
    let bound = |value: &Value| match value {
        Value::Int(number) => Ok(*number),
        Value::Uint(number) => i64::try_from(*number).map_err(|_| "a number is too large".into()),
        Value::String(_) => match int(value.as_str().unwrap_or("?"))? {
            Value::Int(number) => Ok(number),
            _ => Ok(0),
        },
        Value::JsonNumber(digits) => digits.parse().map_err(|_| "a number is not whole".into()),
        other => Err(FunctionError::new(format!(
            "want whole numbers, not {}",
            other.type_name()
        ))),
    };
    let (start, stop) = match arguments {
        [stop] => (0, bound(stop)?),
        [start, stop] => (bound(start)?, bound(stop)?),
        _ => return Err("want where to stop, or where to start and to stop".into()),
    };
    if stop.saturating_sub(start) > LOOP {
        return Err("more than 100000 rounds".into());
    }
    Ok(Value::list((start..stop).map(Value::Int)))
}

/// A number of any kind.
#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Uint(u64),
    Float(f64),
}

impl Number {
    fn of(value: &Value) -> Result<Self, FunctionError> {
        match value {
            Value::Int(number) => Ok(Self::Int(*number)),
            Value::Uint(number) => Ok(Self::Uint(*number)),
            Value::Float(number) => Ok(Self::Float(*number)),
            other => Err(format!(
                "want two numbers, not {}; texts become numbers with parseInt or parseFloat",
                other.type_name()
            )
            .into()),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "as the language does between whole and real numbers"
    )]
    const fn real(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Uint(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// As a number with a sign.
    fn signed(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            Self::Uint(number) => i64::try_from(number).ok(),
            Self::Float(_) => None,
        }
    }

    const fn value(self) -> Value {
        match self {
            Self::Int(number) => Value::Int(number),
            Self::Uint(number) => Value::Uint(number),
            Self::Float(number) => Value::Float(number),
        }
    }
}

/// `{{ 3 | subtract 2 }}`: the second argument comes first.
fn operands(arguments: &[Value]) -> Result<(Number, Number), FunctionError> {
    let (right, left) = (value(arguments, 0), value(arguments, 1));
    Ok((Number::of(left)?, Number::of(right)?))
}

fn computed(
    arguments: &[Value],
    signed: fn(i64, i64) -> Option<i64>,
    unsigned: fn(u64, u64) -> Option<u64>,
    real: fn(f64, f64) -> f64,
) -> Answer {
    let beyond = || FunctionError::new("a division by zero, or a number too large");
    Ok(match operands(arguments)? {
        (Number::Uint(left), Number::Uint(right)) => Value::Uint(unsigned(left, right).ok_or_else(beyond)?),
        (left @ Number::Float(_), right) | (left, right @ Number::Float(_)) => {
            Value::Float(real(left.real(), right.real()))
        }
        (left, right) => {
            let made = left.signed().zip(right.signed());
            let made = made.and_then(|(left, right)| signed(left, right));
            Value::Int(made.ok_or_else(beyond)?)
        }
    })
}

fn chosen(arguments: &[Value], wanted: Ordering) -> Answer {
    let (left, right) = operands(arguments)?;
    let order = match (left, right) {
        (Number::Uint(left), Number::Uint(right)) => left.partial_cmp(&right),
        (Number::Float(_), _) | (_, Number::Float(_)) => left.real().partial_cmp(&right.real()),
        _ => left.signed().partial_cmp(&right.signed()),
    };
    Ok(if order == Some(wanted) { left } else { right }.value())
}
