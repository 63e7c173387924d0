//! Values written as JSON.

use std::fmt::{self, Write as _};

use super::{Bounds, DEPTH, too_deep};
use crate::template::{FunctionError, Value};

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonStyle {
    /// One member or element in each line, two blanks for each level.
    pub pretty: bool,
    /// `<`, `>` and `&` are escaped, so that it may stand in HTML.
    pub html: bool,
}

impl JsonStyle {
    /// On one line, for HTML too.
    pub const PLAIN: Self = Self {
        pretty: false,
        html: true,
    };
    /// On many lines, for HTML too.
    pub const PRETTY: Self = Self {
        pretty: true,
        html: true,
    };
    /// On one line.
    pub const RAW: Self = Self {
        pretty: false,
        html: false,
    };
    /// On many lines.
    pub const RAW_PRETTY: Self = Self {
        pretty: true,
        html: false,
    };
}

/// A value as JSON, with sorted keys. What is not UTF-8 is replaced.
///
/// # Errors
/// JSON has nothing like the value, or it is beyond the bounds.
pub fn to_json(value: &Value, style: JsonStyle, bytes: usize) -> Result<String, FunctionError> {
    let mut writer = Writer {
        out: String::new(),
        style,
        bounds: Bounds::new(bytes),
    };
    writer.value(value, 0)?;
    writer.bounds.room(writer.out.len())?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    style: JsonStyle,
    bounds: Bounds,
}

type Written = Result<(), FunctionError>;

impl Writer {
    fn value(&mut self, value: &Value, level: usize) -> Written {
        if level >= DEPTH {
            return Err(too_deep());
        }
        self.bounds.count(self.out.len())?;
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(truth) => self.out.push_str(if *truth { "true" } else { "false" }),
            Value::Int(number) => self.written(format_args!("{number}")),
            Value::Uint(number) => self.written(format_args!("{number}")),
            Value::Float(number) => self.float(*number)?,
            Value::String(bytes) => self.string(bytes),
            Value::JsonNumber(digits) => self.digits(digits)?,
            Value::List(values) => {
                let values = values.iter().map(|value| (None, value));
                self.between(('[', ']'), values, level)?;
            }
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (Some(key.as_str()), value));
                self.between(('{', '}'), entries, level)?;
            }
            Value::Object(object) if object.is_nil() => self.out.push_str("null"),
            Value::Object(object) => self.string(&super::text_of(&**object, "JSON")?),
            Value::Function(_) => return Err("a function cannot be written as JSON".into()),
        }
        Ok(())
    }

    fn between<'v>(
        &mut self,
        (open, close): (char, char),
        values: impl Iterator<Item = (Option<&'v str>, &'v Value)>,
        level: usize,
    ) -> Written {
        self.out.push(open);
        let mut any = false;
        for (key, value) in values {
            if std::mem::replace(&mut any, true) {
                self.out.push(',');
            }
            self.line(level + 1);
            if let Some(key) = key {
                self.string(key.as_bytes());
                self.out.push_str(if self.style.pretty { ": " } else { ":" });
            }
            self.value(value, level + 1)?;
        }
        if any {
            self.line(level);
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, level: usize) {
        if self.style.pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", level));
        }
    }

    fn string(&mut self, bytes: &[u8]) {
        self.out.push('"');
        for chunk in bytes.utf8_chunks() {
            let mut rest = chunk.valid();
            // Most of a text stands for itself.
            while let Some(plain) = rest.bytes().position(|byte| self.is_special(byte)) {
                let (before, behind) = rest.split_at(plain);
                self.out.push_str(before);
                let mut behind = behind.chars();
                behind.next().into_iter().for_each(|c| self.character(c));
                rest = behind.as_str();
            }
            self.out.push_str(rest);
            for _ in chunk.invalid() {
                self.out.push_str("\\ufffd");
            }
        }
        self.out.push('"');
    }

    /// Whether a character that begins with this byte may have to be escaped.
    const fn is_special(&self, byte: u8) -> bool {
        match byte {
            ..0x20 | b'"' | b'\\' => true,
            // Two separators of lines begin with it.
            0xe2 => true,
            b'<' | b'>' | b'&' => self.style.html,
            _ => false,
        }
    }

    fn character(&mut self, c: char) {
        match c {
            '"' | '\\' => self.out.extend(['\\', c]),
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            '\u{8}' => self.out.push_str("\\b"),
            '\u{c}' => self.out.push_str("\\f"),
            '<' | '>' | '&' if self.style.html => self.escape(c),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => self.escape(c),
            c => self.out.push(c),
        }
    }

    fn escape(&mut self, c: char) {
        self.written(format_args!("\\u{:04x}", u32::from(c)));
    }

    fn written(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(text);
    }

    /// The shortest digits; with an exponent below a millionth and from ten to the power of 21 on.
    fn float(&mut self, number: f64) -> Written {
        if !number.is_finite() {
            return Err("JSON has no such number".into());
        }
        let size = number.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let digits = format!("{number:e}");
            let (digits, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
            let sign = if exponent.starts_with('-') { "" } else { "+" };
            self.written(format_args!("{digits}e{sign}{exponent}"));
        } else if size != 0.0 && size < 1e15 && number.fract() == 0.0 {
            // Whole numbers are written faster as such.
            self.written(format_args!("{}", number as i64));
        } else {
            self.written(format_args!("{number}"));
        }
        Ok(())
    }

    fn digits(&mut self, digits: &str) -> Written {
        let digits = if digits.is_empty() { "0" } else { digits };
        match serde_json::from_str::<serde_json::Number>(digits) {
            Ok(_) => self.out.push_str(digits),
            Err(_) => return Err("a number is not written as JSON writes numbers".into()),
        }
        Ok(())
    }
}
