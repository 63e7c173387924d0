//! Conditions over named texts, as audit filters are written: `mount_type == kv and not (path matches "^app/")`.
//!
//! | form | holds when the text |
//! |---|---|
//! | `name == value`, `name != value` | is, is not the value |
//! | `name contains value`, `value in name`, `name not contains value`, `value not in name` | has it as a part, or not |
//! | `name matches value`, `name not matches value` | has a part that the regular expression fits, or not |
//! | `name is empty`, `name is not empty` | is empty, or not |
//!
//! joined by `and`, `or`, `not` and parentheses; `not` binds closest, then `and`. A value is a word, or text in `"` or in
//! backquotes. A name that is a path stands in `"` too.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};

/// Longest condition, in bytes.
pub const LONGEST: usize = 4096;
/// Deepest nesting of `not` and parentheses.
const DEEPEST: usize = 32;
/// Largest compiled regular expression, in bytes.
const LARGEST_REGEX: usize = 256 << 10;

/// A condition, ready to be asked.
#[derive(Clone, Debug)]
pub struct Condition(Node);

#[derive(Clone, Debug)]
enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Test(String, Test),
}

#[derive(Clone, Debug)]
enum Test {
    Equals(String),
    Contains(String),
    Matches(Regex),
    Empty,
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at}: {reason}")]
pub struct BadCondition {
    /// Where.
    pub at: usize,
    /// What.
    pub reason: String,
}

impl Condition {
    /// Reads a condition over the names that `knows` knows.
    ///
    /// # Errors
    /// [`BadCondition`]
    pub fn parse(text: &str, knows: &dyn Fn(&str) -> bool) -> Result<Self, BadCondition> {
        if text.len() > LONGEST {
            return Err(BadCondition {
                at: LONGEST,
                reason: format!("it is longer than {LONGEST} bytes"),
            });
        }
        let mut parser = Parser {
            tokens: tokens(text)?,
            next: 0,
            end: text.len(),
            depth: 0,
            knows,
        };
        let node = parser.any()?;
        match parser.peek() {
            None => Ok(Self(node)),
            Some(_) => Err(parser.expected("\"and\", \"or\" or the end")),
        }
    }

    /// Whether it holds; `text` gives what a name stands for.
    pub fn holds<'a>(&self, text: &dyn Fn(&str) -> Cow<'a, str>) -> bool {
        self.0.holds(text)
    }
}

impl Node {
    fn holds<'a>(&self, text: &dyn Fn(&str) -> Cow<'a, str>) -> bool {
        match self {
            Self::And(left, right) => left.holds(text) && right.holds(text),
            Self::Or(left, right) => left.holds(text) || right.holds(text),
            Self::Not(inner) => !inner.holds(text),
            Self::Test(name, test) => test.holds(&text(name)),
        }
    }
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Equals(value) => text == value,
            Self::Contains(value) => text.contains(value.as_str()),
            Self::Matches(regex) => regex.is_match(text),
            Self::Empty => text.is_empty(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Equal,
    Unequal,
    /// A word, which may be a key word.
    Word(String),
    Quoted(String),
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, BadCondition> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        let (token, length) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '=' if rest.starts_with("==") => (Token::Equal, 2),
            '!' if rest.starts_with("!=") => (Token::Unequal, 2),
            '"' | '`' => quoted(rest, c).ok_or_else(|| BadCondition {
                at,
                reason: "the quoted text has no end".to_owned(),
            })?,
            _ => word(rest),
        };
        if length == 0 {
            let reason = format!("{c:?} means nothing here; put values in quotes");
            return Err(BadCondition { at, reason });
        }
        found.push((at, token));
        at += length;
    }
    Ok(found)
}

/// Text in quotes. In `"` a backslash stands for what follows it; backquoted text is as it is.
fn quoted(rest: &str, quote: char) -> Option<(Token, usize)> {
    let mut out = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some((Token::Quoted(out), at + 1));
        }
        if c != '\\' || quote == '`' {
            out.push(c);
            continue;
        }
        let (_, escaped) = chars.next()?;
        match escaped {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '"' | '\\' => out.push(escaped),
            // Of a regular expression.
            other => out.extend(['\\', other]),
        }
    }
    None
}

fn word(rest: &str) -> (Token, usize) {
    let fits = |c: char| c.is_alphanumeric() || "_-./:*+@".contains(c);
    let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
    let word = rest.get(..length).unwrap_or_default();
    (Token::Word(word.to_owned()), length)
}

