//! Values written as TOML 1.0.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Bounds, DEPTH, text_of, too_deep};
use crate::template::{FunctionError, Value};

/// A map as TOML: what is no table first, tables and lists of tables behind it, two blanks for each level. Entries
/// without a value are left out. A value that is no map is written as an element.
///
/// # Errors
/// TOML has nothing like the value, such as nothing in a list, or it is beyond the bounds.
pub fn to_toml(value: &Value, bytes: usize) -> Result<Vec<u8>, FunctionError> {
    let mut writer = Writer {
        out: Vec::new(),
        bounds: Bounds::new(bytes),
    };
    match value {
        Value::Nil => return Err("TOML has no value for nothing".into()),
        // As the original has it: what has a type is an empty document.
        Value::Object(object) if object.is_nil() => {}
        Value::Map(entries) => writer.table(&mut Vec::new(), entries)?,
        other if is_tables(other)? => {
            return Err("a list of tables needs a name: write a map that holds it".into());
        }
        other => writer.element(other, 0)?,
    }
    writer.bounds.room(writer.out.len())?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    bounds: Bounds,
}

type Written = Result<(), FunctionError>;
type Entries = BTreeMap<String, Value>;

/// Whether it is a list of maps, which becomes a list of tables.
fn is_tables(value: &Value) -> Result<bool, FunctionError> {
    let Value::List(values) = value else {
        return Ok(false);
    };
    if values.iter().any(|value| matches!(value, Value::Nil)) {
        return Err("TOML has no value for nothing, which a list holds".into());
    }
    Ok(!values.is_empty() && values.iter().all(|value| matches!(value, Value::Map(_))))
}

/// The entries that have a value: those that stay on one line, and those that become tables.
fn parted(entries: &Entries) -> Result<[Vec<(&String, &Value)>; 2], FunctionError> {
    let mut parts = [Vec::new(), Vec::new()];
    for entry in entries.iter().filter(|(_, value)| !matches!(value, Value::Nil)) {
        let is_table = matches!(entry.1, Value::Map(_)) || is_tables(entry.1)?;
        let [direct, tables] = &mut parts;
        if is_table { tables } else { direct }.push(entry);
    }
    Ok(parts)
}

impl Writer {
    fn table<'v>(&mut self, path: &mut Vec<&'v str>, entries: &'v Entries) -> Written {
        if path.len() >= DEPTH {
            return Err(too_deep());
        }
        let [direct, tables] = parted(entries)?;
        for (key, value) in direct {
            self.indent(path.len());
            self.key(key);
            self.out.extend_from_slice(b" = ");
            self.element(value, path.len() + 1)?;
            self.out.push(b'\n');
        }
        for (key, value) in tables {
            path.push(key);
            match value {
                Value::Map(entries) => {
                    // A line between tables of the first level.
                    if path.len() == 1 {
                        self.line();
                    }
                    self.header(path, ["[", "]"])?;
                    self.table(path, entries)?;
                }
                Value::List(values) => {
                    for value in values.iter() {
                        let Value::Map(entries) = value else { continue };
                        self.line();
                        self.header(path, ["[[", "]]"])?;
                        self.table(path, entries)?;
                    }
                }
                _ => {}
            }
            path.pop();
        }
        Ok(())
    }

    fn header(&mut self, path: &[&str], [open, close]: [&str; 2]) -> Written {
        self.bounds.count(self.out.len())?;
        self.indent(path.len().saturating_sub(1));
        self.out.extend_from_slice(open.as_bytes());
        for (index, key) in path.iter().enumerate() {
            if index > 0 {
                self.out.push(b'.');
            }
            self.key(key);
        }
        self.out.extend_from_slice(close.as_bytes());
        self.out.push(b'\n');
        Ok(())
    }

    /// Ends a line, except at the start of the document.
    fn line(&mut self) {
        if !self.out.is_empty() {
            self.out.push(b'\n');
        }
    }

    fn indent(&mut self, levels: usize) {
        self.out.resize(self.out.len() + 2 * levels, b' ');
    }

    fn key(&mut self, key: &str) {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !key.is_empty() && key.chars().all(is_bare) {
            self.out.extend_from_slice(key.as_bytes());
        } else {
            self.quoted(key.as_bytes());
        }
    }

    fn element(&mut self, value: &Value, level: usize) -> Written {
        if level > DEPTH {
            return Err(too_deep());
        }
        self.bounds.count(self.out.len())?;
        match value {
            Value::Nil => return Err("TOML has no value for nothing, which a list holds".into()),
            Value::Bool(truth) => self.out.extend_from_slice(truth.to_string().as_bytes()),
            Value::Int(number) => self.out.extend_from_slice(number.to_string().as_bytes()),
            Value::Uint(number) => self.out.extend_from_slice(number.to_string().as_bytes()),
            Value::Float(number) => self.float(*number),
            Value::String(bytes) => self.quoted(bytes),
            Value::JsonNumber(digits) => self.digits(digits)?,
            Value::List(values) => {
                self.out.push(b'[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        self.out.extend_from_slice(b", ");
                    }
                    self.element(value, level + 1)?;
                }
                self.out.push(b']');
            }
            Value::Map(entries) => self.inline(entries, level)?,
            Value::Object(object) => self.quoted(&text_of(&**object, "TOML")?),
            Value::Function(_) => return Err("a function cannot be written as TOML".into()),
        }
        Ok(())
    }

    /// A table on one line.
    fn inline(&mut self, entries: &Entries, level: usize) -> Written {
        self.out.push(b'{');
        for (index, (key, value)) in parted(entries)?.into_iter().flatten().enumerate() {
            if index > 0 {
                self.out.extend_from_slice(b", ");
            }
            self.key(key);
            self.out.extend_from_slice(b" = ");
            self.element(value, level + 1)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    /// The shortest digits, always with a point.
    fn float(&mut self, number: f64) {
        let mut digits = if number.is_nan() {
            "nan".to_owned()
        } else {
            format!("{number}")
        };
        if number.is_finite() && !digits.contains('.') {
            digits.push_str(".0");
        }
        self.out.extend_from_slice(digits.as_bytes());
    }

    fn digits(&mut self, digits: &str) -> Written {
        if digits.is_empty() {
            self.out.push(b'0');
        } else if let Ok(number) = digits.parse::<i64>() {
            self.out.extend_from_slice(number.to_string().as_bytes());
        } else if let Ok(number) = digits.parse::<f64>() {
            self.float(number);
        } else {
            return Err("a number is not written as JSON writes numbers".into());
        }
        Ok(())
    }

    fn quoted(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        for byte in bytes {
            let mut escape = String::new();
            match byte {
                b'"' | b'\\' => self.out.extend([b'\\', *byte]),
                b'\x08' => escape.push_str("\\b"),
                b'\t' => escape.push_str("\\t"),
                b'\n' => escape.push_str("\\n"),
                b'\x0c' => escape.push_str("\\f"),
                b'\r' => escape.push_str("\\r"),
                // Writing to a string cannot fail.
                ..0x20 | 0x7f => drop(write!(escape, "\\u{byte:04x}")),
                byte => self.out.push(*byte),
            }
            self.out.extend_from_slice(escape.as_bytes());
        }
        self.out.push(b'"');
    }
}
