//! The supervised process: a program that runs with secrets in its environment, and is started again when they change.
//!
//! | part | holds |
//! |---|---|
//! | [`environment`] | the variables the program gets, as templates give them |
//! | [`program`] | what is started, and how |
//! | [`signals`] | names of signals, and those that are passed on |
//! | [`words`] | a line split as a shell would |

pub mod environment;
pub mod program;
pub mod signals;
mod words;

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use arca_base::Clock;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::sync::mpsc;

pub use environment::{Environment, EnvironmentFeed};
pub use program::Program;
pub use words::argv;

/// A process that ends so soon after a restart cannot work with what it was given.
const TOO_SOON: Duration = Duration::from_secs(5);

/// Why there is no supervised process.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// It could not be started.
    #[error("exec: cannot start {program}: {source}; check the command and its rights")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// A file for its output.
    #[error("exec: cannot append to {path}: {source}; check child_process_stdout and child_process_stderr")]
    Output {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// No command.
    #[error("exec: command is empty; name a program")]
    Empty,
    /// A line that no shell would take.
    #[error("exec: command {0}")]
    Words(&'static str),
    /// A signal nobody knows.
    #[error("exec: restart_stop_signal {0:?} is no signal; use for instance SIGTERM, SIGINT or SIGHUP")]
    Signal(String),
    /// Nobody renders the variables any more.
    #[error("exec: the variables of the process are no longer rendered")]
    Abandoned,
    /// The system lost it.
    #[error("exec: cannot watch the process: {0}")]
    Lost(#[source] io::Error),
}

/// What a supervisor is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Stop the process and end.
    Stop,
    /// Pass a signal on.
    Pass(Signal),
}

/// How supervision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The process ended by itself, with this exit code: 128 and the signal's number for one that was killed.
    ByItself(u8),
    /// It was stopped as ordered, or had not been started.
    Stopped,
}

/// Runs one program at a time.
pub struct Supervisor {
    program: Program,
    clock: Arc<dyn Clock>,
    environment: EnvironmentFeed,
    orders: mpsc::Receiver<Order>,
}

/// Why a running process is no longer watched.
enum Turn {
    Exited(ExitStatus),
    Stop,
    Restart(Arc<Environment>),
}

impl Supervisor {
    /// A supervisor that has not started anything.
    #[must_use]
    pub fn new(
        program: Program,
        clock: Arc<dyn Clock>,
        environment: EnvironmentFeed,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        Self {
            program,
            clock,
            environment,
            orders,
        }
    }

    /// Runs the program until it ends by itself or is ordered to stop.
    ///
    /// It is started as soon as all its variables are there. No process is left behind, also when this future is
    /// dropped.
    ///
    /// # Errors
    /// [`SuperviseError`]
    pub async fn run(mut self) -> Result<Ended, SuperviseError> {
        let Some(mut variables) = self.first().await? else {
            return Ok(Ended::Stopped);
        };
        let mut is_restart = false;
        loop {
            let mut child = self.program.start(&variables)?;
            let started = self.clock.monotonic();
            let process = child.id();
            if is_restart {
                tracing::info!(process, "the process runs again with new values");
            } else {
                tracing::info!(process, program = self.program.name(), "the process runs");
            }
            match self.watch(&mut child, &variables).await? {
                Turn::Exited(status) => {
                    let after = self.clock.monotonic().saturating_sub(started);
                    return Ok(Ended::ByItself(report(status, is_restart, after)));
                }
                Turn::Stop => {
                    self.stop(&mut child).await?;
                    return Ok(Ended::Stopped);
                }
                Turn::Restart(changed) => {
                    tracing::info!("values have changed: the process is started again");
                    self.stop(&mut child).await?;
                    variables = changed;
                    is_restart = true;
                }
            }
        }
    }

    /// Waits until every variable has been rendered; `None` when told to stop before.
    async fn first(&mut self) -> Result<Option<Arc<Environment>>, SuperviseError> {
        loop {
            if let Some(variables) = self.environment.borrow_and_update().clone() {
                return Ok(Some(variables));
            }
            tokio::select! {
                changed = self.environment.changed() => {
                    changed.map_err(|_| SuperviseError::Abandoned)?;
                }
                order = self.orders.recv() => {
                    if matches!(order, Some(Order::Stop) | None) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn watch(&mut self, child: &mut Child, running: &Environment) -> Result<Turn, SuperviseError> {
        let mut quiet: Option<arca_base::time::Sleep> = None;
        let mut is_fed = true;
        loop {
            tokio::select! {
                biased;
                status = child.wait() => return status.map(Turn::Exited).map_err(SuperviseError::Lost),
                order = self.orders.recv() => match order {
                    Some(Order::Pass(signal)) => send(child, signal),
                    Some(Order::Stop) | None => return Ok(Turn::Stop),
                },
                changed = self.environment.changed(), if is_fed => match changed {
                    Err(_) => is_fed = false,
                    Ok(()) if self.program.restarts() && quiet.is_none() => {
                        quiet = Some(self.clock.sleep(self.program.debounce));
                    }
                    Ok(()) => {}
                },
                () = settled(&mut quiet) => {
                    quiet = None;
                    let newest = self.environment.borrow_and_update().clone();
                    if let Some(newest) = newest.filter(|newest| !newest.equals(running)) {
                        return Ok(Turn::Restart(newest));
                    }
                }
            }
        }
    }

    /// Asks the process to end, waits, and ends it. Whatever the process does, it is gone afterwards.
    async fn stop(&self, child: &mut Child) -> Result<(), SuperviseError> {
        send(child, self.program.stop_signal);
        tokio::select! {
            biased;
            status = child.wait() => return status.map(drop).map_err(SuperviseError::Lost),
            () = self.clock.sleep(self.program.patience) => {}
        }
        tracing::warn!(
            seconds = self.program.patience.as_secs(),
            "the process did not end in time and is killed"
        );
        child.kill().await.map_err(SuperviseError::Lost)
    }
}

async fn settled(quiet: &mut Option<arca_base::time::Sleep>) {
    match quiet {
        Some(wait) => wait.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Sends a signal to a process that has not been waited for, so that its number cannot be another's.
fn send(child: &Child, signal: Signal) {
    let process = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(process) = process
        && let Err(error) = kill_process(process, signal)
    {
        tracing::warn!(signal = signal.as_raw(), %error, "the process did not get a signal");
    }
}

/// The exit code of a status, as shells give it.
#[must_use]
pub fn exit_code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code & 0xff).ok()).unwrap_or(1)
}

fn report(status: ExitStatus, is_restart: bool, after: Duration) -> u8 {
    let code = exit_code(status);
    if is_restart && code != 0 && after < TOO_SOON {
        tracing::error!(
            code,
            milliseconds = u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            "the process ended right after it was started with new values: it does not work with them"
        );
    } else {
        tracing::info!(code, "the process has ended");
    }
    code
}
