//! Why a document was refused.

use std::fmt;

use super::cursor::{Position, Span};

/// Longest name shown in an error message, in characters.
const NAME: usize = 80;

/// Longest part of a line shown under an error message, in characters.
const EXCERPT: usize = 120;

/// A mistake in a document, with its place.
///
/// `{}` prints one line without any value of the document, fit for an API answer. `{:#}` adds the line of the
/// document with a caret under the mistake, for the terminal of whoever wrote it.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    cause: Cause,
    place: Option<Place>,
    field: String,
}

#[derive(Clone, PartialEq, Eq)]
struct Place {
    position: Position,
    /// Part of the line, and the column in it that the caret belongs to.
    excerpt: String,
    caret: usize,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// More text than allowed.
    #[error("the document is longer than {limit} bytes")]
    TooLarge {
        /// The limit that was exceeded.
        limit: usize,
    },
    /// Nested more deeply than allowed.
    #[error("nested more than {limit} levels deep")]
    TooDeep {
        /// The limit that was exceeded.
        limit: usize,
    },
    /// Bytes that are not UTF-8, from this offset on.
    #[error("the document is not UTF-8 text (at byte {0})")]
    NotUtf8(usize),
    /// A character that cannot begin anything.
    #[error("illegal character {0:?}")]
    IllegalCharacter(char),
    /// A colon between key and value.
    #[error("expected '=' between key and value; ':' belongs to JSON documents, which begin with '{{'")]
    Colon,
    /// A quoted string without its closing quote on the same line.
    #[error("string not terminated: a '\"' is missing, or the text needs a heredoc (<<EOF) to span lines")]
    OpenString,
    /// `/* ...` without `*/`.
    #[error("comment not terminated: '*/' is missing")]
    OpenComment,
    /// A heredoc without its closing line.
    #[error("heredoc not terminated: no line consists of its anchor")]
    OpenHeredoc,
    /// No letters after `<<`, or something else in the same line.
    #[error("a heredoc begins with <<NAME or <<-NAME and a line end")]
    HeredocAnchor,
    /// A backslash with something else than HCL's escapes.
    #[error("illegal escape: use \\\\ for a backslash")]
    Escape,
    /// Escapes that together are no text.
    #[error("the escapes in the string do not form UTF-8 text")]
    EscapedBytes,
    /// Digits that are no number.
    #[error("malformed number: whole numbers are 12, 0x1f or octal 017")]
    Number,
    /// Something else was due here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What the grammar asks for.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A key without a value.
    #[error("key '{}' expected start of object ('{{') or assignment ('=')", Shown(.0))]
    KeyAlone(String),
    /// Several keys before `=`.
    #[error("nested object expected: several keys need a block ('{{'), not '='")]
    LabelsAssigned,
    /// The value does not fit the type of its field.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    pub(super) fn new(cause: Cause, span: Span, field: &str, text: &str) -> Self {
        Self(Box::new(Inner {
            cause,
            place: Some(Place::of(span, text)),
            field: field.to_owned(),
        }))
    }

    /// About the document as a whole.
    pub(super) fn of_document(cause: Cause) -> Self {
        Self(Box::new(Inner {
            cause,
            place: None,
            field: String::new(),
        }))
    }

    /// Adds place and field, unless a more precise place is known already.
    pub(super) fn located(mut self, span: Span, field: &str, text: &str) -> Self {
        if self.0.place.is_none() {
            self.0.place = Some(Place::of(span, text));
            field.clone_into(&mut self.0.field);
        }
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// Where; `None` for errors about the document as a whole.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.0.place.as_ref().map(|place| place.position)
    }

    /// The field that does not fit, as `listener.tcp.address`; empty for mistakes of syntax.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.0.field
    }
}

impl Place {
    fn of(span: Span, text: &str) -> Self {
        let start = (span.start as usize).min(text.len());
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(line_start..).unwrap_or_default();
        let line = line.lines().next().unwrap_or_default();
        let column = span.position.column as usize - 1;
        let skipped = column.saturating_sub(EXCERPT * 2 / 3);
        let shown = line.chars().skip(skipped).take(EXCERPT);
        Self {
            position: span.position,
            excerpt: shown.map(|c| if c.is_control() { ' ' } else { c }).collect(),
            caret: column - skipped,
        }
    }
}

/// A name out of a document in one line of bounded length, whatever is in it.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.char_indices().nth(NAME).map(|(at, _)| at);
        let shown = self.0.get(..end.unwrap_or(self.0.len())).unwrap_or_default();
        let more = if end.is_some() { "..." } else { "" };
        write!(f, "{}{more}", shown.escape_debug())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { cause, place, field } = &*self.0;
        if let Some(Place { position, .. }) = place {
            write!(f, "At {}:{}: ", position.line, position.column)?;
        }
        if !field.is_empty() {
            write!(f, "{}: ", Shown(field))?;
        }
        write!(f, "{cause}")?;
        match place {
            Some(place) if f.alternate() => write!(
                f,
                "\n  {}\n  {:>width$}",
                place.excerpt,
                "^",
                width = place.caret + 1
            ),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
