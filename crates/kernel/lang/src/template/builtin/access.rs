//! `index`, `slice`, `len` and `call`.

use super::super::functions::FunctionError;
use super::super::value::{Operand, Value};

/// `index m "a" 0`: the element of the element.
pub(super) fn index(operands: &[Operand]) -> Result<Operand, FunctionError> {
    let Some((item, keys)) = operands.split_first().filter(|(item, _)| item.value().is_some()) else {
        return Err("index of untyped nil".into());
    };
    let mut keys = keys.iter();
    let Some(key) = keys.next() else {
        return Ok(item.clone());
    };
    let first = element(item, key)?;
    keys.try_fold(first, |item, key| element(&item, key))
}

fn element(item: &Operand, key: &Operand) -> Result<Operand, FunctionError> {
    let found = match item.value() {
        None => return Err("index of nil pointer".into()),
        Some(Value::List(values)) => {
            let at = position(key, values.len())?;
            values.get(at).cloned().ok_or(OUT_OF_RANGE)?
        }
        Some(text @ (Value::String(_) | Value::JsonNumber(_))) => {
            let bytes = text.text_bytes().unwrap_or_default();
            let at = position(key, bytes.len())?;
            let byte = bytes.get(at).ok_or(OUT_OF_RANGE)?;
            return Ok(Operand::Plain(Value::Uint(u64::from(*byte))));
        }
        Some(Value::Map(entries)) => {
            let key = map_key(key)?;
            let key = std::str::from_utf8(key).ok();
            key.and_then(|key| entries.get(key)).cloned().unwrap_or_default()
        }
        Some(other) => return Err(format!("can't index item of type {}", other.type_name()).into()),
    };
    Ok(Operand::Element(found))
}

const OUT_OF_RANGE: &str = "index out of range";

fn map_key(key: &Operand) -> Result<&[u8], FunctionError> {
    match key.value() {
        Some(Value::String(bytes)) => Ok(bytes),
        Some(other) => {
            let found = other.type_name();
            Err(format!("value has type {found}; should be string").into())
        }
        None => Err("value is nil; should be of type string".into()),
    }
}

/// An index from 0 to `limit`.
fn position(index: &Operand, limit: usize) -> Result<usize, FunctionError> {
    let number = match index.value() {
        Some(Value::Int(number)) => usize::try_from(*number).ok(),
        Some(Value::Uint(number)) => usize::try_from(*number).ok(),
        Some(other) => {
            return Err(format!("cannot index slice/array with type {}", other.type_name()).into());
        }
        None => return Err("cannot index slice/array with nil".into()),
    };
    number
        .filter(|number| *number <= limit)
        .ok_or_else(|| OUT_OF_RANGE.into())
}

/// `slice x 1 2`: the elements or bytes from 1 up to but not including 2.
pub(super) fn slice(operands: &[Operand]) -> Result<Operand, FunctionError> {
    let Some((item, indexes)) = operands.split_first() else {
        return Err("slice of untyped nil".into());
    };
    let item = item.value().ok_or("slice of untyped nil")?;
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let length = match item {
        Value::String(_) | Value::JsonNumber(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".into());
        }
        Value::String(bytes) => bytes.len(),
        Value::JsonNumber(digits) => digits.len(),
        Value::List(values) => values.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name()).into()),
    };
    let mut bounds = Vec::with_capacity(indexes.len());
    for index in indexes {
        bounds.push(position(index, length)?);
    }
    let start = bounds.first().copied().unwrap_or(0);
    let end = bounds.get(1).copied().unwrap_or(length);
    if start > end || bounds.get(2).is_some_and(|most| end > *most) {
        return Err("invalid slice index: the end lies before the start".into());
    }
    let cut = match item {
        Value::List(values) => values.get(start..end).map(|part| Value::List(part.into())),
        Value::JsonNumber(digits) => digits.get(start..end).map(|part| Value::JsonNumber(part.into())),
        other => other
            .as_bytes()
            .and_then(|bytes| bytes.get(start..end))
            .map(Value::string),
    };
    cut.map(Operand::Plain).ok_or_else(|| OUT_OF_RANGE.into())
}

pub(super) fn length(operands: &[Operand]) -> Result<Operand, FunctionError> {
    let length = match operands.first() {
        Some(Operand::Element(Value::Nil)) => return Err("len of nil pointer".into()),
        None | Some(Operand::Absent | Operand::Plain(Value::Nil)) => return Err("len of untyped nil".into()),
        Some(Operand::Plain(value) | Operand::Element(value)) => match value {
            Value::String(bytes) => bytes.len(),
            Value::JsonNumber(digits) => digits.len(),
            Value::List(values) => values.len(),
            Value::Map(entries) => entries.len(),
            other => return Err(format!("len of type {}", other.type_name()).into()),
        },
    };
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    Ok(Operand::Plain(Value::Int(length)))
}

/// Calls a function that is a value.
pub(super) fn call(operands: &[Operand], callee: &str) -> Result<Operand, FunctionError> {
    let (function, arguments) = operands.split_first().unwrap_or((&Operand::Absent, &[]));
    let arguments: Vec<Value> = arguments.iter().cloned().map(Operand::into_value).collect();
    match function.value() {
        None => Err("call of nil".into()),
        Some(Value::Function(function)) => function.call(&arguments).map(Operand::plain),
        Some(other) => Err(format!("non-function {callee} of type {}", other.type_name()).into()),
    }
}
