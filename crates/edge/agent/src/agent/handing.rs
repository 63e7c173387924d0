//! Taking up what another run left, and leaving token and leases for the next.

use arca_crypto::constant_time;
use tracing::{info, warn};

use super::{Agent, AgentError};
use crate::config::{Method, MethodKind};
use crate::handover::{GivenToken, Handover, Identity, Keeper, State, login_identity};
use crate::secrets::Secrets;
use crate::token::TokenFeed;

/// What another run left, if anything is handed over at all.
#[derive(Default)]
pub(super) struct Taken {
    handover: Option<Handover>,
    state: Option<State>,
    /// The token is somebody else's, who may have replaced it: it is read again.
    is_lent: bool,
}

impl Agent {
    /// Reads what another run left. What must not be trusted is a reason to end only if the configuration says so.
    pub(super) fn take_up(&self) -> Result<Taken, AgentError> {
        let place = self.config.cache.as_ref().and_then(|cache| cache.persist.clone());
        let Some(place) = place else {
            return Ok(Taken::default());
        };
        let method = self.config.auto_auth.as_ref().map(|auto_auth| &auto_auth.method);
        let Some(method) = method.filter(|method| method.wrap_ttl.is_none()) else {
            warn!(
                "cache.persist has no effect: it hands over the token of auto_auth, unless that is wrapped"
            );
            return Ok(Taken::default());
        };
        let ends = place.exit_on_error;
        let identity = self.identity(method);
        let clock = self.around.clock.clone();
        let handover = Handover::new(place, identity, clock, self.around.entropy.clone());
        let state = match handover.take() {
            Ok(state) => state,
            Err(refused) if ends => return Err(refused.into()),
            Err(refused) => {
                warn!("what an earlier run left is not used: {refused}; logging in and fetching anew");
                None
            }
        };
        Ok(Taken {
            handover: Some(handover),
            state,
            is_lent: matches!(method.kind, MethodKind::TokenFile { .. }),
        })
    }

    fn identity(&self, method: &Method) -> Identity {
        let client = &self.around.client;
        Identity {
            server: format!("{} {}", client.address, client.namespace),
            login: login_identity(method),
        }
    }
}

impl Taken {
    /// The token to look up before the first login.
    pub(super) fn token(&self) -> Option<GivenToken> {
        let given = self.state.as_ref()?.token.as_ref()?;
        (!self.is_lent).then(|| given.duplicate())
    }

    /// The one that leaves states from now on, and what is to be decided before anything is fetched.
    pub(super) fn split(self, secrets: &Secrets, feed: &TokenFeed) -> (Option<Keeper>, Option<State>) {
        let keeper = self
            .handover
            .map(|handover| Keeper::new(handover, secrets.clone(), feed.clone()));
        (keeper, self.state)
    }
}

/// Waits for the first token. Secrets of the other run are taken up if it is the one they were made with: the server
/// has just said that it is in force.
pub(super) async fn settle(keeper: &Keeper, state: Option<State>, secrets: &Secrets, mut feed: TokenFeed) {
    let Some(state) = state else {
        keeper.begin();
        return;
    };
    let Ok(held) = feed.wait_for(Option::is_some).await.map(|held| held.clone()) else {
        return;
    };
    let (Some(held), Some(given)) = (held, state.token) else {
        keeper.begin();
        return;
    };
    if !constant_time::equal(held.token.expose().as_bytes(), given.token.expose().as_bytes()) {
        info!("what the earlier run fetched ended with its token, and is fetched again");
        keeper.imported();
        keeper.begin();
        return;
    }
    secrets.note_position(state.position);
    let count = secrets.resume(state.secrets, held.generation);
    info!("took up the token and {count} secrets of the earlier run");
    if !keeper.imported() {
        keeper.begin();
    }
}
