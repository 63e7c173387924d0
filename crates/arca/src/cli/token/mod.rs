//! `token`.

mod capabilities;
mod create;
mod lookup;
mod renew;
mod revoke;

use clap::Subcommand;

use super::failure::Outcome;
use super::session::Session;

/// Where the engine of tokens is.
const MOUNT: &str = "auth/token";

/// Tokens: what every request speaks with.
#[derive(Subcommand)]
pub(crate) enum Token {
    /// Create a token
    Create(create::Create),
    /// Show a token
    Lookup(lookup::Lookup),
    /// Extend the life of a token
    Renew(renew::Renew),
    /// End a token
    Revoke(revoke::Revoke),
    /// Show what a token may do at paths
    Capabilities(capabilities::Capabilities),
}

impl Token {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Create(command) => command.run(session).await,
            Self::Lookup(command) => command.run(session).await,
            Self::Renew(command) => command.run(session).await,
            Self::Revoke(command) => command.run(session).await,
            Self::Capabilities(command) => command.run(session).await,
        }
    }
}
