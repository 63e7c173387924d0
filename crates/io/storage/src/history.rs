//! The recent commits in memory, and the streams that follow them.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream;
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::staging::Commit;
use crate::{Change, Changes, Revision, WatchError};

/// How much history a node keeps in memory for its watchers. Whoever falls behind it reads everything again.
#[derive(Clone, Copy, Debug)]
pub struct HistoryLimits {
    /// Most commits to keep.
    pub commits: usize,
    /// Most bytes to keep, counting keys and a fixed cost for each change.
    pub bytes: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self {
            commits: 16_384,
            bytes: 8 << 20,
        }
    }
}

/// The newest commits in order. Dropping it ends the streams that follow it.
pub(crate) struct History {
    ring: Arc<RwLock<Ring>>,
    newest: watch::Sender<Revision>,
}

struct Ring {
    /// Watches can start here: every commit after it is in `commits`.
    oldest: Revision,
    newest: Revision,
    commits: VecDeque<Arc<Commit>>,
    bytes: usize,
    limits: HistoryLimits,
}

impl History {
    /// A history that begins at `revision`: nothing before it is known.
    pub(crate) fn starting_at(revision: Revision, limits: HistoryLimits) -> Self {
        let ring = Ring {
            oldest: revision,
            newest: revision,
            commits: VecDeque::new(),
            bytes: 0,
            limits,
        };
        Self {
            ring: Arc::new(RwLock::new(ring)),
            newest: watch::Sender::new(revision),
        }
    }

    /// Adds commits, in the order of their revisions, and wakes those who follow.
    pub(crate) fn extend(&self, commits: impl IntoIterator<Item = Commit>) {
        let mut ring = self.ring.write();
        commits.into_iter().for_each(|commit| ring.push(commit));
        let newest = ring.newest;
        drop(ring);
        self.newest.send_replace(newest);
    }

    /// The newest revision there is.
    pub(crate) fn newest(&self) -> Revision {
        self.ring.read().newest
    }

    /// Forgets everything and begins again: the commits up to `revision` did not arrive here.
    pub(crate) fn restart_at(&self, revision: Revision) {
        let mut ring = self.ring.write();
        ring.commits.clear();
        ring.bytes = 0;
        (ring.oldest, ring.newest) = (revision, revision);
        drop(ring);
        self.newest.send_replace(revision);
    }

    /// Follows the history from `from` on.
    pub(crate) fn follow(&self, prefix: &str, from: Revision) -> Follower {
        Follower {
            ring: Arc::clone(&self.ring),
            newest: self.newest.subscribe(),
            prefix: prefix.to_owned(),
            cursor: from,
            pending: VecDeque::new(),
        }
    }

    /// Follows the history as a stream that ends where the history is gone.
    pub(crate) fn watch(&self, prefix: &str, from: Revision) -> Changes {
        let follower = self.follow(prefix, from);
        Changes::new(stream::unfold(Some(follower), |follower| async {
            let mut follower = follower?;
            match follower.next().await? {
                Followed::Changes(changes) => Some((Ok(changes), Some(follower))),
                Followed::Lost { oldest } => Some((Err(WatchError::Compacted { oldest }), None)),
            }
        }))
    }
}

impl Ring {
    fn push(&mut self, commit: Commit) {
        self.newest = commit.revision;
        self.bytes += weight(&commit);
        self.commits.push_back(Arc::new(commit));
        while self.commits.len() > self.limits.commits || self.bytes > self.limits.bytes {
            let Some(dropped) = self.commits.pop_front() else {
                break;
            };
            self.bytes -= weight(&dropped);
            self.oldest = dropped.revision;
        }
    }

    /// At most `limit` commits after `cursor`; `None` when that is outside of what is known.
    fn after(&self, cursor: Revision, limit: usize) -> Option<Vec<Arc<Commit>>> {
        if cursor < self.oldest || cursor > self.newest {
            return None;
        }
        let first = self.commits.partition_point(|commit| commit.revision <= cursor);
        Some(self.commits.iter().skip(first).take(limit).cloned().collect())
    }
}

fn weight(commit: &Commit) -> usize {
    const FIXED: usize = size_of::<Commit>() + size_of::<Change>();
    commit
        .changes
        .iter()
        .map(|change| change.key.len() + FIXED)
        .sum::<usize>()
}

/// What a [`Follower`] comes upon.
pub(crate) enum Followed {
    /// One commit, reduced to the prefix.
    Changes(Vec<Change>),
    /// The history does not reach back to where the follower is.
    Lost {
        /// Where it could go on.
        oldest: Revision,
    },
}

