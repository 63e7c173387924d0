//! Turning values into what may stand in a log: strings become keyed hashes.
//!
//! `hmac-sha256:` and the hexadecimal HMAC-SHA-256 under the salt of the device, for every string value at any
//! depth; keys, numbers, booleans and nulls stay, and so do strings that are RFC 3339 instants.

use std::cell::RefCell;

use arca_base::json::{Object, push_string};
use arca_base::{Json, Timestamp};
use arca_crypto::mac::MacKey;

const PREFIX: &str = "hmac-sha256:";

/// Largest line buffer a thread keeps for the next entry.
const KEPT_CAPACITY: usize = 64 * 1024;

/// Text that holds no secret. The only thing a device writes, and only this module can make one.
#[derive(Default)]
pub struct Redacted(String);

thread_local! {
    static LINE: RefCell<Redacted> = RefCell::default();
}

/// Lends the line buffer of this thread.
pub(super) fn with_line(write: impl FnOnce(&mut Redacted)) {
    LINE.with(|line| match line.try_borrow_mut() {
        Ok(mut line) => {
            write(&mut line);
            if line.0.capacity() > KEPT_CAPACITY {
                *line = Redacted::default();
            }
        }
        Err(_) => write(&mut Redacted::default()),
    });
}

impl Redacted {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The buffer, for the parts of an entry that are no secrets.
    pub(super) const fn plain(&mut self) -> &mut String {
        &mut self.0
    }
}

/// How strings are redacted by one device.
pub(super) struct Redactor {
    key: MacKey,
    /// The hash of the empty string, which is frequent.
    empty: String,
    raw: bool,
}

impl Redactor {
    pub(super) fn new(salt: &str, raw: bool) -> Self {
        let key = MacKey::new(salt.as_bytes());
        let mut empty = String::from(PREFIX);
        key.sign_hex_onto(b"", &mut empty);
        Self { key, empty, raw }
    }

    /// The hash of `text`, whatever the device's options say.
    pub(super) fn hash(&self, text: &str) -> String {
        let mut out = String::with_capacity(PREFIX.len() + 64);
        self.push_hash(text, &mut out);
        out
    }

    fn push_hash(&self, text: &str, out: &mut String) {
        if text.is_empty() {
            out.push_str(&self.empty);
            return;
        }
        out.push_str(PREFIX);
        self.key.sign_hex_onto(text.as_bytes(), out);
    }

    /// Appends `text` as a quoted string: hashed, unless the device logs everything as it is.
    pub(super) fn push_string(&self, text: &str, out: &mut String) {
        if self.raw {
            push_string(text, out);
            return;
        }
        out.push('"');
        self.push_hash(text, out);
        out.push('"');
    }

    fn push_value_string(&self, text: &str, out: &mut String) {
        if self.raw || is_instant(text) {
            push_string(text, out);
        } else {
            self.push_string(text, out);
        }
    }

    /// Appends an object; members named in `clear` stay as they are.
    pub(super) fn push_object(&self, members: &Object, clear: &[String], out: &mut String) {
        out.push('{');
        for (index, (key, value)) in members.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            push_string(key, out);
            out.push(':');
            if clear.iter().any(|name| name == key) {
                value.write_to(out);
            } else {
                self.push_json(value, out);
            }
        }
        out.push('}');
    }

    fn push_json(&self, value: &Json, out: &mut String) {
        match value {
            Json::String(text) => self.push_value_string(text, out),
            Json::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.push_json(element, out);
                }
                out.push(']');
            }
            Json::Object(members) => self.push_object(members, &[], out),
            other => other.write_to(out),
        }
    }

    /// Appends canonical JSON text in one pass, without building a tree: what is no string value is copied.
    ///
    /// Members named in `clear` need the tree.
    pub(super) fn push_text(&self, text: &str, clear: &[String], out: &mut String) {
        if !clear.is_empty() {
            let json =
                Json::parse(text.as_bytes(), &arca_base::json::Limits::UNLIMITED).unwrap_or(Json::Null);
            match &json {
                Json::Object(members) => self.push_object(members, clear, out),
                other => self.push_json(other, out),
            }
            return;
        }
        let mut rest = text;
        while let Some(quote) = rest.find('"') {
            let (before, from_quote) = rest.split_at(quote);
            out.push_str(before);
            let end = string_end(from_quote);
            let (string, after) = from_quote.split_at(end);
            if after.starts_with(':') {
                out.push_str(string);
            } else {
                self.push_encoded(string, out);
            }
            rest = after;
        }
        out.push_str(rest);
    }

    /// Appends a string given with its quotes and escapes.
    fn push_encoded(&self, quoted: &str, out: &mut String) {
        let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        if !inner.contains('\\') {
            self.push_value_string(inner, out);
            return;
        }
        match Json::parse(quoted.as_bytes(), &arca_base::json::Limits::UNLIMITED) {
            Ok(Json::String(text)) => self.push_value_string(&text, out),
            // Not reached for canonical text; hashing what stands there hides it in any case.
            _ => self.push_string(inner, out),
        }
    }
}

