//! What a template can hold in its hands.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::functions::{FunctionError, Signature};

/// A value of a template.
///
/// Cloning is cheap. `Debug` shows the type only: templates are fed with secrets.
#[derive(Clone, Default)]
pub enum Value {
    /// Nothing: JSON's null, and what a missing key gives.
    #[default]
    Nil,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number of an unsigned type, such as a byte of a string.
    Uint(u64),
    /// A number with a fraction.
    Float(f64),
    /// Bytes, usually UTF-8.
    String(Arc<[u8]>),
    /// A number as it was written in a JSON document. It prints its digits, compares as a string, and does not
    /// fit where a number or a string is asked for.
    JsonNumber(Arc<str>),
    /// Values in order.
    List(Arc<[Value]>),
    /// Values by key.
    Map(Arc<BTreeMap<String, Value>>),
    /// Something with fields and methods of its own.
    Object(Arc<dyn Object>),
    /// Something `call` can call.
    Function(Arc<dyn Callable>),
}

/// A value with fields and methods of the embedding program's making.
pub trait Object: Send + Sync {
    /// What `%T` and error messages call it, such as `*agent.Secret`.
    fn type_name(&self) -> &str;

    /// The field of this name. `None` if there is none.
    fn field(&self, name: &str) -> Option<Value>;

    /// What the method of this name takes. `None` if it is to say itself what does not fit.
    fn signature(&self, _name: &str) -> Option<Signature> {
        None
    }

    /// Whether there is a method of this name; otherwise its arguments are not looked at. `true` leaves it to
    /// [`Object::method`] to say so.
    fn has_method(&self, _name: &str) -> bool {
        true
    }

    /// Whether it stands for something that is not there: false as a condition, equal to nothing, and without fields.
    fn is_nil(&self) -> bool {
        false
    }

    /// Calls the method of this name. `None` if there is none.
    fn method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, FunctionError>>;

    /// What it prints as. Objects print as their type unless they say otherwise.
    fn text(&self) -> String {
        format!("<{}>", self.type_name())
    }
}

/// A function as a value.
pub trait Callable: Send + Sync {
    /// Calls it.
    ///
    /// # Errors
    /// Whatever the function says; the template ends with it.
    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError>;
}

impl Value {
    /// A string.
    #[must_use]
    pub fn string(bytes: impl AsRef<[u8]>) -> Self {
        Self::String(bytes.as_ref().into())
    }

    /// A list.
    #[must_use]
    pub fn list(values: impl IntoIterator<Item = Self>) -> Self {
        Self::List(values.into_iter().collect())
    }

    /// A map.
    #[must_use]
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Arc::new(
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        ))
    }

    /// The bytes, if this is a string.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::String(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if this is a string of UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The number, if this is a whole number.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// What conditions make of it: zero, empty and nothing are false.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Uint(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::String(bytes) => !bytes.is_empty(),
            Self::JsonNumber(digits) => !digits.is_empty(),
            Self::List(values) => !values.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Object(object) => !object.is_nil(),
            Self::Function(_) => true,
        }
    }

    /// What `%T` prints: the names template authors know.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint64",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::JsonNumber(_) => "json.Number",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Object(object) => object.type_name(),
            Self::Function(_) => "func(...interface {}) (interface {}, error)",
        }
    }

    /// Whether it counts as a string where strings are set apart, as in `print`.
    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::String(_) | Self::JsonNumber(_))
    }

    /// How long the text is, if it is one.
    pub(super) fn text_length(&self) -> usize {
        self.text_bytes().map_or(0, <[u8]>::len)
    }

    /// The bytes of a string or of a JSON number.
    pub(super) fn text_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::String(bytes) => Some(bytes),
            Self::JsonNumber(digits) => Some(digits.as_bytes()),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::string(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}

/// A value on its way through the evaluator.
///
/// Whether a value came out of a list or a map, whose elements can be anything, shows in two places: fields of a
/// nil element are an error while fields of nothing at all are nothing again, and error messages name the type.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// No value at all; prints as `<no value>`.
    Absent,
    /// A value of its own type.
    Plain(Value),
    /// An element of a list or a map, or the result of a function that can return anything.
    Element(Value),
}

impl Operand {
    /// A value that stands for itself.
    pub(super) fn plain(value: Value) -> Self {
        match value {
            Value::Nil => Self::Absent,
            value => Self::Plain(value),
        }
    }

    /// What a function of the embedding program gave: if it gave nothing, it could have given anything.
    pub(super) fn result(value: Value) -> Self {
        match value {
            Value::Nil => Self::Element(Value::Nil),
            value => Self::Plain(value),
        }
    }

    /// What a function gets to see.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Absent => Value::Nil,
            Self::Plain(value) | Self::Element(value) => value,
        }
    }

    /// The value, if there is one.
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Absent | Self::Plain(Value::Nil) | Self::Element(Value::Nil) => None,
            Self::Plain(Value::Object(object)) | Self::Element(Value::Object(object)) if object.is_nil() => {
                None
            }
            Self::Plain(value) | Self::Element(value) => Some(value),
        }
    }

    /// What stands for something that is not there, if that has a type.
    pub(super) fn nil_object(&self) -> Option<&dyn Object> {
        match self {
            Self::Plain(Value::Object(object)) | Self::Element(Value::Object(object)) if object.is_nil() => {
                Some(&**object)
            }
            _ => None,
        }
    }

    /// What is left of it after a pipeline: an element becomes a value of its own type.
    pub(super) fn settled(self) -> Self {
        Self::plain(self.into_value())
    }

    pub(super) fn is_true(&self) -> bool {
        self.value().is_some_and(Value::is_true)
    }

    /// The type as error messages name it.
    pub(super) fn type_name(&self) -> &str {
        match self {
            Self::Absent => "<nil>",
            Self::Plain(value) => value.type_name(),
            Self::Element(_) => "interface {}",
        }
    }
}
