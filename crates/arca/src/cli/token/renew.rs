//! `token renew`.

use arca_api::token;
use arca_base::Ttl;
use clap::Args;

use super::MOUNT;
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::flags;
use crate::cli::session::Session;

/// Extends the life of a token: yours, or the one named.
#[derive(Args)]
pub(crate) struct Renew {
    /// The token, or its accessor with -accessor
    token: Option<String>,
    /// The argument is an accessor
    #[arg(long, requires = "token")]
    accessor: bool,
    /// How long it should live from now; the server may decide otherwise
    #[arg(long, alias = "i", value_name = "DURATION", value_parser = flags::ttl)]
    increment: Option<Ttl>,
}

impl Renew {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client()?;
        let increment = self.increment.unwrap_or_default();
        let answer = match (self.token.map(|token| token.trim().to_owned()), self.accessor) {
            (Some(accessor), true) => {
                let request = token::RenewAccessor { accessor, increment };
                client.call::<token::RenewByAccessor>(MOUNT, &request).await
            }
            (Some(token), false) => {
                let request = token::Renew { token, increment };
                client.call::<token::RenewToken>(MOUNT, &request).await
            }
            (None, _) => {
                let request = token::Renew {
                    token: String::new(),
                    increment,
                };
                client.call::<token::RenewSelf>(MOUNT, &request).await
            }
        };
        if let Some(answer) = answer.map_err(|error| Failure::remote("Error renewing token", error))? {
            session.screen.secret(&answer)?;
        }
        Ok(DONE)
    }
}