struct Parser<'a> {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    depth: usize,
    knows: &'a dyn Fn(&str) -> bool,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn expected(&self, what: &str) -> BadCondition {
        BadCondition {
            at: self.at(),
            reason: format!("expected {what}"),
        }
    }

    /// Takes the next token if it is this key word.
    fn takes(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.next += usize::from(is_it);
        is_it
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, BadCondition>,
    ) -> Result<T, BadCondition> {
        if self.depth == DEEPEST {
            return Err(self.expected(&format!("at most {DEEPEST} levels of nesting")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn any(&mut self) -> Result<Node, BadCondition> {
        let mut left = self.all()?;
        while self.takes("or") {
            left = Node::Or(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Node, BadCondition> {
        let mut left = self.one()?;
        while self.takes("and") {
            left = Node::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Node, BadCondition> {
        if self.takes("not") {
            return Ok(Node::Not(Box::new(self.deeper(Self::one)?)));
        }
        if self.peek() != Some(&Token::Open) {
            return self.test();
        }
        self.next += 1;
        let inner = self.deeper(Self::any)?;
        if self.peek() != Some(&Token::Close) {
            return Err(self.expected("\")\""));
        }
        self.next += 1;
        Ok(inner)
    }

    fn test(&mut self) -> Result<Node, BadCondition> {
        let at = self.at();
        let first = self.text("a name or a value")?;
        let operator = self.at();
        let (negated, test, name) = match self.peek().cloned() {
            Some(Token::Equal) => {
                self.next += 1;
                (false, Test::Equals(self.text("a value")?), first)
            }
            Some(Token::Unequal) => {
                self.next += 1;
                (true, Test::Equals(self.text("a value")?), first)
            }
            Some(Token::Word(word)) if word == "is" => {
                self.next += 1;
                let negated = self.takes("not");
                if !self.takes("empty") {
                    return Err(self.expected("\"empty\" or \"not empty\""));
                }
                (negated, Test::Empty, first)
            }
            _ => {
                let negated = self.takes("not");
                let (test, name) = self.part(operator, first)?;
                (negated, test, name)
            }
        };
        if !(self.knows)(&name) {
            let reason = format!("there is nothing called {name:?}");
            return Err(BadCondition { at, reason });
        }
        let test = Node::Test(name, test);
        Ok(if negated { Node::Not(Box::new(test)) } else { test })
    }

    /// `contains`, `matches` or `in`, and what follows.
    fn part(&mut self, operator: usize, first: String) -> Result<(Test, String), BadCondition> {
        if self.takes("contains") {
            return Ok((Test::Contains(self.text("a value")?), first));
        }
        if self.takes("in") {
            let name = self.text("a name")?;
            return Ok((Test::Contains(first), name));
        }
        if !self.takes("matches") {
            let reason = "expected ==, !=, in, contains, matches or is".to_owned();
            return Err(BadCondition { at: operator, reason });
        }
        let at = self.at();
        let pattern = self.text("a regular expression")?;
        let regex = RegexBuilder::new(&pattern).size_limit(LARGEST_REGEX).build();
        let bad = |_| BadCondition {
            at,
            reason: "the regular expression is wrong or too large".to_owned(),
        };
        Ok((Test::Matches(regex.map_err(bad)?), first))
    }

    fn text(&mut self, what: &str) -> Result<String, BadCondition> {
        match self.peek() {
            Some(Token::Word(text) | Token::Quoted(text)) => {
                let text = text.clone();
                self.next += 1;
                Ok(text)
            }
            _ => Err(self.expected(what)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 3] = ["mount_type", "path", "/request/id"];

    fn parse(text: &str) -> Result<Condition, BadCondition> {
        Condition::parse(text, &|name| NAMES.contains(&name))
    }

    fn holds(text: &str) -> bool {
        parse(text).unwrap().holds(&|name| match name {
            "mount_type" => "kv".into(),
            "path" => "app/data/db".into(),
            _ => "".into(),
        })
    }

    #[test]
    fn what_holds() {
        for text in [
            "mount_type == kv",
            "mount_type == \"kv\"",
            "mount_type != database",
            "path contains data",
            "data in path",
            "\"data\" not in mount_type",
            "path not contains canary",
            "path matches `^app/.*/d\\w$`",
            "path matches \"^app/.*/d\\w$\"",
            "path not matches \"^x\"",
            "\"/request/id\" is empty",
            "path is not empty",
            "not mount_type == transit",
            "mount_type == transit or mount_type == kv and path contains app",
            "(mount_type == transit or mount_type == kv) and not (path contains x)",
            "not not mount_type == kv",
        ] {
            assert!(holds(text), "{text}");
            assert!(!holds(&format!("not ({text})")), "{text}");
        }
        assert!(!holds("mount_type == kv and path == x or path == y"));
    }

    #[test]
    fn what_is_wrong() {
        for (text, at, reason) in [
            ("", 0, "a name or a value"),
            ("mount_type", 10, "expected ==, !=, in"),
            ("mount_type ==", 13, "a value"),
            ("mount_typ == kv", 0, "nothing called \"mount_typ\""),
            ("kv in mount_typ", 0, "nothing called"),
            ("(mount_type == kv", 17, "\")\""),
            ("mount_type == kv kv", 17, "the end"),
            ("path is full", 8, "\"empty\""),
            ("path matches \"(\"", 13, "regular expression"),
            ("path matches \"a{999}{999}\"", 13, "regular expression"),
            ("path == \"x", 8, "no end"),
            ("path = x", 5, "means nothing"),
            ("path == x & path == y", 10, "means nothing"),
        ] {
            let bad = parse(text).unwrap_err();
            assert_eq!(bad.at, at, "{text}: {bad}");
            assert!(bad.reason.contains(reason), "{text}: {bad}");
        }
        let deep = format!("{}path == x", "not ".repeat(DEEPEST + 1));
        assert!(parse(&deep).unwrap_err().reason.contains("nesting"));
        assert!(
            parse(&" ".repeat(LONGEST + 1))
                .unwrap_err()
                .reason
                .contains("longer")
        );
    }

    proptest! {
        /// Whatever it is, it is read or refused, and what is refused names a place within the text.
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z()=!\"`\\\\ é.]{0,60}") {
            match parse(&text) {
                Ok(condition) => drop(condition.holds(&|_| "x".into())),
                Err(bad) => prop_assert!(bad.at <= text.len()),
            }
        }
    }
}
