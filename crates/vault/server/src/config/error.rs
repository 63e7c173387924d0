//! Why a configuration was refused, and what it says that has no effect.

use std::fmt;
use std::path::PathBuf;

use arca_lang::hcl::{self, Position};

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Line and column; none for the file as a whole.
    pub position: Option<Position>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.position {
            Some(Position { line, column }) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// Why a configuration was refused. Messages name files, keys and variables, never a secret value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder that cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A folder without configuration files.
    #[error("{0} holds no file that ends in .hcl or .json")]
    EmptyFolder(PathBuf),
    /// A mistake at a place in a file.
    #[error("{place}: {message}")]
    At {
        /// Where.
        place: Place,
        /// What is wrong and what to do.
        message: String,
    },
    /// A mistake of the configuration as a whole, or of the environment.
    #[error("{0}")]
    Whole(String),
    /// Keys without effect, where none are allowed.
    #[error("the configuration has keys without effect:\n{}", lines(.0))]
    Strict(Vec<Note>),
}

fn lines(notes: &[Note]) -> String {
    let lines: Vec<String> = notes.iter().map(|note| format!("  {note}")).collect();
    lines.join("\n")
}

impl ConfigError {
    /// A mistake the reader of the language found.
    pub(super) fn of(file: PathBuf, error: &hcl::Error) -> Self {
        let message = match error.field() {
            "" => error.cause().to_string(),
            field => format!("{field}: {}", error.cause()),
        };
        let position = error.position();
        Self::At {
            place: Place { file, position },
            message,
        }
    }
}

/// A key that has no effect, or less than it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where it stands.
    pub place: Place,
    /// The key with the blocks around it: `listener.tcp.profiling`.
    pub key: String,
    /// Why.
    pub kind: NoteKind,
}

/// Why a key has no effect, or less than it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// Nobody knows it.
    Unknown {
        /// The key that may be meant.
        suggestion: Option<String>,
    },
    /// Existing servers know it, this one has no use for it.
    WithoutEffect {
        /// Why it is not needed, or what to use.
        reason: &'static str,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, kind } = self;
        match kind {
            NoteKind::Unknown { suggestion: None } => write!(f, "{place}: unknown key {key:?}"),
            NoteKind::Unknown {
                suggestion: Some(near),
            } => write!(f, "{place}: unknown key {key:?}; did you mean {near:?}?"),
            NoteKind::WithoutEffect { reason } => {
                write!(f, "{place}: {key:?} is accepted without effect: {reason}")
            }
        }
    }
}
