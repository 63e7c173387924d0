//! The template language of Go's `text/template`, as users of existing servers and agents write it.
//!
//! | step | here |
//! |---|---|
//! | text to tree | [`Template::parse`], [`Syntax`] |
//! | tree and data to text | [`Template::render`], [`Options`], [`Limits`] |
//! | data | [`Value`], [`Object`], [`Callable`] |
//! | functions of one's own | [`Functions`], [`Signature`], [`Kind`], [`Conduct`], [`Denied`], [`Table`] |
//!
//! Output, printing verbs and error messages are those of the original, except that an error never shows a value
//! the template was fed with, that complex numbers are refused, that `slice` takes numbers out of lists and maps
//! too, and that nothing runs without limits.
//! `tests/corpus/template` holds the evidence: what the original makes of each template.
//!
//! ```
//! use arca_lang::template::{BuiltinsOnly, Options, Template, Value};
//!
//! let template = Template::parse("greeting", "Hello{{range .names}} {{. | printf \"%q\"}}{{end}}!", &BuiltinsOnly)?;
//! let data = Value::map([("names", Value::list([Value::from("Ada"), Value::from("Grace")]))]);
//! let text = template.render(&data, &mut BuiltinsOnly, &Options::default())?;
//! assert_eq!(text, r#"Hello "Ada" "Grace"!"#);
//! # Ok::<(), arca_lang::template::Error>(())
//! ```

mod ast;
mod builtin;
mod denied;
mod error;
mod functions;
mod lexer;
mod literal;
mod parser;
mod print;
mod run;
mod table;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use ast::Node;

pub use denied::Denied;
pub use error::{Cause, Error};
pub use functions::{BuiltinsOnly, Conduct, FunctionError, Functions, Kind, Signature};
pub use lexer::Delimiters;
pub(crate) use print::formatted;
pub use print::is_printable;
pub use table::{Entry, Table};
pub use value::{Callable, Object, Value};

/// A parsed template, with the templates it defines.
///
/// `Debug` shows the size only: templates can hold passwords.
pub struct Template {
    name: String,
    text: Box<str>,
    templates: BTreeMap<String, Vec<Node>>,
    /// How many different functions it calls.
    functions: usize,
}

/// How a template is written, and how large it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// What separates actions from text.
    pub delimiters: Delimiters,
    /// Longest text, in bytes.
    pub bytes: usize,
    /// Levels of blocks and parentheses inside each other.
    pub depth: usize,
}

impl Default for Syntax {
    /// `{{` and `}}`, 1 MiB and 64 levels.
    fn default() -> Self {
        Self {
            delimiters: Delimiters::default(),
            bytes: 1 << 20,
            depth: 64,
        }
    }
}

/// What rendering may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What a field that a map does not have is.
    pub missing_key: MissingKey,
    /// What one rendering may cost.
    pub limits: Limits,
}

/// What a field that a map does not have is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value: prints as `<no value>`, and has fields that are no value either.
    #[default]
    Default,
    /// A nil element: prints as `<no value>`, and asking for its fields is an error.
    Zero,
    /// An error.
    Error,
}

/// What one rendering may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest output, and longest text on the way to it, in bytes.
    pub output: usize,
    /// Nodes, commands and iterations; long texts count as several.
    pub steps: u64,
    /// Blocks, pipelines and templates inside each other.
    pub depth: usize,
}

impl Default for Limits {
    /// 1 MiB, a million steps and 200 levels, which fit the stack of any thread.
    fn default() -> Self {
        Self {
            output: 1 << 20,
            steps: 1_000_000,
            depth: 200,
        }
    }
}

impl Template {
    /// Parses a template; `name` is what error messages call it.
    ///
    /// # Errors
    /// [`Error`] with the line and column of the first mistake; a function that neither is built in nor has a
    /// signature is one.
    pub fn parse(name: &str, text: &str, functions: &dyn Functions) -> Result<Self, Error> {
        Self::parse_with(name, text, functions, &Syntax::default())
    }

    /// Parses a template that is written with other delimiters or within other limits.
    ///
    /// # Errors
    /// Like [`Template::parse`].
    pub fn parse_with(
        name: &str,
        text: &str,
        functions: &dyn Functions,
        syntax: &Syntax,
    ) -> Result<Self, Error> {
        if text.len() > syntax.bytes {
            return Err(Error::at(Cause::TooLong(syntax.bytes), name, "", 0));
        }
        let (templates, functions) = parser::templates(name, text, functions, syntax)?;
        Ok(Self {
            name: name.to_owned(),
            text: text.into(),
            templates,
            functions,
        })
    }

    /// Renders the template as text.
    ///
    /// # Errors
    /// [`Error`] with the place in the template where a value does not fit, a function fails or a limit is
    /// reached, or when the output is not UTF-8.
    pub fn render(
        &self,
        data: &Value,
        functions: &mut dyn Functions,
        options: &Options,
    ) -> Result<String, Error> {
        let bytes = self.render_bytes(data, functions, options)?;
        String::from_utf8(bytes).map_err(|_| Error::at(Cause::NotText, &self.name, "", 0))
    }

    /// Renders the template; values that are not UTF-8 are written as they are.
    ///
    /// # Errors
    /// Like [`Template::render`].
    pub fn render_bytes(
        &self,
        data: &Value,
        functions: &mut dyn Functions,
        options: &Options,
    ) -> Result<Vec<u8>, Error> {
        run::render(self, data, functions, options)
    }

    /// The outermost template.
    fn root(&self) -> &[Node] {
        self.templates.get(&self.name).map_or(&[], Vec::as_slice)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template of {} bytes", self.text.len())
    }
}
