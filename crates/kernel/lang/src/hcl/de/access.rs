//! serde's view of entries.

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::super::ast::{Kind, Value};
use super::super::error::Error;
use super::entries::{Entries, Group, Mismatch, groups};
use super::{Context, scalar, typed};

/// Reads one value out of the entries of its key.
pub(super) struct Reader<'a, 'c> {
    entries: Entries<'a>,
    context: &'c Context<'a>,
}

impl<'a, 'c> Reader<'a, 'c> {
    pub(super) const fn new(entries: Entries<'a>, context: &'c Context<'a>) -> Self {
        Self { entries, context }
    }

    fn mismatch(&self, expected: &str, Mismatch { span, found }: Mismatch) -> Error {
        let error: Error = de::Error::custom(format_args!("expected {expected}, found {found}"));
        error.located(span, &self.context.path.borrow().join("."), self.context.text)
    }

    fn scalar(&self, expected: &str) -> Result<&'a Value, Error> {
        self.entries
            .scalar()
            .map_err(|mismatch| self.mismatch(expected, mismatch))
    }

    fn object<V: Visitor<'a>>(
        self,
        known: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let members = self
            .entries
            .members()
            .map_err(|mismatch| self.mismatch("a block", mismatch))?;
        visitor.visit_map(Members {
            left: groups(members, known).into_iter(),
            current: None,
            known,
            context: self.context,
        })
    }

    fn list<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let elements = self
            .entries
            .elements()
            .map_err(|mismatch| self.mismatch("a list", mismatch))?;
        visitor.visit_seq(Elements {
            left: elements.into_iter(),
            context: self.context,
        })
    }

    fn blocks<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let expected = "a block with a label";
        let blocks = self
            .entries
            .blocks()
            .map_err(|mismatch| self.mismatch(expected, mismatch))?;
        visitor.visit_seq(Elements {
            left: blocks.into_iter(),
            context: self.context,
        })
    }
}

/// Scalar types that share one way of reading.
macro_rules! scalars {
    ($($method:ident => $read:ident, $expected:literal;)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
            scalar::$read(self.scalar($expected)?, visitor)
        }
    )*};
}

impl<'a> de::Deserializer<'a> for Reader<'a, '_> {
    type Error = Error;

    scalars! {
        deserialize_bool => boolean, "a boolean";
        deserialize_i8 => whole, "a number";
        deserialize_i16 => whole, "a number";
        deserialize_i32 => whole, "a number";
        deserialize_i64 => whole, "a number";
        deserialize_u8 => whole, "a number";
        deserialize_u16 => whole, "a number";
        deserialize_u32 => whole, "a number";
        deserialize_u64 => whole, "a number";
        deserialize_f32 => real, "a number";
        deserialize_f64 => real, "a number";
        deserialize_char => text, "a string";
        deserialize_str => text, "a string";
        deserialize_string => text, "a string";
        deserialize_bytes => text, "a string";
        deserialize_byte_buf => text, "a string";
        deserialize_identifier => text, "a string";
        deserialize_unit => plain, "null";
    }

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.entries.is_list() {
            return self.list(visitor);
        }
        match self.entries.scalar() {
            Ok(value) if !matches!(value.kind, Kind::Object(_)) => scalar::plain(value, visitor),
            _ => self.object(None, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.entries.scalar() {
            Ok(value) if value.kind == Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            typed::SCALAR => {
                let value = self.scalar("a string, a number or a boolean")?;
                match scalar::as_written(value) {
                    Some(text) => visitor.visit_seq(typed::scalar_parts(value, text)),
                    None => scalar::plain(value, visitor),
                }
            }
            typed::LOCATED => {
                let position = self.entries.span().position;
                visitor.visit_seq(typed::LocatedParts::new(position, self))
            }
            typed::BLOCKS => self.blocks(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.object(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.object(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Ok(Value {
            kind: Kind::String(name),
            ..
        }) = self.entries.scalar()
        {
            let name: StrDeserializer<'_, Error> = (**name).into_deserializer();
            return visitor.visit_enum(name);
        }
        let expected = || format!("one of {}", variants.join(", "));
        let variant = self.entries.variant();
        let (key, entries) = variant.map_err(|mismatch| self.mismatch(&expected(), mismatch))?;
        let context = self.context;
        context.within(&key.name, key.span, || {
            visitor.visit_enum(Variant {
                name: &key.name,
                body: Reader { entries, context },
            })
        })
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

/// The keys of an object.
struct Members<'a, 'c> {
    left: std::vec::IntoIter<Group<'a>>,
    current: Option<Group<'a>>,
    known: Option<&'static [&'static str]>,
    context: &'c Context<'a>,
}

impl<'a> de::MapAccess<'a> for Members<'a, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(group) = self.left.next() else {
            return Ok(None);
        };
        if let Some(known) = self.known.filter(|known| !known.contains(&group.name)) {
            self.context.note_unknown(group.name, group.key, known);
        }
        let key = BorrowedStrDeserializer::new(group.name);
        let key = self
            .context
            .within(group.name, group.key, || seed.deserialize(key))?;
        self.current = Some(group);
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let group = self.current.take();
        let Group { name, entries, .. } =
            group.ok_or_else(|| -> Error { de::Error::custom("value before its key") })?;
        let span = entries.span();
        let context = self.context;
        context.within(name, span, || seed.deserialize(Reader { entries, context }))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// The elements of a list.
struct Elements<'a, 'c> {
    left: std::vec::IntoIter<Entries<'a>>,
    context: &'c Context<'a>,
}

impl<'a> de::SeqAccess<'a> for Elements<'a, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(entries) = self.left.next() else {
            return Ok(None);
        };
        let span = entries.span();
        let context = self.context;
        let element = seed.deserialize(Reader { entries, context });
        element
            .map(Some)
            .map_err(|error| error.located(span, &context.path.borrow().join("."), context.text))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// An enum's variant and what is behind its name.
struct Variant<'a, 'c> {
    name: &'a str,
    body: Reader<'a, 'c>,
}

impl<'a, 'c> de::EnumAccess<'a> for Variant<'a, 'c> {
    type Error = Error;
    type Variant = Reader<'a, 'c>;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        let name = BorrowedStrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self.body))
    }
}

impl<'a> de::VariantAccess<'a> for Reader<'a, '_> {
    type Error = Error;

    /// A variant without fields may be written as an empty block; what its block holds is not looked at.
    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.list(visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.object(Some(fields), visitor)
    }
}
