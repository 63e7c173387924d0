//! Blocks of a document, in every way they can be written.
//!
//! `method "kubernetes" { ... }`, `method { type = "kubernetes" ... }`, `"method": {"type": ...}`,
//! `"method": {"kubernetes": {...}}` and `"method": [{...}]` say the same.

use arca_lang::hcl::{Entry, Kind, Object, Position, UnknownKey};
use serde::de::DeserializeOwned;

use super::error::{ConfigError, joined};
use super::inert;
use super::source::Source;

/// One block.
#[derive(Clone)]
pub(super) struct Block<'s> {
    /// The label, if it has one.
    pub(super) label: Option<&'s str>,
    /// Name and label with the blocks around, such as `auto_auth.method.kubernetes`.
    pub(super) path: String,
    /// Where it begins.
    pub(super) position: Position,
    pub(super) body: Entry<'s>,
}

/// What becomes of keys nobody knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Noted,
    Refused,
}

/// Reads the blocks of one file.
pub(super) struct Reader<'s> {
    pub(super) source: &'s Source,
    /// Variables, for keys that name one.
    pub(super) environment: &'s dyn Fn(&str) -> Option<String>,
    pub(super) notes: Vec<String>,
}

impl<'s> Reader<'s> {
    /// All blocks of this name in `object`, in order. What is below `path` of a block is the caller's business.
    pub(super) fn blocks(
        &self,
        object: &'s Object,
        within: &str,
        name: &'static str,
    ) -> Result<Vec<Block<'s>>, ConfigError> {
        let mut blocks = Vec::new();
        for (key, entry) in object.members() {
            if key.name.eq_ignore_ascii_case(name) {
                self.split(entry, &joined(within, name), &mut blocks)?;
            }
        }
        Ok(blocks)
    }

    /// The block of this name, if there is one.
    pub(super) fn single(
        &self,
        object: &'s Object,
        within: &str,
        name: &'static str,
    ) -> Result<Option<Block<'s>>, ConfigError> {
        let mut blocks = self.blocks(object, within, name)?.into_iter();
        let first = blocks.next();
        match blocks.next() {
            None => Ok(first),
            Some(second) => Err(self.error(
                &second,
                "",
                "only one such block is permitted: remove all but one",
            )),
        }
    }

    /// Blocks whose label may stand as the key around their body: `{"tcp": {...}, "unix": {...}}`.
    /// `inner` are the blocks that may stand in such a block, and so are no labels.
    pub(super) fn labeled(
        &self,
        blocks: Vec<Block<'s>>,
        inner: &[&str],
    ) -> Result<Vec<Block<'s>>, ConfigError> {
        let mut all = Vec::new();
        for block in blocks {
            let nested = nested_labels(&block, inner);
            if nested.is_empty() {
                all.push(block);
                continue;
            }
            for (label, entry) in nested {
                let mut bodies = Vec::new();
                self.split(entry, &joined(&block.path, label), &mut bodies)?;
                all.extend(bodies.into_iter().map(|body| Block {
                    label: Some(label),
                    ..body
                }));
            }
        }
        Ok(all)
    }

    fn split(&self, entry: Entry<'s>, path: &str, out: &mut Vec<Block<'s>>) -> Result<(), ConfigError> {
        let position = entry.span().position;
        let expected = |found: &str| {
            let message = format!("expected a block {{ ... }}, found {found}");
            self.source.error(position, path, "", &message)
        };
        let (label, path) = match entry.labels {
            [] => (None, path.to_owned()),
            [label] => (Some(&*label.name), joined(path, &label.name)),
            [..] => return Err(expected("several labels: use one")),
        };
        let elements = match &entry.value.kind {
            Kind::Object(_) => std::slice::from_ref(entry.value),
            Kind::List(elements) => elements.as_slice(),
            Kind::Null => return Ok(()),
            other => return Err(expected(other.name())),
        };
        for value in elements {
            if value.as_object().is_none() {
                return Err(expected(value.kind.name()));
            }
            let body = Entry { labels: &[], value };
            let position = if label.is_some() {
                position
            } else {
                value.span.position
            };
            out.push(Block {
                label,
                path: path.clone(),
                position,
                body,
            });
        }
        Ok(())
    }

    /// The keys of a block as `T`; unknown ones become notes or the error.
    pub(super) fn decode<T: DeserializeOwned>(
        &mut self,
        block: &Block<'s>,
        unknown: Unknown,
    ) -> Result<T, ConfigError> {
        let decoded = self.source.document.decode_entry::<T>(block.body);
        let decoded = decoded.map_err(|error| ConfigError::of(&self.source.file, &block.path, &error))?;
        self.unknown(decoded.unknown, &block.path, unknown)?;
        Ok(decoded.value)
    }

    /// Keys below `within` that no field took.
    pub(super) fn unknown(
        &mut self,
        keys: Vec<UnknownKey>,
        within: &str,
        unknown: Unknown,
    ) -> Result<(), ConfigError> {
        for key in keys {
            let path = joined(within, &key.path);
            if let Some(reason) = inert::reason(&path) {
                self.note(
                    key.position,
                    &format!("{path:?} is accepted without effect: {reason}"),
                );
                continue;
            }
            let message = match key.suggestion.or_else(|| inert::nearest(&path)) {
                Some(near) => format!("unknown key {path:?}; did you mean {near:?}?"),
                None => format!("unknown key {path:?}"),
            };
            if unknown == Unknown::Refused {
                let place = self.source.place(key.position);
                let message =
                    format!("{message} (no key is passed over in this block: correct or remove it)");
                return Err(ConfigError::At { place, message });
            }
            self.note(key.position, &message);
        }
        Ok(())
    }

    /// Says something a person should know, with its place.
    pub(super) fn note(&mut self, position: Position, message: &str) {
        self.notes
            .push(format!("{}: {message}", self.source.place(position)));
    }

    /// A mistake about a block, or one of its fields.
    pub(super) fn error(&self, block: &Block<'_>, field: &str, message: &str) -> ConfigError {
        self.source.error(block.position, &block.path, field, message)
    }
}

impl<'s> Block<'s> {
    /// What is in it.
    pub(super) fn object(&self) -> Option<&'s Object> {
        self.body.value.as_object()
    }
}

/// Labels that stand as keys: all members are blocks, and none is one of `inner`.
fn nested_labels<'s>(block: &Block<'s>, inner: &[&str]) -> Vec<(&'s str, Entry<'s>)> {
    if block.label.is_some() {
        return Vec::new();
    }
    let members: Vec<_> = block
        .object()
        .into_iter()
        .flat_map(Object::members)
        .map(|(key, entry)| (&*key.name, entry))
        .collect();
    let is_label = |(name, entry): &(&str, Entry<'_>)| {
        let holds_blocks = match &entry.value.kind {
            Kind::Object(_) => true,
            Kind::List(elements) => {
                !elements.is_empty() && elements.iter().all(|element| element.as_object().is_some())
            }
            _ => false,
        };
        holds_blocks && entry.labels.is_empty() && !inner.iter().any(|inner| inner.eq_ignore_ascii_case(name))
    };
    if members.iter().all(is_label) {
        members
    } else {
        Vec::new()
    }
}
