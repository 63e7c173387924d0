//! Walks the tree of a template and writes what it says.

mod expression;
mod function;

use std::fmt;

use super::ast::{Branch, Call, Command, Expression, Node, Pipeline};
use super::error::{Cause, Error};
use super::functions::Functions;
use super::print;
use super::value::{Operand, Value};
use super::{Options, Template};
use function::Callee;

/// Bytes of text that cost as much as one step.
const BYTES_PER_STEP: usize = 64;

type Done<T> = Result<T, Error>;

/// Renders the outermost template.
pub(super) fn render(
    template: &Template,
    data: &Value,
    functions: &mut dyn Functions,
    options: &Options,
) -> Done<Vec<u8>> {
    let data = Operand::plain(data.clone());
    // Most of a text is what is written; some of it is actions.
    let likely = template.text.len().min(options.limits.output);
    let mut run = Run {
        template,
        name: &template.name,
        functions,
        options,
        variables: vec![("$", data.clone())],
        callees: vec![None; template.functions],
        arguments: Vec::new(),
        out: Vec::with_capacity(likely),
        steps: 0,
        depth: 0,
        place: Place::Start,
    };
    run.nodes(&data, template.root())?;
    Ok(run.out)
}

struct Run<'t, 'f> {
    template: &'t Template,
    /// The template that is being executed.
    name: &'t str,
    functions: &'f mut dyn Functions,
    options: &'t Options,
    variables: Vec<(&'t str, Operand)>,
    /// The functions that were called so far, by their numbers.
    callees: Vec<Option<Callee>>,
    /// The arguments of the calls that are being prepared, those of the innermost one last.
    arguments: Vec<Value>,
    out: Vec<u8>,
    steps: u64,
    depth: usize,
    place: Place<'t>,
}

/// What is being evaluated, for error messages.
#[derive(Clone, Copy)]
enum Place<'t> {
    Start,
    Expression(&'t Expression),
    Command(&'t Command),
    Pipeline(&'t Pipeline),
    Action(&'t Pipeline),
    Call(&'t Call),
}

impl Place<'_> {
    const fn at(self) -> usize {
        match self {
            Self::Start => 0,
            Self::Expression(expression) => expression.at,
            Self::Command(command) => command.at,
            Self::Pipeline(pipeline) | Self::Action(pipeline) => pipeline.at,
            Self::Call(call) => call.at,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => Ok(()),
            Self::Expression(expression) => expression.fmt(f),
            Self::Command(command) => command.fmt(f),
            Self::Pipeline(pipeline) => pipeline.fmt(f),
            Self::Action(pipeline) => write!(f, "{{{{{pipeline}}}}}"),
            Self::Call(call) => call.fmt(f),
        }
    }
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

/// Where an element of a loop is.
#[derive(Clone, Copy)]
enum Index<'v> {
    Absent,
    Number(i64),
    Key(&'v str),
}

impl Index<'_> {
    fn operand(self) -> Operand {
        match self {
            Self::Absent => Operand::Absent,
            Self::Number(number) => Operand::Plain(Value::Int(number)),
            Self::Key(key) => Operand::Plain(Value::string(key)),
        }
    }
}

impl<'t> Run<'t, '_> {
    #[cold]
    fn fault(&self, cause: Cause) -> Error {
        Error::at(cause, &self.template.name, &self.template.text, self.place.at())
            .while_executing(self.name, &self.place.to_string())
    }

    /// A value that does not fit.
    fn misfit(&self, message: impl Into<String>) -> Error {
        self.fault(Cause::Value(message.into()))
    }

    /// Counts a step and the bytes of text it made.
    fn step(&mut self, bytes: usize) -> Done<()> {
        let cost = 1 + bytes / BYTES_PER_STEP;
        self.spend(u64::try_from(cost).unwrap_or(u64::MAX))
    }

    /// Counts steps.
    fn spend(&mut self, steps: u64) -> Done<()> {
        self.steps = self.steps.saturating_add(steps);
        let limit = self.options.limits.steps;
        if self.steps > limit {
            return Err(self.fault(Cause::TooManySteps(limit)));
        }
        Ok(())
    }

    /// One level deeper into the tree; the level ends with [`Run::rise`].
    fn sink(&mut self) -> Done<()> {
        let limit = self.options.limits.depth;
        self.depth += 1;
        if self.depth > limit {
            return Err(self.fault(Cause::TooManyCalls(limit)));
        }
        Ok(())
    }

    const fn rise(&mut self) {
        self.depth -= 1;
    }

    fn write(&mut self, bytes: &[u8]) -> Done<()> {
        let limit = self.options.limits.output;
        if bytes.len() > limit.saturating_sub(self.out.len()) {
            return Err(self.fault(Cause::TooMuchOutput(limit)));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn nodes(&mut self, dot: &Operand, nodes: &'t [Node]) -> Done<Flow> {
        self.sink()?;
        for node in nodes {
            let flow = self.node(dot, node)?;
            if flow != Flow::On {
                self.rise();
                return Ok(flow);
            }
        }
        self.rise();
        Ok(Flow::On)
    }

    fn node(&mut self, dot: &Operand, node: &'t Node) -> Done<Flow> {
        self.step(0)?;
        match node {
            Node::Text(text) => self.write(text.as_bytes())?,
            Node::Action(pipeline) => {
                let value = self.pipeline(dot, pipeline)?;
                if pipeline.variables.is_empty() {
                    self.place = Place::Action(pipeline);
                    self.show(&value)?;
                }
            }
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template(call) => self.call(dot, call)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    /// Writes the value of an action.
    fn show(&mut self, value: &Operand) -> Done<()> {
        let Some(value) = value.value() else {
            return match value.nil_object() {
                Some(object) => self.write(object.text().as_bytes()),
                None => self.write(b"<no value>"),
            };
        };
        if let Value::String(bytes) = value {
            return self.write(bytes);
        }
        if let Value::Function(_) = value {
            let type_name = value.type_name();
            return Err(self.misfit(format!("can't print {} of type {type_name}", self.place)));
        }
        let limit = self.options.limits.output;
        match print::print(std::slice::from_ref(value), limit) {
            Ok(bytes) => self.write(&bytes),
            Err(print::Overflow) => Err(self.fault(Cause::TooMuchOutput(limit))),
        }
    }

    fn branch(&mut self, dot: &Operand, branch: &'t Branch, moves_dot: bool) -> Done<Flow> {
        let known = self.variables.len();
        let value = self.pipeline(dot, &branch.pipeline)?;
        let flow = if !value.is_true() {
            self.nodes(dot, &branch.otherwise)
        } else if moves_dot {
            self.nodes(&value, &branch.body)
        } else {
            self.nodes(dot, &branch.body)
        };
        self.variables.truncate(known);
        flow
    }

    fn range(&mut self, dot: &Operand, branch: &'t Branch) -> Done<Flow> {
        let known = self.variables.len();
        let value = self.pipeline(dot, &branch.pipeline)?;
        let some = match value.value() {
            None => false,
            Some(Value::List(values)) => {
                let elements = values.iter().cloned().map(Operand::Element);
                self.iterate(branch, (0..).map(Index::Number).zip(elements))?
            }
            Some(Value::Map(entries)) => {
                let entries = entries.iter();
                let entries = entries.map(|(key, value)| (Index::Key(key), Operand::Element(value.clone())));
                self.iterate(branch, entries)?
            }
            Some(number @ (Value::Int(_) | Value::Uint(_))) => self.count(branch, number)?,
            Some(other) => {
                let type_name = other.type_name();
                return Err(self.misfit(format!("range can't iterate over a value of type {type_name}")));
            }
        };
        let flow = if some {
            Flow::On
        } else {
            self.nodes(dot, &branch.otherwise)?
        };
        self.variables.truncate(known);
        Ok(flow)
    }

    /// From zero up to but not including a number.
    fn count(&mut self, branch: &'t Branch, number: &Value) -> Done<bool> {
        if branch.pipeline.variables.len() > 1 {
            let type_name = number.type_name();
            return Err(self.misfit(format!(
                "can't use a value of type {type_name} to iterate over more than one variable"
            )));
        }
        let element = |value: Value| (Index::Absent, Operand::Plain(value));
        match number {
            Value::Uint(end) => self.iterate(branch, (0..*end).map(Value::Uint).map(element)),
            other => {
                let end = other.as_int().unwrap_or_default();
                self.iterate(branch, (0..end).map(Value::Int).map(element))
            }
        }
    }

    /// The body once for each element. Whether there were any.
    fn iterate<'v>(
        &mut self,
        branch: &'t Branch,
        elements: impl Iterator<Item = (Index<'v>, Operand)>,
    ) -> Done<bool> {
        let known = self.variables.len();
        let mut some = false;
        for (index, element) in elements {
            some = true;
            self.step(0)?;
            self.set_loop_variables(&branch.pipeline, index, &element)?;
            let flow = self.nodes(&element, &branch.body)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(some)
    }

    fn set_loop_variables(
        &mut self,
        pipeline: &'t Pipeline,
        index: Index<'_>,
        element: &Operand,
    ) -> Done<()> {
        match pipeline.variables.as_slice() {
            [] => Ok(()),
            [only] => self.set(only, element.clone()),
            [first, second, ..] => {
                self.set(first, index.operand())?;
                self.set(second, element.clone())
            }
        }
    }

    /// Changes the innermost variable of this name.
    fn set(&mut self, name: &str, value: Operand) -> Done<()> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, variable)) => {
                *variable = value;
                Ok(())
            }
            None => Err(self.misfit(format!("undefined variable: {name}"))),
        }
    }

    fn call(&mut self, dot: &Operand, call: &'t Call) -> Done<()> {
        self.place = Place::Call(call);
        let Some((name, body)) = self.template.templates.get_key_value(&call.name) else {
            return Err(self.misfit(format!("template {:?} not defined", call.name)));
        };
        let argument = match &call.argument {
            Some(pipeline) => self.pipeline(dot, pipeline)?,
            None => Operand::Absent,
        };
        self.nested(&argument, name, body)
    }

    /// Another template of the same text.
    fn nested(&mut self, dot: &Operand, name: &'t str, body: &'t [Node]) -> Done<()> {
        let variables = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        let caller = std::mem::replace(&mut self.name, name);
        self.nodes(dot, body)?;
        self.name = caller;
        self.variables = variables;
        Ok(())
    }
}
