//! A login that comes with another request, in its headers, and lasts as long as that request.
//!
//! It takes the stages of any login and has audit entries of its own. The token it leads to is kept nowhere and given
//! to nobody, so that a reader who asks once need not leave a token behind. What would outlive the request under that
//! token, a lease or a child, is refused.

use std::future::Future;
use std::pin::Pin;

use arca_base::json::Object;
use arca_base::{Operation, RequestPath, Secret};

use super::admit::Admitted;
use super::dispatch::Answered;
use super::envelope::{Envelope, Payload};
use super::incoming::Incoming;
use super::lease::{self, Leased};
use super::refuse::Refusal;
use super::{admit, authenticate, authorize, dispatch, record, refuse, reply};
use crate::core::Core;
use crate::engine::{Answer, Body, Caller};
use crate::fault::Fault;
use crate::login;

/// A login in the headers of a request, as `X-Vault-Inline-Auth-*` describes it.
pub struct InlineAuth {
    /// Where to log in, such as `auth/kubernetes/login`.
    pub path: RequestPath,
    /// What the login takes.
    pub data: Object,
}

type Refused = Box<Refusal>;

/// Logs in before `admitted` goes on. A failed login is refused and recorded as a request of its own, and is the
/// reason why the other one is refused.
pub(super) fn log_in<'a>(
    core: &'a Core,
    admitted: &'a Admitted,
    login: InlineAuth,
    factors: Vec<Secret<String>>,
) -> Pin<Box<dyn Future<Output = Result<Caller, Fault>> + Send + 'a>> {
    // A login is a request: the stages that lead here lead through it too.
    Box::pin(async move {
        check(admitted, &login)?;
        let incoming = Incoming {
            operation: Operation::Update,
            path: login.path,
            namespace: admitted.incoming.namespace.clone(),
            token: None,
            inline_auth: None,
            wrap_ttl: None,
            factors,
            data: login.data,
            headers: admitted.incoming.headers.clone(),
            client: (*admitted.facts.client).clone(),
        };
        match stages(core, incoming).await {
            Ok(caller) => Ok(caller),
            Err(refusal) => {
                let fault = Fault::again(refusal.fault()).of_inline_auth();
                drop(refuse::run(core, *refusal).await);
                Err(fault)
            }
        }
    })
}

fn check(admitted: &Admitted, login: &InlineAuth) -> Result<(), Fault> {
    let wrong = |text: &str| Err(Fault::invalid(text).of_inline_auth());
    if admitted.incoming.token.is_some() {
        return wrong("send a token or a login in X-Vault-Inline-Auth headers, not both");
    }
    if !login.path.as_str().starts_with("auth/") {
        return wrong(
            "X-Vault-Inline-Auth-Path has to be the path of a login, such as auth/kubernetes/login",
        );
    }
    if admitted.route.as_ref().is_ok_and(|routed| routed.leases) {
        return wrong(NO_LEASES);
    }
    Ok(())
}

/// Why a login is refused that would have to wait for its second factor.
const NO_FACTOR: &str = "this login needs a second factor: send it in the X-Vault-MFA header";

/// Why an answer with a lease is not given.
pub(super) const NO_LEASES: &str =
    "a login inside the request cannot hold a lease: log in first, and ask with the token";

async fn stages(core: &Core, incoming: Incoming) -> Result<Caller, Refused> {
    let admitted = admit::run(core, incoming).await?;
    let authenticated = authenticate::run(core, admitted).await?;
    let authorized = authorize::run(authenticated).await?;
    let recorded = record::run(core, authorized).await?;
    let mut answered = dispatch::run(recorded).await?;
    let answer = std::mem::replace(&mut answered.answer, Answer::empty());
    let (envelope, caller) = match issue(&answered, answer).await {
        Ok(issued) => issued,
        Err(fault) => return Err(Refusal::of_recorded(answered.recorded, fault)),
    };
    let leased = Leased {
        answered,
        envelope,
        wrapped: None,
    };
    // The answer itself goes nowhere; that it is recorded counts.
    drop(reply::run(core, leased).await?);
    Ok(caller)
}

async fn issue(answered: &Answered, answer: Answer) -> Result<(Envelope, Caller), Fault> {
    let Body::Login(login) = answer.body else {
        return Err(Fault::invalid(
            "X-Vault-Inline-Auth-Path is not the path of a login",
        ));
    };
    let admitted = &answered.recorded.authorized.authenticated.admitted;
    let active = admitted.facts.active.as_ref().ok_or_else(Fault::sealed)?;
    let (door, proofs) = (lease::door(active, admitted)?, lease::proofs(admitted));
    let issued = match login::issue_unstored(door, *login, &proofs).await? {
        login::Outcome::Token(issued) => issued,
        login::Outcome::Waits(_) => return Err(Fault::denied_with(NO_FACTOR)),
    };
    let caller = Caller {
        token: issued.token.clone(),
        home: active.clone(),
        presented: issued.client_token.clone().ok_or_else(Fault::denied)?,
        inline: true,
    };
    let envelope = Envelope {
        payload: Payload::Token(Box::new(issued)),
        ..Envelope::default()
    };
    Ok((envelope, caller))
}