/// A place in the history.
pub(crate) struct Follower {
    ring: Arc<RwLock<Ring>>,
    newest: watch::Receiver<Revision>,
    prefix: String,
    cursor: Revision,
    pending: VecDeque<Vec<Change>>,
}

impl Follower {
    /// Commits taken from the ring under one lock.
    const CHUNK: usize = 256;

    /// The next commit that touches the prefix; `None` when the store is closed.
    pub(crate) async fn next(&mut self) -> Option<Followed> {
        loop {
            if let Some(changes) = self.pending.pop_front() {
                return Some(Followed::Changes(changes));
            }
            // Before the look, so that a commit after the look is noticed below.
            self.newest.borrow_and_update();
            match self.advance() {
                Err(oldest) => return Some(Followed::Lost { oldest }),
                Ok(0) => self.newest.changed().await.ok()?,
                Ok(_) => (),
            }
        }
    }

    /// Where this follower is: it has seen every commit up to here.
    pub(crate) const fn cursor(&self) -> Revision {
        self.cursor
    }

    /// Goes on from `cursor`, which was reached by other means.
    pub(crate) const fn move_to(&mut self, cursor: Revision) {
        self.cursor = cursor;
    }

    /// Waits until the history has moved; `None` when the store is closed.
    pub(crate) async fn news(&mut self) -> Option<()> {
        self.newest.changed().await.ok()
    }

    /// The changes to keys that this follower is interested in, if there are any.
    pub(crate) fn of_interest(&self, changes: &[Change]) -> Option<Vec<Change>> {
        let below: Vec<Change> = changes
            .iter()
            .filter(|change| change.key.starts_with(&self.prefix))
            .cloned()
            .collect();
        (!below.is_empty()).then_some(below)
    }

    /// Takes the next commits from the ring and returns how many there were.
    fn advance(&mut self) -> Result<usize, Revision> {
        let ring = self.ring.read();
        let commits = ring.after(self.cursor, Self::CHUNK).ok_or(ring.oldest)?;
        drop(ring);
        for commit in &commits {
            self.cursor = commit.revision;
            let changes = self.of_interest(&commit.changes);
            self.pending.extend(changes);
        }
        Ok(commits.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChangeKind;

    fn commit(revision: u64, keys: &[&str]) -> Commit {
        let change = |key: &&str| Change {
            revision: Revision(revision),
            key: (*key).to_owned(),
            kind: ChangeKind::Put,
        };
        Commit {
            revision: Revision(revision),
            changes: keys.iter().map(change).collect(),
        }
    }

    async fn revisions(changes: &mut Changes, count: usize) -> Vec<u64> {
        let mut seen = Vec::new();
        for _ in 0..count {
            seen.push(changes.next().await.unwrap().unwrap()[0].revision.0);
        }
        seen
    }

    #[tokio::test]
    async fn follows_and_filters() {
        let history = History::starting_at(Revision(4), HistoryLimits::default());
        let mut changes = history.watch("a/", Revision(4));
        history.extend([commit(5, &["a/1", "b"]), commit(6, &["b"])]);
        history.extend([commit(7, &["a/1"])]);
        assert_eq!(revisions(&mut changes, 2).await, [5, 7]);
        drop(history);
        assert!(changes.next().await.is_none());
    }

    #[tokio::test]
    async fn forgets_by_count_and_by_size() {
        let long = "k".repeat(1000);
        for limits in [
            HistoryLimits {
                commits: 2,
                ..HistoryLimits::default()
            },
            HistoryLimits {
                bytes: 2 * 1000 + 400,
                ..HistoryLimits::default()
            },
        ] {
            let history = History::starting_at(Revision(0), limits);
            history.extend((1..=5).map(|revision| commit(revision, &[&long])));
            assert_eq!(
                revisions(&mut history.watch("", Revision(3)), 2).await,
                [4, 5],
                "{limits:?}"
            );
            let lost = history.watch("", Revision(2)).next().await;
            assert!(
                matches!(lost, Some(Err(WatchError::Compacted { oldest: Revision(3) }))),
                "{limits:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_revision_from_the_future_is_of_another_history() {
        let history = History::starting_at(Revision(4), HistoryLimits::default());
        let mut changes = history.watch("", Revision(5));
        assert!(matches!(
            changes.next().await,
            Some(Err(WatchError::Compacted { oldest: Revision(4) }))
        ));
        assert!(changes.next().await.is_none());
    }
}
