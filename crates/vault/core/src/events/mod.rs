//! The change stream: what happened, in the order of commits, for whoever may see it.
//!
//! | question | answer |
//! |---|---|
//! | how does a change become an event | [`Told`]: a name in the history of the store, in the commit of the change |
//! | who follows the history | [`feed`]: one task for each node, and a ring for all subscribers |
//! | what does a subscriber get, and may it | [`Subscription`] |
//! | how does it get to a client | [`Streamed`] in the reply; the server makes frames of its messages |
//!
//! Values of secrets are never part of it.

mod feed;
mod happened;
mod subscription;
mod told;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::log::Lines;
use crate::snapshot::Download;

pub(crate) use feed::{Feed, run};
pub(crate) use subscription::Viewer;
pub use subscription::{Message, Subscription};
pub use told::Told;

/// What follows after an answer, on its way to the server, which takes it out once.
#[derive(Clone, Debug)]
pub struct Streamed(Arc<Mutex<Option<Following>>>);

#[derive(Debug)]
enum Following {
    Events(Box<Subscription>),
    Lines(Box<Lines>),
    Bytes(Download),
}

impl Streamed {
    fn of(following: Following) -> Self {
        Self(Arc::new(Mutex::new(Some(following))))
    }

    pub(crate) fn new(subscription: Subscription) -> Self {
        Self::of(Following::Events(Box::new(subscription)))
    }

    pub(crate) fn of_lines(lines: Lines) -> Self {
        Self::of(Following::Lines(Box::new(lines)))
    }

    pub(crate) fn of_bytes(download: Download) -> Self {
        Self::of(Following::Bytes(download))
    }

    /// The subscription, if it is one, for the first who asks.
    #[must_use]
    pub fn take(&self) -> Option<Subscription> {
        let mut following = self.0.lock();
        match following.take() {
            Some(Following::Events(subscription)) => Some(*subscription),
            other => {
                *following = other;
                None
            }
        }
    }

    /// The lines of the log, if it is that, for the first who asks.
    #[must_use]
    pub fn take_lines(&self) -> Option<Lines> {
        let mut following = self.0.lock();
        match following.take() {
            Some(Following::Lines(lines)) => Some(*lines),
            other => {
                *following = other;
                None
            }
        }
    }

    /// The bytes of the body, if that is what follows, for the first who asks.
    #[must_use]
    pub fn take_bytes(&self) -> Option<Download> {
        let mut following = self.0.lock();
        match following.take() {
            Some(Following::Bytes(download)) => Some(download),
            other => {
                *following = other;
                None
            }
        }
    }
}

impl PartialEq for Streamed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Streamed {}
