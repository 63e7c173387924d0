//! `version`.

use clap::Args;
use serde::Serialize;

use super::failure::{DONE, Outcome};
use super::session::Session;

/// Prints the version of this program.
#[derive(Args)]
pub(crate) struct Version {}

#[derive(Serialize)]
struct Shown {
    version: &'static str,
}

impl Version {
    pub(crate) fn run(self, session: &mut Session) -> Outcome {
        let version = env!("CARGO_PKG_VERSION");
        session
            .screen
            .data(&Shown { version }, &format!("Arca v{version}"))?;
        Ok(DONE)
    }
}
