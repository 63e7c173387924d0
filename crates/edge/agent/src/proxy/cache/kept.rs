//! One answer that is kept.

use std::time::Duration;

use arca_api::Envelope;
use arca_base::Secret;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, Response, StatusCode};

/// An answer, and the lease that makes it worth keeping. Wiped on drop.
pub(in super::super) struct Kept {
    path: String,
    namespace: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Secret<Vec<u8>>,
    since: Duration,
    lease: Lease,
}

/// What is renewed.
enum Lease {
    Secret {
        id: String,
        length: Duration,
    },
    Token {
        token: Secret<String>,
        accessor: String,
        length: Duration,
    },
}

impl Kept {
    /// An answer, if it is one to keep.
    pub(in super::super) fn of(
        path: &str,
        namespace: &str,
        answer: &Response<Bytes>,
        now: Duration,
    ) -> Option<Self> {
        if !answer.status().is_success() {
            return None;
        }
        let envelope: Envelope = serde_json::from_slice(answer.body()).ok()?;
        let lease = Lease::of(envelope)?;
        let mut headers = HeaderMap::new();
        for name in [CONTENT_TYPE, DATE] {
            if let Some(value) = answer.headers().get(&name) {
                headers.insert(name, value.clone());
            }
        }
        Some(Self {
            path: path.to_owned(),
            namespace: namespace.to_owned(),
            status: answer.status(),
            headers,
            body: Secret::new(answer.body().to_vec()),
            since: now,
            lease,
        })
    }

    pub(in super::super) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(in super::super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(in super::super) fn body(&self) -> Bytes {
        Bytes::copy_from_slice(self.body.expose())
    }

    pub(super) const fn since(&self) -> Duration {
        self.since
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What it costs to keep it, in bytes.
    pub(super) fn size(&self) -> usize {
        self.body.expose().len() + self.path.len() + self.namespace.len() + 1024
    }

    pub(super) fn lease(&self) -> Option<&String> {
        match &self.lease {
            Lease::Secret { id, .. } => Some(id),
            Lease::Token { .. } => None,
        }
    }

    pub(super) const fn length(&self) -> Duration {
        match &self.lease {
            Lease::Secret { length, .. } | Lease::Token { length, .. } => *length,
        }
    }

    /// The token in the answer to a login.
    pub(super) const fn issued(&self) -> Option<&Secret<String>> {
        match &self.lease {
            Lease::Secret { .. } => None,
            Lease::Token { token, .. } => Some(token),
        }
    }

    pub(super) fn accessor(&self) -> Option<&str> {
        match &self.lease {
            Lease::Secret { .. } => None,
            Lease::Token { accessor, .. } => Some(accessor),
        }
    }

    /// The token that renews it: a token renews itself, a secret is renewed by whom it was given to.
    pub(super) fn renewer(&self, asker: &Secret<String>) -> Secret<String> {
        self.issued().unwrap_or(asker).duplicate()
    }
}

impl Lease {
    fn of(envelope: Envelope) -> Option<Self> {
        if let Some(auth) = envelope.auth {
            let token = Secret::new(auth.client_token);
            return (auth.renewable && auth.lease_duration > 0 && !token.expose().is_empty()).then(|| {
                Self::Token {
                    token,
                    accessor: auth.accessor,
                    length: Duration::from_secs(auth.lease_duration),
                }
            });
        }
        let leased = envelope.renewable && !envelope.lease_id.is_empty() && envelope.lease_duration > 0;
        leased.then(|| Self::Secret {
            id: envelope.lease_id,
            length: Duration::from_secs(envelope.lease_duration),
        })
    }
}
