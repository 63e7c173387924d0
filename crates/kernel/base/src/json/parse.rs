//! A strict JSON reader (RFC 8259) that bounds what a document may cost.

use super::{Json, Number, Object};

/// What one document may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Levels of lists and objects inside each other.
    pub depth: usize,
    /// Values of any kind, at every level together.
    pub values: usize,
}

impl Limits {
    /// For text this process wrote itself.
    pub const UNLIMITED: Self = Self {
        depth: 10_000,
        values: usize::MAX,
    };
}

impl Default for Limits {
    /// Bounds for text from outside: 64 levels and 100,000 values.
    fn default() -> Self {
        Self {
            depth: 64,
            values: 100_000,
        }
    }
}

/// Why a document was refused. Never quotes the document: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadJson {
    /// A byte that cannot stand where it stands.
    #[error("invalid character at byte {at}")]
    Syntax {
        /// Offset from the start of the document.
        at: usize,
    },
    /// The document ends too early.
    #[error("unexpected end of JSON input")]
    Truncated,
    /// Bytes after the end of the document.
    #[error("trailing data after the JSON document at byte {at}")]
    Trailing {
        /// Offset from the start of the document.
        at: usize,
    },
    /// A string that is not UTF-8 or holds half a surrogate pair.
    #[error("invalid text encoding in the string at byte {at}")]
    Encoding {
        /// Offset of the string's opening quote.
        at: usize,
    },
    /// An object with two members of the same name.
    #[error("two members of the same name, the second before byte {at}")]
    Duplicate {
        /// Offset of the end of the second name.
        at: usize,
    },
    /// Nested more deeply than allowed.
    #[error("refused JSON input due to high complexity: nested more than {limit} levels deep")]
    TooDeep {
        /// The limit that was exceeded.
        limit: usize,
    },
    /// More values than allowed.
    #[error("refused JSON input due to high complexity: more than {limit} values")]
    TooMany {
        /// The limit that was exceeded.
        limit: usize,
    },
}

/// What becomes of members of an object that have the same name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicates {
    LastWins,
    Refused,
}

