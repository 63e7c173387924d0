//! `agent`: the agent as a process, and what surrounds it.

mod generate;
mod render;
mod start;
mod status;
mod validate;

use std::path::PathBuf;

use arca_agent::config::{AgentConfig, Strictness};
use clap::{Args, Subcommand};

use super::failure::{Failure, Outcome};
use super::session::Session;

pub(crate) use start::Start;

const EXAMPLES: &str = "\
Examples:
  arca agent -config=agent.hcl
  arca agent validate -config=agent.hcl
  arca agent render -config=agent.hcl -dry-run
  arca agent generate-config -type=env-template -exec=./server -path=secret/app agent.hcl
  arca agent status";

/// Logs in, keeps the token fresh, writes it to files, and passes requests on.
#[derive(Args)]
#[command(after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub(crate) struct Agent {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    start: start::Start,
}

#[derive(Subcommand)]
enum Command {
    /// Check a configuration without starting anything
    Validate(validate::Validate),
    /// Say what would be rendered, without writing anything
    Render(render::Render),
    /// Show what a running agent is doing
    Status(status::Status),
    /// Write a configuration that runs a program with secrets as variables
    GenerateConfig(generate::Generate),
}

/// Where the configuration is.
#[derive(Args)]
struct Source {
    /// Configuration file in HCL or JSON, or a folder of them; may be repeated [VAULT_AGENT_CONFIG_PATH]
    #[arg(long, value_name = "PATH")]
    config: Vec<PathBuf>,
    /// Read the configuration from this environment variable
    #[arg(long, value_name = "NAME")]
    config_env: Option<String>,
    /// Refuse keys that have no effect instead of noting them
    #[arg(long)]
    strict: bool,
}

impl Agent {
    pub(crate) fn run(self, session: &mut Session) -> Outcome {
        match self.command {
            None => {
                let config = self.start.load(session)?;
                self.start.run(config, session)
            }
            Some(Command::Validate(command)) => command.run(session),
            Some(Command::Render(command)) => super::wait(command.run(session)),
            Some(Command::Status(command)) => super::wait(command.run(session)),
            Some(Command::GenerateConfig(command)) => super::wait(command.run(session)),
        }
    }
}

impl Source {
    fn load(&self, session: &Session) -> Result<AgentConfig, Failure> {
        let variables = |name: &str| session.variable(name);
        let strictness = if self.strict {
            Strictness::Strict
        } else {
            Strictness::Lenient
        };
        let loaded = match &self.config_env {
            Some(name) => {
                let text = session
                    .variable(name)
                    .ok_or_else(|| Failure::local(format!("-config-env: the variable {name} is not set")))?;
                AgentConfig::parse(text.as_bytes(), name, &variables, strictness)
            }
            None => AgentConfig::load(&self.paths(session), &variables, strictness),
        };
        loaded.map_err(|error| Failure::local(error.to_string()))
    }

    fn paths(&self, session: &Session) -> Vec<PathBuf> {
        if !self.config.is_empty() {
            return self.config.clone();
        }
        session
            .setting("AGENT_CONFIG_PATH")
            .map(PathBuf::from)
            .into_iter()
            .collect()
    }
}
