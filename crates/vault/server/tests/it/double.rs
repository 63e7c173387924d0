//! A double of the core: it tells what reached it, as the path asks.

use std::sync::Arc;

use arca_base::{Json, Timestamp, json_object};
use arca_core::Fault;
use arca_core::pipeline::{Incoming, Reply, Unread};
use arca_server::service::{Answering, Service};
use parking_lot::Mutex;
use tokio::sync::watch;

/// | path | answer |
/// |---|---|
/// | `echo/...` | the request as JSON |
/// | `slow/...` | the same, once the gate is open |
/// | `panic` | none |
/// | `big/<n>` | n bytes |
/// | `status/<n>` | no body |
pub(crate) struct Double {
    gate: watch::Sender<bool>,
    begun: watch::Sender<usize>,
    finished: watch::Sender<usize>,
    refusals: Mutex<Vec<Refusal>>,
}

/// A request that could not be read, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) operation: &'static str,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) address: String,
}

impl Default for Double {
    fn default() -> Self {
        Self {
            gate: watch::Sender::new(false),
            begun: watch::Sender::new(0),
            finished: watch::Sender::new(0),
            refusals: Mutex::default(),
        }
    }
}

impl Double {
    pub(crate) fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    /// Waits until so many requests were begun.
    pub(crate) async fn begun(&self, count: usize) {
        self.begun
            .subscribe()
            .wait_for(|begun| *begun >= count)
            .await
            .unwrap();
    }

    /// Waits until so many requests came to their end.
    pub(crate) async fn finished(&self, count: usize) {
        self.finished
            .subscribe()
            .wait_for(|finished| *finished >= count)
            .await
            .unwrap();
    }

    pub(crate) fn finished_so_far(&self) -> usize {
        *self.finished.borrow()
    }

    /// The refusals since the last call.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        std::mem::take(&mut *self.refusals.lock())
    }

    async fn answer(&self, incoming: Incoming) -> Reply {
        self.begun.send_modify(|begun| *begun += 1);
        let path = incoming.path.as_str().to_owned();
        let (kind, rest) = path.split_once('/').unwrap_or((&path, ""));
        match kind {
            "slow" => {
                let mut gate = self.gate.subscribe();
                gate.wait_for(|open| *open).await.unwrap();
            }
            "panic" => panic!("as asked"),
            _ => {}
        }
        let reply = match kind {
            "big" => Reply::json(200, "x".repeat(rest.parse().unwrap())),
            "status" => Reply::empty(rest.parse().unwrap()),
            _ => Reply::json(200, echo(incoming).to_text().into_string() + "\n"),
        };
        self.finished.send_modify(|finished| *finished += 1);
        reply
    }
}

fn echo(incoming: Incoming) -> Json {
    let token = incoming.token.map(|token| token.expose().clone());
    let certificates = incoming.client.certificates.len() as u64;
    json_object! {
        "operation" => incoming.operation.as_str(),
        "path" => incoming.path.as_str(),
        "namespace" => incoming.namespace,
        "token" => token,
        "wrap_ttl" => incoming.wrap_ttl.map(arca_base::Ttl::seconds),
        "data" => Json::Object(incoming.data),
        "address" => incoming.client.address.map(|address| address.ip().to_string()),
        "certificates" => certificates,
    }
}

impl Service for Double {
    fn handle(self: Arc<Self>, incoming: Incoming) -> Answering {
        Box::pin(async move { self.answer(incoming).await })
    }

    fn refuse(self: Arc<Self>, unread: Unread, fault: Fault) -> Answering {
        let message = fault.message(false);
        self.refusals.lock().push(Refusal {
            operation: unread.operation.as_str(),
            path: unread.path,
            status: fault.class().status(),
            text: message.clone().unwrap_or_default(),
            address: unread
                .client
                .address
                .map(|address| address.ip().to_string())
                .unwrap_or_default(),
        });
        let errors = json_object! { "errors" => message.into_iter().collect::<Vec<_>>() };
        let reply = Reply::json(fault.class().status(), errors.to_text().into_string() + "\n");
        Box::pin(std::future::ready(reply))
    }

    fn metrics(&self, prometheus: bool, _: Timestamp) -> Reply {
        Reply::json(200, format!("prometheus: {prometheus}"))
    }
}
