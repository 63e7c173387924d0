//! The ordered history of commits, as watchers see it.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;

use crate::{Revision, StorageError};

/// One key that a commit touched. Carries no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The commit.
    pub revision: Revision,
    /// The key it touched.
    pub key: String,
    /// What it did.
    pub kind: ChangeKind,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Written.
    Put,
    /// Removed.
    Delete,
}

/// Why a watch ended.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The history back to the revision asked for is gone; read everything again and watch from
    /// the revision of that reading.
    #[error("changes before revision {} are no longer kept", .oldest.0)]
    Compacted {
        /// The oldest revision a watch can start from.
        oldest: Revision,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A stream of changes: all of one commit in one item, commits in the order of their revisions.
///
/// Ends after an error.
pub struct Changes(Pin<Box<dyn Stream<Item = Result<Vec<Change>, WatchError>> + Send>>);

impl Changes {
    /// Wraps an implementation's stream.
    pub fn new(stream: impl Stream<Item = Result<Vec<Change>, WatchError>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }

    /// The next commit that touched the watched prefix; `None` when the store is closed.
    ///
    /// # Errors
    /// [`WatchError`], after which the stream has ended.
    pub async fn next(&mut self) -> Option<Result<Vec<Change>, WatchError>> {
        futures_util::StreamExt::next(self).await
    }
}

impl Stream for Changes {
    type Item = Result<Vec<Change>, WatchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}
