//! `agent -config=...`.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arca_agent::agent::{Agent, Surroundings};
use arca_agent::config::{AgentConfig, Server};
use arca_agent::server::client_config;
use arca_server::logging::{Format, Level, Logging, log_panics};
use clap::Args;

use super::Source;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;

#[derive(Args)]
pub(crate) struct Start {
    #[command(flatten)]
    source: Source,
    /// End as soon as every token and file is written once
    #[arg(long)]
    exit_after_auth: bool,
    /// Revoke the token of the agent, and all that was made with it, when it ends
    #[arg(long)]
    revoke_on_shutdown: bool,
    /// How the log is written: standard or json [VAULT_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Append the log to a file rather than standard error
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

impl Start {
    /// Reads the configuration.
    pub(crate) fn load(&self, session: &Session) -> Result<AgentConfig, Failure> {
        self.source.load(session)
    }

    pub(crate) fn run(self, mut config: AgentConfig, session: &mut Session) -> Outcome {
        config.exit_after_auth |= self.exit_after_auth;
        let (level, logging) = self.log(&config, session)?;
        let reread = self.level_again(session, logging);
        let client = client_config(&config.server, &flags(session), &|name| session.variable(name))?;
        let around = Surroundings {
            client,
            clock: Arc::clone(&session.clock),
            entropy: Arc::new(arca_crypto::SystemEntropy),
            notify_socket: session.variable("NOTIFY_SOCKET"),
            runtime_dir: session.variable("XDG_RUNTIME_DIR").map(PathBuf::from),
            revoke_on_shutdown: self.revoke_on_shutdown,
            reload: reread,
        };
        super::super::wait(async {
            for note in &config.notes {
                tracing::warn!("{note}");
            }
            let address = around.client.address.to_string();
            let agent = Agent::prepare(config, around).await.map_err(failed)?;
            announce(&agent, &address, level, session);
            agent.run().await.map_err(failed)
        })
    }

    fn log(&self, config: &AgentConfig, session: &Session) -> Result<(Level, Logging), Failure> {
        let chosen = session
            .globals
            .log_level
            .clone()
            .or_else(|| session.setting("LOG_LEVEL"));
        let level = parse_level(&chosen.or_else(|| config.log.level.clone()).unwrap_or_default())?;
        let format = self.log_format.clone().or_else(|| session.setting("LOG_FORMAT"));
        let format = format.or_else(|| config.log.format.clone()).unwrap_or_default();
        let format = Format::parse(&format).ok_or_else(|| {
            Failure::local(format!(
                "Invalid log format {format:?}: use {}.",
                Format::EXPECTED
            ))
        })?;
        log_panics();
        let failed = |error: &dyn std::fmt::Display| Failure::local(format!("Cannot start the log: {error}"));
        let logging = match self.log_file.as_ref().or(config.log.file.as_ref()) {
            None => Logging::start(level, format).map_err(|error| failed(&error))?,
            Some(path) => {
                let file = File::options().create(true).append(true).open(path);
                let file = file.map_err(|error| failed(&format!("{}: {error}", path.display())))?;
                Logging::start_in(file, level, format).map_err(|error| failed(&error))?
            }
        };
        Ok((level, logging))
    }

    /// On request the level is read from the files again, unless it was chosen for this run.
    fn level_again(&self, session: &Session, logging: Logging) -> Box<dyn Fn()> {
        if session.globals.log_level.is_some() || session.setting("LOG_LEVEL").is_some() {
            return Box::new(|| {});
        }
        let paths = self.source.paths(session);
        Box::new(move || {
            let variables = |name: &str| std::env::var(name).ok();
            let loaded = AgentConfig::load(&paths, &variables, arca_agent::config::Strictness::Lenient);
            match loaded {
                Ok(config) => {
                    if let Some(level) = Level::parse(&config.log.level.unwrap_or_default()) {
                        logging.set_level(level);
                    }
                }
                Err(error) => tracing::error!(%error, "the level of the log stays as it was"),
            }
        })
    }
}

fn parse_level(text: &str) -> Result<Level, Failure> {
    Level::parse(text)
        .ok_or_else(|| Failure::local(format!("Invalid log level {text:?}: use {}.", Level::EXPECTED)))
}

pub(super) fn failed(error: arca_agent::agent::AgentError) -> Failure {
    Failure::local(format!("The agent cannot go on: {error}"))
}

/// What flags say about the server.
pub(super) fn flags(session: &Session) -> Server {
    let globals = &session.globals;
    Server {
        address: globals.address.clone(),
        ca_cert: globals.ca_cert.clone(),
        ca_path: globals.ca_path.clone(),
        client_cert: globals.client_cert.clone(),
        client_key: globals.client_key.clone(),
        tls_skip_verify: globals.tls_skip_verify.then_some(true),
        tls_server_name: globals.tls_server_name.clone(),
        namespace: globals.namespace.clone(),
        retries: None,
    }
}

/// What the process does, before its log begins.
fn announce(agent: &Agent, address: &str, level: Level, session: &mut Session) {
    let screen = &mut session.screen;
    screen.line("==> Arca agent configuration:\n");
    let mut row = |name: &str, value: &str| screen.line(&format!("{name:>20}: {value}"));
    row("Api Address", address);
    for (number, (address, is_encrypted)) in agent.listeners().enumerate() {
        let tls = if is_encrypted { "enabled" } else { "disabled" };
        row(
            &format!("Listener {}", number + 1),
            &format!("{address} (tls: \"{tls}\")"),
        );
    }
    row("Log Level", level.as_str());
    row("Version", concat!("Arca v", env!("CARGO_PKG_VERSION")));
    screen.line("\n==> Arca agent started! Log data will stream in below:\n");
    screen.close();
}
