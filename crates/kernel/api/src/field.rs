//! Fields of requests, coerced the way existing servers coerce them.

use std::collections::BTreeMap;

use arca_base::json::{Limits, Object};
use arca_base::{GoDuration, Json, Timestamp, Ttl};

use crate::pattern::Captures;

/// What a field holds, for reference pages and OpenAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text; numbers and booleans are taken as their text.
    Text,
    /// A whole number; digits in a string are accepted.
    Integer,
    /// `true` or `false`; `"true"`, `"1"`, `1` are accepted.
    Flag,
    /// Seconds, or text such as `1h30m` or `2d`.
    Duration,
    /// A list of texts, or one text with commas.
    CommaList,
    /// A list of texts, or one text.
    List,
    /// A list of whole numbers, or one text with commas.
    IntegerList,
    /// An object of texts, or a list of `key=value`.
    Map,
    /// RFC 3339, or Unix seconds.
    Time,
    /// Any JSON value.
    Any,
}

/// A value that can be read from a request and written into one.
///
/// An absent field and a JSON `null` give `Default`; use `Option` where "was it given" matters.
pub trait Field: Sized + Default {
    /// What it holds.
    const KIND: Kind;
    /// Whether a JSON `null` is a value of its own rather than absence.
    const KEEPS_NULL: bool = false;

    /// Reads a value that is present and not `null`.
    ///
    /// # Errors
    /// What is wrong, without the value: it may be a secret.
    fn decode(value: &Json) -> Result<Self, String>;

    /// The value a client sends; `None` leaves the field out.
    fn encode(&self) -> Option<Json>;
}

/// A field that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Field validation failed: error converting input for field {field:?}: {reason}")]
pub struct FieldError {
    /// The field.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Where the fields of one request come from: captures of the path first, then the body or query.
pub struct Input<'a> {
    captures: &'a Captures<'a>,
    data: &'a Object,
    fold_case: bool,
}

impl<'a> Input<'a> {
    /// An input of path captures and body (or query) members.
    #[must_use]
    pub const fn new(captures: &'a Captures<'a>, data: &'a Object) -> Self {
        Self {
            captures,
            data,
            fold_case: false,
        }
    }

    /// The same input with member names compared without regard to ASCII case.
    #[must_use]
    pub const fn folding_case(self, fold_case: bool) -> Self {
        Self { fold_case, ..self }
    }

    /// Reads one field.
    ///
    /// # Errors
    /// [`FieldError`] when the value does not fit the field.
    pub fn field<F: Field>(&self, name: &str) -> Result<F, FieldError> {
        let decoded = if let Some(text) = self.captures.get(name) {
            F::decode(&Json::from(text))
        } else {
            match self.member(name) {
                None => return Ok(F::default()),
                Some(Json::Null) if !F::KEEPS_NULL => return Ok(F::default()),
                Some(value) => F::decode(value),
            }
        };
        decoded.map_err(|reason| FieldError {
            field: name.to_owned(),
            reason,
        })
    }

    /// All members of the body or query.
    #[must_use]
    pub const fn data(&self) -> &'a Object {
        self.data
    }

    /// What the path captured.
    #[must_use]
    pub const fn captures(&self) -> &'a Captures<'a> {
        self.captures
    }

    fn member(&self, name: &str) -> Option<&'a Json> {
        self.data.get(name).or_else(|| {
            let folded = self
                .fold_case
                .then(|| self.data.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
            folded.flatten().map(|(_, value)| value)
        })
    }
}

fn wrong(expected: &str, value: &Json) -> String {
    format!("expected {expected}, got {}", value.kind())
}

impl Field for String {
    const KIND: Kind = Kind::Text;

    fn decode(value: &Json) -> Result<Self, String> {
        match value {
            Json::String(text) => Ok(text.clone()),
            Json::Number(number) => Ok(number.as_str().to_owned()),
            Json::Bool(value) => Ok(if *value { "1" } else { "0" }.to_owned()),
            other => Err(wrong("a string", other)),
        }
    }

