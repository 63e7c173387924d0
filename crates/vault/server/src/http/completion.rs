//! Lets a request come to its end although its connection has.
//!
//! Dropping a request half-way could leave a write without its audit entry, or a database user without the lease
//! that removes it. So the future of a request is polled by its connection for as long as that lives, which costs
//! nothing, and handed to the runtime when the connection goes first.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arca_core::pipeline::Reply;
use tokio::sync::OwnedSemaphorePermit;

use super::endpoint::Shared;
use crate::service::Answering;

/// A request that ends whatever becomes of its connection.
pub(crate) struct Completion {
    work: Option<Answering>,
    shared: Arc<Shared>,
    held: Held,
}

/// What a request occupies until its end: the place of its connection, and its place among the requests there.
pub(crate) struct Held {
    pub(crate) connection: Option<Arc<OwnedSemaphorePermit>>,
    pub(crate) request: Option<OwnedSemaphorePermit>,
}

impl Completion {
    pub(crate) const fn new(work: Answering, shared: Arc<Shared>, held: Held) -> Self {
        Self {
            work: Some(work),
            shared,
            held,
        }
    }
}

impl Future for Completion {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        let Some(work) = self.work.as_mut() else {
            return Poll::Pending;
        };
        let outcome = work.as_mut().poll(context);
        if outcome.is_ready() {
            self.work = None;
        }
        outcome
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else {
            return;
        };
        // What has panicked cannot go on.
        if std::thread::panicking() {
            return;
        }
        let held = Held {
            connection: self.held.connection.clone(),
            request: self.held.request.take(),
        };
        let rest = async move {
            drop(work.await);
            drop(held);
        };
        drop(self.shared.tasks.spawn_on(rest, &self.shared.runtime));
    }
}
