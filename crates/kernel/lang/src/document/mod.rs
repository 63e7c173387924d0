//! Values of templates as documents: to JSON, YAML and TOML, and from YAML.
//!
//! | format | written and read like |
//! |---|---|
//! | [`to_json`] | Go's `encoding/json` |
//! | [`to_yaml`], [`from_yaml`] | Go's `yaml.v2` |
//! | [`to_toml`] | Go's `BurntSushi/toml` |
//!
//! [`measure`] says whether a value is within the same bounds.
//!
//! Keys are sorted. No document, and no value read from one, has more than [`ELEMENTS`] elements, [`DEPTH`] levels, or
//! the bytes the caller allows. An error names a place or a type, never a value.
//!
//! ```
//! use arca_lang::document::{from_yaml, to_toml};
//!
//! let value = from_yaml(b"server: {port: 8200, names: [a, b]}", 1 << 20)?;
//! assert_eq!(to_toml(&value, 1 << 20)?, b"[server]\n  names = [\"a\", \"b\"]\n  port = 8200\n");
//! # Ok::<(), arca_lang::template::FunctionError>(())
//! ```

mod json;
mod size;
mod toml;
mod yaml;

use std::sync::Arc;

use crate::template::{FunctionError, Object, Value, formatted};

pub use json::{JsonStyle, to_json};
pub use size::{Size, measure};
pub use toml::to_toml;
pub use yaml::{from_yaml, to_yaml};

/// Most elements of a document or a value.
pub const ELEMENTS: usize = 100_000;

/// Most lists and maps inside each other.
pub const DEPTH: usize = 64;

/// What a document that is written may still hold.
struct Bounds {
    elements: usize,
    bytes: usize,
}

impl Bounds {
    const fn new(bytes: usize) -> Self {
        Self {
            elements: ELEMENTS,
            bytes,
        }
    }

    /// One more element, with `length` bytes written so far.
    fn count(&mut self, length: usize) -> Result<(), FunctionError> {
        let elements = self.elements.checked_sub(1);
        self.elements = elements.ok_or_else(too_many)?;
        self.room(length)
    }

    /// Refuses a document of `length` bytes.
    fn room(&self, length: usize) -> Result<(), FunctionError> {
        if length > self.bytes {
            return Err(too_long(self.bytes));
        }
        Ok(())
    }
}

pub(crate) fn too_deep() -> FunctionError {
    FunctionError::new(format!("the value has more than {DEPTH} levels"))
}

fn too_many() -> FunctionError {
    FunctionError::new(format!("the value has more than {ELEMENTS} elements"))
}

fn too_long(bytes: usize) -> FunctionError {
    FunctionError::new(format!("the document is longer than {bytes} bytes"))
}

/// The text of an object that has one. Versions and times do; what else objects hold is not known here.
fn text_of(object: &dyn Object, format: &str) -> Result<Arc<[u8]>, FunctionError> {
    match object.method("MarshalText", &[]) {
        Some(Ok(Value::String(text))) => Ok(text),
        _ => Err(format!(
            "{} cannot be written as {format}: write one of its fields",
            object.type_name()
        )
        .into()),
    }
}

/// A number as `print` writes it.
fn shown(number: f64) -> String {
    let digits = formatted(b"%v", &[Value::Float(number)], 64).unwrap_or_default();
    String::from_utf8_lossy(&digits).into_owned()
}
