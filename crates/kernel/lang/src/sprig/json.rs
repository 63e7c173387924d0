//! Values from and to JSON.

use std::fmt::Write;

use super::call::Call;
use super::{Answer, DEPTH, ELEMENTS, Entry, entry};
use crate::template::{FunctionError, Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("fromJson", &[Kind::String], |call| {
        Ok(parse(call).unwrap_or_default())
    }),
    entry("mustFromJson", &[Kind::String], parse),
    entry("toJson", &[Kind::Any], |call| or_empty(Style::PLAIN, call)),
    entry("mustToJson", &[Kind::Any], |call| Style::PLAIN.document(call)),
    entry("toPrettyJson", &[Kind::Any], |call| or_empty(Style::PRETTY, call)),
    entry("mustToPrettyJson", &[Kind::Any], |call| {
        Style::PRETTY.document(call)
    }),
    entry("toRawJson", &[Kind::Any], |call| Style::RAW.document(call)),
    entry("mustToRawJson", &[Kind::Any], |call| Style::RAW.document(call)),
];

fn parse(call: &Call<'_>) -> Answer {
    let text = call.text(0);
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(json) => value(json, DEPTH),
        // The message of the parser could quote the document.
        Err(error) => Err(format!(
            "the text is not JSON: mistake in line {} column {}",
            error.line(),
            error.column()
        )
        .into()),
    }
}

fn value(json: serde_json::Value, depth: usize) -> Answer {
    use serde_json::Value as Json;
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::from(text),
        Json::Array(values) => {
            let values = values.into_iter().map(|inner| value(inner, depth));
            Value::list(values.collect::<Result<Vec<Value>, FunctionError>>()?)
        }
        Json::Object(entries) => {
            let entries = entries
                .into_iter()
                .map(|(key, inner)| Ok((key, value(inner, depth)?)));
            Value::map(entries.collect::<Result<Vec<(String, Value)>, FunctionError>>()?)
        }
    })
}

fn too_deep() -> FunctionError {
    FunctionError::new(format!("the value has more than {DEPTH} levels"))
}

fn or_empty(style: Style, call: &Call<'_>) -> Answer {
    Ok(style.document(call).unwrap_or_else(|_| Value::from("")))
}

/// How a document is written.
#[derive(Clone, Copy)]
struct Style {
    pretty: bool,
    /// Whether it may stand in HTML.
    html: bool,
}

impl Style {
    const PLAIN: Self = Self {
        pretty: false,
        html: true,
    };
    const PRETTY: Self = Self {
        pretty: true,
        html: true,
    };
    const RAW: Self = Self {
        pretty: false,
        html: false,
    };

    fn document(self, call: &Call<'_>) -> Answer {
        let mut writer = Writer {
            out: String::new(),
            style: self,
            left: ELEMENTS,
            call,
        };
        writer.value(call.value(0), 0)?;
        Ok(Value::from(writer.out))
    }
}

struct Writer<'c> {
    out: String,
    style: Style,
    left: usize,
    call: &'c Call<'c>,
}

type Written = Result<(), FunctionError>;

impl Writer<'_> {
    fn value(&mut self, value: &Value, level: usize) -> Written {
        if level >= DEPTH {
            return Err(too_deep());
        }
        self.left = self
            .left
            .checked_sub(1)
            .ok_or("the value has too many elements")?;
        self.call.room(self.out.len())?;
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(truth) => self.out.push_str(if *truth { "true" } else { "false" }),
            Value::Int(number) => self.out.push_str(&number.to_string()),
            Value::Uint(number) => self.out.push_str(&number.to_string()),
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
            // Versions and times are texts; what else objects hold is not known here.
            Value::Object(object) => match object.method("MarshalText", &[]) {
                Some(Ok(Value::String(text))) => self.string(&text),
                _ => return Err(format!("{} cannot be written as JSON", object.type_name()).into()),
            },
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
            for c in chunk.valid().chars() {
                self.character(c);
            }
            for _ in chunk.invalid() {
                self.out.push_str("\\ufffd");
            }
        }
        self.out.push('"');
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
        // Writing to a string cannot fail.
        let _ = write!(self.out, "\\u{:04x}", u32::from(c));
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
            self.out.push_str(&format!("{digits}e{sign}{exponent}"));
        } else {
            self.out.push_str(&format!("{number}"));
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
