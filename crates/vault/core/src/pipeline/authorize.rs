//! Stage 3: whether the caller may.

use std::borrow::Cow;

use arca_base::{Operation, RequestPath};

use super::admit::Routed;
use super::authenticate::Authenticated;
use super::refuse::Refusal;
use super::trace::Trace;
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
    let operation = match create_or_update(&authenticated).await {
        Ok(operation) => operation,
        Err(fault) => return Err(Refusal::of_authenticated(authenticated, operation, fault)),
    };
    let verdict = decide(&authenticated, &caller, operation).await;
    // A denied request counts as a use too: a token must not be good for any number of guesses.
    let used = caller
        .home
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
    caller: &Caller,
    operation: Operation,
) -> Result<Vec<String>, Fault> {
    let admitted = &authenticated.admitted;
    let acl = caller
        .acl_with(authenticated.principal.as_ref(), admitted.facts.now)
        .await?;
    // Policies are about paths below the namespace they are of.
    let away = match caller.path_at_home(&admitted.facts.namespace, admitted.incoming.path.as_str()) {
        Cow::Borrowed(_) => None,
        Cow::Owned(path) => Some(RequestPath::parse(&path)?),
    };
    if away.is_some()
        && admitted
            .mount
            .as_ref()
            .is_some_and(|mount| mount.kind == "cubbyhole")
    {
        return Err(Fault::invalid(
            "a cubbyhole is in the namespace of its token: leave the namespace out",
        ));
    }
    let question = Question {
        operation,
        path: away.as_ref().unwrap_or(&admitted.incoming.path),
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
