//! Patterns as the original writes them, in the syntax of the `regex` crate.
//!
//! The languages differ in a few places: here, classes such as `\d` are ASCII, `[` stands for itself within brackets,
//! there are no set operations, and `\Q...\E` quotes.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

use parking_lot::Mutex;
use regex::{Regex, RegexBuilder};

use crate::template::FunctionError;

/// Longest pattern, in bytes.
const LENGTH: usize = 4096;

/// Memory a compiled pattern may take, in bytes.
const SIZE: usize = 1 << 20;

/// Groups inside each other.
const NESTING: u32 = 100;

/// Most repetitions a pattern may ask for in one place.
const REPETITIONS: u32 = 1000;

/// What names of groups begin with in compiled patterns: there, they must not begin with a digit.
pub(super) const NAME_PREFIX: &str = "_";

/// Classes that have a name.
const CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Patterns a rendering may compile.
const COMPILATIONS: usize = 1000;

/// Compiled patterns that are kept for the next call.
const KEPT: usize = 32;

/// The patterns of one rendering.
#[derive(Default)]
pub(in crate::sprig) struct Patterns(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    kept: HashMap<String, Regex>,
    compiled: usize,
}

impl Patterns {
    /// The compiled pattern.
    ///
    /// # Errors
    /// What is wrong with it, without a part of it, or that there were too many.
    pub(super) fn get(&self, pattern: &str) -> Result<Regex, FunctionError> {
        let mut memory = self.0.lock();
        if let Some(known) = memory.kept.get(pattern) {
            return Ok(known.clone());
        }
        memory.compiled += 1;
        memory.check()?;
        let compiled = compile(pattern)?;
        if memory.kept.len() >= KEPT {
            memory.kept.clear();
        }
        memory.kept.insert(pattern.to_owned(), compiled.clone());
        Ok(compiled)
    }

    /// Fails once there were too many patterns.
    pub(super) fn check(&self) -> Result<(), FunctionError> {
        self.0.lock().check()
    }
}

impl Memory {
    fn check(&self) -> Result<(), FunctionError> {
        if self.compiled > COMPILATIONS {
            return Err(format!("the template has more than {COMPILATIONS} different patterns").into());
        }
        Ok(())
    }
}

fn compile(pattern: &str) -> Result<Regex, FunctionError> {
    if pattern.len() > LENGTH {
        return Err(format!("the pattern is longer than {LENGTH} bytes").into());
    }
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len() * 2),
    };
    translator.run()?;
    RegexBuilder::new(&translator.out)
        .size_limit(SIZE)
        .dfa_size_limit(SIZE)
        .nest_limit(NESTING)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".into(),
            _ => MALFORMED.into(),
        })
}

const MALFORMED: &str = "the pattern is malformed: check its brackets, repetitions and escapes";

struct Translator<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
}

type Done = Result<(), FunctionError>;

