//! Batches with known content.
//!
//! Several writers commit at once, each under a folder of its own and one batch after the other, so that groups form
//! and the content under each folder tells how many batches of its writer are there.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arca_storage::{Batch, EmbeddedOptions, EmbeddedStorage, Revision, Storage};
use bytes::Bytes;

use crate::random::Random;
use crate::strace::Change;

/// How many writers there are.
pub(crate) const WRITERS: usize = 3;

const VARIABLE: &str = "ARCA_POWER_CUT";

/// Batches of each writer of a long run.
const BUSY: usize = 26;

/// When there is no file with a lower number, the first ones have been merged and removed.
const MERGED: u64 = 3;

/// What a process is to write.
#[derive(Clone)]
pub(crate) struct Workload {
    home: PathBuf,
    batches: usize,
    filling: bool,
}

impl Workload {
    /// Enough to write out and merge files.
    pub(crate) fn busy() -> Self {
        Self {
            home: PathBuf::new(),
            batches: BUSY,
            filling: false,
        }
    }

    /// A little more, on what is there.
    pub(crate) fn short() -> Self {
        Self {
            batches: 8,
            ..Self::busy()
        }
    }

    /// Fills a journal up to where the next file written out ends it.
    pub(crate) fn filling(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            batches: 0,
            filling: true,
        }
    }

    /// The same, in the folder `home`.
    pub(crate) fn at(&self, home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            ..self.clone()
        }
    }

    /// Name and value of the variable that tells a process what to do.
    pub(crate) fn to_environment(&self) -> (&'static str, String) {
        (VARIABLE, format!("{} {}", self.batches, self.home.display()))
    }

    pub(crate) fn from_environment() -> Option<Self> {
        let value = std::env::var(VARIABLE).ok()?;
        let (batches, home) = value.split_once(' ')?;
        Some(Self {
            home: home.into(),
            batches: batches.parse().ok()?,
            filling: false,
        })
    }

    /// Writes, and says so.
    pub(crate) fn run(self) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = Arc::new(open(&self.home));
            if self.filling {
                return fill(&store).await;
            }
            let writers = (0..WRITERS).map(|writer| {
                let (store, acks) = (Arc::clone(&store), acks_of(&self.home));
                let (batches, tables) = (self.batches, self.home.join(TABLES));
                tokio::spawn(async move { write(&store, writer, batches, &tables, &acks).await })
            });
            futures_util::future::try_join_all(writers).await.unwrap();
        });
    }
}

/// Where acknowledgements are written: beside the store, not in it.
pub(crate) fn acks_of(home: &Path) -> PathBuf {
    home.with_extension("acks")
}

/// A store that writes out small files all the time.
pub(crate) fn open(home: &Path) -> EmbeddedStorage {
    EmbeddedStorage::open(home.join("data"), options()).unwrap()
}

pub(crate) fn options() -> EmbeddedOptions {
    EmbeddedOptions {
        memtable_bytes: 24 << 10,
        table_bytes: 32 << 10,
        cache_bytes: 1 << 20,
        ..EmbeddedOptions::default()
    }
}

/// Where the database keeps its sorted files, which it numbers.
const TABLES: &str = "data/store/db/keyspaces/1/tables";

/// Writes so many batches, and for a long run on until files have been merged, which happens in the background.
async fn write(store: &EmbeddedStorage, writer: usize, batches: usize, tables: &Path, acks: &Path) {
    let mut acks = OpenOptions::new().append(true).create(true).open(acks).unwrap();
    // A store decides when it is opened about a batch that the last power cut left unacknowledged. What it has shown
    // has to stay, and the next batch may be the second one after the last that was acknowledged before.
    let found = last(store, writer).await;
    if let Some((batches, revision)) = found {
        acknowledge(&mut acks, writer, batches, revision);
    }
    let first = found.map_or(0, |(batches, _)| batches);
    for number in first.. {
        let enough = batches < BUSY || oldest_number(tables) >= MERGED;
        if number >= first + batches && (enough || number > first + 20 * batches) {
            return;
        }
        let revision = store.commit(batch(writer, number).0).await.unwrap();
        acknowledge(&mut acks, writer, number + 1, revision);
    }
}

