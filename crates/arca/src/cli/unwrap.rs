//! `unwrap`.

use arca_api::sys::wrapping::{Unwrap as Endpoint, WrappingToken};
use arca_base::Secret;
use clap::Args;

use super::failure::{DONE, Failure, Outcome};
use super::list::keys_of;
use super::session::Session;

const EXAMPLES: &str = "\
This works once. A token that was opened already has been seen by somebody else.";

/// Opens a wrapped answer. This works once.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Unwrap {
    /// The wrapping token; your own token when absent
    token: Option<String>,
}

impl Unwrap {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let mut client = session.client()?.with_wrap_ttl(None);
        let mut request = WrappingToken::default();
        if let Some(token) = self.token.map(|token| token.trim().to_owned()) {
            match client.token().map(Secret::expose) {
                None => client = client.with_token(Some(Secret::new(token))),
                Some(own) if *own == token => {}
                Some(_) => request.token = token,
            }
        }
        let answer = client.call::<Endpoint>("sys", &request).await;
        match answer.map_err(|error| Failure::remote("Error unwrapping", error))? {
            None => session
                .screen
                .success("Successfully unwrapped. There was no data in the wrapped secret."),
            Some(answer) if keys_of(&answer).is_some() => session.screen.listing(&answer)?,
            Some(answer) => session.screen.secret(&answer)?,
        }
        Ok(DONE)
    }
}
