//! Text to tokens.

use super::cursor::{Cursor, Fault, Mark, Span};
use super::error::Cause;
use super::literal;

/// The smallest meaningful piece of HCL.
pub(super) enum Token<'a> {
    Identifier(&'a str),
    String(String),
    Heredoc(String),
    Integer(&'a str),
    Float(&'a str),
    Bool(bool),
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    Comma,
    Assign,
    End,
}

impl Token<'_> {
    /// What to call it in an error message.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Identifier(_) => "a name",
            Self::String(_) => "a string",
            Self::Heredoc(_) => "a heredoc",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::OpenBrace => "'{'",
            Self::CloseBrace => "'}'",
            Self::OpenBracket => "'['",
            Self::CloseBracket => "']'",
            Self::Comma => "','",
            Self::Assign => "'='",
            Self::End => "the end of the text",
        }
    }
}

/// Gives tokens one after the other and sets comments aside.
pub(super) struct Lexer<'a> {
    cursor: Cursor<'a>,
    pub(super) comments: Vec<Span>,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            cursor: Cursor::new(text),
            comments: Vec::new(),
        }
    }

    pub(super) fn next(&mut self) -> Result<(Token<'a>, Span), Fault> {
        self.skip_blank()?;
        let mark = self.cursor.mark();
        let token = self.token(mark)?;
        Ok((token, self.cursor.span(mark)))
    }

    /// Skips white space and comments.
    fn skip_blank(&mut self) -> Result<(), Fault> {
        loop {
            self.cursor.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            let mark = match self.cursor.peek() {
                Some('#' | '/') => self.cursor.mark(),
                _ => return Ok(()),
            };
            if self.cursor.accept("/*") {
                let length = self.cursor.rest().find("*/");
                let length = length.ok_or_else(|| self.cursor.fault(Cause::OpenComment, mark))?;
                self.cursor.take(length + 2);
            } else if self.cursor.accept("#") || self.cursor.accept("//") {
                self.cursor.take_while(|c| c != '\n');
            } else {
                return Err(self.cursor.fault(Cause::IllegalCharacter('/'), mark));
            }
            self.comments.push(self.cursor.span(mark));
        }
    }

    fn token(&mut self, mark: Mark) -> Result<Token<'a>, Fault> {
        let Some(first) = self.cursor.peek() else {
            return Ok(Token::End);
        };
        match first {
            '"' => literal::quoted(&mut self.cursor).map(Token::String),
            '<' => literal::heredoc(&mut self.cursor).map(Token::Heredoc),
            '-' | '.' | '0'..='9' => literal::number(&mut self.cursor),
            first if is_letter(first) => Ok(self.word()),
            _ => self.punctuation(mark),
        }
    }

    fn word(&mut self) -> Token<'a> {
        match self
            .cursor
            .take_while(|c| is_letter(c) || is_digit(c) || c == '-' || c == '.')
        {
            "true" => Token::Bool(true),
            "false" => Token::Bool(false),
            name => Token::Identifier(name),
        }
    }

    fn punctuation(&mut self, mark: Mark) -> Result<Token<'a>, Fault> {
        let cause = match self.cursor.bump() {
            Some('{') => return Ok(Token::OpenBrace),
            Some('}') => return Ok(Token::CloseBrace),
            Some('[') => return Ok(Token::OpenBracket),
            Some(']') => return Ok(Token::CloseBracket),
            Some(',') => return Ok(Token::Comma),
            Some('=') => return Ok(Token::Assign),
            Some(':') => Cause::Colon,
            Some(other) => Cause::IllegalCharacter(other),
            None => return Ok(Token::End),
        };
        Err(self.cursor.fault(cause, mark))
    }
}

/// A letter of any script, or an underscore.
pub(super) fn is_letter(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// A digit of any script.
pub(super) fn is_digit(c: char) -> bool {
    c.is_numeric()
}
