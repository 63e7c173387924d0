//! The barrier: everything stored passes through here and is sealed, everything read is opened and checked.
//!
//! `engine -> View (its prefix) -> Barrier (AEAD, keyring, path as associated data) -> Storage`. Nothing above
//! the barrier sees sealed bytes, nothing below it sees plaintext.

mod cache;
mod generation;
mod keyring;
mod record;
mod rows;
mod view;
mod writes;

use std::any::Any;
use std::sync::Arc;

use arc_swap::ArcSwap;
use arca_base::Entropy;
use arca_base::Secret;
use arca_storage::{Expected, Page, Revision, Storage, StorageError, Term};
use parking_lot::RwLock;

use crate::layout;

pub use cache::CacheLimits;
use cache::{SealedCache, Slot};
pub use generation::Generation;
use generation::Generations;
pub use keyring::{BadKeyring, Keyring, RotationPolicy, TermStatus};
pub(crate) use record::open as open_record;
pub use record::{BadRecord, FORMAT as RECORD_FORMAT};
pub use rows::{BadStored, Change, Row, Rows, Stored};
pub(crate) use rows::{from_plaintext as parse, to_plaintext};
pub use view::View;
pub use writes::Writes;

/// Why the barrier did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BarrierError {
    /// A record that was altered, moved, truncated or sealed by a key this store does not have.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// A record that opens but does not decode.
    #[error(transparent)]
    Stored(#[from] BadStored),
    /// A write through a view to a record outside of it.
    #[error("a write to {key:?}, which is outside of {prefix:?}, was refused")]
    Outside {
        /// Where the write would have gone.
        key: String,
        /// Where it may go.
        prefix: String,
    },
    /// Storage failed, or an expectation did not hold.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl BarrierError {
    /// Whether another writer was faster, so that reading again and retrying makes sense.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Storage(StorageError::Conflict(_)))
    }
}

/// The plaintext of a stored value, for writes that name their keys themselves.
///
/// # Errors
/// [`BarrierError::Stored`] when the value cannot be encoded.
pub fn plaintext<T: Stored>(value: &T) -> Result<Vec<u8>, BarrierError> {
    Ok(to_plaintext(value)?)
}

/// An opened record.
pub struct Opened {
    /// What was sealed.
    pub plaintext: Secret<Vec<u8>>,
    /// The commit that wrote it.
    pub revision: Revision,
}

/// Sealed storage under one keyring. Shared by all parts of an unsealed server.
pub struct Barrier {
    storage: Arc<dyn Storage>,
    keyring: ArcSwap<Keyring>,
    entropy: Arc<dyn Entropy>,
    cache: SealedCache,
    generations: Generations,
    fence: RwLock<Option<Term>>,
    generation: Expected,
}

/// A conflict with a restored snapshot is nothing that trying again could help against.
fn superseded(error: StorageError) -> StorageError {
    match error {
        StorageError::Conflict(conflict) if conflict.key == layout::RESTORE_STATE => {
            StorageError::unavailable(
                "a snapshot is being restored, or was restored since this server was unsealed",
            )
        }
        error => error,
    }
}

impl Barrier {
    /// Puts `keyring` in front of `storage`.
    pub fn new(
        storage: Arc<dyn Storage>,
        keyring: Keyring,
        entropy: Arc<dyn Entropy>,
        limits: CacheLimits,
    ) -> Self {
        Self {
            storage,
            keyring: ArcSwap::from_pointee(keyring),
            entropy,
            cache: SealedCache::new(limits),
            generations: Generations::default(),
            fence: RwLock::new(None),
            generation: Expected::Absent,
        }
    }

    /// The storage below.
    #[must_use]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// The keyring in use.
    pub fn keyring(&self) -> Arc<Keyring> {
        self.keyring.load_full()
    }

    /// Puts another keyring in use, after a rotation here or on another node.
    pub fn install(&self, keyring: Keyring) {
        self.keyring.store(Arc::new(keyring));
    }

    /// A counter that moves whenever something below `prefix` changes. Whoever derives something from those
    /// records keeps the counter's value with it and derives anew when it has moved.
    pub fn generation(&self, prefix: impl Into<Box<str>>) -> Generation {
        self.generations.register(prefix.into())
    }

    /// The same for a folder that every namespace has, in whichever of them something changes.
    pub(crate) fn generation_everywhere(&self, folder: impl Into<Box<str>>) -> Generation {
        self.generations.register_everywhere(folder.into())
    }

    /// Forgets the counters of a namespace that is gone; `prefix` is everything of it.
    pub(crate) fn forget_generations(&self, prefix: &str) {
        self.generations.unregister(prefix);
    }

    /// Opens the record under `key`.
    ///
    /// # Errors
    /// [`BarrierError`]; a damaged record is an error, not an absence.
    pub async fn get(&self, key: &str) -> Result<Option<Opened>, BarrierError> {
        let slot = self.slot(key).await?;
        let Some(entry) = slot.entry() else {
            return Ok(None);
        };
        let plaintext = self.open(key, &entry.sealed)?;
        Ok(Some(Opened {
            plaintext,
            revision: entry.revision,
        }))
    }

