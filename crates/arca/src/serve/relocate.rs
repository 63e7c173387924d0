//! Copies a store to another storage while no server uses either: all rows as of one revision, in the order of their keys,
//! each batch with the place it reached. What is interrupted goes on there.

use std::sync::Arc;

use arca_base::{Entropy, id};
use arca_core::layout;
use arca_storage::{Batch, Entry, Expected, Revision, Storage, StorageError};
use serde::{Deserialize, Serialize};

use super::ServeError;

/// Bytes written in one commit, about.
const BATCH_BYTES: usize = 4 << 20;
/// Rows read at a time.
const PAGE: usize = 256;
/// The version of the row below.
const VERSION: u32 = 1;

/// The lock on either side; in the destination it also says how far the copy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lock {
    version: u32,
    /// Names the copy.
    id: String,
    /// The revision of the source it is of.
    revision: u64,
    /// The last key that was written; empty at the beginning.
    reached: String,
    /// Rows written so far.
    rows: u64,
}

/// A copy from one storage to another.
pub(crate) struct Relocation {
    source: Arc<dyn Storage>,
    destination: Arc<dyn Storage>,
}

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relocated {
    pub(crate) rows: u64,
    pub(crate) resumed: bool,
}

impl Relocation {
    pub(crate) const fn new(source: Arc<dyn Storage>, destination: Arc<dyn Storage>) -> Self {
        Self { source, destination }
    }

