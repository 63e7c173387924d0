//! `operator unseal` and `operator seal`.

use arca_api::endpoint::Nothing;
use arca_api::sys::seal::{self, UpdateSeal, UpdateUnseal};
use arca_client::system::SealStatus;
use clap::Args;

use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::status;

const EXAMPLES: &str = "\
Without a share on the command line you are asked for it, or it is read from standard input; either
keeps it out of the history of your shell.";

/// Gives the server a share of its unseal key. It is unsealed when it has enough of them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Unseal {
    /// The share; you are asked for it when absent, which keeps it out of the history of your shell
    key: Option<String>,
    /// Forget the shares given so far
    #[arg(long)]
    reset: bool,
    /// Move the store to another seal
    #[arg(long)]
    migrate: bool,
}

impl Unseal {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let client = session.anonymous_client()?;
        let mut request = seal::Unseal {
            reset: self.reset,
            migrate: self.migrate,
            ..seal::Unseal::default()
        };
        if !self.reset {
            request.key = match self.key {
                Some(key) => key.trim().to_owned(),
                None => {
                    let instead = "give the unseal key as an argument, or pipe it in";
                    session.ask_secret("Unseal Key", instead)?.expose().clone()
                }
            };
        }
        let doing = if self.reset {
            "Error resetting unseal process"
        } else {
            "Error unsealing"
        };
        let status: SealStatus = client
            .call_bare::<UpdateUnseal, _>("sys", &request)
            .await
            .map_err(|error| Failure::remote(doing, error))?;
        status::show(&client, status, session).await?;
        Ok(DONE)
    }
}

/// Seals the server.
pub(super) async fn seal(session: &mut Session) -> Outcome {
    let answer = session.client()?.call::<UpdateSeal>("sys", &Nothing).await;
    answer.map_err(|error| Failure::remote("Error sealing", error))?;
    session.screen.success("Success! The server is sealed.");
    Ok(DONE)
}
