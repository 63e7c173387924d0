//! `agent validate`.

use clap::Args;

use super::Source;
use crate::cli::failure::{DONE, Outcome};
use crate::cli::session::Session;

/// Checks a configuration: every key, and what must hold between them. Reads no secret and asks no server.
#[derive(Args)]
pub(super) struct Validate {
    #[command(flatten)]
    source: Source,
}

impl Validate {
    pub(super) fn run(self, session: &mut Session) -> Outcome {
        let config = self.source.load(session)?;
        for note in &config.notes {
            session.screen.warn(note);
        }
        session.screen.line("The configuration is valid.");
        Ok(DONE)
    }
}
