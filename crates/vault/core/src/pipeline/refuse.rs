//! The error branch: a refusal is audited like everything else, and rendered in one place.

use arca_base::{Operation, id};

use super::admit::Admitted;
use super::authenticate::Authenticated;
use super::authorize::Authorized;
use super::incoming::{Incoming, Reply, Unread};
use super::record::{self, Recorded};
use super::reply::{duration_us, end_last_use};
use super::trace::{Facts, Trace};
use crate::active::Active;
use crate::audit::{Acceptance, Entry, Outcome, ResponsePart};
use crate::core::Core;
use crate::engine::Caller;
use crate::fault::Fault;
use crate::namespaces::Namespace;

/// A request that is not done, how far it came, and why.
pub struct Refusal {
    reached: Reached,
    fault: Fault,
    /// The audit log itself failed: no attempt is made to write there once more.
    unrecordable: bool,
}

/// The last stage a refused request has passed.
enum Reached {
    Nothing {
        facts: Facts,
        incoming: Box<Incoming>,
    },
    Admission {
        admitted: Admitted,
        caller: Option<Caller>,
    },
    Authentication {
        authenticated: Authenticated,
        operation: Operation,
        last_use: bool,
    },
    Authorization(Authorized),
    Record(Recorded),
}

impl Refusal {
    fn new(reached: Reached, fault: Fault) -> Box<Self> {
        Box::new(Self {
            reached,
            fault,
            unrecordable: false,
        })
    }

    pub(super) fn unrouted(facts: Facts, incoming: Box<Incoming>, fault: Fault) -> Box<Self> {
        Self::new(Reached::Nothing { facts, incoming }, fault)
    }

    pub(super) fn of_admitted(admitted: Admitted, caller: Option<Caller>, fault: Fault) -> Box<Self> {
        Self::new(Reached::Admission { admitted, caller }, fault)
    }

    pub(super) fn of_authenticated(
        authenticated: Authenticated,
        operation: Operation,
        fault: Fault,
    ) -> Box<Self> {
        Self::new(
            Reached::Authentication {
                authenticated,
                operation,
                last_use: false,
            },
            fault,
        )
    }

    pub(super) fn of_authorized(authorized: Authorized, fault: Fault) -> Box<Self> {
        Self::new(Reached::Authorization(authorized), fault).unrecordable()
    }

    pub(super) fn of_recorded(recorded: Recorded, fault: Fault) -> Box<Self> {
        Self::new(Reached::Record(recorded), fault)
    }

    /// The request used its token up.
    pub(super) fn after_last_use(mut self: Box<Self>, used_up: bool) -> Box<Self> {
        if let Reached::Authentication { last_use, .. } = &mut self.reached {
            *last_use = used_up;
        }
        self
    }

    pub(super) fn unrecordable(mut self: Box<Self>) -> Box<Self> {
        self.unrecordable = true;
        self
    }

    /// Why.
    pub(super) const fn fault(&self) -> &Fault {
        &self.fault
    }

    fn trace(&self) -> Trace<'_> {
        match &self.reached {
            Reached::Nothing { facts, incoming } => Trace {
                facts,
                incoming,
                operation: incoming.operation,
                mount: None,
                caller: None,
                identity_policies: &[],
                granted_by: None,
            },
            Reached::Admission { admitted, caller } => Trace {
                caller: caller.as_ref(),
                ..admitted.trace()
            },
            Reached::Authentication {
                authenticated,
                operation,
                ..
            } => Trace {
                operation: *operation,
                granted_by: Some(&[]),
                ..authenticated.trace()
            },
            Reached::Authorization(authorized) => authorized.trace(),
            Reached::Record(recorded) => recorded.trace(),
        }
    }
}

pub(crate) async fn run(core: &Core, mut refusal: Refusal) -> Reply {
    let fault = audit(core, &mut refusal).await.err();
    // An answer that could not be recorded is not given, not even a refusal.
    let fault = fault.as_ref().unwrap_or(&refusal.fault);
    let trace = refusal.trace();
    log(&trace, fault);
    core.metrics().refused(
        fault.class(),
        trace.mount,
        core.clock().monotonic().saturating_sub(trace.facts.started),
    );
    let mut reply = render(fault, trace.caller.is_some());
    reply.headers.extend(trace.facts.told());
    end_token(&refusal).await;
    reply
}

async fn audit(core: &Core, refusal: &mut Refusal) -> Result<(), Fault> {
    if refusal.unrecordable {
        return Ok(());
    }
    let (request, response) = entries(core, refusal);
    record::accepted(core, request).await?;
    record::accepted(core, response).await
}

