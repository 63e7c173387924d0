//! Reads, all through one view of the last complete commit.
//!
//! The database numbers batches and the files it writes out from one counter, and shows readers everything below
//! the highest number that is done. While a batch is being applied, a file that is finished in the background moves
//! that mark past it, and a reader that looks just then sees half a batch. So readers never ask the database what
//! is newest: the writer takes a view between two commits, when nothing is half done, and hands it out.
//!
//! The database reads on the thread that asks. For a single key that is the best place: of a million entries, most of
//! them not in the cache, a read takes 10 microseconds, and 23 when it is handed to a thread for blocking work (18 and
//! 42 on a busy machine). Pages above a few records go to such a thread, which costs them little and keeps the
//! threads of the runtime free.

use std::ops::Bound;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use fjall::{Guard, Iter, Keyspace, Readable, UserKey, UserValue};

use super::error::{damaged, failed_read};
use super::names;
use crate::key::first_name;
use crate::{Entry, Page, Records, Revision, Snapshot, StorageError};

/// The newest view.
pub(super) struct Reader(ArcSwap<View>);

impl Reader {
    pub(super) fn new(view: View) -> Self {
        Self(ArcSwap::from_pointee(view))
    }

    /// The store as of its newest commit.
    pub(super) fn view(&self) -> Arc<View> {
        self.0.load_full()
    }

    /// Makes a newer view the one that reads see.
    pub(super) fn publish(&self, view: View) {
        self.0.store(Arc::new(view));
    }

    /// Reads a page of at most `limit` records, off the threads of the runtime when it is not short.
    pub(super) async fn page<T: Send + 'static>(
        &self,
        limit: usize,
        read: impl FnOnce(&View) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let view = self.view();
        if limit <= INLINE_RECORDS {
            return read(&view);
        }
        tokio::task::spawn_blocking(move || read(&view))
            .await
            .map_err(StorageError::unavailable)?
    }
}

/// Pages up to this size are read by the thread that asks.
const INLINE_RECORDS: usize = 32;

/// Everything as of one revision.
pub(super) struct View {
    entries: Keyspace,
    snapshot: fjall::Snapshot,
    revision: Revision,
}

impl View {
    pub(super) const fn new(entries: Keyspace, snapshot: fjall::Snapshot, revision: Revision) -> Self {
        Self {
            entries,
            snapshot,
            revision,
        }
    }

    pub(super) const fn revision(&self) -> Revision {
        self.revision
    }

    /// The raw value under a raw key.
    pub(super) fn raw(&self, key: &[u8]) -> Result<Option<UserValue>, StorageError> {
        self.snapshot
            .get(&self.entries, key)
            .map_err(|error| failed_read(key, error))
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        self.raw(key.as_bytes())?
            .map(|value| decode(key.as_bytes(), &value))
            .transpose()
    }

    /// Whether a raw key exists.
    pub(super) fn holds(&self, key: &[u8]) -> Result<bool, StorageError> {
        self.snapshot
            .contains_key(&self.entries, key)
            .map_err(|error| failed_read(key, error))
    }

    pub(super) fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        let folder = names::entry(prefix, "");
        // Names end at their first slash: what follows it in the cursor cannot matter.
        let start = names::entry(prefix, first_name(after));
        let mut found = self.range(Bound::Excluded(&start), &folder);
        let mut names = Vec::new();
        for guard in found.by_ref().take(limit) {
            let key = guard.key().map_err(|error| failed_read(&folder, error))?;
            names.push(text(&key)?.split_off(folder.len()));
        }
        Ok(Page {
            names,
            more: found.next().is_some(),
        })
    }

    pub(super) fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        let start = format!("{prefix}{after}");
        let mut found = self.range(Bound::Excluded(start.as_bytes()), prefix.as_bytes());
        let mut names = Vec::new();
        for guard in found.by_ref().take(limit) {
            let key = guard
                .key()
                .map_err(|error| failed_read(start.as_bytes(), error))?;
            names.push(text(&key)?.split_off(prefix.len()));
        }
        Ok(Page {
            names,
            more: found.next().is_some(),
        })
    }

    pub(super) fn read_range(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Records, StorageError> {
        let start = if after < prefix {
            Bound::Included(prefix.as_bytes())
        } else {
            Bound::Excluded(after.as_bytes())
        };
        let mut found = self.range(start, prefix.as_bytes());
        let mut records = Vec::new();
        for guard in found.by_ref().take(limit) {
            records.push(record(guard)?);
        }
        Ok(Records {
            records,
            more: found.next().is_some(),
        })
    }

    /// Entries whose raw keys begin with `prefix`, from `start` on.
    fn range(&self, start: Bound<&[u8]>, prefix: &[u8]) -> Iter {
        let start = match start {
            // What the store keeps for itself begins with a zero byte, and no key does.
            Bound::Included([]) | Bound::Excluded([]) | Bound::Unbounded => Bound::Included(&[1_u8][..]),
            start => start,
        };
        let mut end = prefix.to_vec();
        let end = match end.last_mut() {
            None => Bound::Unbounded,
            Some(last) => {
                // Text never holds the byte 255.
                *last += 1;
                Bound::Excluded(&*end)
            }
        };
        self.snapshot.range::<&[u8], _>(&self.entries, (start, end))
    }
}

fn record(guard: Guard) -> Result<(String, Entry), StorageError> {
    let (key, value) = guard.into_inner().map_err(|error| failed_read(b"", error))?;
    Ok((text(&key)?, decode(&key, &value)?))
}

fn text(key: &UserKey) -> Result<String, StorageError> {
    match std::str::from_utf8(key) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(damaged(key, error)),
    }
}

/// An entry as it is stored: its revision in front of the sealed bytes.
pub(super) fn encode(revision: Revision, sealed: &[u8]) -> UserValue {
    [&revision.0.to_be_bytes()[..], sealed].concat().into()
}

/// Takes the revision off the front of a stored value.
pub(super) fn split<'a>(key: &[u8], value: &'a [u8]) -> Result<(Revision, &'a [u8]), StorageError> {
    let (revision, sealed) = value
        .split_first_chunk()
        .ok_or_else(|| damaged(key, "the value is too short to hold its revision"))?;
    Ok((Revision(u64::from_be_bytes(*revision)), sealed))
}

fn decode(key: &[u8], value: &[u8]) -> Result<Entry, StorageError> {
    let (revision, sealed) = split(key, value)?;
    Ok(Entry {
        sealed: Bytes::copy_from_slice(sealed),
        revision,
    })
}

/// A walk through one view.
pub(super) struct Export {
    view: Arc<View>,
    records: Option<Iter>,
}

impl Export {
    pub(super) fn new(view: Arc<View>) -> Self {
        let records = Some(view.range(Bound::Unbounded, b""));
        Self { view, records }
    }
}

#[async_trait]
impl Snapshot for Export {
    fn revision(&self) -> Revision {
        self.view.revision
    }

    async fn next(&mut self, limit: usize) -> Result<Vec<(String, Entry)>, StorageError> {
        let Some(mut records) = self.records.take() else {
            return Ok(Vec::new());
        };
        let read = move || {
            let page = records
                .by_ref()
                .take(limit)
                .map(record)
                .collect::<Result<Vec<_>, _>>();
            (page, records)
        };
        let (page, records) = tokio::task::spawn_blocking(read)
            .await
            .map_err(StorageError::unavailable)?;
        let page = page?;
        if !page.is_empty() {
            self.records = Some(records);
        }
        Ok(page)
    }
}
