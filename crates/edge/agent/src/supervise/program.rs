//! What is started, and how it is stopped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::{Environment, SuperviseError, signals, words};
use crate::config::Exec;

/// A program to run.
#[derive(Clone, Debug)]
pub struct Program {
    argv: Vec<String>,
    restarts: bool,
    /// What asks it to end.
    pub stop_signal: Signal,
    /// How long it may take to end before it is killed; 30 s.
    pub patience: Duration,
    /// How long changes are collected before it is started again; 2 s.
    pub debounce: Duration,
    stdout: Option<PathBuf>,
    stderr: Option<PathBuf>,
}

impl Program {
    /// What a configuration asks for.
    ///
    /// # Errors
    /// [`SuperviseError`] for an empty command, one that cannot be split, and an unknown signal.
    pub fn of(exec: &Exec) -> Result<Self, SuperviseError> {
        let stop_signal = signals::parse(&exec.stop_signal)
            .ok_or_else(|| SuperviseError::Signal(exec.stop_signal.clone()))?;
        Ok(Self {
            restarts: exec.restart_on_change,
            stop_signal,
            stdout: exec.stdout.clone(),
            stderr: exec.stderr.clone(),
            ..Self::command(words::argv(&exec.command)?)?
        })
    }

    /// A program with arguments that is never started again, stopped with `SIGTERM`.
    ///
    /// # Errors
    /// [`SuperviseError::Empty`]
    pub fn command(argv: Vec<String>) -> Result<Self, SuperviseError> {
        if argv.first().is_none_or(String::is_empty) {
            return Err(SuperviseError::Empty);
        }
        Ok(Self {
            argv,
            restarts: false,
            stop_signal: Signal::TERM,
            patience: Duration::from_secs(30),
            debounce: Duration::from_secs(2),
            stdout: None,
            stderr: None,
        })
    }

    /// Its name, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    /// Whether it is started again when a value changed.
    pub(super) const fn restarts(&self) -> bool {
        self.restarts
    }

    /// Starts it with the variables of this process and `variables`; its streams are those of this process, or files.
    pub(super) fn start(&self, variables: &Environment) -> Result<Child, SuperviseError> {
        let (program, arguments) = self.argv.split_first().ok_or(SuperviseError::Empty)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::inherit())
            .kill_on_drop(true);
        if let Some(path) = &self.stdout {
            command.stdout(append(path)?);
        }
        if let Some(path) = &self.stderr {
            command.stderr(append(path)?);
        }
        command.spawn().map_err(|source| SuperviseError::Start {
            program: program.clone(),
            source,
        })
    }
}

fn append(path: &Path) -> Result<File, SuperviseError> {
    let opened = File::options().create(true).append(true).open(path);
    opened.map_err(|source| SuperviseError::Output {
        path: path.display().to_string(),
        source,
    })
}
