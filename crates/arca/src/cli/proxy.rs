//! `proxy`: the part of the agent that passes requests on, as a process by itself.

use arca_agent::config::AgentConfig;
use clap::Args;

use super::agent::Start;
use super::failure::{Failure, Outcome};
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  arca proxy -config=proxy.hcl";

/// Passes requests of programs on to the server, with the token of its own login if asked to.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Proxy {
    #[command(flatten)]
    start: Start,
}

impl Proxy {
    pub(crate) fn run(self, session: &mut Session) -> Outcome {
        let config = self.start.load(session)?;
        check(&config)?;
        self.start.run(config, session)
    }
}

/// A proxy listens, and does nothing else an agent does.
fn check(config: &AgentConfig) -> Result<(), Failure> {
    let others = [
        ("template", !config.templates.is_empty()),
        ("env_template", !config.env_templates.is_empty()),
        ("exec", config.exec.is_some()),
    ];
    if let Some((block, _)) = others.iter().find(|(_, is_there)| *is_there) {
        return Err(Failure::local(format!(
            "A proxy has no use for the block {block:?}: take it out, or start \"arca agent\" instead, which listens too."
        )));
    }
    if config.listeners.is_empty() {
        return Err(Failure::local(
            "A proxy needs an address to listen on: add a block such as \
             listener \"tcp\" { address = \"127.0.0.1:8100\" tls_disable = true }.",
        ));
    }
    Ok(())
}
