//! Pipelines, commands, fields and variables.

use super::super::MissingKey;
use super::super::ast::{Command, Expression, ExpressionKind, Number, Pipeline};
use super::super::value::{Operand, Value};
use super::{Done, Place, Run};

/// What a command hands to its operand: the arguments behind it, and the value of the command before it.
pub(super) struct Handed<'t> {
    pub(super) arguments: &'t [Expression],
    pub(super) last: Option<Operand>,
}

impl Handed<'_> {
    pub(super) const NOTHING: Self = Self {
        arguments: &[],
        last: None,
    };

    pub(super) const fn is_empty(&self) -> bool {
        self.arguments.is_empty() && self.last.is_none()
    }
}

impl<'t> Run<'t, '_> {
    pub(super) fn pipeline(&mut self, dot: &Operand, pipeline: &'t Pipeline) -> Done<Operand> {
        self.place = Place::Pipeline(pipeline);
        self.sink()?;
        let mut value = None;
        for command in &pipeline.commands {
            self.step(0)?;
            value = Some(self.command(dot, command, value)?.settled());
        }
        self.rise();
        let value = value.unwrap_or(Operand::Absent);
        for variable in &pipeline.variables {
            if pipeline.assigns {
                self.set(variable, value.clone())?;
            } else {
                self.variables.push((variable, value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Operand, command: &'t Command, last: Option<Operand>) -> Done<Operand> {
        let operand = &command.operand;
        let handed = Handed {
            arguments: &command.arguments,
            last,
        };
        match &operand.kind {
            ExpressionKind::Function(function) => {
                self.place = Place::Expression(operand);
                self.function(dot, Place::Command(command), function, handed)
            }
            ExpressionKind::Field(_) | ExpressionKind::Chain(..) => self.operand(dot, operand, handed),
            ExpressionKind::Variable { fields, .. } if !fields.is_empty() => {
                self.operand(dot, operand, handed)
            }
            kind => {
                if !matches!(kind, ExpressionKind::Parenthesized(_)) {
                    self.place = Place::Expression(operand);
                }
                if !handed.is_empty() {
                    return Err(self.misfit(format!("can't give argument to non-function {operand}")));
                }
                if matches!(kind, ExpressionKind::Nil) {
                    return Err(self.misfit("nil is not a command"));
                }
                self.operand(dot, operand, handed)
            }
        }
    }

    /// An operand, with what its last field is called with.
    pub(super) fn operand(
        &mut self,
        dot: &Operand,
        operand: &'t Expression,
        handed: Handed<'t>,
    ) -> Done<Operand> {
        if let ExpressionKind::Parenthesized(pipeline) = &operand.kind {
            return self.pipeline(dot, pipeline);
        }
        let place = Place::Expression(operand);
        self.place = place;
        match &operand.kind {
            ExpressionKind::Dot => Ok(dot.clone()),
            ExpressionKind::Nil => Ok(Operand::Absent),
            ExpressionKind::Bool(value) => Ok(Operand::Plain(Value::Bool(*value))),
            ExpressionKind::Number(number) => self.number(number),
            ExpressionKind::String { value, .. } => Ok(Operand::Plain(value.clone())),
            ExpressionKind::Field(fields) => {
                let (reached, rest) = descend(dot, fields, &handed);
                self.fields(dot, place, reached.operand(), rest, handed)
            }
            ExpressionKind::Variable { name, fields } => {
                let variable = self.variable(name)?;
                let (reached, rest) = descend(variable, fields, &handed);
                let reached = reached.operand();
                self.fields(dot, place, reached, rest, handed)
            }
            ExpressionKind::Function(function) => self.function(dot, place, function, handed),
            ExpressionKind::Chain(base, fields) => {
                if matches!(base.kind, ExpressionKind::Nil) {
                    return Err(self.misfit(format!("indirection through explicit nil in {operand}")));
                }
                let base = self.operand(dot, base, Handed::NOTHING)?;
                self.fields(dot, place, base, fields, handed)
            }
            ExpressionKind::Parenthesized(pipeline) => self.pipeline(dot, pipeline),
        }
    }

    fn variable(&self, name: &str) -> Done<&Operand> {
        let known = self.variables.iter().rev().find(|(known, _)| *known == name);
        let value = known.map(|(_, value)| value);
        value.ok_or_else(|| self.misfit(format!("undefined variable: {name}")))
    }

    fn number(&self, number: &Number) -> Done<Operand> {
        let value = number.any.clone().map(Operand::Plain);
        value.ok_or_else(|| self.misfit(format!("{} overflows int", number.written)))
    }

    fn fields(
        &mut self,
        dot: &Operand,
        place: Place<'t>,
        mut value: Operand,
        fields: &'t [Box<str>],
        handed: Handed<'t>,
    ) -> Done<Operand> {
        let Some((last, before)) = fields.split_last() else {
            return Ok(value);
        };
        for field in before {
            value = self.field(dot, place, value, field, Handed::NOTHING)?;
        }
        self.field(dot, place, value, last, handed)
    }

    fn field(
        &mut self,
        dot: &Operand,
        place: Place<'t>,
        value: Operand,
        name: &'t str,
        handed: Handed<'t>,
    ) -> Done<Operand> {
        let type_name = value.type_name();
        if let Some(object) = value.nil_object() {
            return Err(self.misfit(format!("nil pointer evaluating {}.{name}", object.type_name())));
        }
        match &value {
            Operand::Absent | Operand::Plain(Value::Nil) if self.options.missing_key == MissingKey::Error => {
                Err(self.misfit(format!("nil data; no entry for key {name:?}")))
            }
            Operand::Absent | Operand::Plain(Value::Nil) => Ok(Operand::Absent),
            Operand::Element(Value::Nil) => {
                Err(self.misfit(format!("nil pointer evaluating {type_name}.{name}")))
            }
            Operand::Plain(Value::Map(entries)) | Operand::Element(Value::Map(entries)) => {
                if !handed.is_empty() {
                    return Err(self.misfit(format!("{name} is not a method but has arguments")));
                }
                match entries.get(name) {
                    Some(value) => Ok(Operand::Element(value.clone())),
                    None => self.missing(name),
                }
            }
            Operand::Plain(inner) | Operand::Element(inner) => {
                let member = self.member(dot, place, inner, name, handed)?;
                member.ok_or_else(|| self.misfit(format!("can't evaluate field {name} in type {type_name}")))
            }
        }
    }

    fn missing(&self, name: &str) -> Done<Operand> {
        match self.options.missing_key {
            MissingKey::Default => Ok(Operand::Absent),
            MissingKey::Zero => Ok(Operand::Element(Value::Nil)),
            MissingKey::Error => Err(self.misfit(format!("map has no entry for key {name:?}"))),
        }
    }

    /// A field or the result of a method. `None` if there is neither.
    fn member(
        &mut self,
        dot: &Operand,
        place: Place<'t>,
        value: &Value,
        name: &'t str,
        handed: Handed<'t>,
    ) -> Done<Option<Operand>> {
        if let Value::Object(object) = value
            && let Some(field) = object.field(name)
        {
            if !handed.is_empty() {
                return Err(self.misfit(format!("{name} has arguments but cannot be invoked as function")));
            }
            return Ok(Some(Operand::result(field)));
        }
        let has_method = match value {
            Value::Object(object) => object.has_method(name),
            Value::JsonNumber(_) => matches!(name, "String" | "Int64" | "Float64"),
            _ => false,
        };
        if !has_method {
            return Ok(None);
        }
        let signature = match value {
            Value::Object(object) => object.signature(name),
            _ => None,
        };
        let before = self.arguments.len();
        match signature {
            Some(signature) => self.fitting_arguments(dot, name, signature, handed)?,
            None => self.any_arguments(dot, handed)?,
        }
        let arguments = self.arguments.get(before..).unwrap_or_default();
        let result = match value {
            Value::Object(object) => object.method(name, arguments),
            Value::JsonNumber(digits) => json_number(digits, name, arguments.len()),
            _ => None,
        };
        self.arguments.truncate(before);
        match result {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(Operand::result(value))),
            Some(Err(error)) => Err(self.failed(place, name, error.to_string())),
        }
    }
}

/// What was reached on the way through maps.
enum Reached<'v> {
    /// The value it began with.
    Start(&'v Operand),
    Element(&'v Value),
}

impl Reached<'_> {
    fn operand(&self) -> Operand {
        match self {
            Self::Start(operand) => (*operand).clone(),
            Self::Element(value) => Operand::Element((*value).clone()),
        }
    }
}

/// Goes as far as fields are entries of maps. Gives what is there, and the fields that are left.
fn descend<'v, 't>(
    start: &'v Operand,
    fields: &'t [Box<str>],
    handed: &Handed<'_>,
) -> (Reached<'v>, &'t [Box<str>]) {
    let mut reached = Reached::Start(start);
    if !handed.is_empty() {
        return (reached, fields);
    }
    let mut rest = fields;
    while let Some((field, behind)) = rest.split_first() {
        let value = match reached {
            Reached::Start(operand) => operand.value(),
            Reached::Element(value) => Some(value),
        };
        let Some(Value::Map(entries)) = value else { break };
        let Some(entry) = entries.get(&**field) else { break };
        (reached, rest) = (Reached::Element(entry), behind);
    }
    (reached, rest)
}

/// The methods of a number from a JSON document.
fn json_number(
    digits: &str,
    name: &str,
    arguments: usize,
) -> Option<Result<Value, super::super::functions::FunctionError>> {
    let value = match name {
        "String" => Ok(Value::from(digits)),
        "Int64" => digits
            .parse()
            .map(Value::Int)
            .map_err(|_| "not a whole number of 64 bits".into()),
        "Float64" => digits
            .parse()
            .map(Value::Float)
            .map_err(|_| "not a number".into()),
        _ => return None,
    };
    Some(if arguments == 0 {
        value
    } else {
        Err("it takes no arguments".into())
    })
}
