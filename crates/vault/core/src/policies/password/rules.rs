//! What a password policy asks for.

use arca_lang::hcl::{self, Blocks, Document, Limits};
use arca_lang::template::is_printable;
use serde::Deserialize;

/// Fewest and most characters of a password.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=100;

/// Most characters to choose from.
const LARGEST_CHARSET: usize = 255;

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const HYPHEN: &str = "-";

/// A policy that was checked: passwords that fit it exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    length: usize,
    charset: Vec<char>,
    rules: Vec<Rule>,
}

/// At least so many characters of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    charset: Vec<char>,
    least: usize,
}

/// A text that is no password policy.
#[derive(Debug, thiserror::Error)]
pub enum BadPolicy {
    /// Not HCL or JSON, or with values that do not fit.
    #[error("invalid password policy: {0}")]
    Syntax(#[from] hcl::Error),
    /// It asks for what cannot be.
    #[error("invalid password policy: {0}")]
    Rules(String),
    /// Too short or too long.
    #[error("passwords must be between {} and {} characters", LENGTHS.start(), LENGTHS.end())]
    Length,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    length: i64,
    #[serde(default)]
    rule: Blocks<WrittenRule>,
}

#[derive(Deserialize)]
struct WrittenRule {
    #[serde(default)]
    charset: String,
    #[serde(default, rename = "min-chars")]
    min_chars: i64,
}

impl PasswordPolicy {
    /// Reads a policy in HCL or JSON.
    ///
    /// # Errors
    /// [`BadPolicy`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, BadPolicy> {
        let document = Document::parse(text.as_bytes(), &Limits::default())?;
        let decoded = document.decode::<Written>()?;
        let written = decoded.value;
        if let Some(rule) = written.rule.iter().find(|rule| rule.label != "charset") {
            let kind = &rule.label;
            return Err(BadPolicy::Rules(format!(
                "unable to parse rules: unable to parse rule {kind}: unrecognized rule type {kind}"
            )));
        }
        if let Some(unknown) = decoded.unknown.first() {
            let meant = unknown.suggestion.map(|name| format!("; did you mean {name:?}?"));
            let meant = meant.unwrap_or_default();
            return Err(BadPolicy::Rules(format!("unknown key {:?}{meant}", unknown.path)));
        }
        Self::check(&written)
    }

    fn check(written: &Written) -> Result<Self, BadPolicy> {
        let length = usize::try_from(written.length).ok().filter(|length| *length > 0);
        let length = length.ok_or_else(|| BadPolicy::Rules("length must be > 0".to_owned()))?;
        let mut rules = Vec::with_capacity(written.rule.len());
        for rule in written.rule.iter() {
            rules.push(Rule::check(&rule.body)?);
        }
        let least = rules
            .iter()
            .fold(0_usize, |sum, rule| sum.saturating_add(rule.least));
        if least > length {
            return Err(BadPolicy::Rules(format!(
                "specified rules require at least {least} characters but {length} is specified"
            )));
        }
        let charset = distinct(rules.iter().flat_map(|rule| rule.charset.iter().copied()));
        if charset.is_empty() {
            return Err(BadPolicy::Rules("no charset specified".to_owned()));
        }
        if charset.len() > LARGEST_CHARSET {
            return Err(too_large());
        }
        if !LENGTHS.contains(&length) {
            return Err(BadPolicy::Length);
        }
        Ok(Self {
            length,
            charset,
            rules,
        })
    }

    /// The policy of engines that are told no other.
    pub(super) fn built_in() -> Self {
        let rule = |set: &str| Rule {
            charset: set.chars().collect(),
            least: 1,
        };
        let rules = vec![rule(LOWER), rule(UPPER), rule(DIGITS), rule(HYPHEN)];
        Self {
            length: 20,
            charset: distinct(rules.iter().flat_map(|rule| rule.charset.iter().copied())),
            rules,
        }
    }

    /// How many characters a password has.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// The characters a password consists of, each once.
    pub(super) fn charset(&self) -> &[char] {
        &self.charset
    }

    /// Whether a password has enough characters of each set.
    pub(super) fn fits(&self, password: &str) -> bool {
        let count = |rule: &Rule| password.chars().filter(|c| rule.charset.contains(c)).count();
        self.rules.iter().all(|rule| count(rule) >= rule.least)
    }
}

