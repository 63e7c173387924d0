//! Types that ask for more than a plain value: its place, its label, its text as written.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::SeqDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Visitor};

use super::super::ast::{Kind, Value};
use super::super::cursor::Position;
use super::super::error::Error;
use super::super::literal;
use super::access::Reader;

/// Names by which the types below ask for their parts.
pub(super) const SCALAR: &str = "$hcl::Scalar";
pub(super) const LOCATED: &str = "$hcl::Located";
pub(super) const BLOCKS: &str = "$hcl::Blocks";

/// A string, number or boolean as it was written, for types that read scalars in their own lenient way.
///
/// Also deserializes from other formats, with a default position.
#[derive(Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The contents of a string; a number or boolean as written (`0600`, `1.50`, `true`).
    pub text: String,
    /// What it was written as.
    pub kind: ScalarKind,
    /// Where it stands; `None` if it is not from an HCL document.
    pub position: Option<Position>,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarKind {
    /// `"text"` or a heredoc; `null` counts as an empty one.
    String,
    /// `12`
    Integer,
    /// `1.5`
    Float,
    /// `true`
    Bool,
}

impl Scalar {
    /// The value of a whole number (decimal, `0x1f`, octal `017`), or of a string of decimal digits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.kind {
            ScalarKind::Integer => literal::integer(&self.text),
            ScalarKind::String => self.text.trim().parse().ok(),
            ScalarKind::Float | ScalarKind::Bool => None,
        }
    }
}

/// The text may be a password.
impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} bytes", self.kind, self.text.len())
    }
}

/// What a [`Scalar`] is made of, in the order it is handed over.
pub(super) fn scalar_parts<'a>(
    value: &Value,
    text: &'a str,
) -> SeqDeserializer<std::vec::IntoIter<Part<'a>>, Error> {
    let kind = match value.kind {
        Kind::Integer(_) => 1,
        Kind::Float(_) => 2,
        Kind::Bool(_) => 3,
        _ => 0,
    };
    let Position { line, column } = value.span.position;
    SeqDeserializer::new(
        vec![
            Part::Text(text),
            Part::Number(kind),
            Part::Number(line),
            Part::Number(column),
        ]
        .into_iter(),
    )
}

pub(super) enum Part<'a> {
    Text(&'a str),
    Number(u32),
}

impl<'a> IntoDeserializer<'a, Error> for Part<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Part<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => visitor.visit_borrowed_str(text),
            Self::Number(number) => visitor.visit_u32(number),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SCALAR, ScalarVisitor)
    }
}

struct ScalarVisitor;

impl ScalarVisitor {
    fn foreign<E>(kind: ScalarKind, text: impl ToString) -> Result<Scalar, E> {
        Ok(Scalar {
            text: text.to_string(),
            kind,
            position: None,
        })
    }
}

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number or a boolean")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Scalar, A::Error> {
        let text = next(&mut parts, &self)?;
        let kind = match next(&mut parts, &self)? {
            1 => ScalarKind::Integer,
            2 => ScalarKind::Float,
            3 => ScalarKind::Bool,
            _ => ScalarKind::String,
        };
        let line = next(&mut parts, &self)?;
        let column = next(&mut parts, &self)?;
        let position = Some(Position { line, column });
        Ok(Scalar { text, kind, position })
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Self::foreign(ScalarKind::String, text)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Self::foreign(ScalarKind::Integer, number)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Self::foreign(ScalarKind::Integer, number)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Self::foreign(ScalarKind::Float, number)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Self::foreign(ScalarKind::Bool, value)
    }
}

/// A value with its place. Only from HCL documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands; a block stands where its first label or else its brace is.
    pub position: Position,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(LOCATED, LocatedVisitor(PhantomData))
    }
}

struct LocatedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LocatedVisitor<T> {
    type Value = Located<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of an HCL document")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Located<T>, A::Error> {
        let line = next(&mut parts, &self)?;
        let column = next(&mut parts, &self)?;
        let value = next(&mut parts, &self)?;
        let position = Position { line, column };
        Ok(Located { value, position })
    }
}

/// Line, column, and then the value itself.
pub(super) struct LocatedParts<'a, 'c> {
    place: std::array::IntoIter<u32, 2>,
    value: Option<Reader<'a, 'c>>,
}

impl<'a, 'c> LocatedParts<'a, 'c> {
    pub(super) fn new(position: Position, value: Reader<'a, 'c>) -> Self {
        Self {
            place: [position.line, position.column].into_iter(),
            value: Some(value),
        }
    }
}

impl<'a> SeqAccess<'a> for LocatedParts<'a, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        match (self.place.next(), self.value.take()) {
            (Some(number), value) => {
                self.value = value;
                seed.deserialize(Part::Number(number)).map(Some)
            }
            (None, Some(value)) => seed.deserialize(value).map(Some),
            (None, None) => Ok(None),
        }
    }
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    parts: &mut A,
    visitor: &dyn de::Expected,
) -> Result<T, A::Error> {
    parts
        .next_element()?
        .ok_or_else(|| de::Error::invalid_length(0, visitor))
}

/// A block with its label: `seal "transit" { ... }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labeled<T> {
    /// The label.
    pub label: String,
    /// What is in the block.
    pub body: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Labeled<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabeledVisitor(PhantomData))
    }
}

struct LabeledVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LabeledVisitor<T> {
    type Value = Labeled<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one block with a label")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Labeled<T>, A::Error> {
        let first = members.next_entry()?;
        let (label, body) = first.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        match members.next_key::<String>()? {
            None => Ok(Labeled { label, body }),
            Some(_) => Err(de::Error::invalid_length(2, &self)),
        }
    }
}

/// All labelled blocks of one kind, in order: `listener "tcp" { ... }` any number of times.
///
/// In JSON documents also `{"listener": {"tcp": {...}, "unix": {...}}}` and lists of either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks<T>(pub Vec<Labeled<T>>);

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for Blocks<T> {
    type Target = [Labeled<T>];

    fn deref(&self) -> &[Labeled<T>] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Blocks<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(BLOCKS, BlocksVisitor(PhantomData))
    }
}

struct BlocksVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for BlocksVisitor<T> {
    type Value = Blocks<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("blocks with labels")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut blocks: A) -> Result<Blocks<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(block) = blocks.next_element()? {
            all.push(block);
        }
        Ok(Blocks(all))
    }
}
