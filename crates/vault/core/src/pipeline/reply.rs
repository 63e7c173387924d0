//! Stage 7: the audit entry of the answer, and only then the answer.

use super::envelope::{Envelope, Payload};
use super::incoming::{Body, Reply};
use super::lease::Leased;
use super::record::{self, Recorded};
use super::refuse::Refusal;
use crate::audit::{Acceptance, Outcome, ResponsePart, Secrets};
use crate::core::Core;

pub(crate) async fn run(core: &Core, mut leased: Leased) -> Result<Reply, Box<Refusal>> {
    let (status, mut body) = render(&leased);
    body.headers = allowed_headers(&mut leased);
    let request = leased.answered.recorded.entry.take();
    let response = audit(core, &leased, status);
    for entry in [request, response] {
        if let Err(fault) = record::accepted(core, entry).await {
            return Err(Refusal::of_recorded(leased.answered.recorded, fault).unrecordable());
        }
    }
    end_last_use(&leased.answered.recorded).await;
    core.metrics().answered(
        status,
        leased.trace().mount,
        core.clock()
            .monotonic()
            .saturating_sub(leased.trace().facts.started),
    );
    Ok(body)
}

pub(super) fn render(leased: &Leased) -> (u16, Reply) {
    let admitted = &leased.answered.recorded.authorized.authenticated.admitted;
    let injects = admitted.route.as_ref().is_ok_and(|routed| routed.injects);
    let mount_type = leased.trace().mount.map(|mount| &*mount.kind);
    let json = |status: u16| {
        let mut body = leased
            .envelope
            .render(&admitted.facts.request_id, mount_type, injects);
        body.push('\n');
        (status, Reply::json(status, body))
    };
    if let Some(wrapped) = &leased.wrapped {
        let mut body = Envelope::render_wrapped(wrapped);
        body.push('\n');
        return (200, Reply::json(200, body));
    }
    match &leased.envelope.payload {
        Payload::Nothing if !leased.envelope.warnings.is_empty() => json(200),
        Payload::NothingToReport => (204, Reply::empty(204)),
        Payload::Nothing if admitted.incoming.operation.is_write() => (204, Reply::empty(204)),
        Payload::Nothing | Payload::NoNames => (404, Reply::json(404, "{\"errors\":[]}\n".to_owned())),
        Payload::Accepted if leased.envelope.warnings.is_empty() => (202, Reply::empty(202)),
        Payload::Accepted => json(202),
        Payload::NoData
        | Payload::Data(_)
        | Payload::Names { .. }
        | Payload::Token(_)
        | Payload::Factor(_) => json(200),
        Payload::Missing(_) => json(404),
        Payload::Envelope(text) => {
            let body = format!("{}\n", text.as_str());
            (200, Reply::json(200, body))
        }
        Payload::Raw(raw) => {
            let body = Body(raw.body.clone());
            (
                raw.status,
                Reply {
                    content_type: Some(raw.content_type),
                    max_age: raw.max_age,
                    body,
                    ..Reply::empty(raw.status)
                },
            )
        }
        Payload::Stream(streamed) => {
            let stream = Some(streamed.clone());
            (
                200,
                Reply {
                    stream,
                    ..Reply::empty(200)
                },
            )
        }
    }
}

/// Headers of the engine that its mount lets out.
fn allowed_headers(leased: &mut Leased) -> Vec<(&'static str, String)> {
    let mut headers = std::mem::take(&mut leased.envelope.headers);
    if !headers.is_empty() {
        let allowed = leased
            .trace()
            .mount
            .map(|mount| &mount.config.allowed_response_headers);
        let names = allowed.map(Vec::as_slice).unwrap_or_default();
        headers.retain(|(name, _)| names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)));
    }
    headers.extend(leased.trace().facts.told());
    headers
}

fn audit(core: &Core, leased: &Leased, status: u16) -> Option<Acceptance> {
    let trace = leased.trace();
    let active = trace.facts.active.as_ref().filter(|_| !trace.facts.unaudited)?;
    let outcome = Outcome {
        status,
        duration_us: duration_us(core, trace.facts.started),
        deny_reason: None,
        response: part(leased),
        warnings: &leased.envelope.warnings,
    };
    let entry = trace.entry(core.clock().now(), None);
    Some(active.auditor.response(&entry, &outcome))
}

pub(super) fn duration_us(core: &Core, started: std::time::Duration) -> u64 {
    u64::try_from(core.clock().monotonic().saturating_sub(started).as_micros()).unwrap_or(u64::MAX)
}

fn part(leased: &Leased) -> ResponsePart<'_> {
    if let Some(wrapped) = &leased.wrapped {
        return ResponsePart::Wrapped {
            secrets: Secrets {
                client_token: wrapped.token.expose(),
            },
            accessor: &wrapped.accessor,
            ttl: wrapped.ttl,
            creation_time: wrapped.creation_time,
            creation_path: &wrapped.creation_path,
            wrapped_accessor: &wrapped.wrapped_accessor,
        };
    }
    match &leased.envelope.payload {
        Payload::Nothing
        | Payload::NothingToReport
        | Payload::NoData
        | Payload::Accepted
        | Payload::NoNames
        | Payload::Stream(_) => ResponsePart::Nothing,
        Payload::Data(text) | Payload::Missing(text) | Payload::Envelope(text) | Payload::Factor(text) => {
            ResponsePart::Data {
                text: text.as_str(),
                lease_id: &leased.envelope.lease_id,
            }
        }
        Payload::Names { text, count } => ResponsePart::Listing {
            text: text.as_str(),
            count: *count,
        },
        Payload::Token(issued) => ResponsePart::Token {
            token: &issued.token,
            secrets: Secrets {
                client_token: issued.client_token.as_ref().map_or("", |token| token.expose()),
            },
            identity_policies: &issued.identity_policies,
        },
        Payload::Raw(raw) => ResponsePart::Raw(&raw.body),
    }
}

/// Revokes a token that was good for this request and no more.
pub(super) async fn end_last_use(recorded: &Recorded) {
    let authorized = &recorded.authorized;
    if !authorized.last_use {
        return;
    }
    let authenticated = &authorized.authenticated;
    let facts = &authenticated.admitted.facts;
    let Some(caller) = &authenticated.caller else {
        return;
    };
    if let Err(fault) = caller.revoke(facts.now).await {
        tracing::warn!(%fault, "a used-up token is revoked later");
    }
}
