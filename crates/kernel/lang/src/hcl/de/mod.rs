//! Trees to typed values, through serde.
//!
//! What is asked for decides how a key's entries are read:
//!
//! | asked for | given |
//! |---|---|
//! | struct, map | the members of all entries together; of a label, the label is the key |
//! | list | one element for each entry; elements of list values one by one |
//! | enum | a string, or an entry with one label or member that names the variant |
//! | scalar | the last entry; numbers and booleans also from strings, strings also from numbers |
//!
//! Fields of structs match keys without regard to ASCII case.

mod access;
mod entries;
mod scalar;
mod typed;

use std::cell::RefCell;

use serde::Deserialize;

use super::cursor::{Position, Span};
use super::error::{Cause, Error};

pub(super) use entries::Entries;
pub use typed::{Blocks, Labeled, Located, Scalar, ScalarKind};

/// A typed value, and what the document says that the type does not know.
#[derive(Debug)]
pub struct Decoded<T> {
    /// The value.
    pub value: T,
    /// Keys that no field took, in the order they were met. Only structs are looked at, not maps.
    pub unknown: Vec<UnknownKey>,
}

/// A key that no field took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// The fields on the way to it and the key itself: `listener.tcp.adress`.
    pub path: String,
    /// Where it stands.
    pub position: Position,
    /// The known key it may be a misspelling of.
    pub suggestion: Option<&'static str>,
}

/// What all steps of one decoding share.
pub(super) struct Context<'a> {
    text: &'a str,
    /// The fields on the way to the current value.
    path: RefCell<Vec<&'a str>>,
    unknown: RefCell<Vec<UnknownKey>>,
}

pub(super) fn decode<'de, T: Deserialize<'de>>(
    text: &'de str,
    entries: Entries<'de>,
) -> Result<Decoded<T>, Error> {
    let context = Context {
        text,
        path: RefCell::default(),
        unknown: RefCell::default(),
    };
    let value = T::deserialize(access::Reader::new(entries, &context))?;
    Ok(Decoded {
        value,
        unknown: context.unknown.into_inner(),
    })
}

impl<'a> Context<'a> {
    /// Runs `step` one field further down, and puts place and field on its error.
    fn within<T>(
        &self,
        field: &'a str,
        span: Span,
        step: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.path.borrow_mut().push(field);
        let result = step().map_err(|error| error.located(span, &self.path.borrow().join("."), self.text));
        self.path.borrow_mut().pop();
        result
    }

    fn note_unknown(&self, key: &'a str, span: Span, known: &'static [&'static str]) {
        let mut path = self.path.borrow().join(".");
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        self.unknown.borrow_mut().push(UnknownKey {
            path,
            position: span.position,
            suggestion: arca_base::suggest::nearest(key, known.iter().copied()),
        });
    }
}

/// Messages name what was found by its kind: the value may be a password.
impl serde::de::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::of_document(Cause::Invalid(message.to_string()))
    }

    fn invalid_type(unexpected: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::custom(format_args!(
            "expected {expected}, found {}",
            scalar::kind_of(unexpected)
        ))
    }

    fn invalid_value(unexpected: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::custom(format_args!(
            "expected {expected}, found {} that is not one",
            scalar::kind_of(unexpected)
        ))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("expected one of {}", expected.join(", ")))
    }
}
