//! What is in a list or a text, and lists of texts.

use arca_lang::template::{FunctionError, Kind, Value};

use super::{ANYS, Entry, STRINGS, THREE_STRINGS, bytes, entry, value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("in", ANYS, |_, arguments| {
        is_in(value(arguments, 0), value(arguments, 1)).map(Value::Bool)
    }),
    entry("contains", ANYS, |_, arguments| {
        is_in(value(arguments, 1), value(arguments, 0)).map(Value::Bool)
    }),
    entry("containsAll", LIST_AND_ANY, |_, arguments| {
        Ok(Value::Bool(!has(arguments, false)?))
    }),
    entry("containsAny", LIST_AND_ANY, |_, arguments| {
        Ok(Value::Bool(has(arguments, true)?))
    }),
    entry("containsNone", LIST_AND_ANY, |_, arguments| {
        Ok(Value::Bool(!has(arguments, true)?))
    }),
    entry("containsNotAll", LIST_AND_ANY, |_, arguments| {
        Ok(Value::Bool(has(arguments, false)?))
    }),
    entry("join", &[Kind::String, Kind::List], |tools, arguments| {
        tools.library("sprig_join", arguments)
    }),
    entry("split", STRINGS, |tools, arguments| {
        match trimmed(bytes(arguments, 1)) {
            [] => Ok(Value::list([])),
            text => tools.library(
                "sprig_splitList",
                &[value(arguments, 0).clone(), Value::string(text)],
            ),
        }
    }),
    entry("splitToMap", THREE_STRINGS, |tools, arguments| {
        let between = bytes(arguments, 1);
        let text = trimmed(bytes(arguments, 2));
        if text.is_empty() {
            return Ok(Value::map::<String>([]));
        }
        let separator = value(arguments, 0).clone();
        let Value::List(parts) = tools.library("sprig_splitList", &[separator, Value::string(text)])? else {
            return Err("the text has no parts".into());
        };
        // A part without the second separator is left out.
        let pairs = parts.iter().filter_map(|part| {
            let part = part.as_bytes()?;
            let (key, rest) = part.split_at(memchr::memmem::find(part, between)?);
            let key = String::from_utf8_lossy(key).into_owned();
            Some((key, Value::string(rest.get(between.len()..)?)))
        });
        Ok(Value::map(pairs))
    }),
];

const LIST_AND_ANY: &[Kind] = &[Kind::List, Kind::Any];

/// Whether one of the values is in the list or text, or is not.
fn has(arguments: &[Value], wanted: bool) -> Result<bool, FunctionError> {
    let (values, whole) = (value(arguments, 0), value(arguments, 1));
    let Value::List(values) = values else {
        return Ok(false);
    };
    for value in values.iter() {
        if is_in(whole, value)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A list has an element of the same kind and value, a text has a part. Only texts and numbers are looked at.
fn is_in(whole: &Value, part: &Value) -> Result<bool, FunctionError> {
    match (whole, part) {
        (Value::List(elements), part) => {
            for element in elements.iter() {
                if is_same(element, part)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Value::String(_) | Value::JsonNumber(_), Value::Nil) => Err(nothing()),
        (Value::String(whole), Value::String(part)) => Ok(memchr::memmem::find(whole, part).is_some()),
        (Value::JsonNumber(whole), Value::JsonNumber(part)) => Ok(whole.contains(&**part)),
        _ => Ok(false),
    }
}

fn is_same(element: &Value, part: &Value) -> Result<bool, FunctionError> {
    Ok(match (element, part) {
        (Value::String(_) | Value::JsonNumber(_), Value::Nil) => return Err(nothing()),
        (Value::String(one), Value::String(other)) => one == other,
        (Value::JsonNumber(one), Value::JsonNumber(other)) => one == other,
        (Value::Int(one), Value::Int(other)) => one == other,
        (Value::Float(one), Value::Float(other)) => {
            one.partial_cmp(other).is_some_and(std::cmp::Ordering::is_eq)
        }
        _ => false,
    })
}

fn nothing() -> FunctionError {
    FunctionError::new("there is no value to look for among texts")
}

/// Without blanks around it.
fn trimmed(text: &[u8]) -> &[u8] {
    match std::str::from_utf8(text) {
        Ok(text) => text.trim().as_bytes(),
        Err(_) => text.trim_ascii(),
    }
}
