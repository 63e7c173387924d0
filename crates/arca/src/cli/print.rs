//! `print`.

use clap::Subcommand;
use serde::Serialize;

use super::failure::{DONE, Failure, Outcome};
use super::session::Session;

/// What can be printed without asking the server.
#[derive(Subcommand)]
pub(crate) enum Print {
    /// Print the token in use
    Token,
}

#[derive(Serialize)]
struct Shown<'a> {
    token: &'a str,
}

impl Print {
    pub(crate) fn run(self, session: &mut Session) -> Outcome {
        let token = session.token()?.ok_or_else(|| {
            let program = &session.program;
            Failure::local(format!(
                "There is no token. Log in with \"{program} login\", or set VAULT_TOKEN."
            ))
        })?;
        let token = token.expose();
        session.screen.data(&Shown { token }, token)?;
        Ok(DONE)
    }
}
