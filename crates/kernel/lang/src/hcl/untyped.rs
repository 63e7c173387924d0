//! Trees to plain JSON, for values that no type describes.

use arca_base::{Json, json};

use super::ast::{Entry, Kind, Object, Value};
use super::literal;

/// The members of an object; blocks become lists of objects, since there may always be another one.
///
/// Lists assigned twice are joined, of scalars the last one counts. Numbers that have no JSON form (too large)
/// become strings of the text as written.
#[must_use]
pub fn object(object: &Object) -> Json {
    Json::Object(members(object.members().map(|(key, entry)| (&*key.name, entry))))
}

/// A value that stands by itself, such as an element of a list.
#[must_use]
pub fn value(value: &Value) -> Json {
    match &value.kind {
        Kind::Object(members) => object(members),
        Kind::List(elements) => Json::Array(elements.iter().map(self::value).collect()),
        Kind::String(text) => Json::String(text.to_string()),
        Kind::Integer(text) => literal::integer(text).map_or_else(|| Json::from(&**text), Json::from),
        Kind::Float(text) => float(text),
        Kind::Bool(value) => Json::Bool(*value),
        Kind::Null => Json::Null,
    }
}

fn members<'a>(entries: impl Iterator<Item = (&'a str, Entry<'a>)>) -> json::Object {
    let mut out = json::Object::new();
    for (key, entry) in entries {
        let new = member(entry);
        match (out.get_mut(key), new) {
            (Some(Json::Array(all)), Json::Array(more)) => all.extend(more),
            (_, new) => {
                out.insert(key.to_owned(), new);
            }
        }
    }
    out
}

/// The value of one key: a block is one more element of a list.
fn member(entry: Entry<'_>) -> Json {
    match entry.labels.split_first() {
        Some((label, labels)) => {
            let value = entry.value;
            let inner = members(std::iter::once((&*label.name, Entry { labels, value })));
            Json::Array(vec![Json::Object(inner)])
        }
        None => match value(entry.value) {
            block @ Json::Object(_) => Json::Array(vec![block]),
            other => other,
        },
    }
}

/// The shortest form of the nearest 64-bit number, with an exponent only for very large and very small ones.
fn float(text: &str) -> Json {
    let Some(number) = literal::float(text) else {
        return Json::from(text);
    };
    let size = number.abs();
    let printed = if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let printed = format!("{number:e}");
        if printed.contains("e-") {
            printed
        } else {
            printed.replace('e', "e+")
        }
    } else {
        number.to_string()
    };
    Json::parse(printed.as_bytes(), &json::Limits::UNLIMITED).unwrap_or(Json::String(printed))
}
