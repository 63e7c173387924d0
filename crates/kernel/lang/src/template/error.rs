//! Why a template was refused or ended early.

use std::fmt;

/// Longest part of the template shown in a message, in characters.
const EXCERPT: usize = 200;

/// A mistake in a template, or a failure while it was rendered, with its place.
///
/// The message shows pieces of the template, never a value it was fed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    name: String,
    line: usize,
    column: usize,
    executing: Option<(String, String)>,
    cause: Cause,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The text is no template.
    #[error("{0}")]
    Syntax(String),
    /// A value does not fit what the template does with it.
    #[error("{0}")]
    Value(String),
    /// A function failed.
    #[error("error calling {function}: {message}")]
    Function {
        /// Its name.
        function: String,
        /// What it said.
        message: String,
    },
    /// The template is longer than allowed.
    #[error("the template is longer than {0} bytes")]
    TooLong(usize),
    /// Actions or parentheses are nested more deeply than allowed.
    #[error("nested more than {0} levels deep")]
    TooDeep(usize),
    /// More variables than allowed at one place.
    #[error("more than {0} variables at one place")]
    TooManyVariables(usize),
    /// Templates call each other more deeply than allowed.
    #[error("exceeded maximum template depth ({0})")]
    TooManyCalls(usize),
    /// The output is longer than allowed.
    #[error("the output is longer than {0} bytes")]
    TooMuchOutput(usize),
    /// More steps than allowed.
    #[error("the template takes more than {0} steps")]
    TooManySteps(u64),
    /// The output is not UTF-8 but text was asked for.
    #[error("the output is not UTF-8 text")]
    NotText,
}

impl Error {
    /// At `offset` of `text`.
    pub(super) fn at(cause: Cause, name: &str, text: &str, offset: usize) -> Self {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        Self(Box::new(Inner {
            name: name.to_owned(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: before.len() - line_start,
            executing: None,
            cause,
        }))
    }

    /// While the template `name` was at this expression.
    pub(super) fn while_executing(mut self, name: &str, expression: &str) -> Self {
        let end = expression.char_indices().nth(EXCERPT).map(|(at, _)| at);
        let shown = expression
            .get(..end.unwrap_or(expression.len()))
            .unwrap_or_default();
        let more = if end.is_some() { "..." } else { "" };
        self.0.executing = Some((name.to_owned(), format!("{shown}{more}")));
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// The line, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.0.line
    }

    /// Bytes before the place in its line.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.0.column
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            name,
            line,
            column,
            executing,
            cause,
        } = &*self.0;
        write!(f, "template: {name}:{line}:{column}: ")?;
        if let Some((template, expression)) = executing {
            write!(f, "executing {template:?} at <{expression}>: ")?;
        }
        write!(f, "{cause}")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
