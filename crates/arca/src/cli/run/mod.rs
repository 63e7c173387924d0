//! `run`: a program with secrets in its environment, for people at their own machine.

mod files;
mod leases;
mod reading;
mod templates;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arca_agent::supervise::{Ended, Environment, Program, SuperviseError, Supervisor, signals};
use arca_base::Secret;
use clap::Args;
use rustix::process::Signal;
use tokio::sync::{mpsc, watch};

use super::failure::{Failure, Outcome};
use super::session::Session;
use files::PrivateFolder;
use leases::Leases;
use reading::{Reading, Source};
use templates::AtWork;

/// Where the program finds its files.
const FOLDER_VARIABLE: &str = "ARCA_RUN_FILES";

/// Exit codes of shells for a program that is not there, and for one that cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_RUNNABLE: u8 = 126;

const EXAMPLES: &str = "\
Examples:
  arca run -env DB_PASSWORD=secret/app#password -- ./server --port 8080
  arca run -env DB_USER=database/creds/app#username -env DB_PASSWORD=database/creds/app#password -- psql
  arca run -file tls.key=secret/app#key -- sh -c 'serve --key \"$ARCA_RUN_FILES/tls.key\"'
  arca run -template app.conf=./app.conf.tmpl -- sh -c 'serve --config \"$ARCA_RUN_FILES/app.conf\"'

Each path is read once. Leases are renewed while the program runs and revoked when it ends. Files of templates, which
are those of the agent, follow their secrets while the program runs.";

/// Runs a program with secrets in its environment.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// Set a variable to one member of a secret; may be repeated
    #[arg(long, value_name = "NAME=PATH#KEY", value_parser = reading::single)]
    env: Vec<(String, Source)>,
    /// Set a variable for each member of a secret, with names in upper case; may be repeated
    #[arg(long, value_name = "PATH")]
    env_all: Vec<String>,
    /// Write one member of a secret to a file in the private folder $ARCA_RUN_FILES; may be repeated
    #[arg(long, value_name = "NAME=PATH#KEY", value_parser = reading::single)]
    file: Vec<(String, Source)>,
    /// Render a template file to a file in the private folder $ARCA_RUN_FILES; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = templates::single)]
    template: Vec<(String, PathBuf)>,
    /// The program and its arguments, behind --
    #[arg(required = true, value_name = "PROGRAM")]
    command: Vec<String>,
}

impl Run {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let mut reading = Reading::default();
        let mut at_work = None;
        let gathered = self.gather(&mut reading, &mut at_work, session).await;
        // Also what was leased before something failed is given back.
        let mut leases = Leases::new(reading.into_leases(), session.scout()?, session.clock.clone());
        let outcome = match gathered {
            Err(failure) => Err(failure),
            Ok((environment, folder)) => {
                let outcome = tokio::select! {
                    ended = self.supervise(environment, session) => ended,
                    () = leases.keep() => unreachable_keeping(),
                };
                drop(folder);
                outcome
            }
        };
        if let Some(at_work) = at_work {
            for problem in at_work.give_back().await {
                session.screen.warn(&problem);
            }
        }
        for problem in leases.give_back().await {
            session.screen.warn(&problem);
        }
        outcome
    }

    async fn gather(
        &self,
        reading: &mut Reading,
        at_work: &mut Option<AtWork>,
        session: &mut Session,
    ) -> Result<(Environment, Option<PrivateFolder>), Failure> {
        let mut environment = Environment::default();
        for path in &self.env_all {
            for (name, value) in reading.members(path, session).await? {
                environment = environment.with(name, value);
            }
        }
        for (name, source) in &self.env {
            let value = reading.value(source, session).await?;
            reading::check_variable(name, &value)?;
            environment = environment.with(name.clone(), value);
        }
        if self.file.is_empty() && self.template.is_empty() {
            return Ok((environment, None));
        }
        let runtime = session.variable("XDG_RUNTIME_DIR");
        let folder = PrivateFolder::new(runtime.as_deref().map(Path::new), session.entropy())?;
        for (name, source) in &self.file {
            folder.write(name, &reading.value(source, session).await?)?;
        }
        if !self.template.is_empty() {
            let started = AtWork::start(&self.template, folder.path(), session)?;
            at_work.insert(started).rendered().await?;
        }
        let place = Secret::new(folder.path().display().to_string());
        Ok((environment.with(FOLDER_VARIABLE, place), Some(folder)))
    }

    async fn supervise(&self, environment: Environment, session: &Session) -> Outcome {
        let program = Program::command(self.command.clone()).map_err(|error| explain(&error))?;
        let (_values, feed) = watch::channel(Some(Arc::new(environment)));
        let (orders, received) = mpsc::channel(8);
        let passed: Vec<Signal> = signals::PASSED_ON
            .into_iter()
            .chain([Signal::TERM, Signal::HUP])
            // A terminal sends what is typed to the program too.
            .chain((!session.input.is_terminal).then_some(Signal::INT))
            .collect();
        signals::pass_on(&passed, &orders)
            .map_err(|error| Failure::local(format!("Cannot watch for signals: {error}")))?;
        let _typed = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
        match Supervisor::new(program, session.clock.clone(), feed, received)
            .run()
            .await
        {
            Ok(Ended::ByItself(code)) => Ok(code),
            Ok(Ended::Stopped) => Ok(super::failure::DONE),
            Err(error) => Err(explain(&error)),
        }
    }
}

fn unreachable_keeping() -> Outcome {
    Err(Failure::local("The leases of the program are no longer renewed."))
}

fn explain(error: &SuperviseError) -> Failure {
    match error {
        SuperviseError::Start { program, source } => {
            let exit = match source.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_RUNNABLE,
            };
            Failure::local(format!("Cannot start {program}: {source}.")).with_exit(exit)
        }
        error => Failure::local(error.to_string()),
    }
}
