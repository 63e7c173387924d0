//! Text to pieces and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::call::{Call, listed, made};
use super::{Answer, Entry, entry};
use crate::template::{FunctionError, Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("split", &[Kind::String, Kind::String], |call| {
        numbered(parts(call.bytes(1), call.bytes(0), usize::MAX))
    }),
    entry("splitn", &[Kind::String, Kind::Int, Kind::String], |call| {
        let most = usize::try_from(call.int(1)).unwrap_or(usize::MAX);
        numbered(parts(call.bytes(2), call.bytes(0), most))
    }),
    entry("splitList", &[Kind::String, Kind::String], |call| {
        listed(
            parts(call.bytes(1), call.bytes(0), usize::MAX)
                .into_iter()
                .map(Value::string),
        )
    }),
    entry("toStrings", &[Kind::Any], |call| {
        listed(strings(call, call.value(0))?.into_iter().map(Value::string))
    }),
    entry("join", &[Kind::String, Kind::Any], |call| {
        let parts = strings(call, call.value(1))?;
        let length: usize = parts.iter().map(Vec::len).sum();
        call.room(length.saturating_add(parts.len().saturating_mul(call.bytes(0).len())))?;
        made(parts.join(call.bytes(0)))
    }),
    entry("sortAlpha", &[Kind::Any], |call| {
        let mut parts = match call.value(0) {
            list @ Value::List(_) => strings(call, list)?,
            other => vec![call.shown(other)?.into_owned()],
        };
        parts.sort_unstable();
        listed(parts.into_iter().map(Value::string))
    }),
];

/// The elements of a list as text, without those that are nothing; anything else is a list of itself.
fn strings(call: &Call<'_>, value: &Value) -> Result<Vec<Vec<u8>>, FunctionError> {
    let values = match value {
        Value::Nil => &[],
        Value::List(values) => &**values,
        other => std::slice::from_ref(other),
    };
    let mut length = 0_usize;
    let mut strings = Vec::with_capacity(values.len());
    for value in values.iter().filter(|value| !matches!(value, Value::Nil)) {
        let text = call.shown(value)?.into_owned();
        length = length.saturating_add(text.len());
        call.room(length)?;
        strings.push(text);
    }
    Ok(strings)
}

/// The pieces between separators, at most this many. No separator means every character for itself.
pub(super) fn parts<'t>(text: &'t [u8], separator: &[u8], most: usize) -> Vec<&'t [u8]> {
    if most == 0 {
        return Vec::new();
    }
    if separator.is_empty() {
        return letters(text, most);
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while parts.len() + 1 < most {
        let Some(at) = super::text::find(rest, separator) else {
            break;
        };
        parts.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + separator.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

/// The characters of a text, at most this many; the last one is the rest.
pub(super) fn letters(text: &[u8], most: usize) -> Vec<&[u8]> {
    let mut letters = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let width = if letters.len() + 1 == most {
            rest.len()
        } else {
            first_width(rest)
        };
        let (letter, behind) = rest.split_at_checked(width).unwrap_or((rest, &[]));
        letters.push(letter);
        rest = behind;
    }
    letters
}

/// Bytes of the first character; one if it is none.
fn first_width(text: &[u8]) -> usize {
    let start = text.get(..4).unwrap_or(text);
    let first = start.utf8_chunks().next();
    let first = first.and_then(|chunk| chunk.valid().chars().next());
    first.map_or(1, char::len_utf8)
}

fn numbered(parts: Vec<&[u8]>) -> Answer {
    let parts = parts.into_iter().enumerate();
    let entries: BTreeMap<String, Value> = parts
        .map(|(index, part)| (format!("_{index}"), Value::string(part)))
        .collect();
    Ok(Value::Map(Arc::new(entries)))
}
