//! What is known of a request so far, for its audit entries.

use std::sync::Arc;
use std::time::Duration;

use arca_base::{Operation, Timestamp};

use super::incoming::Incoming;
use crate::active::Active;
use crate::audit::{AuditedHeaders, Entry};
use crate::engine::{Caller, ClientInfo};
use crate::lifecycle::Lifecycle;
use crate::namespaces::Namespace;
use crate::quotas::Standing;
use crate::router::Mount;
use crate::web::WebConfig;

/// What admission decides once for the whole request.
pub(super) struct Facts {
    pub(super) request_id: Arc<str>,
    /// The instant of the request: every decision about time in it uses this one.
    pub(super) now: Timestamp,
    /// Where the stopwatch stood.
    pub(super) started: Duration,
    pub(super) namespace: Arc<Namespace>,
    pub(super) client: Arc<ClientInfo>,
    /// The unsealed server, as the namespace of the request sees it.
    pub(super) active: Option<Arc<Active>>,
    pub(super) server: Arc<Lifecycle>,
    /// Which headers are audited.
    pub(super) web: Option<Arc<WebConfig>>,
    /// Where the client stands with the limit of the path.
    pub(super) standing: Option<Standing>,
    /// Whether it is left out of the audit log.
    pub(super) unaudited: bool,
}

/// What is known at some stage.
pub(super) struct Trace<'a> {
    pub(super) facts: &'a Facts,
    pub(super) incoming: &'a Incoming,
    pub(super) operation: Operation,
    pub(super) mount: Option<&'a Mount>,
    pub(super) caller: Option<&'a Caller>,
    pub(super) identity_policies: &'a [String],
    pub(super) granted_by: Option<&'a [String]>,
}

impl Facts {
    /// Headers that tell the client where it stands.
    pub(super) fn told(&self) -> impl Iterator<Item = (&'static str, String)> {
        let standing = self.standing.iter();
        standing.flat_map(|standing| standing.headers(self.now))
    }
}

impl<'a> Trace<'a> {
    /// The headers that were kept, and which of them are audited.
    fn audited_headers(&self) -> Option<AuditedHeaders<'a>> {
        let headers = Some(&self.incoming.headers).filter(|headers| !headers.is_empty())?;
        let audited = self.facts.web.as_deref()?.audited();
        Some(AuditedHeaders { headers, audited })
    }

    /// The audit entry of what is known.
    pub(super) fn entry(&self, time: Timestamp, error: Option<&'a str>) -> Entry<'a> {
        Entry {
            time,
            request_id: &self.facts.request_id,
            operation: self.operation,
            path: self.incoming.path.as_str(),
            namespace: &self.facts.namespace,
            mount: self.mount,
            data: Some(&self.incoming.data),
            caller: self.caller,
            identity_policies: self.identity_policies,
            granted_by: self.granted_by,
            client: Some(&self.facts.client),
            wrap_ttl: self.incoming.wrap_ttl,
            headers: self.audited_headers(),
            error,
        }
    }
}
