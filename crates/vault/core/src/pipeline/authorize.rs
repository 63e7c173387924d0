//! Stage 3: whether the caller may.

use arca_base::Operation;

use super::admit::Routed;
use super::authenticate::Authenticated;
use super::refuse::Refusal;
use super::trace::Trace;
use crate::active::Active;
use crate::engine::{Access, Caller};
use crate::fault::Fault;
use crate::policies::Question;
use crate::tokens::Use;

/// A request that its caller may make.
pub struct Authorized {
    pub(super) authenticated: Authenticated,
    pub(super) operation: Operation,
    pub(super) granted_by: Option<Vec<String>>,
    pub(super) last_use: bool,
}

pub(crate) async fn run(authenticated: Authenticated) -> Result<Authorized, Box<Refusal>> {
    let operation = authenticated.admitted.incoming.operation;
    let open = authenticated.admitted.access() == Access::OptionalToken;
    let Some(caller) = authenticated.caller.clone().filter(|_| !open) else {
        return Ok(Authorized {
            authenticated,
            operation,
            granted_by: None,
            last_use: false,
        });
    };
    let Some(active) = authenticated.admitted.facts.active.clone() else {
        return Err(Refusal::of_authenticated(
            authenticated,
            operation,
            Fault::sealed(),
        ));
    };
    let operation = match create_or_update(&authenticated).await {
        Ok(operation) => operation,
        Err(fault) => return Err(Refusal::of_authenticated(authenticated, operation, fault)),
    };
    let verdict = decide(&authenticated, &active, operation).await;
    // A denied request counts as a use too: a token must not be good for any number of guesses.
    let used = active
        .tokens
        .count_use(&caller.token, authenticated.admitted.facts.now)
        .await;
    let last_use = matches!(used, Ok(Use::Last));
    match used.and(verdict) {
        Ok(granted_by) => Ok(Authorized {
            authenticated,
            operation,
            granted_by: Some(granted_by),
            last_use,
        }),
        Err(fault) => {
            Err(Refusal::of_authenticated(authenticated, operation, fault).after_last_use(last_use))
        }
    }
}

/// A write creates or updates, where its endpoint can tell.
async fn create_or_update(authenticated: &Authenticated) -> Result<Operation, Fault> {
    let admitted = &authenticated.admitted;
    let operation = admitted.incoming.operation;
    let (Operation::Update, Ok(routed)) = (operation, &admitted.route) else {
        return Ok(operation);
    };
    let cx = admitted.cx(routed, operation, authenticated.caller.as_ref());
    match routed.engine.exists(routed.index, &cx) {
        Some(exists) => Ok(if exists.await? {
            Operation::Update
        } else {
            Operation::Create
        }),
        None => Ok(operation),
    }
}

/// The names of the policies that allow the request.
async fn decide(
    authenticated: &Authenticated,
    active: &Active,
    operation: Operation,
) -> Result<Vec<String>, Fault> {
    let admitted = &authenticated.admitted;
    let Some(Caller { token, .. }) = &authenticated.caller else {
        return Err(Fault::denied());
    };
    let acl = active
        .policies
        .acl(
            token,
            authenticated.principal.as_ref(),
            &active.identity,
            admitted.facts.now,
        )
        .await?;
    let question = Question {
        operation,
        path: &admitted.incoming.path,
        data: &admitted.incoming.data,
        wrap_ttl: admitted.incoming.wrap_ttl,
        sudo: matches!(
            &admitted.route,
            Ok(Routed {
                access: Access::Sudo,
                ..
            })
        ),
    };
    acl.decide(&question).map_err(|fault| acl.told(fault))
}

impl Authorized {
    pub(super) fn trace(&self) -> Trace<'_> {
        Trace {
            operation: self.operation,
            granted_by: self.granted_by.as_deref(),
            ..self.authenticated.trace()
        }
    }
}
