//! Stage 2: whose request it is.

use std::sync::Arc;

use super::admit::Admitted;
use super::inline_auth::{self, InlineAuth};
use super::refuse::Refusal;
use super::trace::Trace;
use crate::active::Active;
use crate::core::Core;
use crate::engine::{Access, Caller};
use crate::fault::Fault;
use crate::identity::Principal;
use crate::tokens::Token;

/// A request whose caller is known, or that anybody may make.
pub struct Authenticated {
    pub(super) admitted: Admitted,
    pub(super) caller: Option<Caller>,
    pub(super) principal: Option<Principal>,
}

pub(crate) async fn run(core: &Core, mut admitted: Admitted) -> Result<Authenticated, Box<Refusal>> {
    match identify(core, &mut admitted).await {
        Ok((caller, principal)) => Ok(Authenticated {
            admitted,
            caller,
            principal,
        }),
        Err((fault, caller)) => Err(Refusal::of_admitted(admitted, caller, fault)),
    }
}

type Identified = (Option<Caller>, Option<Principal>);

/// Faults come with the caller as far as known, for the audit entry.
async fn identify(core: &Core, admitted: &mut Admitted) -> Result<Identified, (Fault, Option<Caller>)> {
    let access = admitted.access();
    if let Some(login) = admitted
        .incoming
        .inline_auth
        .take()
        .filter(|_| access != Access::Anonymous)
    {
        return inline(core, admitted, *login).await;
    }
    let presented = admitted
        .incoming
        .token
        .take()
        .filter(|token| !token.expose().is_empty());
    let presented = match (access, presented) {
        (Access::Anonymous, _) | (Access::OptionalToken, None) => return Ok((None, None)),
        (_, None) => return Err((Fault::denied_unknown("no token was sent"), None)),
        (_, Some(presented)) => presented,
    };
    let found = find(admitted, presented.expose())
        .await
        .map_err(|fault| (fault, None))?;
    let Some((home, token)) = found else {
        let fault = match access {
            Access::WrappingToken => Fault::invalid("wrapping token is not valid or does not exist"),
            _ => Fault::denied_unknown("the token is unknown, expired or revoked"),
        };
        return Err((fault, None));
    };
    let caller = Caller {
        token,
        presented: Arc::new(presented),
        home,
        inline: false,
    };
    if let Err(fault) = meet(admitted, &caller).await {
        return Err((fault, Some(caller)));
    }
    match check(admitted, &caller).await {
        Ok(principal) => Ok((Some(caller), principal)),
        Err(fault) => Err((fault, Some(caller))),
    }
}

async fn inline(
    core: &Core,
    admitted: &mut Admitted,
    login: InlineAuth,
) -> Result<Identified, (Fault, Option<Caller>)> {
    let factors = std::mem::take(&mut admitted.incoming.factors);
    let caller = inline_auth::log_in(core, admitted, login, factors)
        .await
        .map_err(|fault| (fault, None))?;
    match check(admitted, &caller).await {
        Ok(principal) => Ok((Some(caller), principal)),
        Err(fault) => Err((fault.of_inline_auth(), Some(caller))),
    }
}

/// The token that was presented and its namespace, if it is good.
async fn find(admitted: &Admitted, presented: &str) -> Result<Option<(Arc<Active>, Arc<Token>)>, Fault> {
    let active = admitted.facts.active.as_ref().ok_or_else(Fault::sealed)?;
    let Some(home) = active.home_of(presented).await? else {
        return Ok(None);
    };
    let token = home.tokens.find(presented, admitted.facts.now).await?;
    Ok(token.map(|token| (home, token)))
}

/// Sees that a token is used in its own namespace or below. What a token says of itself, and what a wrapping token
/// opens, is in its own namespace, wherever it is asked for.
async fn meet(admitted: &mut Admitted, caller: &Caller) -> Result<(), Fault> {
    let namespace = &admitted.facts.namespace;
    if caller.is_at_home(namespace) {
        return Ok(());
    }
    if admitted.is_about_caller(&caller.token) {
        return admitted.move_to(&caller.home).await;
    }
    match namespace.path_below(&caller.home.namespace) {
        Some(_) => Ok(()),
        None => Err(Fault::denied().because("the token is of a namespace that is not above this one")),
    }
}

/// Bound networks, and whether the entity behind the token may still do anything.
async fn check(admitted: &Admitted, caller: &Caller) -> Result<Option<Principal>, Fault> {
    let token = &caller.token;
    let address = admitted.facts.client.address.map(|address| address.ip());
    if token.expires.is_some() && !token.allows_address(address) {
        return Err(Fault::denied().because("the token is bound to other networks"));
    }
    if token.entity_id.is_empty() {
        return Ok(None);
    }
    match caller.home.identity.principal(&token.entity_id).await? {
        None => Err(Fault::denied().because("the entity of the token no longer exists")),
        Some(principal) if principal.entity.disabled => {
            Err(Fault::denied().because("the entity of the token is disabled"))
        }
        Some(principal) => Ok(Some(principal)),
    }
}

impl Authenticated {
    pub(super) fn trace(&self) -> Trace<'_> {
        Trace {
            caller: self.caller.as_ref(),
            identity_policies: self.identity_policies(),
            ..self.admitted.trace()
        }
    }

    /// Policies the caller's identity adds.
    pub(super) fn identity_policies(&self) -> &[String] {
        self.principal.as_ref().map_or(&[], Principal::policies)
    }
}
