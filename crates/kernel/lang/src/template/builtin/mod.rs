//! The functions every template has.

mod access;
mod compare;
mod escape;

use super::functions::{FunctionError, Kind, Signature};
use super::print;
use super::value::{Operand, Value};

/// A built-in function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Builtin {
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Index,
    Slice,
    Len,
    Call,
    Print,
    Printf,
    Println,
    Html,
    Js,
    UrlQuery,
}

impl Builtin {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "and" => Self::And,
            "or" => Self::Or,
            "not" => Self::Not,
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "lt" => Self::Lt,
            "le" => Self::Le,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "index" => Self::Index,
            "slice" => Self::Slice,
            "len" => Self::Len,
            "call" => Self::Call,
            "print" => Self::Print,
            "printf" => Self::Printf,
            "println" => Self::Println,
            "html" => Self::Html,
            "js" => Self::Js,
            "urlquery" => Self::UrlQuery,
            _ => return None,
        })
    }

    /// Count and kinds of the arguments.
    pub(super) const fn signature(self) -> Signature {
        match self {
            Self::Not | Self::Len => Signature::of(&[Kind::Any]),
            Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => Signature::of(&[Kind::Any, Kind::Any]),
            Self::And | Self::Or | Self::Eq | Self::Index | Self::Slice | Self::Call => {
                Signature::variadic(&[Kind::Any], Kind::Any)
            }
            Self::Printf => Signature::variadic(&[Kind::String], Kind::Any),
            Self::Print | Self::Println | Self::Html | Self::Js | Self::UrlQuery => {
                Signature::variadic(&[], Kind::Any)
            }
        }
    }

    /// Whether it tells no value at all from an element that is nil.
    pub(super) const fn takes_operands(self) -> bool {
        !matches!(
            self,
            Self::Print | Self::Printf | Self::Println | Self::Html | Self::Js | Self::UrlQuery
        )
    }

    /// How many bytes it has to look at, if it takes operands.
    pub(super) fn effort(self, operands: &[Operand]) -> usize {
        match self {
            Self::And | Self::Or | Self::Not | Self::Index | Self::Len | Self::Call => 0,
            Self::Slice => match operands.first().and_then(Operand::value) {
                Some(Value::List(values)) => values.len().saturating_mul(size_of::<Value>()),
                _ => 0,
            },
            _ => operands
                .iter()
                .filter_map(Operand::value)
                .map(Value::text_length)
                .sum(),
        }
    }

    /// Calls a function that takes operands. `callee` is how the template writes what `call` calls.
    pub(super) fn look(self, operands: &[Operand], callee: &str) -> Result<Operand, FunctionError> {
        match self {
            Self::Not => truth(!operands.first().is_some_and(Operand::is_true)),
            Self::Eq => compare::equal(operands).and_then(truth),
            Self::Ne => compare::equal(operands).and_then(|equal| truth(!equal)),
            Self::Lt => compare::less(operands).and_then(truth),
            Self::Le => compare::less_or_equal(operands).and_then(truth),
            Self::Gt => compare::less_or_equal(operands).and_then(|less| truth(!less)),
            Self::Ge => compare::less(operands).and_then(|less| truth(!less)),
            Self::Index => access::index(operands),
            Self::Slice => access::slice(operands),
            Self::Len => access::length(operands),
            Self::Call => access::call(operands, callee),
            _ => Ok(operands.last().cloned().unwrap_or(Operand::Absent)),
        }
    }

    /// Calls a function that makes text; `limit` is how long that may become.
    pub(super) fn write(self, values: &[Value], limit: usize) -> Option<Vec<u8>> {
        let written = match (self, values.split_first()) {
            (Self::Printf, Some((format, values))) => {
                print::printf(format.as_bytes().unwrap_or_default(), values, limit)
            }
            (Self::Print, _) => print::print(values, limit),
            (Self::Println, _) => print::println(values, limit),
            (Self::Html, _) => escape::text(values, limit).map(|bytes| escape::html(&bytes)),
            (Self::Js, _) => escape::text(values, limit).map(|bytes| escape::js(&bytes)),
            _ => escape::text(values, limit).map(|bytes| escape::url_query(&bytes)),
        };
        written.ok()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "ends chains of things that can fail")]
const fn truth(value: bool) -> Result<Operand, FunctionError> {
    Ok(Operand::Plain(Value::Bool(value)))
}
