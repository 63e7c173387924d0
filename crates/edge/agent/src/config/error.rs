//! Why a configuration was refused.

use std::fmt;
use std::path::{Path, PathBuf};

use arca_lang::hcl::{self, Position};

/// A place in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or what stands for it.
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
    Strict(Vec<String>),
}

fn lines(notes: &[String]) -> String {
    let lines: Vec<String> = notes.iter().map(|note| format!("  {note}")).collect();
    lines.join("\n")
}

impl ConfigError {
    /// A mistake the reader of the language found, inside the block `within`.
    pub(super) fn of(file: &Path, within: &str, error: &hcl::Error) -> Self {
        let field = joined(within, error.field());
        let message = match field.as_str() {
            "" => error.cause().to_string(),
            field => format!("{field}: {}", error.cause()),
        };
        let file = file.to_owned();
        let position = error.position();
        Self::At {
            place: Place { file, position },
            message,
        }
    }
}

/// The path of a field in a block; either part may be empty.
pub(super) fn joined(within: &str, field: &str) -> String {
    match (within, field) {
        ("", field) => field.to_owned(),
        (within, "") => within.to_owned(),
        (within, field) => format!("{within}.{field}"),
    }
}
