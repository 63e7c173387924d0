//! Tokens to tree, by recursive descent.

use super::Limits;
use super::ast::{Item, Key, Kind, Object, Value};
use super::cursor::{Fault, Span};
use super::error::Cause;
use super::lexer::{Lexer, Token};

/// Parses a whole document; also gives its comments.
pub(super) fn document(text: &str, limits: &Limits) -> Result<(Object, Vec<Span>), Fault> {
    let mut lexer = Lexer::new(text);
    let (next, span) = lexer.next()?;
    let mut parser = Parser {
        lexer,
        next,
        span,
        depth_left: limits.depth,
        limits,
    };
    let items = parser.items()?;
    if !matches!(parser.next, Token::End) {
        return Err(parser.unexpected("a key or a quoted string"));
    }
    let span = Span {
        start: 0,
        end: parser.span.end,
        position: super::Position { line: 1, column: 1 },
    };
    Ok((Object { items, span }, parser.lexer.comments))
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The next token and its place.
    next: Token<'a>,
    span: Span,
    depth_left: usize,
    limits: &'a Limits,
}

impl<'a> Parser<'a> {
    /// Takes the next token.
    fn bump(&mut self) -> Result<(Token<'a>, Span), Fault> {
        let (next, span) = self.lexer.next()?;
        let taken = std::mem::replace(&mut self.next, next);
        Ok((taken, std::mem::replace(&mut self.span, span)))
    }

    fn unexpected(&self, expected: &'static str) -> Fault {
        let found = self.next.name();
        self.fault(Cause::Expected { expected, found })
    }

    const fn fault(&self, cause: Cause) -> Fault {
        Fault {
            cause,
            span: self.span,
        }
    }

    /// Items up to a closing brace or the end, each optionally followed by one comma.
    fn items(&mut self) -> Result<Vec<Item>, Fault> {
        let mut items = Vec::new();
        while !matches!(self.next, Token::CloseBrace | Token::End) {
            items.push(self.item()?);
            if matches!(self.next, Token::Comma) {
                self.bump()?;
            }
        }
        Ok(items)
    }

    fn item(&mut self) -> Result<Item, Fault> {
        let keys = self.keys()?;
        // A label is one level more to whoever walks the tree.
        let labels = keys.len().saturating_sub(1);
        self.descend(labels)?;
        let assigned = matches!(self.next, Token::Assign);
        let value = match self.next {
            Token::Assign if keys.len() > 1 => return Err(self.fault(Cause::LabelsAssigned)),
            Token::Assign => {
                self.bump()?;
                self.value()?
            }
            Token::OpenBrace => self.object()?,
            Token::Identifier(_)
            | Token::String(_)
            | Token::Heredoc(_)
            | Token::Integer(_)
            | Token::Float(_)
            | Token::Bool(_)
            | Token::CloseBrace
            | Token::OpenBracket
            | Token::CloseBracket
            | Token::Comma
            | Token::End => {
                // Labels are not shown: with a forgotten equals sign, one of them is a value.
                let name = keys.first().map(|key| key.name.to_string());
                return Err(self.fault(Cause::KeyAlone(name.unwrap_or_default())));
            }
        };
        self.depth_left += labels;
        let start = keys.first().map_or(value.span, |key| key.span);
        Ok(Item {
            span: start.through(value.span),
            keys,
            assigned,
            value,
        })
    }

    /// At least one name or quoted string.
    fn keys(&mut self) -> Result<Vec<Key>, Fault> {
        let mut keys = Vec::new();
        loop {
            let name: Box<str> = match &mut self.next {
                Token::Identifier(name) => (*name).into(),
                Token::String(name) => std::mem::take(name).into(),
                _ if keys.is_empty() => return Err(self.unexpected("a key (a name or a quoted string)")),
                _ => return Ok(keys),
            };
            let (_, span) = self.bump()?;
            keys.push(Key { name, span });
        }
    }

    fn value(&mut self) -> Result<Value, Fault> {
        let kind = match &mut self.next {
            Token::OpenBrace => return self.object(),
            Token::OpenBracket => return self.list(),
            Token::String(text) | Token::Heredoc(text) => Kind::String(std::mem::take(text).into()),
            Token::Integer(text) => Kind::Integer((*text).into()),
            Token::Float(text) => Kind::Float((*text).into()),
            Token::Bool(value) => Kind::Bool(*value),
            _ => {
                return Err(
                    self.unexpected("a value (a quoted string, a number, a boolean, a list or a block)")
                );
            }
        };
        let (_, span) = self.bump()?;
        Ok(Value { kind, span })
    }

    fn object(&mut self) -> Result<Value, Fault> {
        self.descend(1)?;
        let (_, open) = self.bump()?;
        let items = self.items()?;
        if !matches!(self.next, Token::CloseBrace) {
            return Err(self.unexpected("'}' to close the block"));
        }
        let (_, close) = self.bump()?;
        self.depth_left += 1;
        let span = open.through(close);
        let kind = Kind::Object(Object { items, span });
        Ok(Value { kind, span })
    }

    /// A list. Commas may be doubled or trail, and may be left out after a nested list.
    fn list(&mut self) -> Result<Value, Fault> {
        self.descend(1)?;
        let (_, open) = self.bump()?;
        let mut elements: Vec<Value> = Vec::new();
        let mut separated = true;
        let close = loop {
            match self.next {
                Token::CloseBracket => break self.bump()?.1,
                Token::Comma => {
                    self.bump()?;
                    separated = true;
                }
                _ if !separated => return Err(self.unexpected("',' or ']' in the list")),
                _ => {
                    let element = self.value()?;
                    separated = matches!(element.kind, Kind::List(_));
                    elements.push(element);
                }
            }
        };
        self.depth_left += 1;
        let kind = Kind::List(elements);
        Ok(Value {
            kind,
            span: open.through(close),
        })
    }

    fn descend(&mut self, levels: usize) -> Result<(), Fault> {
        let limit = self.limits.depth;
        let left = self.depth_left.checked_sub(levels);
        self.depth_left = left.ok_or_else(|| self.fault(Cause::TooDeep { limit }))?;
        Ok(())
    }
}
