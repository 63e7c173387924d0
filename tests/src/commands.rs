//! Running commands as a person types them.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::clock::wait_for;
use crate::program;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How a command ended and what it printed.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub errors: String,
}

impl Ran {
    /// Fails the test unless the exit code is `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerrors: {}", self.out, self.errors);
        self
    }

    /// Standard output, which must be JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A terminal: a folder, an environment, and the program in the search path as `arca` and `vault`.
#[derive(Clone, Debug)]
pub struct Shell {
    home: PathBuf,
    environment: Vec<(String, String)>,
}

impl Shell {
    /// A terminal whose home and working folder is `home`.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        let inherited = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{inherited}", program::names(home).display());
        Self {
            home: home.to_owned(),
            environment: vec![("PATH".to_owned(), path)],
        }
    }

    /// Sets a variable for all commands that follow.
    pub fn export(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut shell = self.clone();
        shell.export(name, value);
        shell
    }

    /// Runs what a person would type at a prompt.
    pub fn run(&self, line: &str) -> Ran {
        self.start("sh", &["-c", line], None)
    }

    /// Like [`Shell::run`], with something on standard input.
    pub fn run_with(&self, line: &str, input: &str) -> Ran {
        self.start("sh", &["-c", line], Some(input))
    }

    /// Runs a program with arguments.
    pub fn start(&self, program: &str, arguments: &[&str], input: Option<&str>) -> Ran {
        let mut command = program::bare(Path::new(program), &self.home);
        command
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.home);
        finish(&mut command, input, LIMIT)
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started or does not end within `limit`.
#[track_caller]
pub fn finish(command: &mut Command, input: Option<&str>, limit: Duration) -> Ran {
    let described = format!("{command:?}");
    let (mut out, mut errors) = (scratch(), scratch());
    if let Some(input) = input {
        let mut file = scratch();
        file.write_all(input.as_bytes()).expect("writing the input");
        file.rewind().expect("rewinding the input");
        command.stdin(file);
    } else {
        command.stdin(Stdio::null());
    }
    let mut child = command
        .stdout(out.try_clone().expect("a file for output"))
        .stderr(errors.try_clone().expect("a file for errors"))
        .spawn()
        .unwrap_or_else(|error| panic!("{described}: {error}"));
    let status = wait_for(limit, || {
        child.try_wait().expect("asking for the state of a command")
    });
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let ran = Ran {
        code: status.and_then(|status| status.code()).unwrap_or(-1),
        out: written(&mut out),
        errors: written(&mut errors),
    };
    assert!(
        status.is_some(),
        "{described} has not ended after {limit:?}: {ran:?}"
    );
    ran
}

/// A file without a name. Files rather than pipes: nobody has to read while the command runs.
fn scratch() -> File {
    tempfile::tempfile().expect("a temporary file")
}

fn written(file: &mut File) -> String {
    file.rewind().expect("rewinding the output");
    std::io::read_to_string(file).unwrap_or_else(|error| format!("(no text: {error})"))
}