fn acknowledge(acks: &mut File, writer: usize, batches: usize, revision: Revision) {
    let line = format!("{writer} {batches} {}\n", revision.0);
    acks.write_all(line.as_bytes()).unwrap();
}

/// The lowest number that a file of the database has.
fn oldest_number(tables: &Path) -> u64 {
    let numbers = std::fs::read_dir(tables)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.min().unwrap_or(0)
}

/// How many batches of a writer are in the store, by what it says itself.
pub(crate) async fn done(store: &EmbeddedStorage, writer: usize) -> usize {
    last(store, writer).await.map_or(0, |(batches, _)| batches)
}

/// How many batches of a writer are in the store, if any, and the revision of the last.
async fn last(store: &EmbeddedStorage, writer: usize) -> Option<(usize, Revision)> {
    let entry = store.get(&format!("w{writer}/count")).await.unwrap()?;
    let count = String::from_utf8(entry.sealed.into()).unwrap();
    Some((count.trim().parse().unwrap(), entry.revision))
}

/// Large values, most of them holes on the disk, and then as much as it takes.
async fn fill(store: &EmbeddedStorage) {
    let zeros = Bytes::from(vec![0; 15 << 20]);
    for n in 0..4 {
        store
            .commit(Batch::new().put(format!("big/{n}"), zeros.clone()))
            .await
            .unwrap();
    }
    let rest = vec![0; 63_990_000 - 4 * zeros.len()];
    store.commit(Batch::new().put("big/rest", rest)).await.unwrap();
}

/// What a batch writes under the folder of its writer: values, or `None` for a deletion.
type Writes = Vec<(String, Option<Bytes>)>;

/// The batch with this number of a writer.
pub(crate) fn batch(writer: usize, number: usize) -> (Batch, Writes) {
    let mut random = Random::new((writer as u64) << 32 | number as u64);
    let (puts, deletes, size, folders) = match number % 7 {
        0 => (1, 0, 120, 1),
        1 => (12, 2, 300, 4),
        2 => (1, 8, 40, 4),
        3 => (2, 0, 9_000, 2),
        4 => (30, 10, 150, 6),
        5 => (0, 30, 0, 6),
        _ => (3, 1, 700, 3),
    };
    let mut writes: BTreeMap<String, Option<Bytes>> = BTreeMap::new();
    let key = |random: &mut Random| {
        let folder = random.below(folders);
        format!("w{writer}/f{folder}/g{}/{}", random.below(2), random.below(8))
    };
    for _ in 0..deletes {
        writes.insert(key(&mut random), None);
    }
    for _ in 0..puts {
        let value: Bytes = (0..size).map(|_| random.next().to_le_bytes()[0]).collect();
        writes.insert(key(&mut random), Some(value));
    }
    let count = format!("{:<20}", number + 1);
    writes.insert(format!("w{writer}/count"), Some(count.into()));
    let writes: Writes = writes.into_iter().collect();
    let batch = writes
        .iter()
        .fold(Batch::new(), |batch, (key, value)| match value {
            Some(value) => batch.put(key, value.clone()),
            None => batch.delete(key),
        });
    (batch, writes)
}

/// The content under the folder of a writer after its first `batches`.
pub(crate) fn content(writer: usize, batches: usize) -> BTreeMap<String, Bytes> {
    let mut content = BTreeMap::new();
    for number in 0..batches {
        for (key, value) in batch(writer, number).1 {
            match value {
                Some(value) => content.insert(key, value),
                None => content.remove(&key),
            };
        }
    }
    content
}

/// What was acknowledged: of each writer how many batches, and up to which revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Progress {
    pub(crate) batches: [usize; WRITERS],
    pub(crate) revision: u64,
}

impl Progress {
    pub(crate) fn note(&mut self, change: &Change) {
        if let Change::Acknowledge(line) = change {
            let numbers: Vec<u64> = line
                .split_whitespace()
                .map(|number| number.parse().unwrap())
                .collect();
            self.batches[numbers[0] as usize] = numbers[1] as usize;
            self.revision = self.revision.max(numbers[2]);
        }
    }
}
