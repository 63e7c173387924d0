//! Calls of functions and their arguments.

use super::super::ast::{Expression, ExpressionKind, Number};
use super::super::builtin::{Builtin, Outcome};
use super::super::error::Cause;
use super::super::functions::{Conduct, Kind, Signature};
use super::super::value::{Operand, Value};
use super::expression::Handed;
use super::{Done, Place, Run};
use crate::template::error::Error;

impl<'t> Run<'t, '_> {
    /// Calls a function. `place` is what an error of the function itself points at.
    pub(super) fn function(
        &mut self,
        dot: &Operand,
        place: Place<'t>,
        name: &'t str,
        handed: Handed<'t>,
    ) -> Done<Operand> {
        if let Some(signature) = self.functions.signature(name) {
            self.check_count(name, signature, &handed)?;
            return self.lent(dot, place, (name, signature), handed);
        }
        let Some(builtin) = Builtin::of(name) else {
            return Err(self.misfit(format!("{name:?} is not a defined function")));
        };
        let signature = builtin.signature();
        self.check_count(name, signature, &handed)?;
        match builtin {
            Builtin::And => self.decide(dot, handed, false),
            Builtin::Or => self.decide(dot, handed, true),
            _ => self.builtin(dot, place, (name, builtin), handed),
        }
    }

    /// A function of the embedding program.
    fn lent(
        &mut self,
        dot: &Operand,
        place: Place<'t>,
        (name, signature): (&'t str, Signature),
        handed: Handed<'t>,
    ) -> Done<Operand> {
        let first = handed.arguments.first();
        let operands = self.arguments(dot, signature, handed)?;
        let values: Vec<Value> = operands.into_iter().map(Operand::into_value).collect();
        self.step(values.iter().map(Value::text_length).sum())?;
        let value = match self.functions.call(name, &values) {
            Ok(value) => value,
            Err(error) => return Err(self.failed(place, name, error.to_string())),
        };
        match (self.functions.conduct(name), first.map(|first| &first.kind)) {
            (Conduct::Gives, _) => self.made(Operand::result(value)),
            (Conduct::Renders, _) => self.rendered(place, name, &values),
            (Conduct::Changes, Some(ExpressionKind::Variable { name, fields })) if fields.is_empty() => {
                self.set(name, Operand::plain(value.clone()))?;
                self.made(Operand::result(value))
            }
            (Conduct::Changes, _) => self.made(Operand::result(value)),
        }
    }

    /// Renders a template of the same text, as a value.
    fn rendered(&mut self, place: Place<'t>, function: &str, arguments: &[Value]) -> Done<Operand> {
        let wanted = arguments.first().and_then(Value::as_str).unwrap_or_default();
        let known = self.template.templates.get_key_value(wanted);
        let Some((name, body)) = known else {
            let message = format!("template {wanted:?} not defined");
            return Err(self.failed(place, function, message));
        };
        let dot = Operand::plain(arguments.get(1).cloned().unwrap_or_default());
        let before = self.out.len();
        self.nested(&dot, name, body)?;
        let text = self.out.split_off(before);
        self.made(Operand::Plain(Value::String(text.into())))
    }

    fn builtin(
        &mut self,
        dot: &Operand,
        place: Place<'t>,
        (name, builtin): (&str, Builtin),
        handed: Handed<'t>,
    ) -> Done<Operand> {
        let callee = handed.arguments.first().filter(|_| builtin == Builtin::Call);
        let callee = callee.map(ToString::to_string).unwrap_or_default();
        let operands = if builtin.takes_operands() {
            self.operands(dot, handed)?
        } else {
            self.arguments(dot, builtin.signature(), handed)?
        };
        self.step(builtin.effort(&operands))?;
        let limit = self.options.limits.output;
        match builtin.call(operands, &callee, limit) {
            Outcome::Value(value) => self.made(value),
            Outcome::Failed(error) => Err(self.failed(place, name, error.to_string())),
            Outcome::Overflow => Err(self.fault(Cause::TooMuchOutput(limit))),
        }
    }

    /// An error of a function; it points at the whole call.
    pub(super) fn failed(&mut self, place: Place<'t>, name: &str, message: String) -> Error {
        self.place = place;
        self.fault(Cause::Function {
            function: name.to_owned(),
            message,
        })
    }

    /// Counts the text a function made.
    fn made(&mut self, value: Operand) -> Done<Operand> {
        self.step(value.value().map_or(0, Value::text_length))?;
        Ok(value)
    }

    fn check_count(&self, name: &str, signature: Signature, handed: &Handed<'_>) -> Done<()> {
        let wanted = signature.parameters.len();
        let written = handed.arguments.len();
        let found = written + usize::from(handed.last.is_some());
        if signature.rest.is_some() && found < wanted {
            return Err(self.misfit(format!(
                "wrong number of args for {name}: want at least {wanted} got {written}"
            )));
        }
        if signature.rest.is_none() && found != wanted {
            return Err(self.misfit(format!(
                "wrong number of args for {name}: want {wanted} got {found}"
            )));
        }
        Ok(())
    }

    /// `and` and `or`: the first operand that decides, or the last one. What is behind it is not evaluated.
    fn decide(&mut self, dot: &Operand, handed: Handed<'t>, deciding: bool) -> Done<Operand> {
        let mut value = Operand::Absent;
        for argument in handed.arguments {
            value = self.operand(dot, argument, Handed::NOTHING)?;
            if value.is_true() == deciding {
                return Ok(value);
            }
        }
        Ok(handed.last.unwrap_or(value))
    }

    /// Arguments as they are.
    fn operands(&mut self, dot: &Operand, handed: Handed<'t>) -> Done<Vec<Operand>> {
        let mut operands = Vec::with_capacity(handed.arguments.len() + 1);
        for argument in handed.arguments {
            operands.push(self.operand(dot, argument, Handed::NOTHING)?);
        }
        operands.extend(handed.last);
        Ok(operands)
    }

    /// The arguments of something that takes anything.
    pub(super) fn any_arguments(&mut self, dot: &Operand, handed: Handed<'t>) -> Done<Vec<Value>> {
        let operands = self.operands(dot, handed)?;
        Ok(operands.into_iter().map(Operand::into_value).collect())
    }

    /// The arguments of a method that says what it takes.
    pub(super) fn fitting_arguments(
        &mut self,
        dot: &Operand,
        name: &str,
        signature: Signature,
        handed: Handed<'t>,
    ) -> Done<Vec<Value>> {
        self.check_count(name, signature, &handed)?;
        let operands = self.arguments(dot, signature, handed)?;
        Ok(operands.into_iter().map(Operand::into_value).collect())
    }

    /// Arguments that fit the signature.
    fn arguments(&mut self, dot: &Operand, signature: Signature, handed: Handed<'t>) -> Done<Vec<Operand>> {
        let mut operands = Vec::with_capacity(handed.arguments.len() + 1);
        for (index, argument) in handed.arguments.iter().enumerate() {
            operands.push(self.argument(dot, argument, signature.kind(index))?);
        }
        if let Some(last) = handed.last {
            let kind = signature.kind(operands.len());
            self.check_kind(&last, kind)?;
            operands.push(last);
        }
        Ok(operands)
    }

    fn argument(&mut self, dot: &Operand, argument: &'t Expression, kind: Kind) -> Done<Operand> {
        self.place = Place::Expression(argument);
        let constant = match &argument.kind {
            ExpressionKind::Nil if kind.takes_nil() => return Ok(Operand::Absent),
            ExpressionKind::Nil => return Err(self.misfit(format!("cannot assign nil to {}", kind.name()))),
            _ if kind == Kind::Any => None,
            ExpressionKind::Bool(value) => Some((kind == Kind::Bool).then_some(Value::Bool(*value))),
            ExpressionKind::String { value, .. } => Some((kind == Kind::String).then(|| value.clone())),
            ExpressionKind::Number(number) => Some(number_as(number, kind)),
            _ => None,
        };
        match constant {
            Some(Some(value)) => Ok(Operand::Plain(value)),
            Some(None) => Err(self.misfit(misfit(argument, kind))),
            None => {
                let value = self.operand(dot, argument, Handed::NOTHING)?;
                self.check_kind(&value, kind)?;
                Ok(value)
            }
        }
    }

    fn check_kind(&self, value: &Operand, kind: Kind) -> Done<()> {
        match value {
            Operand::Absent | Operand::Plain(Value::Nil) if kind.takes_nil() => Ok(()),
            Operand::Absent | Operand::Plain(Value::Nil) => {
                Err(self.misfit(format!("invalid value; expected {}", kind.name())))
            }
            Operand::Plain(inner) | Operand::Element(inner) if kind.takes(inner) => Ok(()),
            Operand::Element(Value::Nil) => Err(self.misfit(format!(
                "wrong type for value; expected {}; got interface {{}}",
                kind.name()
            ))),
            Operand::Plain(inner) | Operand::Element(inner) => Err(self.misfit(format!(
                "wrong type for value; expected {}; got {}",
                kind.name(),
                inner.type_name()
            ))),
        }
    }
}

/// A number as the kind that is asked for.
fn number_as(number: &Number, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Int => number.int.map(Value::Int),
        Kind::Uint => number.uint.map(Value::Uint),
        Kind::Float => number.float.map(Value::Float),
        _ => None,
    }
}

/// A constant that is something else than the function takes.
fn misfit(argument: &Expression, kind: Kind) -> String {
    let expected = match kind {
        Kind::Bool => "bool",
        Kind::Int => "integer",
        Kind::Uint => "unsigned integer",
        Kind::Float => "float",
        Kind::String => "string",
        Kind::Any | Kind::List | Kind::Map => {
            return format!("can't handle {argument} for arg of type {}", kind.name());
        }
    };
    format!("expected {expected}; found {argument}")
}