    /// The value derived from the record under `key` by `derive`, which runs once for each revision held in
    /// the cache.
    async fn get_derived<T: Any + Send + Sync>(
        &self,
        key: &str,
        derive: impl FnOnce(&[u8]) -> Result<T, BadStored>,
    ) -> Result<Option<(Arc<T>, Revision)>, BarrierError> {
        let slot = self.slot(key).await?;
        let Some(entry) = slot.entry() else {
            return Ok(None);
        };
        if let Some(value) = slot.derived::<T>() {
            return Ok(Some((value, entry.revision)));
        }
        let plaintext = self.open(key, &entry.sealed)?;
        let value = slot.keep(Arc::new(derive(plaintext.expose())?));
        Ok(Some((value, entry.revision)))
    }

    async fn slot(&self, key: &str) -> Result<Arc<Slot>, BarrierError> {
        if let Some(slot) = self.cache.lookup(key) {
            return Ok(slot);
        }
        let ticket = self.cache.ticket(key);
        let entry = self.storage.get(key).await?;
        Ok(self.cache.fill(key, ticket, entry))
    }

    fn open(&self, key: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, BarrierError> {
        Ok(record::open(&self.keyring.load(), key, sealed)?)
    }

    /// Seals and commits `writes`; on return every later read on this node sees them.
    ///
    /// # Errors
    /// [`BarrierError::Storage`] with a conflict when an expectation does not hold.
    pub async fn commit(&self, writes: Writes) -> Result<Revision, BarrierError> {
        let keyring = self.keyring.load_full();
        let fence = writes.is_background().then(|| *self.fence.read()).flatten();
        let (batch, keys) = writes.seal(&keyring, &*self.entropy, fence)?;
        let batch = batch.expect(layout::RESTORE_STATE, self.generation);
        let committed = self.storage.commit(batch).await.map_err(superseded);
        // Also after an error: the outcome may be unknown, and a cached value must never outlive a write.
        self.forget(&keys);
        Ok(committed?)
    }

    /// Refuses every commit once a snapshot was restored after this barrier was opened: `generation` is the revision of
    /// [`layout::RESTORE_STATE`] then, `None` when there was none.
    #[must_use]
    pub fn of_generation(mut self, generation: Option<Revision>) -> Self {
        self.generation = generation.map_or(Expected::Absent, Expected::At);
        self
    }

    /// Seals bytes that are kept outside the store, bound to `label` instead of a key.
    pub(crate) fn seal_bytes(&self, label: &str, plaintext: &[u8]) -> Result<Vec<u8>, BarrierError> {
        Ok(record::seal(
            &self.keyring.load(),
            &*self.entropy,
            label,
            plaintext,
        )?)
    }

    /// Seals a value that is kept outside the store, bound to `label` instead of a key.
    pub(crate) fn seal_detached<T: Stored>(&self, label: &str, value: &T) -> Result<Vec<u8>, BarrierError> {
        let plaintext = Secret::new(to_plaintext(value)?);
        Ok(record::seal(
            &self.keyring.load(),
            &*self.entropy,
            label,
            plaintext.expose(),
        )?)
    }

    /// Opens what [`Barrier::seal_detached`] sealed for the same label.
    pub(crate) fn open_detached<T: Stored>(&self, label: &str, sealed: &[u8]) -> Result<T, BarrierError> {
        Ok(parse(self.open(label, sealed)?.expose())?)
    }

    /// Drops what is cached under `keys` and moves the generations they belong to.
    pub fn forget(&self, keys: &[String]) {
        for key in keys {
            self.cache.invalidate(key);
        }
        self.generations.bump(keys);
    }

    /// Drops everything cached and moves every generation, after a gap in the history of changes.
    pub fn forget_everything(&self) {
        self.cache.clear();
        self.generations.bump_all();
    }

    /// Turns caching off while changes by other nodes cannot be seen, and on again when they can.
    pub fn set_caching(&self, on: bool) {
        self.cache.set_enabled(on);
        self.generations.set_blind(!on);
    }

    /// Whether what was read may be kept: changes by other nodes are seen.
    #[must_use]
    pub fn is_caching(&self) -> bool {
        self.cache.is_enabled()
    }

    /// The term that background commits carry.
    pub fn set_fence(&self, term: Option<Term>) {
        *self.fence.write() = term;
    }

    /// One page of names directly below `prefix`; see [`Storage::list`].
    ///
    /// # Errors
    /// [`BarrierError::Storage`].
    pub async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, BarrierError> {
        Ok(self.storage.list(prefix, after, limit).await?)
    }

    /// One page of keys at any depth below `prefix`; see [`Storage::scan`].
    ///
    /// # Errors
    /// [`BarrierError::Storage`].
    pub async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, BarrierError> {
        Ok(self.storage.scan(prefix, after, limit).await?)
    }

    /// One page of opened records below `prefix`, those after the full key `after`. Bypasses the cache.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn read_range(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<(Vec<(String, Opened)>, bool), BarrierError> {
        let page = self.storage.read_range(prefix, after, limit).await?;
        let mut records = Vec::with_capacity(page.records.len());
        for (key, entry) in page.records {
            let plaintext = self.open(&key, &entry.sealed)?;
            records.push((
                key,
                Opened {
                    plaintext,
                    revision: entry.revision,
                },
            ));
        }
        Ok((records, page.more))
    }
}
