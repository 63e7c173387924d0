//! JSON that keeps what it was given: numbers stay text, output has one canonical form.
//!
//! Clients compare bytes, audit entries hash strings, and stored secrets must come back as they were written,
//! so neither a float conversion nor a dependency's feature flag may change a document. [`Json`] is the tree,
//! [`JsonText`] the canonical text: object keys sorted, no white space, `<`, `>`, `&`, U+2028 and U+2029
//! escaped, as Go's `encoding/json` writes it.

mod bridge;
mod parse;
mod write;

use std::collections::BTreeMap;
use std::fmt;

pub use bridge::BadShape;
use parse::Duplicates;
pub use parse::{BadJson, Limits};
pub use write::{push_string, push_string_body};

/// A JSON value.
///
/// `Debug` shows the shape only: values are often secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, kept as the text it was written with.
    Number(Number),
    /// A string.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// An object; the last of several equal keys wins.
    Object(Object),
}

/// The members of an object, sorted by key.
pub type Object = BTreeMap<String, Json>;

/// A JSON number as written.
#[derive(Clone, PartialEq, Eq)]
pub struct Number(Box<str>);

/// Canonical JSON text.
///
/// May hold secret values, so `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText(String);

impl Json {
    /// Parses one JSON document.
    ///
    /// # Errors
    /// [`BadJson`] with the byte offset, or the limit that was exceeded. Never quotes the input.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, BadJson> {
        parse::document(bytes, limits, Duplicates::LastWins)
    }

    /// Parses one JSON document in which no object has two members of the same name. For documents that others
    /// sign: two readers must not understand them differently.
    ///
    /// # Errors
    /// As [`Json::parse`], and [`BadJson::Duplicate`].
    pub fn parse_unique(bytes: &[u8], limits: &Limits) -> Result<Self, BadJson> {
        parse::document(bytes, limits, Duplicates::Refused)
    }

    /// An empty object.
    #[must_use]
    pub fn object() -> Self {
        Self::Object(Object::new())
    }

    /// The string inside, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean inside, if this is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The whole number inside, if this is one and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// The members, if this is an object.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements, if this is a list.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// A member of an object; `None` for anything else.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// Whether this is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What kind of value this is, for error messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// The canonical text.
    #[must_use]
    pub fn to_text(&self) -> JsonText {
        let mut out = String::new();
        write::value(self, &mut out);
        JsonText(out)
    }

    /// Appends the canonical text to `out`.
    pub fn write_to(&self, out: &mut String) {
        write::value(self, out);
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(elements) => write!(f, "list of {}", elements.len()),
            Self::Object(members) => write!(f, "object of {}", members.len()),
            other => f.write_str(other.kind()),
        }
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Json {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Number(Number(value.to_string().into()))
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self::Number(Number(value.to_string().into()))
    }
}

impl<T: Into<Self>> From<Vec<T>> for Json {
    fn from(values: Vec<T>) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<K: Into<String>, V: Into<Self>> FromIterator<(K, V)> for Json {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Self {
        Self::Object(
            members
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl Number {
    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value, if it is whole and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok().or_else(|| {
            // 1.0 and 1e3 are whole numbers too.
            let value: f64 = self.0.parse().ok()?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked against the exact integer range"
            )]
            (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64)
        })
    }

    /// The nearest floating-point value.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok()
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }
}

impl JsonText {
    /// Takes text that is canonical already, for instance because this type wrote it into a record that is
    /// authenticated. Not checked.
    #[must_use]
    pub const fn from_canonical(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, by value.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    /// The tree this text stands for.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::parse(self.0.as_bytes(), &Limits::UNLIMITED).unwrap_or(Json::Null)
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JSON text of {} bytes", self.0.len())
    }
}

/// Builds a [`Json`] object from `key => value` pairs.
#[macro_export]
macro_rules! json_object {
    ($($key:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut, clippy::allow_attributes, reason = "an empty object is never changed")]
        let mut members = $crate::json::Object::new();
        $(members.insert(::std::string::String::from($key), $crate::Json::from($value));)*
        $crate::Json::Object(members)
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let value = Json::parse(
            br#"{"password":"canary","list":["canary"],"n":12345}"#,
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(format!("{value:?}"), "object of 3");
        assert_eq!(format!("{:?}", value.to_text()), "JSON text of 49 bytes");
    }

    #[test]
    fn builds_objects() {
        let value = json_object! { "b" => 1_i64, "a" => "x", "c" => Json::Null };
        assert_eq!(value.to_text().as_str(), r#"{"a":"x","b":1,"c":null}"#);
    }

    #[test]
    fn numbers_stay_text() {
        let text = "[1,1.0,1e3,123456789012345678901234567890,-0.10]";
        let value = Json::parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(value.to_text().as_str(), text);
        let whole: Vec<_> = value.as_array().unwrap().iter().map(Json::as_i64).collect();
        assert_eq!(whole, [Some(1), Some(1), Some(1000), None, None]);
    }
}
