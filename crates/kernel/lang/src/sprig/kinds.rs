//! What a value is, and whether two are the same.

use super::call::{Call, made};
use super::{DEPTH, Entry, entry};
use crate::template::{FunctionError, Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("typeOf", &[Kind::Any], |call| made(call.value(0).type_name())),
    entry("typeIs", &[Kind::String, Kind::Any], |call| {
        Ok(Value::Bool(*call.text(0) == *call.value(1).type_name()))
    }),
    entry("typeIsLike", &[Kind::String, Kind::Any], |call| {
        let (wanted, is) = (call.text(0), call.value(1).type_name());
        Ok(Value::Bool(
            *wanted == *is || is.strip_prefix('*') == Some(&*wanted),
        ))
    }),
    entry("kindOf", &[Kind::Any], |call| made(kind(call))),
    entry("kindIs", &[Kind::String, Kind::Any], |call| {
        Ok(Value::Bool(call.bytes(0) == kind_of(call.value(1)).as_bytes()))
    }),
    entry("deepEqual", &[Kind::Any, Kind::Any], |call| {
        equal(call.value(0), call.value(1)).map(Value::Bool)
    }),
];

fn kind(call: &Call<'_>) -> &'static str {
    kind_of(call.value(0))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Uint(_) => "uint64",
        Value::Float(_) => "float64",
        Value::String(_) | Value::JsonNumber(_) => "string",
        Value::List(_) => "slice",
        Value::Map(_) => "map",
        Value::Object(object) if object.type_name().starts_with('*') => "ptr",
        Value::Object(_) => "struct",
        Value::Function(_) => "func",
    }
}

/// Whether two values are of the same type and hold the same.
pub(super) fn equal(left: &Value, right: &Value) -> Result<bool, FunctionError> {
    same(left, right, DEPTH)
}

fn same(left: &Value, right: &Value, depth: usize) -> Result<bool, FunctionError> {
    let depth = depth.checked_sub(1).ok_or("the values have too many levels")?;
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Uint(left), Value::Uint(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::String(left), Value::String(right)) => left == right,
        (Value::JsonNumber(left), Value::JsonNumber(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !same(left, right, depth)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if !left.keys().eq(right.keys()) {
                return Ok(false);
            }
            for (left, right) in left.values().zip(right.values()) {
                if !same(left, right, depth)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Object(left), Value::Object(right)) => {
            left.type_name() == right.type_name() && left.text() == right.text()
        }
        _ => false,
    })
}
