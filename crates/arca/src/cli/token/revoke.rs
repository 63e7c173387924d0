//! `token revoke`.

use arca_api::endpoint::Nothing;
use arca_api::sys::leases::{Prefix, RevokePrefix};
use arca_api::token;
use arca_client::Client;
use clap::{Args, ValueEnum};

use super::MOUNT;
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::{Session, TokenOrigin};

/// Ends a token, and the tokens created with it.
#[derive(Args)]
pub(crate) struct Revoke {
    /// The token, its accessor with -accessor, or a path with -mode=path
    token: Option<String>,
    /// The argument is an accessor
    #[arg(long, conflicts_with_all = ["own", "mode"])]
    accessor: bool,
    /// End the token in use
    #[arg(id = "own", long = "self", conflicts_with_all = ["token", "mode"])]
    own: bool,
    /// orphan: leave the tokens created with it alive; path: end all tokens issued below a path
    #[arg(long, value_enum)]
    mode: Option<Mode>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Orphan,
    Path,
}

impl Revoke {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        if !self.own && self.token.is_none() {
            return Err(Failure::local(
                "Not enough arguments: name the token to revoke, or use -self",
            ));
        }
        let client = session.client()?;
        let own = self.own;
        self.send(&client).await?;
        if own && session.token_origin == TokenOrigin::Helper {
            // The kept token is of no use to anybody now.
            let erased = session.token_helper()?.erase();
            erased.map_err(|error| Failure::local(error.to_string()))?;
        }
        session.screen.success("Success! Revoked token (if it existed)");
        Ok(DONE)
    }

    async fn send(self, client: &Client) -> Result<(), Failure> {
        let token = self
            .token
            .map(|token| token.trim().to_owned())
            .unwrap_or_default();
        let answer = match (self.own, self.accessor, self.mode) {
            (true, ..) => client.call::<token::RevokeSelf>(MOUNT, &Nothing).await,
            (_, true, _) => {
                let request = token::Accessor { accessor: token };
                client.call::<token::RevokeAccessor>(MOUNT, &request).await
            }
            (_, _, None) => client.call::<token::Revoke>(MOUNT, &token::Token { token }).await,
            (_, _, Some(Mode::Orphan)) => {
                client
                    .call::<token::RevokeOrphan>(MOUNT, &token::Token { token })
                    .await
            }
            (_, _, Some(Mode::Path)) => {
                let request = Prefix {
                    prefix: token,
                    sync: None,
                };
                client.call::<RevokePrefix>("sys", &request).await
            }
        };
        answer.map_err(|error| Failure::remote("Error revoking token", error))?;
        Ok(())
    }
}
