//! Stage 4: the audit entry of the request. Without it nothing is executed.

use super::authorize::Authorized;
use super::refuse::Refusal;
use super::trace::Trace;
use crate::audit::Acceptance;
use crate::core::Core;
use crate::fault::Fault;

/// A request that is in the audit log, or on its way there and changing nothing.
pub struct Recorded {
    pub(super) authorized: Authorized,
    /// The entry of a request that only reads; its answer waits for it.
    pub(super) entry: Option<Acceptance>,
}

pub(crate) async fn run(core: &Core, authorized: Authorized) -> Result<Recorded, Box<Refusal>> {
    let entry = write(core, &authorized.trace(), None);
    if authorized.authenticated.admitted.reads_only() {
        return Ok(Recorded { authorized, entry });
    }
    match accepted(core, entry).await {
        Ok(()) => Ok(Recorded {
            authorized,
            entry: None,
        }),
        Err(fault) => Err(Refusal::of_authorized(authorized, fault)),
    }
}

/// Hands over the request entry of whatever is known.
pub(super) fn write(core: &Core, trace: &Trace<'_>, error: Option<&str>) -> Option<Acceptance> {
    let active = trace.facts.active.as_ref().filter(|_| !trace.facts.unaudited)?;
    Some(active.auditor.request(&trace.entry(core.clock().now(), error)))
}

/// Waits for an entry that was written, if one was.
pub(super) async fn accepted(core: &Core, written: Option<Acceptance>) -> Result<(), Fault> {
    let Some(written) = written else {
        return Ok(());
    };
    written.accepted().await.map_err(|error| {
        core.metrics().audit_failed();
        Fault::internal(error)
    })
}

impl Recorded {
    pub(super) fn trace(&self) -> Trace<'_> {
        self.authorized.trace()
    }
}