impl Translator<'_> {
    fn run(&mut self) -> Done {
        let mut repeated = false;
        while let Some(c) = self.rest.next() {
            let repeats = match c {
                '\\' => {
                    self.escape()?;
                    false
                }
                '[' => {
                    self.class()?;
                    false
                }
                '(' => {
                    self.group()?;
                    false
                }
                '{' => self.counted()?,
                '*' | '+' | '?' => {
                    self.out.push(c);
                    true
                }
                c => {
                    self.out.push(c);
                    false
                }
            };
            if repeats {
                if repeated {
                    return Err(MALFORMED.into());
                }
                if self.rest.next_if_eq(&'?').is_some() {
                    self.out.push('?');
                }
            }
            repeated = repeats;
        }
        Ok(())
    }

    /// Only the flags i, m, s and U exist.
    fn group(&mut self) -> Done {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        while let Some(c) = self.rest.next_if(|c| !matches!(c, ')' | ':' | '<')) {
            if !matches!(c, 'i' | 'm' | 's' | 'U' | '-' | 'P') {
                return Err(MALFORMED.into());
            }
            self.out.push(c);
        }
        if self.rest.next_if_eq(&'<').is_some() {
            self.out.push('<');
            self.out.push_str(NAME_PREFIX);
            if self.rest.peek() == Some(&'>') {
                return Err(MALFORMED.into());
            }
            while let Some(c) = self.rest.next_if(|c| *c != '>') {
                if !c.is_ascii_alphanumeric() && c != '_' {
                    return Err(MALFORMED.into());
                }
                self.out.push(c);
            }
        }
        Ok(())
    }

    /// `{2}`, `{2,}` or `{2,3}`; any other brace stands for itself.
    fn counted(&mut self) -> Result<bool, FunctionError> {
        let ahead: String = self.rest.clone().take_while(|c| *c != '}').collect();
        let closed = self.rest.clone().any(|c| c == '}');
        let (least, most) = ahead.split_once(',').unwrap_or((&ahead, &ahead));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = |text: &str| text.len() > 1 && text.starts_with('0');
        if !closed
            || least.is_empty()
            || !digits(least)
            || !digits(most)
            || leading_zero(least)
            || leading_zero(most)
        {
            self.out.push_str("\\{");
            return Ok(false);
        }
        let within = |text: &str| text.parse::<u32>().is_ok_and(|count| count <= REPETITIONS);
        if !within(least) || !(most.is_empty() || within(most)) {
            return Err(format!("the pattern repeats something more than {REPETITIONS} times").into());
        }
        self.out.push('{');
        for c in self.rest.by_ref() {
            self.out.push(c);
            if c == '}' {
                break;
            }
        }
        Ok(true)
    }

    fn escape(&mut self) -> Done {
        match self.rest.peek() {
            Some('b') => self.take("(?-u:\\b)"),
            Some('B') => self.take("(?-u:\\B)"),
            Some('A') => self.take("\\A"),
            Some('z') => self.take("\\z"),
            Some('d') => self.take("[0-9]"),
            Some('D') => self.take("[^0-9]"),
            Some('w') => self.take("[0-9A-Za-z_]"),
            Some('W') => self.take("[^0-9A-Za-z_]"),
            Some('s') => self.take("[\\t\\n\\x0c\\r ]"),
            Some('S') => self.take("[^\\t\\n\\x0c\\r ]"),
            Some('Q') => {
                self.rest.next();
                self.quoted();
            }
            _ => return self.character(),
        }
        Ok(())
    }

    /// Writes something for the next character.
    fn take(&mut self, written: &str) {
        self.rest.next();
        self.out.push_str(written);
    }

    /// Everything up to `\E` stands for itself.
    fn quoted(&mut self) {
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                return;
            }
            self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        }
    }

    /// An escape that stands for one character or for a class of Unicode.
    fn character(&mut self) -> Done {
        let c = self.rest.next().ok_or(MALFORMED)?;
        match c {
            'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'p' | 'P' => self.out.extend(['\\', c]),
            '0'..='7' => self.octal(c)?,
            c if c.is_ascii_punctuation() => self.out.push_str(&regex_literal(c)),
            _ => return Err(MALFORMED.into()),
        }
        Ok(())
    }

    /// Up to three octal digits; a single one other than zero would be a reference to a group.
    fn octal(&mut self, first: char) -> Done {
        let mut value = first.to_digit(8).unwrap_or(0);
        let mut count = 1;
        while count < 3 {
            let Some(digit) = self.rest.next_if(|c| c.is_digit(8)) else {
                break;
            };
            value = value * 8 + digit.to_digit(8).unwrap_or(0);
            count += 1;
        }
        if count == 1 && first != '0' {
            return Err(MALFORMED.into());
        }
        self.out.push_str(&format!("\\x{{{value:x}}}"));
        Ok(())
    }

    /// What stands in brackets.
    fn class(&mut self) -> Done {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let c = self.rest.next().ok_or(MALFORMED)?;
            match c {
                ']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' if self.rest.peek() == Some(&':') => self.named_class()?,
                '\\' => self.class_escape()?,
                // A dash between others makes a range; at an end it stands for itself.
                '-' if !first && self.rest.peek().is_some_and(|c| *c != ']') => {
                    self.out.push('-');
                    if self.rest.peek() == Some(&'-') {
                        self.rest.next();
                        self.out.push_str("\\-");
                    }
                }
                c => self.out.push_str(&regex_literal(c)),
            }
            first = false;
        }
    }

    /// `[:alpha:]`; what only looks like it stands for itself.
    fn named_class(&mut self) -> Done {
        let ahead: String = self
            .rest
            .clone()
            .skip(1)
            .take_while(|c| *c != ':' && *c != ']')
            .collect();
        let behind = self.rest.clone().skip(1 + ahead.chars().count()).take(2);
        if behind.collect::<String>() != ":]" {
            self.out.push_str("\\[");
            return Ok(());
        }
        if !CLASSES.contains(&ahead.strip_prefix('^').unwrap_or(&ahead)) {
            return Err(MALFORMED.into());
        }
        self.out.push_str(&format!("[:{ahead}:]"));
        for _ in 0..ahead.chars().count() + 3 {
            self.rest.next();
        }
        Ok(())
    }

    fn class_escape(&mut self) -> Done {
        match self.rest.peek() {
            Some('d') => self.take("0-9"),
            Some('w') => self.take("0-9A-Za-z_"),
            Some('s') => self.take("\\t\\n\\x0c\\r "),
            Some('D') => self.take("[^0-9]"),
            Some('W') => self.take("[^0-9A-Za-z_]"),
            Some('S') => self.take("[^\\t\\n\\x0c\\r ]"),
            _ => return self.character(),
        }
        Ok(())
    }
}

/// A character that stands for itself, also within brackets.
fn regex_literal(c: char) -> String {
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        format!("\\{c}")
    } else {
        c.to_string()
    }
}
