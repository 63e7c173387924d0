//! How large a value is.

use super::{DEPTH, ELEMENTS};
use crate::template::{FunctionError, Value};

/// What a value is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Values of any kind.
    pub elements: usize,
    /// Bytes of texts and keys.
    pub bytes: usize,
}

/// The size of a value. Shared parts count as often as they are reached, so whatever walks the value later is bounded
/// too.
///
/// # Errors
/// It has more than [`ELEMENTS`] elements, [`DEPTH`] levels or `bytes` bytes of text.
pub fn measure(value: &Value, bytes: usize) -> Result<Size, FunctionError> {
    let mut scale = Scale {
        left: ELEMENTS,
        bytes,
    };
    scale.put(value, DEPTH)?;
    Ok(Size {
        elements: ELEMENTS - scale.left,
        bytes: bytes - scale.bytes,
    })
}

/// What a value may still weigh.
struct Scale {
    left: usize,
    bytes: usize,
}

impl Scale {
    fn put(&mut self, value: &Value, depth: usize) -> Result<(), FunctionError> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| FunctionError::new(format!("the result has more than {DEPTH} levels")))?;
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| FunctionError::new(format!("the result has more than {ELEMENTS} elements")))?;
        match value {
            Value::String(bytes) => self.text(bytes.len()),
            Value::List(values) => values.iter().try_for_each(|value| self.put(value, depth)),
            Value::Map(entries) => entries.iter().try_for_each(|(key, value)| {
                self.text(key.len())?;
                self.put(value, depth)
            }),
            _ => Ok(()),
        }
    }

    fn text(&mut self, length: usize) -> Result<(), FunctionError> {
        self.bytes = self
            .bytes
            .checked_sub(length)
            .ok_or("the result is longer than the output may be")?;
        Ok(())
    }
}
