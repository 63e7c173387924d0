//! Arguments as what functions work with. The engine has checked count and kinds before.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::regex::Patterns;
use super::{Answer, ELEMENTS, Sprig};
use crate::template::{FunctionError, Value, formatted};

/// A call of a function.
pub(super) struct Call<'a> {
    arguments: &'a [Value],
    library: &'a Sprig,
}

impl<'a> Call<'a> {
    pub(super) const fn new(arguments: &'a [Value], library: &'a Sprig) -> Self {
        Self { arguments, library }
    }

    /// Counts the elements of a value that is gone through.
    pub(super) fn look(&self, value: &Value) {
        self.library.look(value);
    }

    /// The patterns of this rendering.
    pub(super) const fn patterns(&self) -> &'a Patterns {
        &self.library.patterns
    }

    /// Longest text, in bytes.
    pub(super) const fn limit(&self) -> usize {
        self.library.bytes
    }

    /// All arguments.
    pub(super) const fn all(&self) -> &'a [Value] {
        self.arguments
    }

    /// The arguments from this index on.
    pub(super) fn rest(&self, from: usize) -> &'a [Value] {
        self.arguments.get(from..).unwrap_or_default()
    }

    /// The argument with this index.
    pub(super) fn value(&self, index: usize) -> &'a Value {
        self.arguments.get(index).unwrap_or(&Value::Nil)
    }

    /// The bytes of a string.
    pub(super) fn bytes(&self, index: usize) -> &'a [u8] {
        self.value(index).as_bytes().unwrap_or_default()
    }

    /// The text of a string; what is not UTF-8 is replaced.
    pub(super) fn text(&self, index: usize) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes(index))
    }

    /// A whole number.
    pub(super) fn int(&self, index: usize) -> i64 {
        self.value(index).as_int().unwrap_or_default()
    }

    /// The elements of a list.
    pub(super) fn list(&self, index: usize) -> Result<&'a [Value], FunctionError> {
        match self.value(index) {
            Value::List(values) => Ok(values),
            other => Err(format!("expected a list; got {}", other.type_name()).into()),
        }
    }

    /// The entries of a map; nothing counts as an empty map.
    pub(super) fn map(&self, index: usize) -> Arc<BTreeMap<String, Value>> {
        match self.value(index) {
            Value::Map(entries) => Arc::clone(entries),
            _ => Arc::default(),
        }
    }

    /// What `%v` prints, except that text stays as it is.
    pub(super) fn shown<'v>(&self, value: &'v Value) -> Result<Cow<'v, [u8]>, FunctionError> {
        match value {
            Value::String(bytes) => Ok(Cow::Borrowed(bytes)),
            Value::JsonNumber(digits) => Ok(Cow::Borrowed(digits.as_bytes())),
            Value::Object(object) => Ok(Cow::Owned(object.text().into_bytes())),
            other => self.printed("%v", other).map(Cow::Owned),
        }
    }

    /// A value as `printf` writes it.
    pub(super) fn printed(&self, format: &str, value: &Value) -> Result<Vec<u8>, FunctionError> {
        formatted(format.as_bytes(), std::slice::from_ref(value), self.limit()).ok_or_else(|| self.too_long())
    }

    /// Refuses to make a text of this many bytes.
    pub(super) fn room(&self, bytes: usize) -> Result<(), FunctionError> {
        if bytes > self.limit() {
            return Err(self.too_long());
        }
        Ok(())
    }

    fn too_long(&self) -> FunctionError {
        FunctionError::new(format!("the result is longer than {} bytes", self.limit()))
    }
}

/// A string.
#[expect(clippy::unnecessary_wraps, reason = "ends what can fail")]
pub(super) fn made(text: impl AsRef<[u8]>) -> Answer {
    Ok(Value::string(text))
}

/// A list.
#[expect(clippy::unnecessary_wraps, reason = "ends what can fail")]
pub(super) fn listed(values: impl IntoIterator<Item = Value>) -> Answer {
    Ok(Value::list(values))
}

/// A list of numbers, if it is not too long.
pub(super) fn counted(values: impl IntoIterator<Item = i64>) -> Result<Vec<i64>, FunctionError> {
    let values: Vec<i64> = values.into_iter().take(ELEMENTS + 1).collect();
    if values.len() > ELEMENTS {
        return Err(format!("the result has more than {ELEMENTS} elements").into());
    }
    Ok(values)
}

/// The characters of a text; each byte that is not part of one is the replacement character.
pub(super) fn characters(bytes: &[u8]) -> Vec<char> {
    let mut characters = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        characters.extend(chunk.valid().chars());
        characters.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    characters
}

/// The upper case of a character, if that is one character.
pub(super) fn upper(c: char) -> char {
    single(c, c.to_uppercase())
}

/// The lower case of a character, if that is one character.
pub(super) fn lower(c: char) -> char {
    if c == 'İ' {
        'i'
    } else {
        single(c, c.to_lowercase())
    }
}

fn single(c: char, mut cased: impl Iterator<Item = char>) -> char {
    match (cased.next(), cased.next()) {
        (Some(cased), None) => cased,
        _ => c,
    }
}
