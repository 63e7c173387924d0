//! Stage 6: what an answer grants gets an end: login tokens, leases, wrapped answers.

use arca_base::JsonText;

use super::admit::Admitted;
use super::dispatch::Answered;
use super::envelope::{Envelope, Payload};
use super::inline_auth::NO_LEASES;
use super::refuse::Refusal;
use super::trace::Trace;
use crate::active::Active;
use crate::engine::{Answer, Body, Grant, Listing, Login};
use crate::fault::Fault;
use crate::login;
use crate::mfa::check::Proofs;
use crate::wrapping::{self, Wrapped};

const ONE_USE_LEFT: &str =
    "Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.";

/// A request whose answer is complete.
pub struct Leased {
    pub(super) answered: Answered,
    pub(super) envelope: Envelope,
    pub(super) wrapped: Option<Wrapped>,
}

pub(crate) async fn run(mut answered: Answered) -> Result<Leased, Box<Refusal>> {
    let answer = std::mem::replace(&mut answered.answer, Answer::empty());
    let completed = match complete(&answered, answer).await {
        Ok((envelope, None)) => wrap(&answered, envelope).await,
        Ok(wrapped) => Ok(wrapped),
        Err(fault) => Err(fault),
    };
    match completed {
        Ok((envelope, wrapped)) => Ok(Leased {
            answered,
            envelope,
            wrapped,
        }),
        Err(fault) => Err(Refusal::of_recorded(answered.recorded, fault)),
    }
}

async fn complete(answered: &Answered, answer: Answer) -> Result<(Envelope, Option<Wrapped>), Fault> {
    let Answer {
        body,
        warnings,
        refresh_after,
        headers,
    } = answer;
    if let Body::Wrapped(wrapped) = body {
        return Ok((Envelope::default(), Some(wrapped)));
    }
    let mut envelope = Envelope {
        warnings,
        lease_seconds: refresh_after.seconds(),
        headers,
        ..Envelope::default()
    };
    envelope.payload = match body {
        Body::Empty => Payload::Nothing,
        Body::NothingToReport => Payload::NothingToReport,
        Body::Accepted => Payload::Accepted,
        Body::Data(text) => Payload::Data(text),
        Body::Missing(text) => Payload::Missing(text),
        Body::Listing(listing) => list(listing),
        Body::Leased(text, grant) => return Ok((register(answered, envelope, text, &grant).await?, None)),
        Body::Renewed(renewed) => {
            envelope.warnings.extend(renewed.warnings);
            envelope.lease_id = renewed.lease_id;
            envelope.renewable = renewed.renewable;
            envelope.lease_seconds = renewed.ttl.seconds();
            renewed.data.map_or(Payload::NoData, Payload::Data)
        }
        Body::Login(login) => return Ok((log_in(answered, envelope, *login).await?, None)),
        Body::Token(issued) => {
            envelope.warnings.extend(issued.warnings.iter().cloned());
            Payload::Token(issued)
        }
        Body::Envelope(text) => Payload::Envelope(text),
        Body::Raw(raw) => Payload::Raw(raw),
        Body::Stream(streamed) => Payload::Stream(streamed),
        Body::Wrapped(_) => Payload::Nothing,
    };
    Ok((envelope, None))
}

fn list(listing: Listing) -> Payload {
    if listing.names.is_empty() {
        return Payload::NoNames;
    }
    let count = listing.names.len();
    let mut members = arca_base::json::Object::new();
    members.insert("keys".to_owned(), listing.names.into());
    if let Some(info) = listing.info {
        members.insert("key_info".to_owned(), info);
    }
    Payload::Names {
        text: arca_base::Json::Object(members).to_text(),
        count,
    }
}

fn active(answered: &Answered) -> Result<&Active, Fault> {
    answered.trace().facts.active.as_deref().ok_or_else(Fault::sealed)
}

async fn register(
    answered: &Answered,
    mut envelope: Envelope,
    text: JsonText,
    grant: &Grant,
) -> Result<Envelope, Fault> {
    let active = active(answered)?;
    let authorized = &answered.recorded.authorized;
    let admitted = &authorized.authenticated.admitted;
    let caller = authorized
        .authenticated
        .caller
        .as_ref()
        .ok_or_else(Fault::denied)?;
    let mount = admitted.mount.as_ref().ok_or_else(Fault::unsupported_path)?;
    let site = active.router.site(mount, admitted.facts.now);
    let path = admitted.incoming.path.as_str();
    let registered = active.leases.register(path, &site, &caller.token, grant).await?;
    let refused = match () {
        () if caller.inline => Some(NO_LEASES),
        () if authorized.last_use => Some(ONE_USE_LEFT),
        () => None,
    };
    if let Some(reason) = refused {
        let _ = active.leases.revoke(&registered.id, admitted.facts.now).await?;
        return Err(Fault::invalid(reason));
    }
    envelope.warnings.extend(registered.warnings);
    envelope.lease_id = registered.id;
    envelope.renewable = grant.renewable;
    envelope.lease_seconds = registered.ttl.seconds();
    envelope.payload = Payload::Data(text);
    Ok(envelope)
}

/// In the words existing clients know.
const WAITS: &str = "A login request was issued that is subject to MFA validation. Please make sure to validate the login by \
                     sending another request to mfa/validate endpoint.";

async fn log_in(answered: &Answered, mut envelope: Envelope, login: Login) -> Result<Envelope, Fault> {
    let active = active(answered)?;
    let admitted = &answered.recorded.authorized.authenticated.admitted;
    let (door, proofs) = (door(active, admitted)?, proofs(admitted));
    let issued = match login::issue(door, login, &proofs).await? {
        login::Outcome::Token(issued) => issued,
        login::Outcome::Waits(needed) => {
            envelope.warnings.push(WAITS.to_owned());
            envelope.payload = Payload::Factor(needed);
            return Ok(envelope);
        }
    };
    envelope.warnings.extend(issued.warnings.iter().cloned());
    envelope.payload = Payload::Token(Box::new(issued));
    Ok(envelope)
}

pub(super) fn door<'a>(active: &'a Active, admitted: &'a Admitted) -> Result<login::Door<'a>, Fault> {
    Ok(login::Door {
        active,
        mount: admitted.mount.as_ref().ok_or_else(Fault::unsupported_path)?,
        path: admitted.incoming.path.as_str(),
        now: admitted.facts.now,
    })
}

pub(super) fn proofs(admitted: &Admitted) -> Proofs<'_> {
    Proofs {
        address: admitted.facts.client.address.map(|address| address.ip()),
        factors: &admitted.incoming.factors,
    }
}

/// Keeps the answer for whoever holds the wrapping token, if that was asked for and there is one.
async fn wrap(answered: &Answered, envelope: Envelope) -> Result<(Envelope, Option<Wrapped>), Fault> {
    let admitted = &answered.recorded.authorized.authenticated.admitted;
    let Some(ttl) = admitted.incoming.wrap_ttl.filter(|ttl| !ttl.is_zero()) else {
        return Ok((envelope, None));
    };
    if !envelope.payload.can_be_wrapped() {
        return Ok((envelope, None));
    }
    let active = active(answered)?;
    let text = envelope.render(&admitted.facts.request_id, None, false);
    let wrapped_accessor = envelope.payload.accessor().unwrap_or_default().to_owned();
    let path = admitted.incoming.path.as_str();
    let wrapped = wrapping::keep(active, text, wrapped_accessor, path, ttl, admitted.facts.now).await?;
    Ok((envelope, Some(wrapped)))
}

impl Leased {
    pub(super) fn trace(&self) -> Trace<'_> {
        self.answered.trace()
    }
}
