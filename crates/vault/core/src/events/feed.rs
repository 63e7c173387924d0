//! Follows the history of the store once for this node, and hands the events to all subscribers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arca_storage::{Change, Changes, Revision, WatchError};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use super::happened::{Commit, Origin};
use super::told::{self, Heard};
use crate::active::Active;
use crate::barrier::Generation;
use crate::fault::Fault;
use crate::router::{Class, Mount};

/// Commits a subscriber may be behind before it has missed something.
const RING: usize = 1024;
/// Subscribers at a time, unless a test says otherwise.
const MOST_SUBSCRIBERS: usize = 20_000;
/// How long to wait before following again after storage failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What subscribers are told.
#[derive(Clone)]
pub(super) enum Item {
    Commit(Arc<Commit>),
    /// Something may have been missed up to this revision.
    Gap(u64),
}

/// The events of a node.
pub(crate) struct Feed {
    ring: broadcast::Sender<Item>,
    /// Everything up to here has been handed out; nothing yet for `None`.
    position: Mutex<Option<u64>>,
    places: Arc<Semaphore>,
    limit: usize,
    /// Of each namespace that events were read of, by its identifier.
    mounts: Mutex<HashMap<String, Known>>,
    /// Moves when a mount of any namespace changes.
    mounts_changed: Generation,
}

/// Mounts by their UUIDs.
type Mounts = Arc<HashMap<String, Arc<Mount>>>;

/// The mounts of a namespace, and the state of the mount tables they were read from.
struct Known {
    stamp: u64,
    mounts: Mounts,
}

impl Feed {
    pub(crate) fn new(mounts_changed: Generation) -> Self {
        Self {
            ring: broadcast::Sender::new(RING),
            position: Mutex::new(None),
            places: Arc::new(Semaphore::new(MOST_SUBSCRIBERS)),
            limit: MOST_SUBSCRIBERS,
            mounts: Mutex::default(),
            mounts_changed,
        }
    }

    /// The place of one more subscriber.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Fault> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            Fault::unavailable(format!(
                "too many subscribers: this server has {} of them; subscribe at another node, or try again later",
                self.limit
            ))
        })
    }

    /// Everything after `revision`, if what is handed out next is after it.
    pub(super) fn join(&self, revision: u64) -> Option<broadcast::Receiver<Item>> {
        let position = self.position.lock();
        let follows = position.is_some_and(|position| position <= revision);
        follows.then(|| self.ring.subscribe())
    }

    fn hand_out(&self, commit: Commit) {
        let mut position = self.position.lock();
        *position = Some(commit.revision);
        // Nobody listens: then nobody misses it.
        let _ = self.ring.send(Item::Commit(Arc::new(commit)));
    }

    fn begin_at(&self, revision: u64) {
        let mut position = self.position.lock();
        if position.replace(revision).is_some() {
            let _ = self.ring.send(Item::Gap(revision));
        }
    }

    /// The mounts of a namespace as they are now.
    async fn mounts(&self, active: &Active) -> Result<Mounts, Fault> {
        let stamp = self.mounts_changed.current();
        let id = active.namespace.id.as_str();
        {
            let known = self.mounts.lock();
            if let Some(known) = known.get(id).filter(|known| known.stamp == stamp) {
                return Ok(known.mounts.clone());
            }
        }
        self.read_mounts(active).await
    }

    async fn read_mounts(&self, active: &Active) -> Result<Mounts, Fault> {
        let stamp = self.mounts_changed.current();
        let mut mounts = HashMap::new();
        for class in [Class::Secret, Class::Auth] {
            let rows = active.router.rows(class).all().await?;
            mounts.extend(
                rows.into_iter()
                    .map(|(_, mount)| (mount.uuid.clone(), Arc::new(mount))),
            );
        }
        let mounts: Mounts = Arc::new(mounts);
        let mut known = self.mounts.lock();
        // What was read before anything changed is of no use any more, also where it is of namespaces that are gone.
        known.retain(|_, known| known.stamp == stamp);
        known.insert(
            active.namespace.id.as_str().to_owned(),
            Known {
                stamp,
                mounts: mounts.clone(),
            },
        );
        Ok(mounts)
    }
}

/// The history of the store after `from`, whole: what a commit tells, and what it wrote.
pub(super) fn history(active: &Active, from: u64) -> Changes {
    active.barrier.storage().watch("", Revision(from))
}

