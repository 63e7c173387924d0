//! Values from and to JSON.

use super::call::{Call, made};
use super::{Answer, DEPTH, Entry, entry};
use crate::document::{JsonStyle, to_json};
use crate::template::{FunctionError, Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("fromJson", &[Kind::String], |call| {
        Ok(parse(call).unwrap_or_default())
    }),
    entry("mustFromJson", &[Kind::String], parse),
    entry("toJson", &[Kind::Any], |call| or_empty(JsonStyle::PLAIN, call)),
    entry("mustToJson", &[Kind::Any], |call| written(JsonStyle::PLAIN, call)),
    entry("toPrettyJson", &[Kind::Any], |call| {
        or_empty(JsonStyle::PRETTY, call)
    }),
    entry("mustToPrettyJson", &[Kind::Any], |call| {
        written(JsonStyle::PRETTY, call)
    }),
    entry("toRawJson", &[Kind::Any], |call| written(JsonStyle::RAW, call)),
    entry("mustToRawJson", &[Kind::Any], |call| {
        written(JsonStyle::RAW, call)
    }),
];

fn parse(call: &Call<'_>) -> Answer {
    let text = call.text(0);
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(json) => value(json, DEPTH),
        // The message of the parser could quote the document.
        Err(error) => Err(format!(
            "the text is not JSON: mistake in line {} column {}",
            error.line(),
            error.column()
        )
        .into()),
    }
}

fn value(json: serde_json::Value, depth: usize) -> Answer {
    use serde_json::Value as Json;
    let depth = depth.checked_sub(1).ok_or_else(crate::document::too_deep)?;
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::from(text),
        Json::Array(values) => {
            let values = values.into_iter().map(|inner| value(inner, depth));
            Value::list(values.collect::<Result<Vec<Value>, FunctionError>>()?)
        }
        Json::Object(entries) => {
            let entries = entries
                .into_iter()
                .map(|(key, inner)| Ok((key, value(inner, depth)?)));
            Value::map(entries.collect::<Result<Vec<(String, Value)>, FunctionError>>()?)
        }
    })
}

fn written(style: JsonStyle, call: &Call<'_>) -> Answer {
    call.look(call.value(0));
    made(to_json(call.value(0), style, call.limit())?)
}

fn or_empty(style: JsonStyle, call: &Call<'_>) -> Answer {
    Ok(written(style, call).unwrap_or_else(|_| Value::from("")))
}
