//! What all nodes commit, as it arrives in the history of this one.
//!
//! One task for each node listens for news, reads the log from where it is and adds to the history that all watches of
//! the node share. A watch that is behind that history, because it resumes from an old revision or fell back, reads
//! the log itself until it has caught up.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Connection, Row, Socket};

use super::error::{explain, unavailable};
use super::link::{Backoff, Link, Reads};
use super::row;
use super::schema::{CHANNEL, Tables};
use super::tls::Stream;
use crate::history::{Followed, Follower, History};
use crate::staging::Commit;
use crate::{Change, ChangeKind, Changes, Revision, StorageError, WatchError};

/// Commits read from the log at once.
const PAGE: i64 = 500;

/// How long to wait for news before looking anyway: a pooler in between may swallow them.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// Follows the log of the store for one node.
pub(super) struct LogReader {
    link: Link,
    tables: Tables,
    history: Arc<History>,
    /// Woken by each piece of news, also by a vacant office.
    news: Arc<Notify>,
}

impl LogReader {
    pub(super) const fn new(link: Link, tables: Tables, history: Arc<History>, news: Arc<Notify>) -> Self {
        Self {
            link,
            tables,
            history,
            news,
        }
    }

    /// Follows until it is aborted, over lost connections.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            match self.follow(&mut backoff).await {
                Ok(()) => tracing::debug!("the connection that follows PostgreSQL has ended"),
                Err(error) => tracing::warn!("cannot follow the log in PostgreSQL: {error}"),
            }
            self.link.clock().sleep(backoff.next()).await;
        }
    }

    /// Follows over one connection, until that ends.
    async fn follow(&self, backoff: &mut Backoff) -> Result<(), StorageError> {
        let (client, connection) = self.link.open().await.map_err(|error| unavailable(&error))?;
        tokio::select! {
            () = listen(connection, &self.news) => Ok(()),
            ended = self.read(&client, backoff) => ended,
        }
    }

    async fn read(&self, client: &Client, backoff: &mut Backoff) -> Result<(), StorageError> {
        let failed = |error| unavailable(&error);
        client
            .batch_execute(&format!("LISTEN {CHANNEL}"))
            .await
            .map_err(failed)?;
        let changes = client.prepare(&self.tables.changes()).await.map_err(failed)?;
        loop {
            let news = self.news.notified();
            let cursor = self.history.newest();
            let rows = client
                .query(&changes, &[&row::number(cursor.0), &PAGE])
                .await
                .map_err(failed)?;
            *backoff = Backoff::default();
            match Log::read(&rows)?.after(cursor) {
                // Too long away, or the database is another one than before.
                Err(log) => self.history.restart_at(log.newest),
                Ok(commits) if commits.is_empty() => tokio::select! {
                    () = news => (),
                    () = self.link.clock().sleep(LOOK_ANYWAY) => (),
                },
                Ok(commits) => self.history.extend(commits),
            }
        }
    }
}

/// Drives a connection to its end and passes on its notifications.
async fn listen(mut connection: Connection<Socket, Stream>, news: &Notify) {
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notification(_)) => news.notify_waiters(),
            Ok(_) => (),
            Err(error) => return tracing::debug!("connection to PostgreSQL: {}", explain(&error)),
        }
    }
}

/// A piece of the log, and where it stands.
struct Log {
    newest: Revision,
    oldest: Revision,
    commits: Vec<Commit>,
}

impl Log {
    /// Reads the rows of [`Tables::changes`].
    fn read(rows: &[Row]) -> Result<Self, StorageError> {
        let first = rows
            .first()
            .ok_or_else(|| StorageError::unavailable("the state of the store is missing"))?;
        let mut log = Self {
            newest: row::revision(first, "newest")?,
            oldest: row::revision(first, "oldest")?,
            commits: Vec::new(),
        };
        for row in rows {
            // Nothing on the right side of the join: no commits.
            if row::column::<Option<i64>>(row, "log_revision")?.is_some() {
                log.add(change(row)?);
            }
        }
        Ok(log)
    }

    fn add(&mut self, change: Change) {
        match self.commits.last_mut() {
            Some(commit) if commit.revision == change.revision => commit.changes.push(change),
            _ => self.commits.push(Commit {
                revision: change.revision,
                changes: vec![change],
            }),
        }
    }

    /// The commits, if all after `cursor` are among them or follow them.
    fn after(self, cursor: Revision) -> Result<Vec<Commit>, Self> {
        if self.oldest <= cursor && cursor <= self.newest {
            Ok(self.commits)
        } else {
            Err(self)
        }
    }
}

fn change(row: &Row) -> Result<Change, StorageError> {
    Ok(Change {
        revision: row::revision(row, "log_revision")?,
        key: row::column(row, "key")?,
        kind: if row::column(row, "put")? {
            ChangeKind::Put
        } else {
            ChangeKind::Delete
        },
    })
}

/// A watch: it follows the history in memory, and the log where that does not reach.
pub(super) struct Watch {
    follower: Follower,
    reads: Reads,
    changes: Arc<str>,
    pending: VecDeque<Vec<Change>>,
}

impl Watch {
    pub(super) const fn new(follower: Follower, reads: Reads, changes: Arc<str>) -> Self {
        Self {
            follower,
            reads,
            changes,
            pending: VecDeque::new(),
        }
    }

    pub(super) fn into_changes(self) -> Changes {
        Changes::new(stream::unfold(Some(self), |watch| async {
            let mut watch = watch?;
            match watch.next().await? {
                Ok(changes) => Some((Ok(changes), Some(watch))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    async fn next(&mut self) -> Option<Result<Vec<Change>, WatchError>> {
        loop {
            if let Some(changes) = self.pending.pop_front() {
                return Some(Ok(changes));
            }
            match self.follower.next().await? {
                Followed::Changes(changes) => return Some(Ok(changes)),
                Followed::Lost { .. } => match self.catch_up().await {
                    Ok(true) => (),
                    // The history in memory is a moment behind the database.
                    Ok(false) => self.follower.news().await?,
                    Err(error) => return Some(Err(error)),
                },
            }
        }
    }

    /// Reads a piece of the log and returns whether there was anything in it.
    async fn catch_up(&mut self) -> Result<bool, WatchError> {
        let cursor = self.follower.cursor();
        let rows = self
            .reads
            .query(&self.changes, &[&row::number(cursor.0), &PAGE])
            .await?;
        let commits = Log::read(&rows)?
            .after(cursor)
            .map_err(|log| WatchError::Compacted { oldest: log.oldest })?;
        let Some(last) = commits.last() else {
            return Ok(false);
        };
        self.follower.move_to(last.revision);
        for commit in commits {
            self.pending.extend(self.follower.of_interest(&commit.changes));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_does_not_reach_back_is_told() {
        let log = || Log {
            newest: Revision(9),
            oldest: Revision(4),
            commits: Vec::new(),
        };
        for (cursor, reached) in [(3, false), (4, true), (9, true), (10, false)] {
            assert_eq!(log().after(Revision(cursor)).is_ok(), reached, "{cursor}");
        }
    }
}
