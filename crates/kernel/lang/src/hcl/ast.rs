//! The tree of a document, and the view of it that decoding uses.

use super::cursor::Span;

/// The items of a document or of one `{ ... }`.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// The items in the order they were written.
    pub items: Vec<Item>,
    /// From brace to brace, or the whole document.
    pub span: Span,
}

/// `key = value`, or a block `key "label" { ... }`.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// The key, and for a block its labels. Never empty.
    pub keys: Vec<Key>,
    /// Whether there is an equals sign.
    pub assigned: bool,
    /// What follows.
    pub value: Value,
    /// From the first key to the end of the value.
    pub span: Span,
}

/// A key or a label.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The name, without quotes.
    pub name: Box<str>,
    /// Where it stands, with quotes.
    pub span: Span,
}

/// A value and its place.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    /// The value.
    pub kind: Kind,
    /// Where it stands, with quotes, braces or heredoc anchors.
    pub span: Span,
}

/// The kinds of value.
#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    /// `{ ... }`
    Object(Object),
    /// `[ ... ]`
    List(Vec<Value>),
    /// A quoted string or a heredoc, decoded.
    String(Box<str>),
    /// A whole number as written: `42`, `-1`, `0600`, `0x1f`.
    Integer(Box<str>),
    /// A number with a fraction or an exponent, as written.
    Float(Box<str>),
    /// `true` or `false`
    Bool(bool),
    /// `null`, in JSON documents only.
    Null,
}

/// A value with the labels that are still in front of it.
///
/// `a "b" { c = 1 }` and `a { b { c = 1 } }` say the same, so decoding looks at items through this view: taking
/// the first key off an item leaves an entry with the remaining keys as labels.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Labels not looked at yet.
    pub labels: &'a [Key],
    /// What follows the last label.
    pub value: &'a Value,
}

impl Kind {
    /// What kind of value this is, for error messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Object(_) => "a block",
            Self::List(_) => "a list",
            Self::String(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Float(_) => "a fractional number",
            Self::Bool(_) => "a boolean",
            Self::Null => "null",
        }
    }
}

impl Value {
    /// The object inside, if this is one.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        match &self.kind {
            Kind::Object(object) => Some(object),
            _ => None,
        }
    }
}

impl Object {
    /// Each item as its first key and the entry behind it.
    pub fn members(&self) -> impl Iterator<Item = (&Key, Entry<'_>)> {
        self.items.iter().filter_map(|item| {
            let (first, labels) = item.keys.split_first()?;
            let value = &item.value;
            Some((first, Entry { labels, value }))
        })
    }
}

impl<'a> Entry<'a> {
    /// The entry as an object: its next label with what is behind it, or else the members of its object, or of
    /// all objects if it is a list of them, as JSON documents write repeated blocks.
    ///
    /// `None` if it is none of these.
    #[must_use]
    pub fn members(self) -> Option<Vec<(&'a Key, Self)>> {
        if let Some((first, labels)) = self.labels.split_first() {
            let value = self.value;
            return Some(vec![(first, Self { labels, value })]);
        }
        match &self.value.kind {
            Kind::Object(object) => Some(object.members().collect()),
            Kind::List(elements) if !elements.is_empty() => {
                let objects: Option<Vec<&Object>> = elements.iter().map(Value::as_object).collect();
                objects.map(|objects| objects.into_iter().flat_map(Object::members).collect())
            }
            _ => None,
        }
    }

    /// Where the entry starts: at its first label, or else at its value.
    #[must_use]
    pub fn span(self) -> Span {
        self.labels.first().map_or(self.value.span, |label| label.span)
    }
}
