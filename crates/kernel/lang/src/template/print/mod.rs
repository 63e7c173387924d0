//! Values to text, the way `print` and `printf` write them.

mod float;
mod integer;
mod quote;
mod scan;
mod text;

use super::value::Value;

pub use text::is_printable;

/// What stands between a percent sign and its verb.
#[derive(Clone, Copy, Default)]
struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`
    plus_v: bool,
    /// `%#v`
    sharp_v: bool,
}

impl Flags {
    /// Whether numbers are written as they are.
    const fn is_bare(self) -> bool {
        self.width.is_none() && self.precision.is_none() && !self.plus && !self.space
    }
}

/// Writes values, up to a number of bytes.
pub(super) struct Printer {
    out: Vec<u8>,
    flags: Flags,
    limit: usize,
}

/// The output grew beyond the limit.
pub(super) struct Overflow;

/// Like `print`: operands next to each other are set apart when neither of them is a string.
pub(super) fn print(values: &[Value], limit: usize) -> Result<Vec<u8>, Overflow> {
    let mut printer = Printer::new(limit);
    let mut after_text = true;
    for value in values {
        if !after_text && !value.is_text() {
            printer.write(b" ");
        }
        printer.argument(value, 'v');
        after_text = value.is_text();
    }
    printer.finish()
}

/// Like `println`: operands are set apart and followed by a line end.
pub(super) fn println(values: &[Value], limit: usize) -> Result<Vec<u8>, Overflow> {
    let mut printer = Printer::new(limit);
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            printer.write(b" ");
        }
        printer.argument(value, 'v');
    }
    printer.write(b"\n");
    printer.finish()
}

/// Like `printf`. What does not fit its verb is said in the output, as in `%!d(string=hi)`.
pub(super) fn printf(format: &[u8], values: &[Value], limit: usize) -> Result<Vec<u8>, Overflow> {
    let mut printer = Printer::new(limit);
    scan::format(&mut printer, format, values);
    printer.finish()
}

/// What `printf` makes of values, for functions that print. `None` if that is longer than the limit.
pub(crate) fn formatted(format: &[u8], values: &[Value], limit: usize) -> Option<Vec<u8>> {
    printf(format, values, limit).ok()
}

impl Printer {
    const fn new(limit: usize) -> Self {
        Self {
            out: Vec::new(),
            flags: Flags {
                width: None,
                precision: None,
                minus: false,
                plus: false,
                sharp: false,
                space: false,
                zero: false,
                plus_v: false,
                sharp_v: false,
            },
            limit,
        }
    }

    fn finish(self) -> Result<Vec<u8>, Overflow> {
        if self.out.len() > self.limit {
            return Err(Overflow);
        }
        Ok(self.out)
    }

    /// Whether there is already more than allowed, so that nothing needs to be added.
    const fn is_full(&self) -> bool {
        self.out.len() > self.limit
    }

    fn write(&mut self, bytes: &[u8]) {
        if !self.is_full() {
            self.out.extend_from_slice(bytes);
        }
    }

    fn write_char(&mut self, c: char) {
        self.write(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Writes bytes, filled up to the width.
    fn pad(&mut self, bytes: &[u8]) {
        if self.flags.width.is_none() {
            self.write(bytes);
            return;
        }
        let missing = self.flags.width.unwrap_or(0).saturating_sub(text::count(bytes));
        if self.flags.minus {
            self.write(bytes);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.write(bytes);
        }
    }

    /// Writes bytes, filled up to the width with spaces even if zeros were asked for.
    fn pad_with_spaces(&mut self, bytes: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(bytes);
        self.flags.zero = zero;
    }

    fn padding(&mut self, count: usize) {
        let filling = if self.flags.zero && !self.flags.minus {
            b'0'
        } else {
            b' '
        };
        if !self.is_full() {
            self.out.resize(self.out.len() + count, filling);
        }
    }

    /// A verb that does not fit its value.
    fn bad_verb(&mut self, verb: char, value: &Value) {
        self.write(b"%!");
        self.write_char(verb);
        self.write(b"(");
        if matches!(value, Value::Nil) {
            self.write(b"<nil>");
        } else {
            self.write(value.type_name().as_bytes());
            self.write(b"=");
            self.argument(value, 'v');
        }
        self.write(b")");
    }

    /// One operand.
    fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) | (_, 'p' | 'w') => self.bad_verb(verb, value),
            (_, 'T') => self.string(value.type_name().as_bytes()),
            _ => self.value(value, verb),
        }
    }

    fn value(&mut self, value: &Value, verb: char) {
        match value {
            Value::Nil if self.flags.sharp_v => self.write(b"interface {}(nil)"),
            Value::Nil => self.write(b"<nil>"),
            Value::Bool(truth) if matches!(verb, 't' | 'v') => {
                self.pad(if *truth { b"true" } else { b"false" })
            }
            Value::Int(number) => self.integer(integer::Integer::signed(*number), verb, value),
            Value::Uint(number) => self.integer(integer::Integer::unsigned(*number), verb, value),
            Value::Float(number) => self.float(*number, verb, value),
            Value::String(bytes) => self.bytes(bytes, verb, value),
            Value::JsonNumber(digits) => self.bytes(digits.as_bytes(), verb, value),
            Value::List(values) => self.list(values, verb, value),
            Value::Map(entries) => self.map(entries, verb, value),
            Value::Object(object) if matches!(verb, 'v' | 's') => self.string(object.text().as_bytes()),
            Value::Function(_) if matches!(verb, 'v') => self.string(b"<func>"),
            Value::Bool(_) | Value::Object(_) | Value::Function(_) => {
                self.write(b"%!");
                self.write_char(verb);
                self.write(format!("({}=", value.type_name()).as_bytes());
                self.value(value, 'v');
                self.write(b")");
            }
        }
    }

    fn list(&mut self, values: &[Value], verb: char, list: &Value) {
        let (open, between, close): (String, &[u8], &[u8]) = if self.flags.sharp_v {
            (format!("{}{{", list.type_name()), b", ", b"}")
        } else {
            ("[".to_owned(), b" ", b"]")
        };
        self.write(open.as_bytes());
        for (index, value) in values.iter().enumerate() {
            if self.is_full() {
                return;
            }
            if index > 0 {
                self.write(between);
            }
            self.value(value, verb);
        }
        self.write(close);
    }

    fn map(&mut self, entries: &std::collections::BTreeMap<String, Value>, verb: char, map: &Value) {
        let (open, between, close): (String, &[u8], &[u8]) = if self.flags.sharp_v {
            (format!("{}{{", map.type_name()), b", ", b"}")
        } else {
            ("map[".to_owned(), b" ", b"]")
        };
        self.write(open.as_bytes());
        for (index, (key, value)) in entries.iter().enumerate() {
            if self.is_full() {
                return;
            }
            if index > 0 {
                self.write(between);
            }
            if matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
                self.bytes(key.as_bytes(), verb, &Value::Nil);
            } else {
                self.value(&Value::string(key), verb);
            }
            self.write(b":");
            self.value(value, verb);
        }
        self.write(close);
    }
}
