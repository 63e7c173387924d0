//! Pipelines and what they consist of.

use super::super::ast::{Command, Expression, ExpressionKind, Function, Pipeline};
use super::super::builtin::Builtin;
use super::super::error::Cause;
use super::super::lexer::TokenKind;
use super::super::literal;
use super::super::value::Value;
use super::{Parsed, Parser};

/// Most variables that are known at one place: each use looks for its variable among them.
const MOST_VARIABLES: usize = 1000;

impl<'a> Parser<'a> {
    pub(super) fn pipeline(&mut self, context: &str, end: &TokenKind) -> Parsed<Pipeline> {
        let mut pipeline = Pipeline {
            at: self.peek_solid().at,
            assigns: false,
            variables: Vec::new(),
            commands: Vec::new(),
        };
        self.declarations(&mut pipeline, context)?;
        loop {
            let token = self.next_solid();
            if token.kind == *end {
                break;
            }
            if !begins_operand(&token.kind) {
                return Err(self.unexpected(&token, context));
            }
            self.back();
            let command = self.command()?;
            pipeline.commands.push(command);
        }
        if pipeline.commands.is_empty() {
            return Err(self.fault(format!("missing value for {context}")));
        }
        let stuck = pipeline
            .commands
            .iter()
            .skip(1)
            .position(|command| is_constant(&command.operand.kind));
        match stuck {
            Some(stage) => Err(self.fault(format!("non executable command in pipeline stage {}", stage + 2))),
            None => Ok(pipeline),
        }
    }

    /// `$x :=`, `$x =` or, for `range`, `$i, $x :=`.
    fn declarations(&mut self, pipeline: &mut Pipeline, context: &str) -> Parsed<()> {
        while self.peek_solid().kind == TokenKind::Variable {
            let mark = self.at;
            let variable = self.next_solid();
            let next = self.next_solid();
            let comma = next.kind == TokenKind::Char && next.text == ",";
            if !comma && !matches!(next.kind, TokenKind::Assign | TokenKind::Declare) {
                self.at = mark;
                return Ok(());
            }
            let declares = next.kind != TokenKind::Assign;
            if !comma {
                pipeline.assigns = !declares;
            }
            pipeline.variables.push(variable.text.into());
            self.declare(variable.text, declares)?;
            if !comma {
                return Ok(());
            }
            if context != "range" || pipeline.variables.len() > 1 {
                return Err(self.fault(format!("too many declarations in {context}")));
            }
            match self.peek_solid().kind {
                TokenKind::Variable | TokenKind::Right | TokenKind::CloseParen => {}
                _ => return Err(self.fault("range can only initialize variables")),
            }
        }
        Ok(())
    }

