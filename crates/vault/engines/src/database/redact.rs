//! Cutting credentials out of what servers and libraries say.

use arca_base::Secret;

/// Knows credentials, and how they may be written.
#[derive(Default)]
pub struct Redactor {
    /// A spelling and what stands in its place.
    spellings: Vec<(Secret<String>, &'static str)>,
}

impl Redactor {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a credential, and its spellings in URLs and in quoted texts.
    #[must_use]
    pub fn hiding(mut self, credential: &str, replacement: &'static str) -> Self {
        if credential.is_empty() {
            return self;
        }
        let escaped = credential.escape_debug().to_string();
        for spelling in [
            credential.to_owned(),
            percent_encoded(credential, |_| false),
            percent_encoded(credential, |byte| b"@:&=+$".contains(&byte)),
            credential.replace('\'', "''"),
            escaped,
        ] {
            let known = |(known, _): &(Secret<String>, _)| *known.expose() == spelling;
            if !self.spellings.iter().any(known) {
                self.spellings.push((Secret::new(spelling), replacement));
            }
        }
        // The longest first: a short one may be a part of it.
        self.spellings
            .sort_by_key(|(spelling, _)| std::cmp::Reverse(spelling.expose().len()));
        self
    }

    /// `text` without anything known.
    #[must_use]
    pub fn cut(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (spelling, replacement) in &self.spellings {
            if text.contains(spelling.expose().as_str()) {
                text = text.replace(spelling.expose().as_str(), replacement);
            }
        }
        text
    }
}

/// `text` with every byte percent-encoded that is neither unreserved in URLs nor kept.
#[must_use]
pub fn percent_encoded(text: &str, keep: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_cut() {
        let redactor = Redactor::new()
            .hiding("p'4ss w@rd/%", "[password]")
            .hiding("root", "[x]");
        for text in [
            "no p'4ss w@rd/% here",
            "postgres://u:p%274ss%20w%40rd%2F%25@h",
            "postgres://u:p%274ss%20w@rd%2F%25@h",
            "PASSWORD 'p''4ss w@rd/%'",
        ] {
            let cut = redactor.cut(text);
            assert!(cut.contains("[password]"), "{cut}");
            assert!(!cut.contains("4ss"), "{cut}");
        }
        assert_eq!(redactor.cut("nothing"), "nothing");
        assert_eq!(Redactor::new().hiding("", "x").cut("abc"), "abc");
    }
}
