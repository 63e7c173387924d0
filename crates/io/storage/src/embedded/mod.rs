//! A store in a folder of this machine, for one node, with nothing to set up.
//!
//! | part | holds |
//! |---|---|
//! | `layout` | the folder: its lock, its format, its creation |
//! | `journal` | what a power cut may leave at the end of the database's journal, and its repair |
//! | `names` | the index that folders are listed from |
//! | `writer` | the one thread that commits: group commit, revisions, history |
//! | `reader` | what all reads go through: a view that never shows half a commit |
//! | `error` | why a folder cannot be opened |
//!
//! Underneath is an LSM tree, with one keyspace for everything:
//!
//! | key | value |
//! |---|---|
//! | a key of the store | 8 bytes revision, big-endian, then the sealed bytes |
//! | `\0n` folder `\0` name | the index of names, see `names` |
//! | `\0revision` | 8 bytes revision of the newest commit, rewritten by each |
//!
//! The last is what keeps revisions growing after the newest entry was deleted. It also is the newest entry of
//! every file that is written out, so that the tree always knows from its files alone how much of the journal they
//! cover.
//!
//! Reads of one key run on the thread that asks: see [`reader`] for the measurement behind that.

mod error;
mod journal;
mod layout;
mod names;
mod options;
mod reader;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;

use crate::history::History;
use crate::key::{check_folder, check_text};
use crate::queue::Queue;
use crate::{Batch, Changes, Entry, Page, Records, Revision, Snapshot, Storage, StorageError, check_key};

pub use error::OpenError;
pub use options::EmbeddedOptions;

use reader::Reader;
use writer::Writer;

/// A store in a folder of this machine, for one node.
pub struct EmbeddedStorage {
    reader: Arc<Reader>,
    history: Arc<History>,
    queue: Option<Queue>,
    writer: Option<JoinHandle<()>>,
}

impl EmbeddedStorage {
    /// Opens the store in `folder`, or creates it there when the folder is empty or missing.
    ///
    /// Reads the journal and may write it out, which takes from milliseconds to about a second: call it where
    /// blocking is fine.
    ///
    /// # Errors
    /// [`OpenError`] names what is wrong and what to do about it.
    pub fn open(folder: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self, OpenError> {
        let (writer, reader, history) = Writer::open(folder.as_ref(), options)?;
        let (queue, jobs) = Queue::new();
        let thread = std::thread::Builder::new()
            .name("arca-storage".into())
            .spawn(move || writer.run(jobs))
            .map_err(|error| OpenError::io(folder.as_ref(), error))?;
        Ok(Self {
            reader,
            history,
            queue: Some(queue),
            writer: Some(thread),
        })
    }
}

/// Waits until the writer has committed what it was given and has closed the database.
impl Drop for EmbeddedStorage {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was answered as an error to everyone who waited for it.
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Storage for EmbeddedStorage {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        check_key(key)?;
        self.reader.view().get(key)
    }

    async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        check_folder(prefix)?;
        check_text(after)?;
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        self.reader
            .page(limit, move |view| view.list(&prefix, &after, limit))
            .await
    }

    async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        check_text(prefix)?;
        check_text(after)?;
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        self.reader
            .page(limit, move |view| view.scan(&prefix, &after, limit))
            .await
    }

    async fn read_range(&self, prefix: &str, after: &str, limit: usize) -> Result<Records, StorageError> {
        check_text(prefix)?;
        check_text(after)?;
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        self.reader
            .page(limit, move |view| view.read_range(&prefix, &after, limit))
            .await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StorageError> {
        match &self.queue {
            Some(queue) => queue.commit(batch).await,
            None => Err(StorageError::unavailable("the store is being closed")),
        }
    }

    async fn revision(&self) -> Result<Revision, StorageError> {
        Ok(self.reader.view().revision())
    }

    fn watch(&self, prefix: &str, from: Revision) -> Changes {
        self.history.watch(prefix, from)
    }

    fn kind(&self) -> &'static str {
        "embedded"
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StorageError> {
        Ok(Box::new(reader::Export::new(self.reader.view())))
    }
}
