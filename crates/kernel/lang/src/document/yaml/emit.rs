//! Values written as YAML.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::order::sorted;
use super::scalar::{Style, escape, is_break, is_multiline, is_printable, style};
use crate::document::{Bounds, DEPTH, shown, text_of, too_deep};
use crate::template::{FunctionError, Value};

/// Behind this column, a line is folded at its next blank.
const WIDTH: usize = 80;

/// Longest key that stands in front of its colon, in bytes.
const SIMPLE_KEY: usize = 128;

/// Digits of base64 in a line.
const BINARY_LINE: usize = 70;

/// A value as a YAML document, two blanks for each level, without an empty line at the end. Texts that are not UTF-8
/// become `!!binary`.
///
/// # Errors
/// YAML has nothing like the value, or it is beyond the bounds.
pub fn to_yaml(value: &Value, bytes: usize) -> Result<String, FunctionError> {
    let mut writer = Writer {
        out: String::new(),
        bounds: Bounds::new(bytes),
        column: 0,
        indent: None,
        after_blank: true,
        at_indent: true,
    };
    writer.value(value, Context::Root, 0)?;
    writer.bounds.room(writer.out.len())?;
    let length = writer.out.trim_end().len();
    writer.out.truncate(length);
    Ok(writer.out)
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Root,
    Sequence,
    /// Behind a key.
    Entry,
    /// In front of a colon.
    SimpleKey,
    /// Behind a question mark.
    LongKey,
}

struct Writer {
    out: String,
    bounds: Bounds,
    /// Characters in the line so far.
    column: usize,
    /// Of the block around; `None` outside of all.
    indent: Option<usize>,
    /// What was written last sets the next word apart.
    after_blank: bool,
    /// The line has nothing but indentation and marks of blocks.
    at_indent: bool,
}

type Written = Result<(), FunctionError>;

impl Writer {
    fn value(&mut self, value: &Value, context: Context, level: usize) -> Written {
        if level >= DEPTH {
            return Err(too_deep());
        }
        self.bounds.count(self.out.len())?;
        match value {
            Value::Nil => self.word("null"),
            Value::Bool(truth) => self.word(if *truth { "true" } else { "false" }),
            Value::Int(number) => self.word(&number.to_string()),
            Value::Uint(number) => self.word(&number.to_string()),
            Value::Float(number) => self.word(&float(*number)),
            Value::String(bytes) => self.string(bytes, context),
            Value::JsonNumber(digits) => self.digits(digits, context),
            Value::List(values) => self.sequence(values, context, level)?,
            Value::Map(entries) => self.mapping(entries, level)?,
            Value::Object(object) if object.is_nil() => self.word("null"),
            Value::Object(object) => self.string(&text_of(&**object, "YAML")?, context),
            Value::Function(_) => return Err("a function cannot be written as YAML".into()),
        }
        Ok(())
    }

    fn sequence(&mut self, values: &[Value], context: Context, level: usize) -> Written {
        if values.is_empty() {
            self.mark("[", Mark::Opens);
            self.mark("]", Mark::Closes);
            return Ok(());
        }
        let around = self.indent;
        // The items of a list stand below the key they belong to, not further inside.
        let is_level = matches!(context, Context::Entry | Context::LongKey) && !self.at_indent;
        self.indent = match around {
            None => Some(0),
            Some(around) if is_level => Some(around),
            Some(around) => Some(around + 2),
        };
        for value in values {
            self.line();
            self.mark("-", Mark::Block);
            self.value(value, Context::Sequence, level + 1)?;
        }
        self.indent = around;
        Ok(())
    }

    fn mapping(&mut self, entries: &BTreeMap<String, Value>, level: usize) -> Written {
        if entries.is_empty() {
            self.mark("{", Mark::Opens);
            self.mark("}", Mark::Closes);
            return Ok(());
        }
        let around = self.indent;
        self.indent = Some(around.map_or(0, |around| around + 2));
        let entries = entries.iter().map(|(key, value)| (key.as_str(), value));
        for (key, value) in sorted(entries.collect()) {
            self.bounds.count(self.out.len())?;
            self.line();
            if !is_multiline(key) && key.len() <= SIMPLE_KEY {
                self.text(key, Context::SimpleKey);
                self.mark(":", Mark::Closes);
            } else {
                self.mark("?", Mark::Block);
                self.text(key, Context::LongKey);
                self.line();
                self.mark(":", Mark::Block);
            }
            self.value(value, Context::Entry, level + 1)?;
        }
        self.indent = around;
        Ok(())
    }

    fn string(&mut self, bytes: &[u8], context: Context) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text, context),
            Err(_) => self.binary(bytes),
        }
    }

    fn digits(&mut self, digits: &str, context: Context) {
        if let Ok(number) = digits.parse::<i64>() {
            self.word(&number.to_string());
        } else if let Some(number) = digits.parse().ok().filter(|number: &f64| number.is_finite()) {
            self.word(&float(number));
        } else {
            self.text(digits, context);
        }
    }

    fn text(&mut self, text: &str, context: Context) {
        let as_key = context == Context::SimpleKey;
        match style(text, as_key) {
            Style::Plain => self.inside(|writer| writer.plain(text, !as_key)),
            Style::Single => self.inside(|writer| writer.single(text, !as_key)),
            Style::Double => self.inside(|writer| writer.double(text, !as_key)),
            Style::Literal => self.inside(|writer| writer.literal(text)),
        }
    }

    fn binary(&mut self, bytes: &[u8]) {
        let digits = STANDARD.encode(bytes);
        self.set_apart();
        self.push_str("!!binary");
        self.after_blank = false;
        self.at_indent = false;
        if digits.len() < BINARY_LINE {
            return self.inside(|writer| writer.plain(&digits, false));
        }
        let mut lines = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && index % BINARY_LINE == 0 {
                lines.push('\n');
            }
            lines.push(digit);
        }
        lines.push('\n');
        self.inside(|writer| writer.literal(&lines));
    }

    /// What continues on further lines stands further inside.
    fn inside(&mut self, write: impl FnOnce(&mut Self)) {
        let around = self.indent;
        self.indent = Some(around.map_or(2, |around| around + 2));
        write(self);
        self.indent = around;
    }
}

