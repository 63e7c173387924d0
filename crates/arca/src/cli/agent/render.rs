//! `agent render -dry-run`.

use std::sync::Arc;
use std::time::Duration;

use arca_agent::agent::{Agent, Surroundings};
use arca_agent::server::client_config;
use arca_agent::template::Rehearsal;
use clap::Args;

use super::Source;
use super::start::{failed, flags};
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::Format;

/// Logs in and fetches what the templates need, and says for each where it would be written, what it needs, what is
/// missing, and whether the file would change. Shows no secret, writes no file, runs no command; what was made for it
/// is revoked.
#[derive(Args)]
pub(super) struct Render {
    #[command(flatten)]
    source: Source,
    /// Write nothing; the only way so far, for an agent writes
    #[arg(long)]
    dry_run: bool,
    /// How many seconds to wait for secrets
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

impl Render {
    pub(super) async fn run(self, session: &mut Session) -> Outcome {
        if !self.dry_run {
            return Err(Failure::local(
                "Say -dry-run: this command explains only. To write files once, use agent -exit-after-auth.",
            ));
        }
        let mut config = self.source.load(session)?;
        // Another agent may be at work with the same configuration.
        config.pid_file = None;
        config.listeners.clear();
        let client = client_config(&config.server, &flags(session), &|name| session.variable(name))?;
        let around = Surroundings {
            client,
            clock: Arc::clone(&session.clock),
            entropy: Arc::new(arca_crypto::SystemEntropy),
            notify_socket: None,
            runtime_dir: None,
            revoke_on_shutdown: true,
            reload: Box::new(|| {}),
        };
        let agent = Agent::prepare(config, around).await.map_err(failed)?;
        let limit = Duration::from_secs(self.wait);
        let found = agent.rehearse(limit).await.map_err(failed)?;
        if session.screen.format == Format::Table {
            for one in &found {
                show(one, session);
            }
        } else {
            let text = serde_json::to_string_pretty(&found)
                .map_err(|error| Failure::local(format!("Cannot show it: {error}")))?;
            session.screen.line(&text);
        }
        if found.iter().any(|one| one.bytes.is_none()) {
            return Err(Failure::absent("Not every template can be rendered."));
        }
        Ok(DONE)
    }
}

fn show(one: &Rehearsal, session: &mut Session) {
    let screen = &mut session.screen;
    screen.line(&one.destination);
    for (need, trouble) in &one.needs {
        let state = trouble.as_deref().unwrap_or("there");
        screen.line(&format!("  needs    {need}: {state}"));
    }
    if let Some(error) = &one.error {
        screen.line(&format!("  error    {error}"));
    }
    if let (Some(bytes), Some(digest)) = (one.bytes, &one.digest) {
        let change = match one.changes {
            Some(true) => ", the file would change",
            Some(false) => ", the file is the same already",
            None => "",
        };
        screen.line(&format!("  text     {bytes} bytes, SHA-256 {digest}...{change}"));
    }
}
