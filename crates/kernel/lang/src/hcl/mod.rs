//! HCL 1 as existing servers read it, and JSON documents with the same meaning.
//!
//! | step | here |
//! |---|---|
//! | text to tree | [`parse`], [`Document`], [`ast`] |
//! | tree to typed value | [`Document::decode`], [`Labeled`], [`Located`], [`Scalar`] |
//! | scalars as people write them | [`lenient`] |
//! | tree to plain JSON | [`untyped`] |
//! | text to canonical text | [`format()`] |
//!
//! The grammar and the decoding rules are those of the first HCL, down to octal numbers and the indentation of
//! heredocs; where this reader differs, it refuses text that would lose a value silently (`a =` at the end of a
//! file, junk after a JSON document) or accepts text that has one plain meaning (a byte order mark, a heredoc
//! closed by the last line of a file, booleans in JSON lists). `tests/corpus/hcl` holds the evidence.
//!
//! ```
//! use arca_lang::hcl::{self, Blocks};
//!
//! #[derive(serde::Deserialize)]
//! struct Server {
//!     #[serde(default)]
//!     ui: bool,
//!     listener: Blocks<Listener>,
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Listener {
//!     address: String,
//! }
//!
//! let document = hcl::parse(r#"ui = "true"  listener "tcp" { address = "[::]:8200" adress = "typo" }"#)?;
//! let decoded = document.decode::<Server>()?;
//! assert!(decoded.value.ui);
//! assert_eq!(decoded.value.listener[0].label, "tcp");
//! assert_eq!(decoded.value.listener[0].body.address, "[::]:8200");
//! assert_eq!(decoded.unknown[0].path, "listener.tcp.adress");
//! assert_eq!(decoded.unknown[0].suggestion, Some("address"));
//! # Ok::<(), hcl::Error>(())
//! ```

pub mod ast;
mod cursor;
mod de;
mod error;
mod format;
mod json;
pub mod lenient;
mod lexer;
mod literal;
mod parser;
pub mod untyped;

use serde::Deserialize;

pub use ast::{Entry, Item, Key, Kind, Object, Value};
pub use cursor::{Position, Span};
pub use de::{Blocks, Decoded, Labeled, Located, Scalar, ScalarKind, UnknownKey};
pub use error::{Cause, Error};
pub use format::format;

use cursor::Fault;

/// What one document may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest text, in bytes.
    pub bytes: usize,
    /// Levels of objects and lists inside each other.
    pub depth: usize,
}

impl Default for Limits {
    /// 1 MiB and 64 levels.
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            depth: 64,
        }
    }
}

/// How a document was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// HCL's own syntax.
    Hcl,
    /// A JSON object.
    Json,
}

/// A parsed document: the tree, and the text it came from for error messages and formatting.
///
/// `Debug` shows the size only: configuration holds passwords.
#[derive(Clone)]
pub struct Document {
    text: Box<str>,
    syntax: Syntax,
    root: Object,
    comments: Vec<Span>,
}

/// Parses HCL, or JSON when the first character is `{`, within the default [`Limits`].
///
/// # Errors
/// [`Error`] with the line and column of the first mistake.
pub fn parse(text: &str) -> Result<Document, Error> {
    Document::parse(text.as_bytes(), &Limits::default())
}

/// Parses and decodes in one step; keys the type does not know are ignored.
///
/// # Errors
/// [`Error`] with the line, column and field of the first mistake.
pub fn from_str<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Error> {
    parse(text)?.decode().map(|decoded| decoded.value)
}

impl Document {
    /// Parses HCL, or JSON when the first character is `{`.
    ///
    /// A byte order mark at the start is skipped, and `\r\n` counts as `\n`, also inside heredocs.
    ///
    /// # Errors
    /// [`Error`] with the line and column of the first mistake, or the limit that was exceeded.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        if bytes.len() > limits.bytes.min(u32::MAX as usize) {
            return Err(Error::of_document(Cause::TooLarge { limit: limits.bytes }));
        }
        let text =
            std::str::from_utf8(bytes).map_err(|e| Error::of_document(Cause::NotUtf8(e.valid_up_to())))?;
        let text = with_plain_line_ends(text.strip_prefix('\u{feff}').unwrap_or(text));
        let syntax = if text.trim_start().starts_with('{') {
            Syntax::Json
        } else {
            Syntax::Hcl
        };
        let parsed = match syntax {
            Syntax::Hcl => parser::document(&text, limits),
            Syntax::Json => json::document(&text, limits).map(|root| (root, Vec::new())),
        };
        match parsed {
            Ok((root, comments)) => Ok(Self {
                text: text.into(),
                syntax,
                root,
                comments,
            }),
            Err(Fault { cause, span }) => Err(Error::new(cause, span, "", &text)),
        }
    }

    /// The items at the top level.
    #[must_use]
    pub const fn root(&self) -> &Object {
        &self.root
    }

    /// How the document was written.
    #[must_use]
    pub const fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// The text, without a byte order mark and with `\n` line ends.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The comments in order, each with its marker.
    pub fn comments(&self) -> impl Iterator<Item = (Span, &str)> {
        self.comments.iter().map(|span| (*span, span.text_in(&self.text)))
    }

    /// Decodes the whole document.
    ///
    /// # Errors
    /// [`Error`] with the line, column and field of the value that does not fit.
    pub fn decode<'de, T: Deserialize<'de>>(&'de self) -> Result<Decoded<T>, Error> {
        de::decode(&self.text, de::Entries::of_object(&self.root))
    }

    /// Decodes one part of the document, such as the body of a block.
    ///
    /// # Errors
    /// [`Error`] with the line, column and field of the value that does not fit.
    pub fn decode_entry<'de, T: Deserialize<'de>>(&'de self, entry: Entry<'de>) -> Result<Decoded<T>, Error> {
        de::decode(&self.text, de::Entries::of_entry(entry))
    }

    /// An error of the consumer's own about the value at `span`, with its line and column.
    #[must_use]
    pub fn error_at(&self, span: Span, message: impl Into<String>) -> Error {
        Error::new(Cause::Invalid(message.into()), span, "", &self.text)
    }
}

/// The text with `\n` for `\r\n`, however many `\r` there are: the result has nothing left to replace.
fn with_plain_line_ends(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => {
                out.push_str(line.trim_end_matches('\r'));
                out.push('\n');
            }
            None => out.push_str(line),
        }
    }
    out
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} document of {} bytes", self.syntax, self.text.len())
    }
}