/// A number with the names of what is no number.
fn float(number: f64) -> String {
    match number {
        f64::INFINITY => ".inf".to_owned(),
        f64::NEG_INFINITY => "-.inf".to_owned(),
        _ if number.is_nan() => ".nan".to_owned(),
        _ => shown(number),
    }
}

/// A mark of the language, and what it means for what follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Of a block: set apart, and the line may go on with a further block.
    Block,
    /// Set apart.
    Opens,
    /// Behind a word.
    Closes,
}

impl Writer {
    fn push(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn push_str(&mut self, text: &str) {
        text.chars().for_each(|c| self.push(c));
    }

    /// A line end as it is part of a text.
    fn push_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    fn set_apart(&mut self) {
        if !self.after_blank {
            self.push(' ');
        }
    }

    /// Starts a line at the indentation, unless the writer is there already.
    fn line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.at_indent || self.column > indent || (self.column == indent && !self.after_blank) {
            self.push_break('\n');
        }
        while self.column < indent {
            self.push(' ');
        }
        self.after_blank = true;
        self.at_indent = true;
    }

    fn mark(&mut self, mark: &str, kind: Mark) {
        if kind != Mark::Closes {
            self.set_apart();
        }
        self.push_str(mark);
        self.after_blank = kind == Mark::Opens;
        self.at_indent &= kind == Mark::Block;
    }

    fn word(&mut self, word: &str) {
        self.plain(word, false);
    }

    fn plain(&mut self, text: &str, may_fold: bool) {
        self.set_apart();
        let mut after_space = false;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let is_fold = may_fold && !after_space && self.column > WIDTH && rest.peek() != Some(&' ');
            if c == ' ' && is_fold {
                self.line();
            } else {
                self.push(c);
            }
            if c != ' ' {
                self.at_indent = false;
            }
            after_space = c == ' ';
        }
        self.after_blank = false;
        self.at_indent = false;
    }

    fn single(&mut self, text: &str, may_fold: bool) {
        self.set_apart();
        self.push('\'');
        self.at_indent = false;
        let (mut after_space, mut after_break) = (false, false);
        let mut rest = text.chars().enumerate().peekable();
        while let Some((index, c)) = rest.next() {
            let next = rest.peek().map(|(_, c)| *c);
            let is_fold = may_fold && !after_space && self.column > WIDTH && index > 0;
            if c == ' ' && is_fold && next.is_some_and(|next| next != ' ') {
                self.line();
            } else if is_break(c) {
                self.push_break(c);
                self.at_indent = true;
                after_break = true;
                continue;
            } else {
                if c != ' ' && std::mem::take(&mut after_break) {
                    self.line();
                }
                if c == '\'' {
                    self.push(c);
                }
                self.push(c);
            }
            self.at_indent = false;
            after_space = c == ' ';
        }
        self.mark("'", Mark::Closes);
    }

    fn double(&mut self, text: &str, may_fold: bool) {
        self.set_apart();
        self.push('"');
        self.at_indent = false;
        let mut after_space = false;
        // As the original: a mark in front has everything escaped.
        let escapes_all = text.starts_with('\u{feff}');
        let mut rest = text.chars().enumerate().peekable();
        while let Some((index, c)) = rest.next() {
            let next = rest.peek().map(|(_, c)| *c);
            let is_fold = may_fold && !after_space && self.column > WIDTH && index > 0 && next.is_some();
            if escapes_all || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.push_str(&escape(c));
            } else if c == ' ' && is_fold {
                self.line();
                if next == Some(' ') {
                    self.push('\\');
                }
            } else {
                self.push(c);
            }
            after_space = c == ' ';
        }
        self.after_blank = false;
        self.mark("\"", Mark::Closes);
    }

    fn literal(&mut self, text: &str) {
        self.set_apart();
        self.push('|');
        if text.starts_with(|c: char| c == ' ' || is_break(c)) {
            self.push('2');
        }
        let mut last = text.chars().rev();
        match (last.next(), last.next()) {
            (Some(end), _) if !is_break(end) => self.push('-'),
            (Some(_), None) => self.push('+'),
            (Some(_), Some(before)) if is_break(before) => self.push('+'),
            _ => {}
        }
        self.push_break('\n');
        self.at_indent = true;
        self.after_blank = true;
        let mut after_break = true;
        for c in text.chars() {
            if is_break(c) {
                self.push_break(c);
                self.at_indent = true;
                after_break = true;
                continue;
            }
            if std::mem::take(&mut after_break) {
                self.line();
            }
            self.push(c);
            self.at_indent = false;
        }
    }
}
