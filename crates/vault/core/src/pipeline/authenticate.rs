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
    let active = admitted
        .facts
        .active
        .clone()
        .ok_or_else(|| (Fault::sealed(), None))?;
    let now = admitted.facts.now;
    let token = active
        .tokens
        .find(presented.expose(), now)
        .await
        .map_err(|fault| (fault, None))?;
    let Some(token) = token else {
        let fault = match access {
            Access::WrappingToken => Fault::invalid("wrapping token is not valid or does not exist"),
            _ => Fault::denied_unknown("the token is unknown, expired or revoked"),
        };
        return Err((fault, None));
    };
    let caller = Caller {
        token,
        presented: Arc::new(presented),
        inline: false,
    };
    match check(admitted, &active, &caller).await {
        Ok(principal) => Ok((Some(caller), principal)),
        Err(fault) => Err((fault, Some(caller))),
    }
}

async fn inline(
    core: &Core,
    admitted: &mut Admitted,
    login: InlineAuth,
) -> Result<Identified, (Fault, Option<Caller>)> {
    let active = admitted.facts.active.clone();
    let active = active.ok_or_else(|| (Fault::sealed(), None))?;
    let factors = std::mem::take(&mut admitted.incoming.factors);
    let caller = inline_auth::log_in(core, admitted, login, factors)
        .await
        .map_err(|fault| (fault, None))?;
    match check(admitted, &active, &caller).await {
        Ok(principal) => Ok((Some(caller), principal)),
        Err(fault) => Err((fault.of_inline_auth(), Some(caller))),
    }
}

/// Bound networks, and whether the entity behind the token may still do anything.
async fn check(admitted: &Admitted, active: &Active, caller: &Caller) -> Result<Option<Principal>, Fault> {
    let token = &caller.token;
    let address = admitted.facts.client.address.map(|address| address.ip());
    if token.expires.is_some() && !token.allows_address(address) {
        return Err(Fault::denied().because("the token is bound to other networks"));
    }
    if token.entity_id.is_empty() {
        return Ok(None);
    }
    match active.identity.principal(&token.entity_id).await? {
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
