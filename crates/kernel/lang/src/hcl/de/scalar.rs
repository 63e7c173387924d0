//! Scalars, leniently: what is written as text may be meant as a number, and the other way round.

use serde::de::{Unexpected, Visitor};

use super::super::ast::{Kind, Value};
use super::super::error::Error;
use super::super::literal;

/// What was found, by kind only.
pub(super) const fn kind_of(unexpected: Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number",
        Unexpected::Float(_) => "a fractional number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a string",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        _ => "a block",
    }
}

/// The value as it is; lists and objects are the caller's business.
pub(super) fn plain<'a, V: Visitor<'a>>(value: &'a Value, visitor: V) -> Result<V::Value, Error> {
    match &value.kind {
        Kind::String(text) => visitor.visit_borrowed_str(text),
        Kind::Integer(text) => match literal::integer(text) {
            Some(number) => visitor.visit_i64(number),
            None => visitor.visit_borrowed_str(text),
        },
        Kind::Float(text) => match literal::float(text) {
            Some(number) => visitor.visit_f64(number),
            None => visitor.visit_borrowed_str(text),
        },
        Kind::Bool(value) => visitor.visit_bool(*value),
        Kind::Null => visitor.visit_unit(),
        Kind::List(_) => Err(serde::de::Error::invalid_type(Unexpected::Seq, &visitor)),
        Kind::Object(_) => Err(serde::de::Error::invalid_type(Unexpected::Map, &visitor)),
    }
}

/// A boolean, also from `"true"`, `"1"`, `1` and their opposites.
pub(super) fn boolean<'a, V: Visitor<'a>>(value: &'a Value, visitor: V) -> Result<V::Value, Error> {
    let text = match &value.kind {
        Kind::String(text) | Kind::Integer(text) => &**text,
        _ => "",
    };
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => visitor.visit_bool(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => visitor.visit_bool(false),
        _ => plain(value, visitor),
    }
}

/// A whole number, also from a string.
pub(super) fn whole<'a, V: Visitor<'a>>(value: &'a Value, visitor: V) -> Result<V::Value, Error> {
    match &value.kind {
        Kind::String(text) => match literal::integer(text) {
            Some(number) => visitor.visit_i64(number),
            None => plain(value, visitor),
        },
        _ => plain(value, visitor),
    }
}

/// Any number, also from a string.
pub(super) fn real<'a, V: Visitor<'a>>(value: &'a Value, visitor: V) -> Result<V::Value, Error> {
    match &value.kind {
        Kind::String(text) => match literal::float(text) {
            Some(number) => visitor.visit_f64(number),
            None => plain(value, visitor),
        },
        _ => plain(value, visitor),
    }
}

/// Text, also of numbers and booleans as written; `null` is empty text.
pub(super) fn text<'a, V: Visitor<'a>>(value: &'a Value, visitor: V) -> Result<V::Value, Error> {
    match as_written(value) {
        Some(text) => visitor.visit_borrowed_str(text),
        None => plain(value, visitor),
    }
}

/// A scalar's text; for a string its contents.
pub(super) fn as_written(value: &Value) -> Option<&str> {
    match &value.kind {
        Kind::String(text) | Kind::Integer(text) | Kind::Float(text) => Some(text),
        Kind::Bool(true) => Some("true"),
        Kind::Bool(false) => Some("false"),
        Kind::Null => Some(""),
        Kind::List(_) | Kind::Object(_) => None,
    }
}