    /// Makes a variable known. Assigning to one that is not is found when the template is rendered.
    fn declare(&mut self, name: &str, anew: bool) -> Parsed<()> {
        if anew || !self.variables.iter().any(|known| **known == *name) {
            self.variables.push(name.into());
        }
        if self.variables.len() > MOST_VARIABLES {
            let at = self.tokens.last().map_or(0, |token| token.at);
            return Err(self.fault_at(at, Cause::TooManyVariables(MOST_VARIABLES)));
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let at = self.peek_solid().at;
        let mut operands = Vec::new();
        loop {
            self.peek_solid();
            operands.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                TokenKind::Space => {}
                TokenKind::Right | TokenKind::CloseParen => {
                    self.back();
                    break;
                }
                TokenKind::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        let mut operands = operands.into_iter();
        let Some(operand) = operands.next() else {
            return Err(self.fault("empty command"));
        };
        let arguments = operands.collect();
        Ok(Command {
            at,
            operand,
            arguments,
        })
    }

    /// A term with the fields behind it.
    fn operand(&mut self) -> Parsed<Option<Expression>> {
        let Some(term) = self.term()? else {
            return Ok(None);
        };
        let next = self.peek();
        if next.kind != TokenKind::Field {
            return Ok(Some(term));
        }
        let mut fields = Vec::new();
        while self.peek().kind == TokenKind::Field {
            fields.push(field_name(self.next().text));
        }
        let kind = match term.kind {
            ExpressionKind::Field(mut first) => {
                first.append(&mut fields);
                ExpressionKind::Field(first)
            }
            ExpressionKind::Variable { name, .. } => ExpressionKind::Variable { name, fields },
            ref kind if is_constant(kind) => {
                return Err(self.fault(format!("unexpected . after term {:?}", term.to_string())));
            }
            _ => ExpressionKind::Chain(Box::new(term), fields),
        };
        Ok(Some(Expression { at: next.at, kind }))
    }

    fn term(&mut self) -> Parsed<Option<Expression>> {
        let token = self.next_solid();
        let kind = match token.kind {
            TokenKind::Identifier => self.function(token.text)?,
            TokenKind::Dot => ExpressionKind::Dot,
            TokenKind::Nil => ExpressionKind::Nil,
            TokenKind::Bool => ExpressionKind::Bool(token.text == "true"),
            TokenKind::Field => ExpressionKind::Field(vec![field_name(token.text)]),
            TokenKind::Variable => self.variable(token.text)?,
            TokenKind::CharConstant => {
                ExpressionKind::Number(literal::character(token.text).map_err(|message| self.fault(message))?)
            }
            TokenKind::Number => {
                ExpressionKind::Number(literal::number(token.text).map_err(|message| self.fault(message))?)
            }
            TokenKind::String | TokenKind::RawString => {
                let bytes = literal::string(token.text).ok_or_else(|| self.fault("invalid syntax"))?;
                let (written, value) = (token.text.into(), Value::string(bytes));
                ExpressionKind::String { written, value }
            }
            TokenKind::OpenParen => {
                let inner =
                    self.deeper(|parser| parser.pipeline("parenthesized pipeline", &TokenKind::CloseParen))?;
                ExpressionKind::Parenthesized(Box::new(inner))
            }
            _ => {
                self.back();
                return Ok(None);
            }
        };
        Ok(Some(Expression { at: token.at, kind }))
    }

    fn function(&mut self, name: &'a str) -> Parsed<ExpressionKind> {
        let known = self.called.get(name).copied();
        if known.is_none() && self.functions.signature(name).is_none() && Builtin::of(name).is_none() {
            let message = format!("function {name:?} not defined");
            return Err(self.fault(match self.functions.refusal(name) {
                Some(reason) => format!("{message}: {reason}"),
                None => message,
            }));
        }
        let number = known.unwrap_or(self.called.len());
        self.called.insert(name, number);
        let name = name.into();
        Ok(ExpressionKind::Function(Function { name, number }))
    }

    fn variable(&self, name: &str) -> Parsed<ExpressionKind> {
        if !self.variables.iter().any(|known| **known == *name) {
            return Err(self.fault(format!("undefined variable {name:?}")));
        }
        let fields = Vec::new();
        Ok(ExpressionKind::Variable {
            name: name.into(),
            fields,
        })
    }
}

fn field_name(written: &str) -> Box<str> {
    written.strip_prefix('.').unwrap_or(written).into()
}

const fn begins_operand(kind: &TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Bool
            | TokenKind::CharConstant
            | TokenKind::Dot
            | TokenKind::Field
            | TokenKind::Identifier
            | TokenKind::Number
            | TokenKind::Nil
            | TokenKind::RawString
            | TokenKind::String
            | TokenKind::Variable
            | TokenKind::OpenParen
    )
}

const fn is_constant(kind: &ExpressionKind) -> bool {
    matches!(
        kind,
        ExpressionKind::Bool(_)
            | ExpressionKind::Dot
            | ExpressionKind::Nil
            | ExpressionKind::Number(_)
            | ExpressionKind::String { .. }
    )
}
