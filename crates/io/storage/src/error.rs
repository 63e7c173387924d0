//! What can go wrong.

use crate::Revision;

/// An expectation of a batch that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The first key that was not as expected.
    pub key: String,
    /// The revision found there; `None` when the key does not exist.
    pub found: Option<Revision>,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A key that no implementation could hold.
    #[error("invalid storage key {key:?}")]
    BadKey {
        /// The key, cut to 200 characters.
        key: String,
    },
    /// A value or a batch above the limit; nothing was applied.
    #[error("{bytes} bytes are too many for one {what}: the limit is {limit}")]
    TooLarge {
        /// `value` or `batch`.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The largest size there may be.
        limit: usize,
    },
    /// An expectation did not hold; nothing was applied.
    #[error("conflicting write to {}", .0.key)]
    Conflict(Conflict),
    /// The term in the batch is no longer in office; nothing was applied.
    #[error("the leader's term has ended")]
    Fenced,
    /// A stored record of this implementation cannot be read.
    #[error("storage record {key:?} is damaged: {reason}")]
    Damaged {
        /// Where.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store cannot be reached or failed; a commit may or may not have happened.
    #[error("storage unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StorageError {
    /// Wraps a cause from below.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }
}