pub(super) fn document(bytes: &[u8], limits: &Limits, duplicates: Duplicates) -> Result<Json, BadJson> {
    let mut reader = Reader {
        bytes,
        at: 0,
        values_left: limits.values,
        limits,
        duplicates,
    };
    let value = reader.value(0)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(BadJson::Trailing { at: reader.at }),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    values_left: usize,
    limits: &'a Limits,
    duplicates: Duplicates,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn here(&self) -> BadJson {
        if self.at < self.bytes.len() {
            BadJson::Syntax { at: self.at }
        } else {
            BadJson::Truncated
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), BadJson> {
        if self.peek() != Some(byte) {
            return Err(self.here());
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, BadJson> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json, BadJson> {
        self.values_left = self.values_left.checked_sub(1).ok_or(BadJson::TooMany {
            limit: self.limits.values,
        })?;
        self.skip_space();
        match self.peek() {
            Some(b'{' | b'[') if depth >= self.limits.depth => Err(BadJson::TooDeep {
                limit: self.limits.depth,
            }),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string().map(Json::String),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.here()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, BadJson> {
        self.expect(b'{')?;
        let mut members = Object::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            if self.duplicates == Duplicates::Refused && members.contains_key(&key) {
                return Err(BadJson::Duplicate { at: self.at });
            }
            self.skip_space();
            self.expect(b':')?;
            let value = self.value(depth)?;
            members.insert(key, value);
            if self.ends(b'}')? {
                return Ok(Json::Object(members));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, BadJson> {
        self.expect(b'[')?;
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth)?);
            if self.ends(b']')? {
                return Ok(Json::Array(elements));
            }
        }
    }

    /// After an element: whether the closing byte follows, or else a comma.
    fn ends(&mut self, close: u8) -> Result<bool, BadJson> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.here()),
        }
    }

    fn number(&mut self) -> Result<Json, BadJson> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.here()),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| BadJson::Syntax { at: start })?;
        Ok(Json::Number(Number(text.into())))
    }

    fn digits(&mut self) -> Result<(), BadJson> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.here());
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, BadJson> {
        let quote = self.at;
        self.expect(b'"')?;
        let mut out = String::new();
        let mut clean_from = self.at;
        loop {
            match self.peek() {
                None => return Err(BadJson::Truncated),
                Some(b'"') => {
                    self.flush(clean_from, quote, &mut out)?;
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.flush(clean_from, quote, &mut out)?;
                    self.at += 1;
                    out.push(self.escape(quote)?);
                    clean_from = self.at;
                }
                Some(0..=0x1f) => return Err(BadJson::Syntax { at: self.at }),
                Some(_) => self.at += 1,
            }
        }
    }

    fn flush(&self, from: usize, quote: usize, out: &mut String) -> Result<(), BadJson> {
        let clean = self.bytes.get(from..self.at).unwrap_or_default();
        out.push_str(std::str::from_utf8(clean).map_err(|_| BadJson::Encoding { at: quote })?);
        Ok(())
    }

    fn escape(&mut self, quote: usize) -> Result<char, BadJson> {
        let letter = self.peek().ok_or(BadJson::Truncated)?;
        let plain = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode_escape(quote);
            }
            _ => return Err(BadJson::Syntax { at: self.at }),
        };
        self.at += 1;
        Ok(plain)
    }

    /// What follows `\u`: four digits, or two halves of a surrogate pair.
    fn unicode_escape(&mut self, quote: usize) -> Result<char, BadJson> {
        let first = self.four_hex_digits()?;
        let code = match first {
            0xd800..=0xdbff => {
                self.expect(b'\\')
                    .and_then(|()| self.expect(b'u'))
                    .map_err(|_| BadJson::Encoding { at: quote })?;
                let second = self.four_hex_digits()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(BadJson::Encoding { at: quote });
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code).ok_or(BadJson::Encoding { at: quote })
    }

    fn four_hex_digits(&mut self) -> Result<u32, BadJson> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().ok_or(BadJson::Truncated)?;
            let digit = char::from(digit)
                .to_digit(16)
                .ok_or(BadJson::Syntax { at: self.at })?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Json, BadJson> {
        document(text.as_bytes(), &Limits::default(), Duplicates::LastWins)
    }

    #[test]
    fn duplicates_are_refused_where_asked_for() {
        let strict = |text: &str| document(text.as_bytes(), &Limits::default(), Duplicates::Refused);
        for (text, outcome) in [
            (r#"{"a":1,"b":{"a":1}}"#, None),
            (r#"[{"a":1},{"a":1}]"#, None),
            (r#"{"a":1,"a":1}"#, Some(BadJson::Duplicate { at: 10 })),
            (r#"{"a":1,"\u0061":1}"#, Some(BadJson::Duplicate { at: 15 })),
            (r#"[{"b":{"a":1,"a":1}}]"#, Some(BadJson::Duplicate { at: 16 })),
        ] {
            assert_eq!(strict(text).err(), outcome, "{text}");
        }
    }

    #[test]
    fn reads_what_rfc_8259_allows() {
        for (text, canonical) in [
            (
                " { \"b\" : [ 1 , 2 ] , \"a\" : null } ",
                r#"{"a":null,"b":[1,2]}"#,
            ),
            (r#""\u00e9\ud83d\ude00\/""#, "\"\u{e9}\u{1f600}/\""),
            ("[]", "[]"),
            ("{}", "{}"),
            ("-0", "-0"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        ] {
            assert_eq!(parse(text).unwrap().to_text().as_str(), canonical);
        }
    }

    #[test]
    fn refuses_the_rest() {
        for (text, error) in [
            ("", BadJson::Truncated),
            ("{", BadJson::Truncated),
            ("[1,]", BadJson::Syntax { at: 3 }),
            ("{\"a\":1,}", BadJson::Syntax { at: 7 }),
            ("01", BadJson::Trailing { at: 1 }),
            ("1.", BadJson::Truncated),
            ("+1", BadJson::Syntax { at: 0 }),
            ("NaN", BadJson::Syntax { at: 0 }),
            ("nul", BadJson::Truncated),
            ("'a'", BadJson::Syntax { at: 0 }),
            ("\"a\nb\"", BadJson::Syntax { at: 2 }),
            ("{} x", BadJson::Trailing { at: 3 }),
            (r#""\ud800""#, BadJson::Encoding { at: 0 }),
            (r#""\udc00""#, BadJson::Encoding { at: 0 }),
            (r#""\x""#, BadJson::Syntax { at: 2 }),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        assert_eq!(
            document(b"\"\xff\"", &Limits::default(), Duplicates::LastWins),
            Err(BadJson::Encoding { at: 0 })
        );
    }

    #[test]
    fn bounds_depth_and_number_of_values() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(&deep(64)).is_ok());
        assert_eq!(parse(&deep(65)), Err(BadJson::TooDeep { limit: 64 }));
        // Refused at the limit, not after building the tree, so that depth cannot exhaust the stack.
        assert_eq!(parse(&"[".repeat(1_000_000)), Err(BadJson::TooDeep { limit: 64 }));
        let many = format!("[{}1]", "1,".repeat(100_000));
        assert_eq!(parse(&many), Err(BadJson::TooMany { limit: 100_000 }));
    }
}