    fn encode(&self) -> Option<Json> {
        (!self.is_empty()).then(|| Json::from(self.as_str()))
    }
}

impl Field for i64 {
    const KIND: Kind = Kind::Integer;

    fn decode(value: &Json) -> Result<Self, String> {
        let whole = match value {
            Json::Number(_) => value.as_i64(),
            Json::String(text) if text.is_empty() => Some(0),
            Json::String(text) => text.parse().ok(),
            Json::Bool(value) => Some(Self::from(*value)),
            _ => None,
        };
        whole.ok_or_else(|| wrong("a whole number", value))
    }

    fn encode(&self) -> Option<Json> {
        Some(Json::from(*self))
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Flag;

    fn decode(value: &Json) -> Result<Self, String> {
        let flag = match value {
            Json::Bool(value) => Some(*value),
            Json::Number(_) => value.as_i64().map(|number| number != 0),
            Json::String(text) => parse_flag(text),
            _ => None,
        };
        flag.ok_or_else(|| wrong("true or false", value))
    }

    fn encode(&self) -> Option<Json> {
        Some(Json::from(*self))
    }
}

/// A boolean as Go's `strconv.ParseBool` reads it; the empty text is false.
#[must_use]
pub fn parse_flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

impl Field for Ttl {
    const KIND: Kind = Kind::Duration;

    fn decode(value: &Json) -> Result<Self, String> {
        let duration = decode_duration(value)?;
        if duration.nanos() < 0 {
            let given = match value {
                Json::String(text) => text.clone(),
                other => other.to_text().into_string(),
            };
            return Err(format!("cannot provide negative value '{given}'"));
        }
        Ok(Self::from_seconds(
            u64::try_from(duration.nanos() / 1_000_000_000).unwrap_or(0),
        ))
    }

    fn encode(&self) -> Option<Json> {
        Some(Json::from(self.seconds()))
    }
}

impl Field for GoDuration {
    const KIND: Kind = Kind::Duration;

    fn decode(value: &Json) -> Result<Self, String> {
        decode_duration(value)
    }

    fn encode(&self) -> Option<Json> {
        Some(Json::from(self.to_string()))
    }
}

fn decode_duration(value: &Json) -> Result<GoDuration, String> {
    match value {
        Json::String(text) => GoDuration::parse_lenient(text).map_err(|error| error.to_string()),
        Json::Number(number) => number
            .as_i64()
            .map(GoDuration::from_seconds)
            .ok_or_else(|| "expected a whole number of seconds".to_owned()),
        other => Err(wrong("a duration such as 3600 or \"1h\"", other)),
    }
}

impl Field for Option<Timestamp> {
    const KIND: Kind = Kind::Time;

    fn decode(value: &Json) -> Result<Self, String> {
        let time = match value {
            Json::String(text) if text.is_empty() => return Ok(None),
            Json::String(text) => match text.parse() {
                Ok(seconds) => Timestamp::from_unix(seconds, 0),
                Err(_) => Timestamp::parse(text).map_err(|error| error.to_string())?,
            },
            Json::Number(number) => {
                let seconds = number
                    .as_i64()
                    .ok_or_else(|| "expected whole Unix seconds".to_owned())?;
                Timestamp::from_unix(seconds, 0)
            }
            other => return Err(wrong("a time", other)),
        };
        Ok(Some(time))
    }

    fn encode(&self) -> Option<Json> {
        self.map(|time| Json::from(time.to_string()))
    }
}

/// A list of texts; one text is split at commas and trimmed, empty parts dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommaList(pub Vec<String>);

impl CommaList {
    /// The texts.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

impl Field for CommaList {
    const KIND: Kind = Kind::CommaList;

    fn decode(value: &Json) -> Result<Self, String> {
        match value {
            Json::String(text) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Ok(Self(parts.map(str::to_owned).collect()))
            }
            _ => decode_texts(value)
                .map(|texts| Self(texts.iter().map(|text| text.trim().to_owned()).collect())),
        }
    }

