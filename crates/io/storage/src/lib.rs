//! Durable sealed bytes: the [`Storage`] trait and its implementations.
//!
//! Storage knows keys, revisions and opaque values. It never sees plaintext and knows nothing of secrets,
//! tokens or leases; whatever it returns is checked by the barrier above it.
//!
//! * A **key** is a slash-separated path: no empty segment, no leading slash, at most [`MAX_KEY_BYTES`]. Keys are
//!   ordered by their bytes.
//! * A **value** is at most [`MAX_VALUE_BYTES`], a batch at most [`MAX_BATCH_BYTES`].
//! * A **revision** is a number that grows by at least one with each commit of the whole store. An entry carries
//!   the revision of the commit that wrote it last.
//! * A **commit** is atomic, durable when it returns, and visible to every later read. What was not
//!   acknowledged may be lost as a whole, but is never visible before it is durable.
#![warn(missing_docs)]

mod batch;
mod change;
pub mod conformance;
mod embedded;
mod error;
mod faulty;
mod history;
mod key;
mod memory;
mod office;
mod postgres;
mod queue;
mod staging;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

pub use batch::{Batch, Expected};
pub use change::{Change, ChangeKind, Changes, WatchError};
pub use embedded::{EmbeddedOptions, EmbeddedStorage, OpenError};
pub use error::{Conflict, StorageError};
pub use faulty::{Faults, FaultyStorage};
pub use history::HistoryLimits;
pub use key::{MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES, check_key};
pub use memory::MemoryStorage;
pub use postgres::{ConnectError, PostgresAddress, PostgresOptions, PostgresStorage};

/// A point in the history of the whole store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A stored value and the revision of the commit that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes as they were committed.
    pub sealed: Bytes,
    /// When they were committed.
    pub revision: Revision,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Names relative to the prefix, in byte order. For [`Storage::list`] a name that ends in `/` is a folder.
    pub names: Vec<String>,
    /// Whether names follow after these; ask again with `after` set to the last one.
    pub more: bool,
}

/// One page of records read in key order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Full keys and their entries.
    pub records: Vec<(String, Entry)>,
    /// Whether records follow after these; ask again with `after` set to the last key.
    pub more: bool,
}

/// A store of sealed bytes.
///
/// Implementations pass `conformance::run`, which is the precise meaning of the words below. Every method that
/// takes a key, prefix or cursor answers [`StorageError::BadKey`] to text that no key could hold, and every method
/// that reads answers [`StorageError::Damaged`] to bytes it cannot have written.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// The value under `key`, if there is one.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store cannot answer.
    async fn get(&self, key: &str) -> Result<Option<Entry>, StorageError>;

    /// Names directly below the folder `prefix` (empty, or ending in `/`): keys, and folders once each with a
    /// trailing `/`, in byte order, those after `after` (exclusive; empty for the start), at most `limit`.
    ///
    /// A name that is both a key and a folder appears twice: `app` and `app/`. `after` need not be a name that
    /// exists.
    ///
    /// # Errors
    /// [`StorageError::BadKey`] when `prefix` is not a folder, [`StorageError::Unavailable`] when the store cannot
    /// answer.
    async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError>;

    /// Keys at any depth below `prefix` (any text), relative to it, in byte order, those after `after`
    /// (exclusive; empty for the start), at most `limit`.
    ///
    /// A key equal to `prefix` has no name below it and is left out.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store cannot answer.
    async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError>;

    /// Records whose keys begin with `prefix` (any text), in byte order, those after the full key `after`
    /// (exclusive; empty for the start), at most `limit`.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store cannot answer.
    async fn read_range(&self, prefix: &str, after: &str, limit: usize) -> Result<Records, StorageError>;

    /// Applies a batch whole or not at all and returns its revision once it is durable.
    ///
    /// Expectations are about the store before the batch. An empty batch checks them and returns the current
    /// revision.
    ///
    /// # Errors
    /// [`StorageError::BadKey`] and [`StorageError::TooLarge`] for a batch no implementation could hold,
    /// [`StorageError::Conflict`] when an expectation does not hold, [`StorageError::Fenced`] when the batch carries
    /// a term that is no longer in office: nothing was applied. [`StorageError::Unavailable`] when it is unknown
    /// whether the batch was applied.
    async fn commit(&self, batch: Batch) -> Result<Revision, StorageError>;

    /// The revision of the newest commit that reads can see.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store cannot answer.
    async fn revision(&self) -> Result<Revision, StorageError>;

    /// Changes under `prefix` (any text) after `from`, ordered by revision, without gaps.
    ///
    /// A commit that touches the prefix is one item: one change for each key it wrote, in byte order of the keys,
    /// also for the deletion of a key that did not exist.
    ///
    /// # Errors
    /// The stream yields [`WatchError::Compacted`] when the history back to `from` is gone, and when `from` is later
    /// than the newest commit: it then belongs to another history, for instance from before a restore.
    fn watch(&self, prefix: &str, from: Revision) -> Changes;

    /// The election among the nodes that share this store; `None` when the store serves one node only, and then
    /// every batch that carries a term is refused.
    fn election(&self) -> Option<Arc<dyn Election>> {
        None
    }

    /// Whether other nodes may write to this store too, so that what is kept in memory must follow its changes.
    fn is_shared(&self) -> bool {
        false
    }

    /// Name of the implementation, as `seal-status` reports it: `embedded`, `postgresql`, `inmem`.
    fn kind(&self) -> &'static str;

    /// A consistent view of everything as of now, for a snapshot; does not block writers.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store cannot answer.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StorageError>;
}

/// A consistent view of the store as of one revision.
#[async_trait]
pub trait Snapshot: Send {
    /// The revision the view is of.
    fn revision(&self) -> Revision;

    /// The next records in key order, at most `limit` (one or more); empty at the end.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store cannot answer.
    async fn next(&mut self, limit: usize) -> Result<Vec<(String, Entry)>, StorageError>;
}

/// A term of office. Grows with each new leader, so that a deposed one can be told from its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub u64);

/// Chooses one node to run timers (expiry, rotation, tidy).
///
/// A term is in office from its election until the lease time has passed without a renewal, or it was resigned.
/// Once a successor is elected, no batch fenced by an earlier term is applied any more.
#[async_trait]
pub trait Election: Send + Sync {
    /// Waits until this node, known to the others as `candidate`, is elected.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store cannot answer.
    async fn campaign(&self, candidate: &str) -> Result<Term, StorageError>;

    /// Keeps the term alive; call it at least each third of the lease time.
    ///
    /// # Errors
    /// [`StorageError::Fenced`] when the term is no longer in office, [`StorageError::Unavailable`] when the store
    /// cannot answer.
    async fn renew(&self, term: Term) -> Result<(), StorageError>;

    /// Gives the office up, so that another node need not wait for the lease time. Nothing happens when `term` is
    /// not in office.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store cannot answer.
    async fn resign(&self, term: Term) -> Result<(), StorageError>;

    /// The candidate in office and its term, if any.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store cannot answer.
    async fn leader(&self) -> Result<Option<(String, Term)>, StorageError>;

    /// How long a term lasts without a renewal.
    fn lease(&self) -> std::time::Duration;
}
