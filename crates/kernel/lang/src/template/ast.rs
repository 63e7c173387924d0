//! The tree of a template. Expressions print as they are shown in error messages.

use std::fmt;

use super::value::Value;

/// One step of a template.
pub(super) enum Node {
    Text(Box<str>),
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(Call),
    Break,
    Continue,
}

/// `{{if p}} body {{else}} otherwise {{end}}` and its relatives.
pub(super) struct Branch {
    pub(super) pipeline: Pipeline,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// `{{template "name" p}}`
pub(super) struct Call {
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) argument: Option<Pipeline>,
}

/// `$x := command | command`
pub(super) struct Pipeline {
    pub(super) at: usize,
    /// Whether existing variables are changed.
    pub(super) assigns: bool,
    /// The variables that get the value, with their dollar sign.
    pub(super) variables: Vec<Box<str>>,
    pub(super) commands: Vec<Command>,
}

/// An operand with arguments. Never empty.
pub(super) struct Command {
    pub(super) at: usize,
    pub(super) operand: Expression,
    pub(super) arguments: Vec<Expression>,
}

/// An operand and its place.
pub(super) struct Expression {
    pub(super) at: usize,
    pub(super) kind: ExpressionKind,
}

pub(super) enum ExpressionKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    String {
        written: Box<str>,
        value: Value,
    },
    /// `.a.b`
    Field(Vec<Box<str>>),
    /// `$x.a.b`
    Variable {
        name: Box<str>,
        fields: Vec<Box<str>>,
    },
    Function(Function),
    /// `(pipeline).a.b`
    Chain(Box<Expression>, Vec<Box<str>>),
    Parenthesized(Box<Pipeline>),
}

/// A function by its name. Equal names have equal numbers, counted from zero.
pub(super) struct Function {
    pub(super) name: Box<str>,
    pub(super) number: usize,
}

/// A number as written, and as each kind of number that can hold it.
pub(super) struct Number {
    pub(super) written: Box<str>,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
    /// What it is where any kind of number will do: with a point or an exponent it is a fraction.
    pub(super) any: Option<Value>,
}

impl Number {
    pub(super) fn new(written: &str, int: Option<i64>, uint: Option<u64>, float: Option<f64>) -> Self {
        let unsigned = written.trim_start_matches(['+', '-']);
        let is_hex = unsigned.starts_with("0x") || unsigned.starts_with("0X");
        let marks: &[char] = if is_hex {
            &['p', 'P']
        } else {
            &['.', 'e', 'E', 'p', 'P']
        };
        let is_fraction = !written.starts_with('\'') && written.contains(marks);
        let any = match float.filter(|_| is_fraction) {
            Some(float) => Some(Value::Float(float)),
            None => int.map(Value::Int),
        };
        Self {
            written: written.into(),
            int,
            uint,
            float,
            any,
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExpressionKind::Dot => f.write_str("."),
            ExpressionKind::Nil => f.write_str("nil"),
            ExpressionKind::Bool(value) => write!(f, "{value}"),
            ExpressionKind::Number(number) => f.write_str(&number.written),
            ExpressionKind::String { written, .. } => f.write_str(written),
            ExpressionKind::Field(fields) => write_fields(f, fields),
            ExpressionKind::Variable { name, fields } => {
                f.write_str(name)?;
                write_fields(f, fields)
            }
            ExpressionKind::Function(function) => f.write_str(&function.name),
            ExpressionKind::Chain(base, fields) => {
                write_argument(f, base)?;
                write_fields(f, fields)
            }
            ExpressionKind::Parenthesized(pipeline) => write!(f, "{pipeline}"),
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[Box<str>]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

/// An expression inside another one.
fn write_argument(f: &mut fmt::Formatter<'_>, argument: &Expression) -> fmt::Result {
    match &argument.kind {
        ExpressionKind::Parenthesized(pipeline) => write!(f, "({pipeline})"),
        _ => write!(f, "{argument}"),
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_argument(f, &self.operand)?;
        for argument in &self.arguments {
            f.write_str(" ")?;
            write_argument(f, argument)?;
        }
        Ok(())
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {:?}", self.name)?;
        if let Some(argument) = &self.argument {
            write!(f, " {argument}")?;
        }
        f.write_str("}}")
    }
}
