//! Calls of functions and their arguments.

use super::super::ast::{Expression, ExpressionKind, Function, Number};
use super::super::builtin::Builtin;
use super::super::error::Cause;
use super::super::functions::{Conduct, Kind, Signature};
use super::super::value::{Operand, Value};
use super::expression::Handed;
use super::{Done, Place, Run};
use crate::template::error::Error;

/// What stands behind the name of a function.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    /// A function of the embedding program.
    Lent {
        signature: Signature,
        conduct: Conduct,
        number: usize,
    },
    Builtin(Builtin),
}

impl<'t> Run<'t, '_> {
    /// Calls a function. `place` is what an error of the function itself points at.
    pub(super) fn function(
        &mut self,
        dot: &Operand,
        place: Place<'t>,
        function: &'t Function,
        handed: Handed<'t>,
    ) -> Done<Operand> {
        let name = &*function.name;
        let known = self.callees.get(function.number).copied().flatten();
        let callee = match known {
            Some(callee) => callee,
            None => self.find(function)?,
        };
        match callee {
            Callee::Lent {
                signature,
                conduct,
                number,
            } => {
                self.check_count(name, signature, &handed)?;
                let first = handed.arguments.first();
                let before = self.arguments.len();
                self.arguments(dot, signature, handed)?;
                let value = self.lent(place, (name, number), before)?;
                let made = self.conducted(place, name, conduct, (first, before), value)?;
                self.arguments.truncate(before);
                Ok(made)
            }
            Callee::Builtin(builtin) => {
                self.check_count(name, builtin.signature(), &handed)?;
                match builtin {
                    Builtin::And => self.decide(dot, handed, false),
                    Builtin::Or => self.decide(dot, handed, true),
                    builtin if builtin.takes_operands() => self.looking(dot, place, (name, builtin), handed),
                    builtin => self.writing(dot, (name, builtin), handed),
                }
            }
        }
    }

    /// Asks for a function that was not called before.
    fn find(&mut self, function: &Function) -> Done<Callee> {
        let name = &*function.name;
        let lent = self.functions.signature(name).map(|signature| Callee::Lent {
            signature,
            conduct: self.functions.conduct(name),
            number: self.functions.number(name),
        });
        let Some(callee) = lent.or_else(|| Builtin::of(name).map(Callee::Builtin)) else {
            return Err(self.misfit(format!("{name:?} is not a defined function")));
        };
        if let Some(known) = self.callees.get_mut(function.number) {
            *known = Some(callee);
        }
        Ok(callee)
    }

    /// Calls a function of the embedding program with the arguments from `before` on.
    fn lent(&mut self, place: Place<'t>, (name, number): (&str, usize), before: usize) -> Done<Value> {
        let arguments = self.arguments.get(before..).unwrap_or_default();
        let length = arguments.iter().map(Value::text_length).sum();
        self.step(length)?;
        let arguments = self.arguments.get(before..).unwrap_or_default();
        let answer = self.functions.call_numbered(number, name, arguments);
        let value = match answer {
            Ok(value) => value,
            Err(error) if error.is_misfit() => return Err(self.misfit(error.to_string())),
            Err(error) => return Err(self.failed(place, name, error.to_string())),
        };
        let effort = self.functions.effort();
        self.spend(effort)?;
        Ok(value)
    }

    /// What a call gives in the end, and does besides.
    fn conducted(
        &mut self,
        place: Place<'t>,
        name: &str,
        conduct: Conduct,
        (first, before): (Option<&'t Expression>, usize),
        value: Value,
    ) -> Done<Operand> {
        match (conduct, first.map(|first| &first.kind)) {
            (Conduct::Renders, _) => return self.rendered(place, name, before),
            (Conduct::Changes, Some(ExpressionKind::Variable { name, fields })) if fields.is_empty() => {
                self.set(name, Operand::plain(value.clone()))?;
            }
            (Conduct::Gives | Conduct::Changes, _) => {}
        }
        self.made(Operand::result(value))
    }

    /// Renders a template of the same text, as a value.
    fn rendered(&mut self, place: Place<'t>, function: &str, first: usize) -> Done<Operand> {
        let wanted = self.arguments.get(first).cloned().unwrap_or_default();
        let wanted = wanted.as_str().unwrap_or_default();
        let known = self.template.templates.get_key_value(wanted);
        let Some((name, body)) = known else {
            let message = format!("template {wanted:?} not defined");
            return Err(self.failed(place, function, message));
        };
        let dot = Operand::plain(self.arguments.get(first + 1).cloned().unwrap_or_default());
        let before = self.out.len();
        let caller = self.name;
        if let Err(error) = self.nested(&dot, name, body) {
            return Err(match error.cause() {
                Cause::Value(_) | Cause::Function { .. } => {
                    self.name = caller;
                    self.failed(place, function, error.to_string())
                }
                _ => error,
            });
        }
        let text = self.out.split_off(before);
        self.made(Operand::Plain(Value::String(text.into())))
    }

    /// A built-in function that looks at its operands.
    fn looking(
        &mut self,
        dot: &Operand,
        place: Place<'t>,
        (name, builtin): (&str, Builtin),
        handed: Handed<'t>,
    ) -> Done<Operand> {
        let callee = handed.arguments.first().filter(|_| builtin == Builtin::Call);
        let callee = callee.map(ToString::to_string).unwrap_or_default();
        // Few functions are called with more operands.
        let mut few = [Operand::Absent, Operand::Absent, Operand::Absent];
        let count = handed.arguments.len() + usize::from(handed.last.is_some());
        let mut many = Vec::new();
        let operands = match few.get_mut(..count) {
            Some(few) => few,
            None => {
                many.resize(count, Operand::Absent);
                many.as_mut_slice()
            }
        };
        self.operands(dot, handed, operands)?;
        self.step(builtin.effort(operands))?;
        match builtin.look(operands, &callee) {
            Ok(value) => self.made(value),
            Err(error) => Err(self.failed(place, name, error.to_string())),
        }
    }

    /// A built-in function that makes text.
    fn writing(&mut self, dot: &Operand, (_, builtin): (&str, Builtin), handed: Handed<'t>) -> Done<Operand> {
        let before = self.arguments.len();
        self.arguments(dot, builtin.signature(), handed)?;
        let values = self.arguments.get(before..).unwrap_or_default();
        let length = values.iter().map(Value::text_length).sum();
        self.step(length)?;
        let limit = self.options.limits.output;
        let values = self.arguments.get(before..).unwrap_or_default();
        let written = builtin.write(values, limit);
        let Some(text) = written.filter(|text| text.len() <= limit) else {
            return Err(self.fault(Cause::TooMuchOutput(limit)));
        };
        self.arguments.truncate(before);
        self.made(Operand::Plain(Value::String(text.into())))
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

    /// Operands as they are.
    fn operands(&mut self, dot: &Operand, handed: Handed<'t>, into: &mut [Operand]) -> Done<()> {
        let mut places = into.iter_mut();
        for (argument, place) in handed.arguments.iter().zip(&mut places) {
            *place = self.operand(dot, argument, Handed::NOTHING)?;
        }
        if let (Some(last), Some(place)) = (handed.last, places.next()) {
            *place = last;
        }
        Ok(())
    }

    /// The arguments of something that takes anything.
    pub(super) fn any_arguments(&mut self, dot: &Operand, handed: Handed<'t>) -> Done<()> {
        for argument in handed.arguments {
            let value = self.operand(dot, argument, Handed::NOTHING)?;
            self.arguments.push(value.into_value());
        }
        self.arguments.extend(handed.last.map(Operand::into_value));
        Ok(())
    }

    /// The arguments of a method that says what it takes.
    pub(super) fn fitting_arguments(
        &mut self,
        dot: &Operand,
        name: &str,
        signature: Signature,
        handed: Handed<'t>,
    ) -> Done<()> {
        self.check_count(name, signature, &handed)?;
        self.arguments(dot, signature, handed)
    }

    /// Puts arguments that fit the signature behind those that are there.
    fn arguments(&mut self, dot: &Operand, signature: Signature, handed: Handed<'t>) -> Done<()> {
        for (index, argument) in handed.arguments.iter().enumerate() {
            let value = self.argument(dot, argument, signature.kind(index))?;
            self.arguments.push(value.into_value());
        }
        if let Some(last) = handed.last {
            let kind = signature.kind(handed.arguments.len());
            self.check_kind(&last, kind)?;
            self.arguments.push(last.into_value());
        }
        Ok(())
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
