//! The one thread that commits.
//!
//! It takes all batches that wait, decides which of them apply, writes those as one batch of the database and
//! answers everyone when that is on disk. While the disk works, the next group gathers, so that the number of
//! commits per second follows the number of writers and not the speed of the disk alone.

use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::{BlockSizePolicy, BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use tokio::sync::mpsc;

use super::error::OpenError;
use super::journal;
use super::layout::Layout;
use super::names::Names;
use super::options::EmbeddedOptions;
use super::reader::{Reader, View, encode, split};
use crate::history::History;
use crate::queue::{self, Job, Waiting};
use crate::staging::{Base, Staging};
use crate::{Revision, StorageError};

/// Where the revision of the newest commit is kept. Not a key that could be asked for: keys hold no zero byte.
const REVISION: &[u8] = b"\0revision";

/// The open database.
pub(super) struct Writer {
    entries: Keyspace,
    reader: Arc<Reader>,
    history: Arc<History>,
    names: Names,
    /// The failure after which nothing is written any more.
    broken: Option<String>,
    // Closed after everything above, and the folder is given free last.
    database: Database,
    _layout: Layout,
}

impl Writer {
    /// Opens the store in `folder`.
    pub(super) fn open(
        folder: &Path,
        options: EmbeddedOptions,
    ) -> Result<(Self, Arc<Reader>, Arc<History>), OpenError> {
        let layout = Layout::lock(folder)?;
        let path = match layout.database()? {
            Some(path) => path,
            None => layout.create(|draft| open_database(draft, options).map(|_| ()))?,
        };
        journal::repair(&path)?;
        let (database, entries) = open_database(&path, options)?;
        let revision = stored_revision(&database, &entries, &path)?;
        let view = View::new(entries.clone(), database.snapshot(), revision);
        let reader = Arc::new(Reader::new(view));
        let history = Arc::new(History::starting_at(revision, options.history));
        let writer = Self {
            entries,
            reader: Arc::clone(&reader),
            history: Arc::clone(&history),
            names: Names::default(),
            broken: None,
            database,
            _layout: layout,
        };
        Ok((writer, reader, history))
    }

    /// Commits until the store is dropped.
    pub(super) fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            self.commit(queue::group(first, &mut jobs));
        }
    }

    fn commit(&mut self, group: Vec<Job>) {
        let view = self.reader.view();
        let mut staging = Staging::new(view.revision());
        let waiting: Vec<Waiting> = group
            .into_iter()
            .map(|job| job.stage(|batch| staging.stage(batch, &Present(&view))))
            .collect();
        let failure = self.write(&view, staging).err();
        for job in waiting {
            job.answer(failure.as_deref());
        }
    }

    /// Makes a group durable, then visible, then known to watchers.
    fn write(&mut self, view: &View, staging: Staging) -> Result<(), String> {
        if staging.is_empty() {
            return Ok(());
        }
        if let Some(reason) = &self.broken {
            return Err(reason.clone());
        }
        let revision = staging.revision();
        let (writes, commits) = staging.into_parts();
        let names = self.names.update(view, &writes).map_err(|error| {
            self.names.forget();
            queue::reason(error)
        })?;
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (key, write) in writes {
            match write.value {
                Some(sealed) => batch.insert(&self.entries, key, encode(write.revision, &sealed)),
                None => batch.remove(&self.entries, key),
            }
        }
        for (name, count) in names {
            match count {
                Some(count) => batch.insert(&self.entries, name, count),
                None => batch.remove(&self.entries, name),
            }
        }
        batch.insert(&self.entries, REVISION, revision.0.to_be_bytes());
        batch.commit().map_err(|error| self.give_up(&error))?;
        let view = View::new(self.entries.clone(), self.database.snapshot(), revision);
        self.reader.publish(view);
        self.history.extend(commits);
        Ok(())
    }

    /// After a failed write nobody knows what is on disk until the journal is read again.
    fn give_up(&mut self, error: &fjall::Error) -> String {
        let reason = format!(
            "a write to disk failed, and nothing is written until the store is opened again: {error}"
        );
        tracing::error!("{reason}");
        self.broken = Some(reason.clone());
        self.names.forget();
        reason
    }
}

/// The store as a batch finds it.
struct Present<'a>(&'a View);

impl Base for Present<'_> {
    fn revision_of(&self, key: &str) -> Result<Option<Revision>, StorageError> {
        match self.0.raw(key.as_bytes())? {
            None => Ok(None),
            Some(value) => split(key.as_bytes(), &value).map(|(revision, _)| Some(revision)),
        }
    }
}

fn open_database(path: &Path, options: EmbeddedOptions) -> Result<(Database, Keyspace), OpenError> {
    let open = || -> fjall::Result<(Database, Keyspace)> {
        let database = Database::builder(path)
            .cache_size(options.cache_bytes)
            .max_journaling_size(64 << 20)
            .worker_threads(options.workers)
            .open()?;
        let entries = database.keyspace("entries", || keyspace_options(options))?;
        Ok((database, entries))
    };
    open().map_err(|error| OpenError::database(path, error))
}

fn keyspace_options(options: EmbeddedOptions) -> KeyspaceCreateOptions {
    let filter = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0));
    KeyspaceCreateOptions::default()
        .max_memtable_size(options.memtable_bytes)
        .data_block_size_policy(BlockSizePolicy::all(4 << 10))
        .filter_policy(FilterPolicy::all(filter))
        .compaction_strategy(Arc::new(
            Leveled::default().with_table_target_size(options.table_bytes),
        ))
}

fn stored_revision(database: &Database, entries: &Keyspace, path: &Path) -> Result<Revision, OpenError> {
    let view = View::new(entries.clone(), database.snapshot(), Revision(0));
    let stored = view
        .raw(REVISION)
        .map_err(|error| OpenError::damaged(path, error))?;
    let Some(stored) = stored else {
        return Ok(Revision(0));
    };
    split(REVISION, &stored)
        .map(|(revision, _)| revision)
        .map_err(|error| OpenError::damaged(path, error))
}
