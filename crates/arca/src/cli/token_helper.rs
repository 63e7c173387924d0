//! Where the token is kept between commands.
//!
//! `~/.vault-token`, unless the configuration (`~/.vault`, or the file `CONFIG_PATH` names) has a `token_helper`: a
//! program that is run with `get`, `store` or `erase`, and speaks over its standard streams.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use arca_base::Secret;
use arca_client::variable;
use serde::Deserialize;

use crate::host::Variables;

/// Keeps one token.
#[derive(Debug)]
pub(crate) enum TokenHelper {
    /// A file only its owner can read.
    File(PathBuf),
    /// A program and its first arguments, and the address of the server for its environment.
    Program { command: String, address: String },
}

/// Why the token cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelperError {
    #[error("the token has no place: HOME is not set; set VAULT_TOKEN, or VAULT_TOKEN_PATH to a file")]
    NoHome,
    #[error("cannot use {path}: {source}")]
    File { path: String, source: io::Error },
    #[error("{path}: {reason}")]
    Configuration { path: String, reason: String },
    #[error("the token helper {command:?} failed to {operation}: {reason}")]
    Program {
        command: String,
        operation: &'static str,
        reason: String,
    },
}

#[derive(Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    token_helper: String,
}

impl TokenHelper {
    /// The helper the user configured. `address` is handed to a program.
    pub(crate) fn find(variables: &Variables, address: &str) -> Result<Self, HelperError> {
        let configuration = configuration(variables)?;
        if !configuration.token_helper.trim().is_empty() {
            return Ok(Self::Program {
                command: configuration.token_helper,
                address: address.to_owned(),
            });
        }
        let chosen = path_in(variables, "TOKEN_PATH");
        let path = chosen.or_else(|| in_home(variables, ".vault-token"));
        path.map(Self::File).ok_or(HelperError::NoHome)
    }

    /// The token, if there is one.
    pub(crate) fn load(&self) -> Result<Option<Secret<String>>, HelperError> {
        let text = match self {
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Secret::new(text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(source) => return Err(unusable(path, source)),
            },
            Self::Program { command, address } => {
                let output = run(command, address, "get", None)?;
                Secret::new(String::from_utf8_lossy(&output.stdout).into_owned())
            }
        };
        let token = text.expose().trim().to_owned();
        Ok((!token.is_empty()).then(|| Secret::new(token)))
    }

    /// Keeps a token instead of the one before.
    pub(crate) fn store(&self, token: &Secret<String>) -> Result<(), HelperError> {
        match self {
            Self::File(path) => replace(path, token.expose()).map_err(|source| unusable(path, source)),
            Self::Program { command, address } => run(command, address, "store", Some(token)).map(drop),
        }
    }

    /// Forgets the token.
    pub(crate) fn erase(&self) -> Result<(), HelperError> {
        match self {
            Self::File(path) => match std::fs::remove_file(path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => Err(unusable(path, source)),
                _ => Ok(()),
            },
            Self::Program { command, address } => run(command, address, "erase", None).map(drop),
        }
    }
}

fn path_in(variables: &Variables, name: &str) -> Option<PathBuf> {
    let (_, path) = variable(variables, name)?;
    (!path.is_empty()).then(|| PathBuf::from(path))
}

fn in_home(variables: &Variables, name: &str) -> Option<PathBuf> {
    let home = variables("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(name))
}

fn configuration(variables: &Variables) -> Result<Configuration, HelperError> {
    let chosen = path_in(variables, "CONFIG_PATH");
    let Some(path) = chosen.or_else(|| in_home(variables, ".vault")) else {
        return Ok(Configuration::default());
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => arca_lang::hcl::from_str(&text).map_err(|error| HelperError::Configuration {
            path: path.display().to_string(),
            reason: error.to_string(),
        }),
        // The agent keeps a folder of this name in some containers.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::IsADirectory
            ) =>
        {
            Ok(Configuration::default())
        }
        Err(source) => Err(unusable(&path, source)),
    }
}

fn unusable(path: &Path, source: io::Error) -> HelperError {
    HelperError::File {
        path: path.display().to_string(),
        source,
    }
}

/// Writes a file beside the old one and moves it there: nobody ever sees half a token, or one that others can read.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let written = write_private(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Runs the program with one more argument. Its words are split at white space; no shell is involved.
fn run(
    command: &str,
    address: &str,
    operation: &'static str,
    token: Option<&Secret<String>>,
) -> Result<Output, HelperError> {
    let failed = |reason: String| HelperError::Program {
        command: command.to_owned(),
        operation,
        reason,
    };
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let mut child = Command::new(program)
        .args(words)
        .arg(operation)
        .env("VAULT_ADDR", address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let (Some(mut input), Some(token)) = (child.stdin.take(), token) {
        // A helper that does not read still says how it ended.
        let _ = input.write_all(token.expose().as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let reason = if said.is_empty() {
        output.status.to_string()
    } else {
        said
    };
    Err(failed(reason))
}
