//! Commands that run after files have changed.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use arca_base::{Clock, glob};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command as Process};
use tokio::sync::{mpsc, watch};

use super::Progress;
use crate::config::{Command, CommandEnvironment};

/// Most bytes of a command's output that reach the log.
const SPOKEN: u64 = 64 << 10;
/// Batches of commands that may wait.
const WAITING: usize = 64;

/// Runs batches of commands, one command after the other, beside everything else.
pub(super) struct Runner {
    batches: mpsc::Receiver<Vec<Command>>,
    clock: Arc<dyn Clock>,
    progress: watch::Sender<Progress>,
}

/// Where batches are handed in.
pub(super) struct Batches(mpsc::Sender<Vec<Command>>, watch::Sender<Progress>);

pub(super) fn channel(clock: Arc<dyn Clock>, progress: watch::Sender<Progress>) -> (Batches, Runner) {
    let (sender, batches) = mpsc::channel(WAITING);
    let runner = Runner {
        batches,
        clock,
        progress: progress.clone(),
    };
    (Batches(sender, progress), runner)
}

impl Batches {
    /// Hands in what is to run after one pass, equal commands once.
    pub(super) fn hand_in(&self, commands: Vec<Command>) {
        let mut once: Vec<Command> = Vec::new();
        for command in commands {
            if !once.contains(&command) {
                once.push(command);
            }
        }
        if once.is_empty() {
            return;
        }
        self.1.send_modify(|progress| progress.commands += 1);
        if self.0.try_send(once).is_err() {
            self.1.send_modify(|progress| progress.commands -= 1);
            tracing::error!("commands of templates are left out: earlier ones have not ended yet");
        }
    }
}

impl Runner {
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.batches.recv().await {
            for command in batch {
                run(&command, &*self.clock).await;
            }
            self.progress.send_modify(|progress| progress.commands -= 1);
        }
    }
}

/// Runs a command; a failure is said and changes nothing else.
async fn run(command: &Command, clock: &dyn Clock) {
    let Some(name) = command.argv.first().map(|word| shown(word)) else {
        return;
    };
    let mut child = match process(command).and_then(|mut process| process.spawn().ok_or_log(&name)) {
        Some(child) => child,
        None => return,
    };
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let out = speak(child.stdout.take(), &name);
    let errors = speak(child.stderr.take(), &name);
    let ended = async {
        let ((), (), status) = tokio::join!(out, errors, child.wait());
        status
    };
    tokio::select! {
        status = ended => match status {
            Ok(status) if status.success() => tracing::info!(command = %name, "the command of a template has run"),
            Ok(status) => tracing::error!(command = %name, "the command of a template failed: {status}"),
            Err(error) => tracing::error!(command = %name, "the command of a template is lost: {error}"),
        },
        () = clock.sleep(command.timeout) => {
            tracing::error!(
                command = %name,
                "the command of a template did not end within {} s and is killed",
                command.timeout.as_secs()
            );
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
    }
    reap(child, clock).await;
}

/// Waits for a killed child, so that none is left behind.
async fn reap(mut child: Child, clock: &dyn Clock) {
    tokio::select! {
        _ = child.wait() => {}
        () = clock.sleep(Duration::from_secs(5)) => {}
    }
}

trait OrLog {
    fn ok_or_log(self, name: &str) -> Option<Child>;
}

impl OrLog for std::io::Result<Child> {
    fn ok_or_log(self, name: &str) -> Option<Child> {
        self.inspect_err(
            |error| tracing::error!(command = %name, "the command of a template cannot start: {error}"),
        )
        .ok()
    }
}

/// One word with blanks in it is a line for the shell; everything else is a program and its arguments.
fn process(command: &Command) -> Option<Process> {
    let (program, arguments) = command.argv.split_first()?;
    let mut process = if arguments.is_empty() && program.contains(char::is_whitespace) {
        let mut shell = Process::new("/bin/sh");
        shell.arg("-c").arg(program);
        shell
    } else {
        let mut process = Process::new(program);
        process.args(arguments);
        process
    };
    variables(&mut process, &command.environment);
    process
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Some(process)
}

fn variables(process: &mut Process, wanted: &CommandEnvironment) {
    process.env_clear();
    if !wanted.pristine {
        let matches =
            |patterns: &[String], name: &str| patterns.iter().any(|pattern| glob::matches(pattern, name));
        for (name, value) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let allowed = wanted.allow.is_empty() || matches(&wanted.allow, &text);
            if allowed && !matches(&wanted.deny, &text) {
                process.env(&name, value);
            }
        }
    }
    for pair in &wanted.custom {
        if let Some((name, value)) = pair.split_once('=') {
            process.env(name, value);
        }
    }
}

/// Says what a command says, by lines, as far as it is of reasonable length; the rest is read and dropped.
async fn speak(pipe: Option<impl AsyncRead + Unpin>, name: &str) {
    let Some(pipe) = pipe else { return };
    let mut lines = BufReader::new(pipe.take(SPOKEN)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::info!(command = %name, "{}", line.trim_end());
    }
    let mut rest = lines.into_inner().into_inner().into_inner();
    let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
}

/// The program of a command: arguments may be secrets.
fn shown(word: &str) -> String {
    word.split_whitespace().next().unwrap_or_default().to_owned()
}
