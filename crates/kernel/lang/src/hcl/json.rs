//! JSON documents to the same tree.
//!
//! Strict RFC 8259 except that, as in HCL, a list or an object may end in a comma. Duplicate keys stay, as
//! they would in HCL.

use super::Limits;
use super::ast::{Item, Key, Kind, Object, Value};
use super::cursor::{Cursor, Fault, Mark};
use super::error::Cause;

/// Parses a document whose first character is an opening brace.
pub(super) fn document(text: &str, limits: &Limits) -> Result<Object, Fault> {
    let mut reader = Reader {
        cursor: Cursor::new(text),
        depth_left: limits.depth,
        limits,
    };
    reader.skip_space();
    let object = reader.object()?;
    reader.skip_space();
    match reader.cursor.peek() {
        None => Ok(object),
        Some(_) => Err(reader.unexpected("the end of the text")),
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    depth_left: usize,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.cursor.take_while(char::is_whitespace);
    }

    fn unexpected(&mut self, expected: &'static str) -> Fault {
        let mark = self.cursor.mark();
        let found = match self.cursor.bump() {
            None => "the end of the text",
            Some('{') => "'{'",
            Some('}') => "'}'",
            Some('[') => "'['",
            Some(']') => "']'",
            Some(',') => "','",
            Some(':') => "':'",
            Some('"') => "a string",
            Some(_) => "something else",
        };
        self.cursor.fault(Cause::Expected { expected, found }, mark)
    }

    fn expect(&mut self, text: &str, expected: &'static str) -> Result<(), Fault> {
        self.skip_space();
        if self.cursor.accept(text) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    fn value(&mut self) -> Result<Value, Fault> {
        self.skip_space();
        let mark = self.cursor.mark();
        let kind = match self.cursor.peek() {
            Some('{') => Kind::Object(self.object()?),
            Some('[') => Kind::List(self.list()?),
            Some('"') => Kind::String(self.string()?.into()),
            Some('-' | '0'..='9') => self.number()?,
            _ if self.cursor.accept("true") => Kind::Bool(true),
            _ if self.cursor.accept("false") => Kind::Bool(false),
            _ if self.cursor.accept("null") => Kind::Null,
            _ => return Err(self.unexpected("a JSON value")),
        };
        let span = self.cursor.span(mark);
        Ok(Value { kind, span })
    }

    fn object(&mut self) -> Result<Object, Fault> {
        let start = self.descend()?;
        self.expect("{", "'{'")?;
        let mut items = Vec::new();
        while !self.ends("}", "',' or '}'", items.is_empty())? {
            items.push(self.member()?);
        }
        self.depth_left += 1;
        let span = self.cursor.span(start);
        Ok(Object { items, span })
    }

    fn member(&mut self) -> Result<Item, Fault> {
        self.skip_space();
        let start = self.cursor.mark();
        if self.cursor.peek() != Some('"') {
            return Err(self.unexpected("a quoted key"));
        }
        let name = self.string()?.into();
        let key = Key {
            name,
            span: self.cursor.span(start),
        };
        self.expect(":", "':' after the key")?;
        let value = self.value()?;
        Ok(Item {
            span: key.span.through(value.span),
            keys: vec![key],
            assigned: true,
            value,
        })
    }

    fn list(&mut self) -> Result<Vec<Value>, Fault> {
        self.descend()?;
        self.expect("[", "'['")?;
        let mut elements = Vec::new();
        while !self.ends("]", "',' or ']'", elements.is_empty())? {
            elements.push(self.value()?);
        }
        self.depth_left += 1;
        Ok(elements)
    }

    /// Takes the closing bracket, or else the comma that must separate an element from the one before.
    fn ends(&mut self, close: &str, expected: &'static str, first: bool) -> Result<bool, Fault> {
        self.skip_space();
        if self.cursor.accept(close) {
            return Ok(true);
        }
        if !first {
            self.expect(",", expected)?;
            self.skip_space();
        }
        Ok(!first && self.cursor.accept(close))
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let mark = self.cursor.mark();
        self.cursor.accept("-");
        let whole = self.digits();
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        let fraction = self.cursor.accept(".").then(|| self.digits());
        let exponent = (self.cursor.accept("e") || self.cursor.accept("E")).then(|| {
            if !self.cursor.accept("-") {
                self.cursor.accept("+");
            }
            self.digits()
        });
        let text = self.cursor.text_since(mark);
        if leading_zero || [Some(whole), fraction, exponent].contains(&Some("")) {
            return Err(self.cursor.fault(Cause::Number, mark));
        }
        Ok(match (fraction, exponent) {
            (None, None) => Kind::Integer(text.into()),
            _ => Kind::Float(text.into()),
        })
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.cursor.mark();
        self.cursor.accept("\"");
        let mut out = String::new();
        loop {
            out.push_str(
                self.cursor
                    .take_while(|c| !matches!(c, '"' | '\\' | '\0'..='\x1f')),
            );
            let special = self.cursor.mark();
            match self.cursor.bump() {
                Some('"') => return Ok(out),
                Some('\\') => out.push(self.escape(special)?),
                _ => return Err(self.cursor.fault(Cause::OpenString, start)),
            }
        }
    }

    /// One escape, the backslash already taken.
    fn escape(&mut self, start: Mark) -> Result<char, Fault> {
        let decoded = match self.cursor.bump() {
            Some(same @ ('"' | '\\' | '/')) => Some(same),
            Some('b') => Some('\x08'),
            Some('f') => Some('\x0c'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => self.unicode(),
            _ => None,
        };
        decoded.ok_or_else(|| self.cursor.fault(Cause::Escape, start))
    }

    /// Four digits, and four more if they are half of a surrogate pair.
    fn unicode(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if !self.cursor.accept("\\u") {
            return None;
        }
        let low = self.four_digits()?.checked_sub(0xdc00)?;
        (low < 0x400).then(|| char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low))?
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.cursor.take(4);
        let valid = digits.len() == 4 && digits.chars().all(|c| c.is_ascii_hexdigit());
        valid.then(|| u32::from_str_radix(digits, 16).ok())?
    }

    fn descend(&mut self) -> Result<Mark, Fault> {
        let mark = self.cursor.mark();
        let limit = self.limits.depth;
        let left = self.depth_left.checked_sub(1);
        self.depth_left = left.ok_or_else(|| self.cursor.fault(Cause::TooDeep { limit }, mark))?;
        Ok(mark)
    }
}

impl<'a> Reader<'a> {
    fn digits(&mut self) -> &'a str {
        self.cursor.take_while(|c| c.is_ascii_digit())
    }
}