    fn encode(&self) -> Option<Json> {
        Some(Json::from(self.0.clone()))
    }
}

/// A list of texts; one text is a list of one, the empty text an empty list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextList(pub Vec<String>);

impl Field for TextList {
    const KIND: Kind = Kind::List;

    fn decode(value: &Json) -> Result<Self, String> {
        match value {
            Json::String(text) if text.is_empty() => Ok(Self::default()),
            Json::String(text) => Ok(Self(vec![text.clone()])),
            _ => decode_texts(value).map(Self),
        }
    }

    fn encode(&self) -> Option<Json> {
        Some(Json::from(self.0.clone()))
    }
}

fn decode_texts(value: &Json) -> Result<Vec<String>, String> {
    match value {
        Json::Array(elements) => elements.iter().map(String::decode).collect(),
        Json::Number(_) | Json::Bool(_) => String::decode(value).map(|text| vec![text]),
        other => Err(wrong("a list of strings", other)),
    }
}

/// A list of whole numbers: `[1, 2]`, `["1", "2"]`, `"1,2"` or `1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntegerList(pub Vec<i64>);

impl Field for IntegerList {
    const KIND: Kind = Kind::IntegerList;

    fn decode(value: &Json) -> Result<Self, String> {
        match value {
            Json::Array(elements) => elements
                .iter()
                .map(i64::decode)
                .collect::<Result<_, _>>()
                .map(Self),
            Json::String(text) => text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| {
                    part.parse()
                        .map_err(|_| "expected whole numbers separated by commas".to_owned())
                })
                .collect::<Result<_, _>>()
                .map(Self),
            Json::Number(_) => i64::decode(value).map(|number| Self(vec![number])),
            other => Err(wrong("a list of whole numbers", other)),
        }
    }

    fn encode(&self) -> Option<Json> {
        Some(Json::from(self.0.clone()))
    }
}

/// Texts by name: an object, or a list of `key=value`, or one such text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextMap(pub BTreeMap<String, String>);

impl Field for TextMap {
    const KIND: Kind = Kind::Map;

    fn decode(value: &Json) -> Result<Self, String> {
        let pair = |text: &str| {
            let (key, value) = text
                .split_once('=')
                .ok_or_else(|| "expected key=value pairs".to_owned())?;
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        };
        match value {
            Json::Object(members) => members
                .iter()
                .map(|(key, member)| {
                    let text = if member.is_null() {
                        Ok(String::new())
                    } else {
                        String::decode(member)
                    };
                    text.map(|text| (key.clone(), text))
                        .map_err(|reason| format!("{key:?}: {reason}"))
                })
                .collect::<Result<_, String>>()
                .map(Self),
            Json::Array(elements) => {
                let texts = elements
                    .iter()
                    .map(|element| pair(element.as_str().unwrap_or_default()));
                texts.collect::<Result<_, String>>().map(Self)
            }
            Json::String(text) if text.is_empty() => Ok(Self::default()),
            // A command line sends an object as one text.
            Json::String(text) if text.starts_with('{') => {
                let parsed =
                    Json::parse(text.as_bytes(), &Limits::default()).map_err(|error| error.to_string())?;
                Self::decode(&parsed)
            }
            Json::String(text) => pair(text).map(|(key, value)| Self(BTreeMap::from([(key, value)]))),
            other => Err(wrong("an object of strings", other)),
        }
    }

    fn encode(&self) -> Option<Json> {
        Some(
            self.0
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    }
}

/// Any JSON value; absent is `null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Any(pub Json);

impl Default for Any {
    fn default() -> Self {
        Self(Json::Null)
    }
}

impl Field for Any {
    const KIND: Kind = Kind::Any;

    fn decode(value: &Json) -> Result<Self, String> {
        Ok(Self(value.clone()))
    }

