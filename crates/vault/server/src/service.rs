//! What answers requests: the core of the server, or a double of it in tests of this crate.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arca_base::Timestamp;
use arca_core::pipeline::{Incoming, Reply, Unread};
use arca_core::snapshot::Upload;
use arca_core::web::WebConfig;
use arca_core::{Core, Fault};

/// A request on its way.
pub type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    /// Answers a request. Is polled to its end once begun, also when nobody waits for the answer any more: audit
    /// entries and leases are written on the way.
    fn handle(self: Arc<Self>, incoming: Incoming) -> Answering;

    /// Answers a request whose body is not data, while that arrives. Is polled to its end like any other.
    fn take_in(self: Arc<Self>, incoming: Incoming, upload: Upload) -> Answering {
        drop(upload);
        self.handle(incoming)
    }

    /// Records a request that could not be read, and says what to answer.
    fn refuse(self: Arc<Self>, unread: Unread, fault: Fault) -> Answering;

    /// Configuration that the HTTP side needs; nothing while there is none.
    fn web(&self) -> Option<Arc<WebConfig>> {
        None
    }

    /// The metrics, in the text form of Prometheus or as JSON.
    fn metrics(&self, prometheus: bool, now: Timestamp) -> Reply;
}

impl Service for Core {
    fn handle(self: Arc<Self>, incoming: Incoming) -> Answering {
        Box::pin(async move { Self::handle(&self, incoming).await })
    }

    fn take_in(self: Arc<Self>, incoming: Incoming, upload: Upload) -> Answering {
        Box::pin(async move { Self::take_in(&self, incoming, Some(upload)).await })
    }

    fn refuse(self: Arc<Self>, unread: Unread, fault: Fault) -> Answering {
        Box::pin(async move { Self::refuse(&self, unread, &fault).await })
    }

    fn web(&self) -> Option<Arc<WebConfig>> {
        Self::web(self)
    }

    fn metrics(&self, prometheus: bool, now: Timestamp) -> Reply {
        let metrics = Self::metrics(self);
        if prometheus {
            let text = Reply::json(200, metrics.prometheus());
            return Reply {
                content_type: Some("application/openmetrics-text; version=1.0.0; charset=utf-8"),
                ..text
            };
        }
        Reply::json(200, metrics.json(now).to_text().into_string() + "\n")
    }
}