/// Where the string that `text` begins with ends, its closing quote included.
pub(super) fn string_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

/// Whether a string is an RFC 3339 instant. Looks at the shape first: nearly everything is not.
fn is_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    (20..=40).contains(&bytes.len())
        && bytes.get(4) == Some(&b'-')
        && bytes.get(10) == Some(&b'T')
        && Timestamp::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use arca_base::json::Limits;
    use proptest::prelude::*;

    use super::*;

    fn redactor() -> Redactor {
        Redactor::new("salt", false)
    }

    #[test]
    fn hashes_strings_and_nothing_else() {
        let json = r#"{"a":"x","b":[1,true,null,"y"],"c":{"d":""},"t":"2026-01-02T03:04:05.678Z"}"#;
        let mut out = String::new();
        redactor().push_text(json, &[], &mut out);
        let hash = |text| redactor().hash(text);
        let expected = format!(
            r#"{{"a":"{}","b":[1,true,null,"{}"],"c":{{"d":"{}"}},"t":"2026-01-02T03:04:05.678Z"}}"#,
            hash("x"),
            hash("y"),
            hash("")
        );
        assert_eq!(out, expected);
        assert_eq!(hash("x").len(), "hmac-sha256:".len() + 64);
    }

    #[test]
    fn the_hash_is_that_of_the_unescaped_string() {
        let mut out = String::new();
        redactor().push_text(r#"["a\"b\\","\u003cc"]"#, &[], &mut out);
        assert_eq!(
            out,
            format!(r#"["{}","{}"]"#, redactor().hash("a\"b\\"), redactor().hash("<c"))
        );
    }

    #[test]
    fn named_members_stay_clear() {
        let mut out = String::new();
        redactor().push_text(r#"{"a":"x","b":"y"}"#, &["b".into()], &mut out);
        assert_eq!(out, format!(r#"{{"a":"{}","b":"y"}}"#, redactor().hash("x")));
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            ".{0,12}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
                proptest::collection::btree_map(".{0,6}", inner, 0..5).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        /// The pass over text and the walk over the tree give the same bytes.
        #[test]
        fn text_and_tree_agree(value in json()) {
            let text = value.to_text();
            let (mut by_text, mut by_tree) = (String::new(), String::new());
            redactor().push_text(text.as_str(), &[], &mut by_text);
            redactor().push_json(&value, &mut by_tree);
            prop_assert_eq!(&by_text, &by_tree);
            prop_assert!(Json::parse(by_text.as_bytes(), &Limits::default()).is_ok());
        }

        /// No string of more than a few characters survives.
        #[test]
        fn no_string_survives(secret in "[a-zA-Z]{13,40}", key in "[a-z]{1,5}") {
            let value: Json = [(key, Json::from(vec![secret.clone()]))].into_iter().collect();
            let mut out = String::new();
            redactor().push_text(value.to_text().as_str(), &[], &mut out);
            prop_assert!(!out.contains(&secret));
        }
    }
}
