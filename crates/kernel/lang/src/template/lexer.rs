//! Text to tokens.

use memchr::memmem::Finder;

/// What separates actions from text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delimiters {
    /// Opens an action.
    pub left: String,
    /// Closes an action.
    pub right: String,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self {
            left: "{{".to_owned(),
            right: "}}".to_owned(),
        }
    }
}

/// A piece of a template and its place.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) at: usize,
    pub(super) text: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Outside of actions.
    Text,
    /// Opens an action.
    Left,
    /// Closes an action.
    Right,
    Space,
    Assign,
    Declare,
    Pipe,
    OpenParen,
    CloseParen,
    /// Another character, such as a comma.
    Char,
    String,
    RawString,
    CharConstant,
    Number,
    Bool,
    Identifier,
    /// `.name`
    Field,
    /// `$name`
    Variable,
    Dot,
    Nil,
    Keyword(Keyword),
    /// What is wrong says [`Lexer::mistake`].
    Error,
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

impl Keyword {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "range" => Self::Range,
            "template" => Self::Template,
            "with" => Self::With,
            _ => return None,
        })
    }
}

/// Gives tokens one after the other; the last one is [`TokenKind::End`] or [`TokenKind::Error`].
pub(super) struct Lexer<'a> {
    text: &'a str,
    delimiters: &'a Delimiters,
    start: usize,
    at: usize,
    inside_action: bool,
    parens: usize,
    /// Finds what opens an action.
    opening: Finder<'a>,
    mistake: String,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, delimiters: &'a Delimiters) -> Self {
        Self {
            text,
            delimiters,
            start: 0,
            at: 0,
            inside_action: false,
            parens: 0,
            opening: Finder::new(&delimiters.left),
            mistake: String::new(),
        }
    }

    /// What was wrong when the last token was an error.
    pub(super) fn mistake(&self) -> &str {
        &self.mistake
    }

    pub(super) fn next(&mut self) -> Token<'a> {
        self.start = self.at;
        let found = if self.inside_action {
            self.action()
        } else {
            self.outside()
        };
        let kind = found.unwrap_or_else(|mistake| {
            self.mistake = mistake;
            TokenKind::Error
        });
        let text = match kind {
            TokenKind::Text => trimmed_text(self.text, self.start, self.at, self.delimiters),
            _ => self.text.get(self.start..self.at).unwrap_or_default(),
        };
        Token {
            kind,
            at: self.start,
            text,
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn accept(&mut self, wanted: &str) -> bool {
        let found = self.peek().is_some_and(|c| wanted.contains(c));
        if found {
            self.bump();
        }
        found
    }

    fn accept_run(&mut self, wanted: &str) {
        while self.accept(wanted) {}
    }

    /// Text up to the next action, or the opening of the action that is next.
    fn outside(&mut self) -> Result<TokenKind, String> {
        loop {
            match self.opening.find(self.rest().as_bytes()) {
                None if self.rest().is_empty() => return Ok(TokenKind::End),
                None => {
                    self.at = self.text.len();
                    return Ok(TokenKind::Text);
                }
                Some(0) => {}
                Some(length) => {
                    self.at += length;
                    if !trimmed_text(self.text, self.start, self.at, self.delimiters).is_empty() {
                        return Ok(TokenKind::Text);
                    }
                    self.start = self.at;
                }
            }
            let after = self.at + self.delimiters.left.len();
            let trims = opens_trimmed(self.text.get(after..).unwrap_or_default());
            let inside = after + if trims { 2 } else { 0 };
            if self.text.get(inside..).is_some_and(|rest| rest.starts_with("/*")) {
                self.comment(inside)?;
                self.start = self.at;
                continue;
            }
            self.at = inside;
            self.inside_action = true;
            self.parens = 0;
            return Ok(TokenKind::Left);
        }
    }

    /// Skips the comment that begins at `from`, with its delimiter.
    fn comment(&mut self, from: usize) -> Result<(), String> {
        self.start = from;
        self.at = from + 2;
        let length = self.rest().find("*/").ok_or("unclosed comment")?;
        self.at += length + 2;
        let trims = self
            .right_delimiter()
            .ok_or("comment ends before closing delimiter")?;
        self.close(trims);
        Ok(())
    }

    /// Whether the closing delimiter is next, and if so, whether it trims.
    fn right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        let right = self.delimiters.right.as_str();
        if rest.starts_with(right) {
            return Some(false);
        }
        let trimmed = rest.strip_prefix(is_space)?.strip_prefix('-')?;
        trimmed.starts_with(right).then_some(true)
    }

    fn close(&mut self, trims: bool) {
        self.at += self.delimiters.right.len() + if trims { 2 } else { 0 };
        if trims {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(is_space).len();
        }
    }

    fn action(&mut self) -> Result<TokenKind, String> {
        if let Some(trims) = self.right_delimiter() {
            if self.parens > 0 {
                return Err("unclosed left paren".to_owned());
            }
            self.close(trims);
            self.inside_action = false;
            return Ok(TokenKind::Right);
        }
        let Some(first) = self.bump() else {
            return Err("unclosed action".to_owned());
        };
        match first {
            first if is_space(first) => Ok(self.space()),
            '=' => Ok(TokenKind::Assign),
            ':' if self.accept("=") => Ok(TokenKind::Declare),
            ':' => Err("expected :=".to_owned()),
            '|' => Ok(TokenKind::Pipe),
            '"' => self.quoted('"', "unterminated quoted string", TokenKind::String),
            '\'' => self.quoted('\'', "unterminated character constant", TokenKind::CharConstant),
            '`' => self.raw(),
            '$' => self.name(TokenKind::Variable),
            '.' if self.peek().is_some_and(|c| !c.is_ascii_digit()) => self.field(),
            '.' | '+' | '-' | '0'..='9' => self.number(),
            first if is_alphanumeric(first) => self.word(),
            '(' | ')' => self.paren(first),
            first if first.is_ascii_graphic() => Ok(TokenKind::Char),
            first => Err(format!("unrecognized character in action: {}", code_point(first))),
        }
    }

    /// A run of space, up to the one that belongs to a trimming delimiter.
    fn space(&mut self) -> TokenKind {
        while self.right_delimiter().is_none() && self.peek().is_some_and(is_space) {
            self.bump();
        }
        TokenKind::Space
    }

    fn paren(&mut self, paren: char) -> Result<TokenKind, String> {
        if paren == '(' {
            self.parens += 1;
            return Ok(TokenKind::OpenParen);
        }
        self.parens = self.parens.checked_sub(1).ok_or("unexpected right paren")?;
        Ok(TokenKind::CloseParen)
    }

    fn quoted(&mut self, quote: char, unterminated: &str, kind: TokenKind) -> Result<TokenKind, String> {
        loop {
            let mut next = self.bump();
            let escaped = next == Some('\\');
            if escaped {
                next = self.bump();
            }
            match next {
                None | Some('\n') => return Err(unterminated.to_owned()),
                Some(c) if c == quote && !escaped => return Ok(kind),
                Some(_) => {}
            }
        }
    }

    fn raw(&mut self) -> Result<TokenKind, String> {
        let length = self.rest().find('`').ok_or("unterminated raw quoted string")?;
        self.at += length + 1;
        Ok(TokenKind::RawString)
    }

    fn field(&mut self) -> Result<TokenKind, String> {
        if self.at_terminator() {
            return Ok(TokenKind::Dot);
        }
        self.name(TokenKind::Field)
    }

    /// The name behind a dot or a dollar sign.
    fn name(&mut self, kind: TokenKind) -> Result<TokenKind, String> {
        while !self.at_terminator() && self.peek().is_some_and(is_alphanumeric) {
            self.bump();
        }
        self.terminated(kind)
    }

    fn terminated(&self, kind: TokenKind) -> Result<TokenKind, String> {
        match self.peek() {
            Some(bad) if !self.at_terminator() => Err(format!("bad character {}", code_point(bad))),
            _ => Ok(kind),
        }
    }

    /// Whether a word may end here.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(next) => is_space(next) || self.rest().starts_with(&self.delimiters.right),
        }
    }

    fn word(&mut self) -> Result<TokenKind, String> {
        while self.peek().is_some_and(is_alphanumeric) {
            self.bump();
        }
        let word = self.text.get(self.start..self.at).unwrap_or_default();
        let kind = match word {
            "nil" => TokenKind::Nil,
            "true" | "false" => TokenKind::Bool,
            word => Keyword::of(word).map_or(TokenKind::Identifier, TokenKind::Keyword),
        };
        self.terminated(kind)
    }

    /// Anything that looks like a number; whether it is one is found when its value is asked for.
    fn number(&mut self) -> Result<TokenKind, String> {
        self.at = self.start;
        let mut sound = self.scan_number();
        if matches!(self.peek(), Some('+' | '-')) {
            sound = self.scan_number() && self.number_text().ends_with('i');
        }
        let written = self.number_text();
        if !sound {
            return Err(format!("bad number syntax: {written:?}"));
        }
        if written.ends_with('i') {
            return Err("imaginary numbers are not supported".to_owned());
        }
        Ok(TokenKind::Number)
    }

    fn number_text(&self) -> &'a str {
        self.text.get(self.start..self.at).unwrap_or_default()
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let (digits, exponent) = match self.accept("0") {
            true if self.accept("xX") => ("0123456789abcdefABCDEF_", "pP"),
            true if self.accept("oO") => ("01234567_", ""),
            true if self.accept("bB") => ("01_", ""),
            _ => ("0123456789_", "eE"),
        };
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        let cut = self.peek().is_some_and(is_alphanumeric);
        if cut {
            self.bump();
        }
        !cut
    }
}

/// The text between two actions, without the space the second one trims. (The first one trims by itself.)
fn trimmed_text<'a>(text: &'a str, start: usize, end: usize, delimiters: &Delimiters) -> &'a str {
    let piece = text.get(start..end).unwrap_or_default();
    let next = text.get(end..).unwrap_or_default();
    match next.strip_prefix(delimiters.left.as_str()) {
        Some(action) if opens_trimmed(action) => piece.trim_end_matches(is_space),
        _ => piece,
    }
}

fn opens_trimmed(action: &str) -> bool {
    action
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(is_space))
}

pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// `U+002D '-'`
fn code_point(c: char) -> String {
    let number = u32::from(c);
    if super::print::is_printable(c) {
        format!("U+{number:04X} '{c}'")
    } else {
        format!("U+{number:04X}")
    }
}