    fn encode(&self) -> Option<Json> {
        (!self.0.is_null()).then(|| self.0.clone())
    }
}

/// "Was it given": `None` for an absent field or a JSON `null`.
macro_rules! optional {
    ($($field:ty),*) => {$(
        impl Field for Option<$field> {
            const KIND: Kind = <$field as Field>::KIND;

            fn decode(value: &Json) -> Result<Self, String> {
                <$field as Field>::decode(value).map(Some)
            }

            fn encode(&self) -> Option<Json> {
                self.as_ref().map(|value| value.encode().unwrap_or_else(|| Json::from("")))
            }
        }
    )*};
}

optional!(
    String,
    i64,
    bool,
    Ttl,
    GoDuration,
    CommaList,
    TextList,
    IntegerList,
    TextMap
);

/// `None` for an absent field only: `null` is a value.
impl Field for Option<Any> {
    const KIND: Kind = Kind::Any;
    const KEEPS_NULL: bool = true;

    fn decode(value: &Json) -> Result<Self, String> {
        Ok(Some(Any(value.clone())))
    }

    fn encode(&self) -> Option<Json> {
        self.as_ref().map(|any| any.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<F: Field>(json: &str) -> Result<F, String> {
        F::decode(&Json::parse(json.as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn coerces_as_existing_servers_do() {
        assert_eq!(read::<String>("5"), Ok("5".into()));
        assert_eq!(read::<String>("true"), Ok("1".into()));
        assert_eq!(read::<i64>("\"3\""), Ok(3));
        assert_eq!(read::<bool>("\"true\""), Ok(true));
        assert_eq!(read::<bool>("\"\""), Ok(false));
        assert_eq!(read::<bool>("1"), Ok(true));
        assert_eq!(read::<Ttl>("\"1h30m\""), Ok(Ttl::from_seconds(5400)));
        assert_eq!(read::<Ttl>("\"30d\""), Ok(Ttl::from_hours(720)));
        assert_eq!(
            read::<CommaList>("\"a, b,,c \""),
            Ok(CommaList(vec!["a".into(), "b".into(), "c".into()]))
        );
        assert_eq!(read::<TextList>("\"a,b\""), Ok(TextList(vec!["a,b".into()])));
        assert_eq!(read::<TextList>("\"\""), Ok(TextList(vec![])));
        assert_eq!(read::<IntegerList>("[1,\"2\"]"), Ok(IntegerList(vec![1, 2])));
        assert_eq!(read::<IntegerList>("\"1, 2\""), Ok(IntegerList(vec![1, 2])));
        let map = TextMap(BTreeMap::from([("a".into(), "1".into())]));
        assert_eq!(read::<TextMap>("{\"a\":1}"), Ok(map.clone()));
        assert_eq!(read::<TextMap>("[\"a=1\"]"), Ok(map.clone()));
        assert_eq!(read::<TextMap>("\"{\\\"a\\\":\\\"1\\\"}\""), Ok(map));
        assert_eq!(
            read::<Option<Timestamp>>("\"1700000000\""),
            Ok(Some(Timestamp::from_unix(1_700_000_000, 0)))
        );
    }

    #[test]
    fn refusals_name_the_field_and_never_the_value() {
        let data = Json::parse(
            br#"{"ttl":"canary","n":[1],"s":{"canary":1}}"#,
            &Limits::default(),
        )
        .unwrap();
        let captures = Captures::none();
        let input = Input::new(&captures, data.as_object().unwrap());
        assert_eq!(
            input.field::<i64>("n").unwrap_err().to_string(),
            "Field validation failed: error converting input for field \"n\": expected a whole number, got a list"
        );
        assert!(
            !input
                .field::<String>("s")
                .unwrap_err()
                .to_string()
                .contains("canary")
        );
        assert_eq!(
            read::<Ttl>("-1"),
            Err("cannot provide negative value '-1'".into())
        );
    }

    #[test]
    fn null_and_absent_are_the_same() {
        let data = Json::parse(br#"{"a":null}"#, &Limits::default()).unwrap();
        let captures = Captures::none();
        let input = Input::new(&captures, data.as_object().unwrap());
        assert_eq!(input.field::<Option<bool>>("a"), Ok(None));
        assert_eq!(input.field::<Option<bool>>("b"), Ok(None));
        assert_eq!(input.field::<String>("a"), Ok(String::new()));
    }
}