/// The entry of the request, unless it is in the log already, and that of the answer.
fn entries(core: &Core, refusal: &mut Refusal) -> (Option<Acceptance>, Option<Acceptance>) {
    let request = match &mut refusal.reached {
        Reached::Record(recorded) => Some(recorded.entry.take()),
        _ => None,
    };
    let message = refusal.fault.message(refusal.trace().caller.is_some());
    let error = Some(message.as_deref().unwrap_or("not found"));
    let request = request.unwrap_or_else(|| record::write(core, &refusal.trace(), error));
    (request, answered(core, refusal, error))
}

/// The entry of the answer.
fn answered(core: &Core, refusal: &Refusal, error: Option<&str>) -> Option<Acceptance> {
    let trace = refusal.trace();
    let active = trace.facts.active.as_ref().filter(|_| !trace.facts.unaudited)?;
    let outcome = Outcome {
        status: refusal.fault.class().status(),
        duration_us: duration_us(core, trace.facts.started),
        deny_reason: refusal.fault.reason(),
        response: ResponsePart::Nothing,
        warnings: &[],
    };
    let entry = trace.entry(core.clock().now(), error);
    Some(active.auditor.response(&entry, &outcome))
}

/// Answers a request that could not be read, and audits it as far as it is known.
pub(crate) async fn unread(core: &Core, unread: Unread, fault: &Fault) -> Reply {
    let [request, response] = match core.active() {
        Some(active) => unread_entries(core, &active, &unread, fault).map(Some),
        None => [None, None],
    };
    for written in [request, response] {
        if let Err(failure) = record::accepted(core, written).await {
            return render(&failure, false);
        }
    }
    render(fault, false)
}

fn unread_entries(core: &Core, active: &Active, unread: &Unread, fault: &Fault) -> [Acceptance; 2] {
    let request_id = id::uuid_v4(core.entropy());
    let message = fault.message(false);
    let namespace = Namespace::root();
    let entry = Entry {
        time: core.clock().now(),
        request_id: &request_id,
        operation: unread.operation,
        path: &unread.path,
        namespace: &namespace,
        mount: None,
        data: None,
        caller: None,
        identity_policies: &[],
        granted_by: None,
        client: Some(&unread.client),
        wrap_ttl: None,
        headers: None,
        error: Some(message.as_deref().unwrap_or("not found")),
    };
    let outcome = Outcome {
        status: fault.class().status(),
        duration_us: 0,
        deny_reason: None,
        response: ResponsePart::Nothing,
        warnings: &[],
    };
    [
        active.auditor.request(&entry),
        active.auditor.response(&entry, &outcome),
    ]
}

/// Failures of the server go to its log with their cause; the client gets the request's identifier at most.
fn log(trace: &Trace<'_>, fault: &Fault) {
    if let Some(cause) = fault.cause().filter(|_| fault.class().is_failure()) {
        tracing::error!(
            request_id = %trace.facts.request_id,
            path = %trace.incoming.path,
            operation = %trace.operation,
            cause = %Causes(cause),
            "request failed"
        );
    }
}

/// An error with what caused it.
struct Causes<'a>(&'a (dyn std::error::Error + Send + Sync));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// The error body of a request nothing more is known of.
pub(crate) fn render_bare(fault: &Fault) -> Reply {
    render(fault, false)
}

/// The error body.
pub(super) fn render(fault: &Fault, authenticated: bool) -> Reply {
    let mut body = String::from("{\"errors\":[");
    if let Some(message) = fault.message(authenticated) {
        arca_base::json::push_string(&message, &mut body);
    }
    body.push(']');
    if let Some(data) = fault.data() {
        body.push_str(",\"data\":");
        body.push_str(data.as_str());
    }
    body.push_str("}\n");
    Reply {
        inline_auth_failed: fault.is_of_inline_auth(),
        retry_after: fault.seconds_to_wait(),
        ..Reply::json(fault.class().status(), body)
    }
}

async fn end_token(refusal: &Refusal) {
    match &refusal.reached {
        Reached::Record(recorded) => end_last_use(recorded).await,
        Reached::Authorization(Authorized {
            authenticated,
            last_use: true,
            ..
        })
        | Reached::Authentication {
            authenticated,
            last_use: true,
            ..
        } => {
            let facts = &authenticated.admitted.facts;
            if let Some(caller) = &authenticated.caller {
                let ended = caller.revoke(facts.now).await;
                if let Err(fault) = ended {
                    tracing::warn!(%fault, "a used-up token is revoked later");
                }
            }
        }
        _ => {}
    }
}
