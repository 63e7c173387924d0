//! `eq`, `lt` and what is made of them.

use std::cmp::Ordering;

use super::super::functions::FunctionError;
use super::super::value::{Operand, Value};

const BAD_TYPE: &str = "invalid type for comparison";

/// Whether the first operand equals one of the others.
pub(super) fn equal(operands: &[Operand]) -> Result<bool, FunctionError> {
    let Some((first, others)) = operands.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err("missing argument for comparison".into());
    };
    for other in others {
        if pair_equal(first.value(), other.value())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn pair_equal(left: Option<&Value>, right: Option<&Value>) -> Result<bool, FunctionError> {
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(left.is_none() && right.is_none());
    };
    if let (Some(left), Some(right)) = (left.text_bytes(), right.text_bytes()) {
        return Ok(left == right);
    }
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        #[expect(clippy::float_cmp, reason = "equality is what was asked for")]
        (Value::Float(left), Value::Float(right)) => Ok(left == right),
        (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => {
            Err(format!("non-comparable type {}", right.type_name()).into())
        }
        (Value::Object(left), Value::Object(right)) => Ok(std::sync::Arc::ptr_eq(left, right)),
        (Value::Function(_), Value::Function(_)) => Err("non-comparable type func".into()),
        _ => match whole_numbers(left, right) {
            Some(ordering) => Ok(ordering == Ordering::Equal),
            None if is_basic(left) || is_basic(right) => Err(incompatible(left, right)),
            None => Err(format!("non-comparable types {}, {}", left.type_name(), right.type_name()).into()),
        },
    }
}

/// Whether the first operand is less than the second one.
pub(super) fn less(operands: &[Operand]) -> Result<bool, FunctionError> {
    Ok(order(operands)? == Some(Ordering::Less))
}

/// Whether the first operand is at most the second one.
pub(super) fn less_or_equal(operands: &[Operand]) -> Result<bool, FunctionError> {
    Ok(matches!(order(operands)?, Some(Ordering::Less | Ordering::Equal)))
}

/// `None` for numbers that have no order.
fn order(operands: &[Operand]) -> Result<Option<Ordering>, FunctionError> {
    let value = |index: usize| {
        let value = operands.get(index).and_then(Operand::value);
        value
            .filter(|value| is_basic(value))
            .ok_or_else(|| FunctionError::new(BAD_TYPE))
    };
    let (left, right) = (value(0)?, value(1)?);
    if let (Some(left), Some(right)) = (left.text_bytes(), right.text_bytes()) {
        return Ok(Some(left.cmp(right)));
    }
    match (left, right) {
        (Value::Bool(_), Value::Bool(_)) => Err(BAD_TYPE.into()),
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right)),
        _ => whole_numbers(left, right)
            .map(Some)
            .ok_or_else(|| incompatible(left, right)),
    }
}

/// The order of whole numbers, whether or not their types have a sign.
fn whole_numbers(left: &Value, right: &Value) -> Option<Ordering> {
    let wide = |value: &Value| match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        _ => None,
    };
    Some(wide(left)?.cmp(&wide(right)?))
}

const fn is_basic(value: &Value) -> bool {
    matches!(
        value,
        Value::Bool(_)
            | Value::Int(_)
            | Value::Uint(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::JsonNumber(_)
    )
}

fn incompatible(left: &Value, right: &Value) -> FunctionError {
    let (left, right) = (left.type_name(), right.type_name());
    format!("incompatible types for comparison: {left} and {right}").into()
}
