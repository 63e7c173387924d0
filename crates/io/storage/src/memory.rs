//! A store in memory, for development servers and tests. Nothing survives the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use arca_base::Clock;
use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::history::{History, HistoryLimits};
use crate::key::{check_folder, check_text, first_name, listing_start, past_folder};
use crate::office::Office;
use crate::staging::{Base, Staging};
use crate::{
    Batch, Changes, Election, Entry, Page, Records, Revision, Snapshot, Storage, StorageError, Term,
    check_key,
};

/// A store in memory.
///
/// Nodes of one process that share it (in a simulation, for instance) are as nodes that share a database: give it
/// an election with [`MemoryStorage::shared`].
pub struct MemoryStorage {
    state: RwLock<State>,
    history: History,
    election: Option<Arc<MemoryElection>>,
}

#[derive(Clone)]
struct State {
    /// Shared with snapshots; copied by the first write after one was taken.
    entries: Arc<BTreeMap<String, Entry>>,
    revision: Revision,
}

impl MemoryStorage {
    /// An empty store for one node.
    #[must_use]
    pub fn new() -> Self {
        Self::with_history(HistoryLimits::default())
    }

    /// An empty store for one node that keeps `limits` of history.
    #[must_use]
    pub fn with_history(limits: HistoryLimits) -> Self {
        Self {
            state: RwLock::new(State {
                entries: Arc::default(),
                revision: Revision(0),
            }),
            history: History::starting_at(Revision(0), limits),
            election: None,
        }
    }

    /// An empty store for several nodes, with an election whose terms last for `lease`.
    #[must_use]
    pub fn shared(clock: Arc<dyn Clock>, lease: Duration, limits: HistoryLimits) -> Self {
        let election = MemoryElection {
            office: Mutex::new(Office::vacant(lease)),
            vacated: Notify::new(),
            clock,
        };
        Self {
            election: Some(Arc::new(election)),
            ..Self::with_history(limits)
        }
    }

    /// Entries below `prefix` from `start` on, at most `limit`, and whether there are more.
    fn page<T>(
        &self,
        prefix: &str,
        start: Bound<&str>,
        limit: usize,
        take: impl Fn(&str, &Entry) -> T,
    ) -> (Vec<T>, bool) {
        let state = self.state.read();
        let mut below = state
            .entries
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        let page = below
            .by_ref()
            .take(limit)
            .map(|(key, entry)| take(key, entry))
            .collect();
        (page, below.next().is_some())
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        check_key(key)?;
        Ok(self.state.read().entries.get(key).cloned())
    }