    /// Removes the locks of a copy that is given up. What was copied stays in the destination.
    pub(crate) async fn reset(&self) -> Result<(), ServeError> {
        for storage in [&self.source, &self.destination] {
            let batch = Batch::new().delete(layout::RELOCATION);
            storage.commit(batch).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Copies everything from `start` on, or goes on where an earlier copy stopped. Tells `progress` how many rows are
    /// written and the last key.
    pub(crate) async fn run(
        &self,
        start: &str,
        entropy: &dyn Entropy,
        mut progress: impl FnMut(u64, &str),
    ) -> Result<Relocated, ServeError> {
        self.refuse_users().await?;
        let (mut lock, resumed) = self.lock(start, entropy).await?;
        let mut at = self.claim(&lock).await?;
        let mut snapshot = self.source.snapshot().await.map_err(failed)?;
        if snapshot.revision().0 != lock.revision {
            return Err(other(
                "the source has changed since the copy was begun: give the copy up with -reset, empty the destination and \
                 begin again",
            ));
        }
        let mut waiting = Waiting::default();
        loop {
            let page = snapshot.next(PAGE).await.map_err(failed)?;
            let is_last = page.is_empty();
            for (key, entry) in page {
                // The lock of this copy is not part of the store.
                if *key > *lock.reached && key != layout::RELOCATION {
                    waiting.add(key, &entry);
                }
                if waiting.bytes >= BATCH_BYTES {
                    at = self.write(waiting.take(), &mut lock, at).await?;
                    progress(lock.rows, &lock.reached);
                }
            }
            if is_last {
                break;
            }
        }
        self.write(waiting.take(), &mut lock, at).await?;
        progress(lock.rows, &lock.reached);
        self.unlock(&lock).await?;
        Ok(Relocated {
            rows: lock.rows,
            resumed,
        })
    }

    /// Refuses a storage whose timers a server runs at the moment.
    async fn refuse_users(&self) -> Result<(), ServeError> {
        for (name, storage) in [("source", &self.source), ("destination", &self.destination)] {
            let Some(election) = storage.election() else {
                continue;
            };
            if let Some((node, _)) = election.leader().await.map_err(failed)? {
                return Err(other(format!(
                    "a server is using the {name} (node {node}): stop all servers, and wait until its term has ended"
                )));
            }
        }
        Ok(())
    }

    /// The lock of an earlier copy, or a new one.
    async fn lock(&self, start: &str, entropy: &dyn Entropy) -> Result<(Lock, bool), ServeError> {
        let (here, there) = (read(&self.source).await?, read(&self.destination).await?);
        match (here, there) {
            (Some(here), Some(there)) if here.id == there.id => return Ok((there, true)),
            (Some(here), None) => {
                // The destination is unlocked first: what is there may be in use by now.
                if start.is_empty() && !is_empty(&self.destination).await? {
                    return Err(other(
                        "the source is locked by a copy and the destination is not: the copy was complete, or went elsewhere. \
                         Unlock the source with -reset",
                    ));
                }
                return Ok((here, false));
            }
            (None, None) => {}
            _ => {
                return Err(other(
                    "another copy is under way, from or to one of the two: run that to its end, or give it up with -reset",
                ));
            }
        }
        if self
            .source
            .get(layout::SEAL_CONFIG)
            .await
            .map_err(failed)?
            .is_none()
        {
            return Err(other("the source holds no initialized server"));
        }
        if start.is_empty() && !is_empty(&self.destination).await? {
            return Err(other(
                "the destination is not empty: choose another one, or name with -start the key from which on to copy",
            ));
        }
        // The lock itself is one commit more.
        let revision = self.source.revision().await.map_err(failed)?;
        let lock = Lock {
            version: VERSION,
            id: id::uuid_v4(entropy),
            revision: revision.0 + 1,
            reached: before(start),
            rows: 0,
        };
        let batch = Batch::new()
            .expect(layout::RELOCATION, Expected::Absent)
            .put(layout::RELOCATION, lock.to_bytes()?);
        let locked = self.source.commit(batch).await.map_err(failed)?;
        if locked != Revision(lock.revision) {
            return Err(other("a server is writing to the source: stop all servers"));
        }
        Ok((lock, false))
    }

    /// Takes the destination, or takes over where an earlier copy stopped; gives the revision of its row.
    async fn claim(&self, lock: &Lock) -> Result<Revision, ServeError> {
        let found = self.destination.get(layout::RELOCATION).await.map_err(failed)?;
        let expected = found.map_or(Expected::Absent, |entry| Expected::At(entry.revision));
        let batch = Batch::new()
            .expect(layout::RELOCATION, expected)
            .put(layout::RELOCATION, lock.to_bytes()?);
        self.destination.commit(batch).await.map_err(failed)
    }

    async fn write(
        &self,
        (batch, reached, rows): (Batch, String, u64),
        lock: &mut Lock,
        at: Revision,
    ) -> Result<Revision, ServeError> {
        if rows == 0 {
            return Ok(at);
        }
        lock.rows += rows;
        lock.reached = reached;
        let batch = batch
            .expect(layout::RELOCATION, Expected::At(at))
            .put(layout::RELOCATION, lock.to_bytes()?);
        match self.destination.commit(batch).await {
            Ok(revision) => Ok(revision),
            Err(StorageError::Conflict(_)) => Err(other("somebody else copies to the same destination")),
            Err(error) => Err(failed(error)),
        }
    }

    /// Ends the copy: the destination first, which is complete then.
    async fn unlock(&self, lock: &Lock) -> Result<(), ServeError> {
        let source = self.source.revision().await.map_err(failed)?;
        if source.0 != lock.revision {
            return Err(other(
                "the source has changed while it was copied: begin again with -reset and an empty destination",
            ));
        }
        for storage in [&self.destination, &self.source] {
            storage
                .commit(Batch::new().delete(layout::RELOCATION))
                .await
                .map_err(failed)?;
        }
        Ok(())
    }
}

impl Lock {
    fn to_bytes(&self) -> Result<Vec<u8>, ServeError> {
        serde_json::to_vec(self).map_err(|error| other(error.to_string()))
    }
}

/// Rows on their way.
#[derive(Default)]
struct Waiting {
    batch: Batch,
    last: String,
    rows: u64,
    bytes: usize,
}

impl Waiting {
    fn add(&mut self, key: String, entry: &Entry) {
        self.bytes += key.len() + entry.sealed.len();
        self.rows += 1;
        self.last.clone_from(&key);
        self.batch = std::mem::take(&mut self.batch).put(key, entry.sealed.clone());
    }

    fn take(&mut self) -> (Batch, String, u64) {
        let taken = std::mem::take(self);
        (taken.batch, taken.last, taken.rows)
    }
}

/// A text that is before `start` and after every key before it.
fn before(start: &str) -> String {
    let mut before = start.to_owned();
    if before.pop().is_some() {
        before.push_str(&start.chars().last().map_or(String::new(), predecessor));
    }
    before
}

/// What comes right before all texts that begin with `character`.
fn predecessor(character: char) -> String {
    let earlier = (0..u32::from(character)).rev().find_map(char::from_u32);
    earlier.map_or(String::new(), |earlier| format!("{earlier}{}", char::MAX))
}

async fn is_empty(storage: &Arc<dyn Storage>) -> Result<bool, ServeError> {
    let found = storage.scan("", "", 1).await.map_err(failed)?;
    Ok(found.names.is_empty())
}

async fn read(storage: &Arc<dyn Storage>) -> Result<Option<Lock>, ServeError> {
    let Some(entry) = storage.get(layout::RELOCATION).await.map_err(failed)? else {
        return Ok(None);
    };
    let lock: Lock = serde_json::from_slice(&entry.sealed).map_err(|error| other(error.to_string()))?;
    if lock.version != VERSION {
        return Err(other(format!(
            "{} has version {}, which a newer program wrote",
            layout::RELOCATION,
            lock.version
        )));
    }
    Ok(Some(lock))
}

fn failed(error: StorageError) -> ServeError {
    ServeError::Storage(Box::new(error))
}

fn other(text: impl Into<String>) -> ServeError {
    ServeError::Other(text.into())
}

#[cfg(test)]
mod tests {
    use arca_crypto::SystemEntropy;
    use arca_storage::MemoryStorage;

    use super::*;

    async fn filled(rows: usize) -> Arc<dyn Storage> {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let first = Batch::new().put(layout::SEAL_CONFIG, "{}");
        storage.commit(first).await.unwrap();
        for number in 0..rows {
            let value = vec![7; 100_000];
            let batch = Batch::new().put(format!("ns/root/data/{number:04}"), value);
            storage.commit(batch).await.unwrap();
        }
        storage
    }

    async fn content(storage: &Arc<dyn Storage>) -> Vec<(String, bytes::Bytes)> {
        let records = storage.read_range("", "", 100_000).await.unwrap().records;
        records
            .into_iter()
            .map(|(key, entry)| (key, entry.sealed))
            .collect()
    }

    #[tokio::test]
    async fn everything_is_copied_and_nothing_stays_locked() {
        let (source, destination) = (
            filled(100).await,
            Arc::new(MemoryStorage::new()) as Arc<dyn Storage>,
        );
        let copy = Relocation::new(source.clone(), destination.clone());
        let mut told = Vec::new();
        let done = copy
            .run("", &SystemEntropy, |rows, _| told.push(rows))
            .await
            .unwrap();
        assert_eq!(
            done,
            Relocated {
                rows: 101,
                resumed: false
            }
        );
        assert!(told.len() > 2 && told.is_sorted(), "{told:?}");
        assert_eq!(content(&source).await, content(&destination).await);
        let again = copy
            .run("", &SystemEntropy, |_, _| ())
            .await
            .unwrap_err()
            .to_string();
        assert!(again.contains("not empty"), "{again}");
    }

    #[tokio::test]
    async fn an_interrupted_copy_goes_on_where_it_stopped() {
        let (source, destination) = (
            filled(200).await,
            Arc::new(MemoryStorage::new()) as Arc<dyn Storage>,
        );
        let copy = Relocation::new(source.clone(), destination.clone());
        let stopped = std::panic::AssertUnwindSafe(copy.run("", &SystemEntropy, |rows, _| {
            assert!(rows < 100, "the machine is switched off");
        }));
        let stopped = futures_util::FutureExt::catch_unwind(stopped).await;
        assert!(stopped.is_err());
        assert!(content(&destination).await.len() > 40);
        let mut told = Vec::new();
        let done = copy
            .run("", &SystemEntropy, |rows, _| told.push(rows))
            .await
            .unwrap();
        assert_eq!((done.rows, done.resumed), (201, true));
        assert!(told[0] > 100, "what was written is not written again: {told:?}");
        assert_eq!(content(&source).await, content(&destination).await);
    }

    #[tokio::test]
    async fn a_source_that_changes_is_noticed_and_a_copy_can_be_given_up() {
        let (source, destination) = (
            filled(100).await,
            Arc::new(MemoryStorage::new()) as Arc<dyn Storage>,
        );
        let copy = Relocation::new(source.clone(), destination.clone());
        let stopped = std::panic::AssertUnwindSafe(copy.run("", &SystemEntropy, |_, _| panic!("off")));
        assert!(futures_util::FutureExt::catch_unwind(stopped).await.is_err());
        source
            .commit(Batch::new().put("ns/root/data/x", "x"))
            .await
            .unwrap();
        let error = copy
            .run("", &SystemEntropy, |_, _| ())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("has changed"), "{error}");
        copy.reset().await.unwrap();
        let fresh = Relocation::new(source.clone(), Arc::new(MemoryStorage::new()));
        assert_eq!(fresh.run("", &SystemEntropy, |_, _| ()).await.unwrap().rows, 102);
    }

    #[test]
    fn the_place_before_a_key_is_after_all_keys_before_it() {
        let reached = before("ns/b");
        assert!(
            *reached < *"ns/b" && *"ns/azzz" < *reached && *"ns/a/z" < *reached,
            "{reached:?}"
        );
        assert_eq!(before(""), "");
    }
}
