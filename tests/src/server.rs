//! The program as a server process.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::{now, wait_for};
use crate::http::Address;
use crate::program;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(20);

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Launch {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    home: PathBuf,
}

impl Launch {
    /// `arca` with `arguments`. `home` is its home, and where its output goes.
    #[must_use]
    pub fn new<T: Into<String>>(home: &Path, arguments: impl IntoIterator<Item = T>) -> Self {
        Self {
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            home: home.to_owned(),
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The server as a process that dies with the thread of the test.
    fn command(&self) -> Command {
        let mut command = program::bare(&program::installed("setpriv", "util-linux"), &self.home);
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program::arca())
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.home);
        command
    }

    /// Runs it to its end, for starts that are meant to fail.
    #[must_use]
    pub fn run(&self) -> crate::Ran {
        crate::commands::finish(&mut self.command(), None, START)
    }

    /// Starts it and waits for nothing.
    #[must_use]
    pub fn spawn(&self) -> Server {
        let (out, errors) = (self.home.join("stdout.log"), self.home.join("stderr.log"));
        let append = |path: &Path| File::options().create(true).append(true).open(path).unwrap();
        let child = self
            .command()
            .stdout(append(&out))
            .stderr(append(&errors))
            .spawn();
        Server {
            child: child.expect("starting the server"),
            addresses: Vec::new(),
            printed: String::new(),
            started_in: Duration::ZERO,
            out,
            errors,
        }
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// With what it printed, when it ends or does not listen in time.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Server {
        let from = text(&self.home.join("stdout.log")).len();
        let begun = now();
        let mut server = self.spawn();
        let listens = wait_for(START, || {
            server.printed = text(&server.out).split_off(from);
            match server.ended() {
                Some(_) => Some(false),
                None => is_ready(&server.printed).then_some(true),
            }
        });
        server.started_in = begun.elapsed();
        if listens != Some(true) {
            panic!(
                "the server does not listen ({:?}):\n{}",
                server.ended(),
                server.all()
            );
        }
        server.addresses = addresses(&server.printed);
        server
    }
}

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens, as printed.
    pub addresses: Vec<Address>,
    /// What it printed to standard output until it listened.
    pub printed: String,
    /// From its start until it listened.
    pub started_in: Duration,
    out: PathBuf,
    errors: PathBuf,
}

impl Server {
    /// The first address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.addresses[0]
    }

    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sending a signal to the server");
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("killing the server");
        self.child.wait().expect("waiting for the killed server");
    }

    /// Asks it to stop and gives its exit code and the time it took.
    ///
    /// # Panics
    /// When it does not end within `limit`.
    #[track_caller]
    pub fn terminate(&mut self, limit: Duration) -> (Option<i32>, Duration) {
        let begun = now();
        self.signal(Signal::TERM);
        let status = wait_for(limit, || self.ended());
        let status = status.unwrap_or_else(|| panic!("still running after {limit:?}:\n{}", self.all()));
        assert_eq!(status.signal(), None, "ended by a signal:\n{}", self.all());
        (status.code(), begun.elapsed())
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("asking for the state of the server")
    }

    /// Everything on its standard output and standard error, of earlier starts from the same folder too.
    #[must_use]
    pub fn all(&self) -> String {
        format!("{}\n{}", text(&self.out), text(&self.errors))
    }

    /// Everything on its standard output.
    #[must_use]
    pub fn stdout(&self) -> String {
        text(&self.out)
    }

    /// Everything on its standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        text(&self.errors)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn is_ready(printed: &str) -> bool {
    let up = printed.contains("Arca is ready at") && printed.contains("kv get secret/hello");
    up || printed.contains("server started!")
}

/// The addresses in what a server prints: `Listener 1: 127.0.0.1:8200 (tls: "enabled")` or `ready at https://...`.
fn addresses(printed: &str) -> Vec<Address> {
    printed.lines().filter_map(address).collect()
}

fn address(line: &str) -> Option<Address> {
    if let Some((_, url)) = line.split_once("Arca is ready at ") {
        let url = url.split([',', ' ']).next()?;
        return Some(Address::of_url(url));
    }
    let (_, listener) = line.trim_start().strip_prefix("Listener ")?.split_once(": ")?;
    let (place, tls) = listener.rsplit_once(" (tls: ")?;
    Some(Address::new(place, tls.contains("enabled")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_what_a_server_prints() {
        let printed = "  Listener 1: 127.0.0.1:4100 (tls: \"enabled\")\n  Listener 2: /run/a.sock (tls: \"disabled\")\n";
        let found: Vec<String> = addresses(printed).iter().map(Address::url).collect();
        assert_eq!(found, ["https://127.0.0.1:4100", "unix:///run/a.sock"]);
        let found = addresses("Arca is ready at https://127.0.0.1:4100, with the data it had\n");
        assert_eq!(found[0].url(), "https://127.0.0.1:4100");
    }
}
