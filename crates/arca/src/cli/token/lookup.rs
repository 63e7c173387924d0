//! `token lookup`.

use arca_api::endpoint::Nothing;
use arca_api::token;
use clap::Args;

use super::MOUNT;
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;

/// Shows a token: yours, or the one named.
#[derive(Args)]
pub(crate) struct Lookup {
    /// The token, or its accessor with -accessor
    token: Option<String>,
    /// The argument is an accessor; the token itself is not shown then
    #[arg(long, requires = "token")]
    accessor: bool,
}

impl Lookup {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client()?;
        let answer = match (self.token.map(|token| token.trim().to_owned()), self.accessor) {
            (None, _) => client.call::<token::LookupSelf>(MOUNT, &Nothing).await,
            (Some(accessor), true) => {
                let request = token::Accessor { accessor };
                client.call::<token::LookupAccessor>(MOUNT, &request).await
            }
            (Some(token), false) => client.call::<token::Lookup>(MOUNT, &token::Token { token }).await,
        };
        if let Some(answer) = answer.map_err(|error| Failure::remote("Error looking up token", error))? {
            session.screen.secret(&answer)?;
        }
        Ok(DONE)
    }
}