    async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        check_folder(prefix)?;
        check_text(after)?;
        let state = self.state.read();
        let mut page = Page::default();
        let mut from = listing_start(prefix, after);
        while let Some((key, _)) = state
            .entries
            .range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded))
            .next()
        {
            let Some(rest) = key.strip_prefix(prefix) else {
                break;
            };
            if page.names.len() == limit {
                page.more = true;
                break;
            }
            let name = first_name(rest);
            from = match name.strip_suffix('/') {
                Some(folder) => past_folder(prefix, folder),
                None => format!("{key}\u{1}"),
            };
            page.names.push(name.to_owned());
        }
        Ok(page)
    }

    async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        check_text(prefix)?;
        check_text(after)?;
        let start = format!("{prefix}{after}");
        let (names, more) = self.page(prefix, Bound::Excluded(&start), limit, |key, _| {
            key.strip_prefix(prefix).unwrap_or(key).to_owned()
        });
        Ok(Page { names, more })
    }

    async fn read_range(&self, prefix: &str, after: &str, limit: usize) -> Result<Records, StorageError> {
        check_text(prefix)?;
        check_text(after)?;
        let start = if after < prefix {
            Bound::Included(prefix)
        } else {
            Bound::Excluded(after)
        };
        let (records, more) = self.page(prefix, start, limit, |key, entry| (key.to_owned(), entry.clone()));
        Ok(Records { records, more })
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StorageError> {
        batch.check()?;
        // Held over the check of the fence and the write, so that no successor is elected in between.
        let office = self.election.as_ref().map(|election| election.office.lock());
        let mut state = self.state.write();
        let mut staging = Staging::new(state.revision);
        let base = Present {
            entries: &state.entries,
            office: office.as_deref(),
            now: self
                .election
                .as_ref()
                .map_or(Duration::ZERO, |election| election.clock.monotonic()),
        };
        let revision = staging.stage(batch, &base)?;
        let (writes, commits) = staging.into_parts();
        let entries = Arc::make_mut(&mut state.entries);
        for (key, write) in writes {
            match write.value {
                Some(sealed) => entries.insert(
                    key,
                    Entry {
                        sealed,
                        revision: write.revision,
                    },
                ),
                None => entries.remove(&key),
            };
        }
        state.revision = revision;
        self.history.extend(commits);
        Ok(revision)
    }

    async fn revision(&self) -> Result<Revision, StorageError> {
        Ok(self.state.read().revision)
    }

    fn watch(&self, prefix: &str, from: Revision) -> Changes {
        self.history.watch(prefix, from)
    }

    fn election(&self) -> Option<Arc<dyn Election>> {
        self.election
            .clone()
            .map(|election| election as Arc<dyn Election>)
    }

    fn is_shared(&self) -> bool {
        self.election.is_some()
    }

    fn kind(&self) -> &'static str {
        "inmem"
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StorageError> {
        Ok(Box::new(View {
            state: self.state.read().clone(),
            last: None,
        }))
    }
}

/// The store as a batch finds it.
struct Present<'a> {
    entries: &'a BTreeMap<String, Entry>,
    office: Option<&'a Office>,
    now: Duration,
}

impl Base for Present<'_> {
    fn revision_of(&self, key: &str) -> Result<Option<Revision>, StorageError> {
        Ok(self.entries.get(key).map(|entry| entry.revision))
    }

    fn in_office(&self, term: Term) -> bool {
        self.office.is_some_and(|office| office.in_office(term, self.now))
    }
}

struct View {
    state: State,
    last: Option<String>,
}

#[async_trait]
impl Snapshot for View {
    fn revision(&self) -> Revision {
        self.state.revision
    }

    async fn next(&mut self, limit: usize) -> Result<Vec<(String, Entry)>, StorageError> {
        let start = self.last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let records: Vec<(String, Entry)> = self
            .state
            .entries
            .range::<str, _>((start, Bound::Unbounded))
            .take(limit)
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect();
        if let Some((key, _)) = records.last() {
            self.last = Some(key.clone());
        }
        Ok(records)
    }
}

struct MemoryElection {
    office: Mutex<Office>,
    vacated: Notify,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Election for MemoryElection {
    async fn campaign(&self, candidate: &str) -> Result<Term, StorageError> {
        loop {
            let vacated = self.vacated.notified();
            let now = self.clock.monotonic();
            let elected = self.office.lock().elect(candidate, now);
            match elected {
                Ok(term) => return Ok(term),
                Err(until) => tokio::select! {
                    () = self.clock.sleep(until.saturating_sub(now)) => (),
                    () = vacated => (),
                },
            }
        }
    }

    async fn renew(&self, term: Term) -> Result<(), StorageError> {
        let now = self.clock.monotonic();
        self.office.lock().renew(term, now)
    }

    async fn resign(&self, term: Term) -> Result<(), StorageError> {
        self.office.lock().resign(term);
        self.vacated.notify_waiters();
        Ok(())
    }

    async fn leader(&self) -> Result<Option<(String, Term)>, StorageError> {
        let now = self.clock.monotonic();
        Ok(self.office.lock().leader(now))
    }

    fn lease(&self) -> Duration {
        self.office.lock().lease()
    }
}