/// Reads the events of a commit; `None` if it tells nothing.
///
/// The history may be faster than whoever made the commit, so what was cached of its records is dropped first: who is
/// told of a change and reads it at once must not find what was there before.
pub(super) async fn read(active: &Active, changes: Vec<Change>) -> Result<Option<Commit>, Fault> {
    let Some(first) = changes.first() else {
        return Ok(None);
    };
    if changes
        .iter()
        .all(|change| told::namespace_of(&change.key).is_none())
    {
        return Ok(None);
    }
    let mut commit = Commit::new(first.revision);
    let (told, written): (Vec<_>, Vec<_>) = changes
        .into_iter()
        .partition(|change| told::namespace_of(&change.key).is_some());
    let written: Vec<String> = written.into_iter().map(|change| change.key).collect();
    active.barrier.forget(&written);
    let mut of: Option<(Arc<Active>, Mounts)> = None;
    for (index, change) in told.iter().enumerate() {
        let id = told::namespace_of(&change.key).unwrap_or_default();
        if of.as_ref().is_none_or(|(of, _)| of.namespace.id.as_str() != id) {
            of = match active.namespaces()?.by_id(id).await? {
                Some(of) => {
                    let mounts = active.events.mounts(&of).await?;
                    Some((of, mounts))
                }
                None => None,
            };
        }
        // Of a namespace that is gone nobody may be told.
        let Some((of, mounts)) = &mut of else { continue };
        let folder = told::folder(&of.namespace.id);
        let heard = change.key.strip_prefix(&folder).and_then(Heard::parse);
        if heard
            .and_then(|heard| heard.mount)
            .is_some_and(|mount| !mounts.contains_key(mount))
        {
            // Another node may have mounted it a moment ago.
            *mounts = active.events.read_mounts(of).await?;
        }
        let origin = Origin {
            cluster_name: &active.cluster.name,
            cluster_id: &active.cluster.id,
            namespace: &of.namespace,
            mounts,
            folder: &folder,
        };
        commit.add(index, change, &origin);
    }
    Ok(Some(commit))
}

/// Follows for as long as the server is unsealed.
pub(crate) async fn run(active: Arc<Active>) {
    loop {
        if let Err(reason) = follow(&active).await {
            tracing::warn!(reason, "events cannot be followed; subscribers are told of a gap");
        }
        active.clock.sleep(PAUSE).await;
    }
}

async fn follow(active: &Active) -> Result<(), String> {
    let storage = active.barrier.storage();
    let Revision(from) = storage.revision().await.map_err(|error| error.to_string())?;
    active.events.begin_at(from);
    let mut changes = history(active, from);
    while let Some(batch) = changes.next().await {
        let batch = batch.map_err(|error: WatchError| error.to_string())?;
        let commit = read(active, batch).await;
        if let Some(commit) = commit.map_err(|fault| fault.to_string())? {
            active.events.hand_out(commit);
        }
    }
    Err("the store was closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Feed {
        let keyring =
            crate::barrier::Keyring::generate(&arca_crypto::SystemEntropy, arca_base::Timestamp::EPOCH);
        let barrier = crate::barrier::Barrier::new(
            Arc::new(arca_storage::MemoryStorage::new()),
            keyring,
            Arc::new(arca_crypto::SystemEntropy),
            crate::barrier::CacheLimits::default(),
        );
        Feed::new(barrier.generation("m/"))
    }

    fn commit(revision: u64) -> Commit {
        Commit {
            revision,
            events: Vec::new(),
            incomplete: false,
        }
    }

    #[test]
    fn nobody_joins_where_something_would_be_missed() {
        let feed = feed();
        assert!(feed.join(5).is_none(), "nothing is followed yet");
        feed.begin_at(5);
        assert!(feed.join(4).is_none() && feed.join(5).is_some() && feed.join(9).is_some());
        feed.hand_out(commit(7));
        assert!(feed.join(6).is_none());
        let mut joined = feed.join(7).unwrap();
        feed.hand_out(commit(8));
        assert!(matches!(joined.try_recv(), Ok(Item::Commit(commit)) if commit.revision == 8));
        feed.begin_at(12);
        assert!(matches!(joined.try_recv(), Ok(Item::Gap(12))));
    }

    #[test]
    fn places_are_limited_and_come_back() {
        let feed = Feed {
            places: Arc::new(Semaphore::new(1)),
            limit: 1,
            ..feed()
        };
        let place = feed.place().unwrap();
        let fault = feed.place().unwrap_err();
        assert_eq!(fault.class(), crate::fault::Class::Unavailable);
        assert!(fault.text().contains("too many subscribers"), "{fault}");
        drop(place);
        assert!(feed.place().is_ok());
    }
}