impl Rule {
    fn check(written: &WrittenRule) -> Result<Self, BadPolicy> {
        let in_rule = |what: &str| {
            BadPolicy::Rules(format!(
                "unable to parse rules: unable to parse rule charset: {what}"
            ))
        };
        if written.charset.is_empty() {
            return Err(in_rule("no charset specified"));
        }
        if !written.charset.chars().all(is_printable) {
            return Err(in_rule("non-printable character in charset"));
        }
        let least = usize::try_from(written.min_chars);
        let least = least.map_err(|_| in_rule("min-chars must not be negative"))?;
        let charset = distinct(written.charset.chars());
        if charset.len() > LARGEST_CHARSET {
            return Err(too_large());
        }
        Ok(Self { charset, least })
    }
}

fn too_large() -> BadPolicy {
    BadPolicy::Rules(format!(
        "charset is too long: limited to {LARGEST_CHARSET} characters"
    ))
}

/// Each character once, sorted.
fn distinct(charset: impl Iterator<Item = char>) -> Vec<char> {
    let mut charset: Vec<char> = charset.collect();
    charset.sort_unstable();
    charset.dedup();
    charset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        PasswordPolicy::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn hcl_and_json_say_the_same() {
        let hcl = "length = 20\nrule \"charset\" {\n charset = \"abc\"\n min-chars = 1\n}\nrule \"charset\" { charset = \"cd\" }";
        let json = r#"{"length":20,"rule":[{"charset":{"charset":"abc","min-chars":1}},{"charset":{"charset":"cd"}}]}"#;
        let policy = PasswordPolicy::parse(hcl).unwrap();
        assert_eq!(policy, PasswordPolicy::parse(json).unwrap());
        assert_eq!(policy.charset(), ['a', 'b', 'c', 'd']);
        assert_eq!(policy.length(), 20);
        assert!(policy.fits("dddc") && !policy.fits("dddd"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let rule = |charset: &str, least: i64| {
            format!("rule \"charset\" {{ charset = \"{charset}\" min-chars = {least} }}")
        };
        let with = |length: i64, rules: &str| format!("length = {length}\n{rules}");
        let in_rule = "invalid password policy: unable to parse rules: unable to parse rule";
        for (text, expected) in [
            (
                rule("abc", 1),
                "invalid password policy: length must be > 0".to_owned(),
            ),
            (
                with(-1, &rule("abc", 1)),
                "invalid password policy: length must be > 0".to_owned(),
            ),
            (
                with(20, ""),
                "invalid password policy: no charset specified".to_owned(),
            ),
            (
                with(20, &rule("", 0)),
                format!("{in_rule} charset: no charset specified"),
            ),
            (
                with(20, &rule("a\\n", 0)),
                format!("{in_rule} charset: non-printable character in charset"),
            ),
            (
                with(20, &rule("a", -1)),
                format!("{in_rule} charset: min-chars must not be negative"),
            ),
            (
                with(20, "rule \"x\" { a = 1 }"),
                format!("{in_rule} x: unrecognized rule type x"),
            ),
            (
                with(20, &[rule("a", 20), rule("b", 1)].join("\n")),
                "invalid password policy: specified rules require at least 21 characters but 20 is specified"
                    .to_owned(),
            ),
            (
                with(3, &rule("abc", 1)),
                "passwords must be between 4 and 100 characters".to_owned(),
            ),
            (
                with(101, &rule("abc", 1)),
                "passwords must be between 4 and 100 characters".to_owned(),
            ),
        ] {
            assert_eq!(refused(&text), expected, "{text}");
        }
        assert!(refused("length = ").starts_with("invalid password policy: At 1:"));
        let misspelled = refused("length = 20\nrule \"charset\" { charset = \"a\" min_chars = 1 }");
        assert!(
            misspelled.contains("min_chars") && misspelled.contains("did you mean \"min-chars\""),
            "{misspelled}"
        );
        assert!(PasswordPolicy::parse(&with(4, &rule("abc", 4))).is_ok());
        assert!(PasswordPolicy::parse(&with(100, &rule("abc", 0))).is_ok());
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        let set = |from: u32, count: u32| {
            (from..)
                .filter_map(char::from_u32)
                .take(count as usize)
                .collect::<String>()
        };
        let policy = |charset: &str| format!("length = 20\nrule \"charset\" {{ charset = \"{charset}\" }}");
        assert!(PasswordPolicy::parse(&policy(&set(0x4e00, 255))).is_ok());
        let error = refused(&policy(&set(0x4e00, 256)));
        assert_eq!(
            error,
            "invalid password policy: charset is too long: limited to 255 characters"
        );
        // Characters that are named twice count once.
        let twice = set(0x4e00, 200).repeat(3);
        assert_eq!(
            PasswordPolicy::parse(&policy(&twice)).unwrap().charset().len(),
            200
        );
    }
}
