//! The commits of this node, one transaction at a time.
//!
//! All commits of all nodes take turns on one row, which holds the revision. Whoever has it reads what the batches
//! expect, decides, writes, and moves the revision on; so revisions have no gaps and become visible in their order,
//! which is what makes the log complete for those who follow it. The price is one transaction at a time for all
//! nodes together, which is paid back by putting all waiting batches of a node into each.
//!
//! A transaction is two round trips: take the turn and read, write and commit.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::mpsc;
use tokio_postgres::{Client, Row, Statement};

use super::error::unavailable;
use super::link::Link;
use super::row;
use super::schema::Tables;
use crate::queue::{self, Job, Waiting};
use crate::staging::{Base, Commit, Staging, Write};
use crate::{ChangeKind, Revision, StorageError, Term};

/// The committer of one node.
pub(super) struct Committer {
    link: Link,
    tables: Tables,
    /// Whether there is a table of elections.
    elections: bool,
    keep_commits: u64,
    session: Option<Session>,
}

impl Committer {
    pub(super) const fn new(link: Link, tables: Tables, elections: bool, keep_commits: u64) -> Self {
        Self {
            link,
            tables,
            elections,
            keep_commits,
            session: None,
        }
    }

    /// Commits until the store is dropped.
    pub(super) async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        while let Some(first) = jobs.recv().await {
            let group = queue::group(first, &mut jobs);
            self.commit(group).await;
        }
    }

    async fn commit(&mut self, group: Vec<Job>) {
        let (session, turn) = match self.take_turn(&group).await {
            Ok(turn) => turn,
            Err(error) => {
                let reason = queue::reason(error);
                return group.into_iter().for_each(|job| job.refuse(&reason));
            }
        };
        let mut staging = Staging::new(turn.revision);
        let waiting: Vec<Waiting> = group
            .into_iter()
            .map(|job| job.stage(|batch| staging.stage(batch, &turn)))
            .collect();
        let written = session.finish(staging, &turn, self.keep_commits).await;
        // After a failure the state of the connection is unknown too.
        self.session = written.is_ok().then_some(session);
        let failure = written.err().map(queue::reason);
        for job in waiting {
            job.answer(failure.as_deref());
        }
    }

    /// Begins a transaction and waits for its turn. Nothing is written yet, so a connection that turns out to be gone
    /// is replaced.
    async fn take_turn(&mut self, group: &[Job]) -> Result<(Session, Turn), StorageError> {
        let keys: Vec<&str> = group
            .iter()
            .flat_map(|job| job.batch.expects().iter().map(|(key, _)| key.as_str()))
            .collect();
        let fenced = self.elections && group.iter().any(|job| job.batch.fence().is_some());
        // What was kept open may be gone by now; what was opened just now is not tried twice.
        if let Some(session) = self.session.take()
            && let Ok(turn) = session.begin(&keys, fenced).await
        {
            return Ok((session, turn));
        }
        let session = self.connect().await?;
        let turn = session.begin(&keys, fenced).await?;
        Ok((session, turn))
    }

    async fn connect(&self) -> Result<Session, StorageError> {
        let client = self.link.patient_client().await?;
        Session::new(client, &self.tables, self.elections)
            .await
            .map_err(|error| unavailable(&error))
    }
}

/// What is known when it is this node's turn.
struct Turn {
    revision: Revision,
    /// The log begins after this.
    oldest: Revision,
    found: HashMap<String, Revision>,
    term: Option<Term>,
}

/// Where the log begins after a commit.
#[derive(Clone, Copy)]
struct LogStart {
    at: Revision,
    /// Whether that is further on than before.
    moved: bool,
}

impl Turn {
    fn read(lock: &Row, term: Option<&Row>, revisions: &[Row]) -> Result<Self, StorageError> {
        let found = |found: &Row| Ok((row::column(found, "key")?, row::revision(found, "revision")?));
        Ok(Self {
            revision: row::revision(lock, "revision")?,
            oldest: row::revision(lock, "oldest")?,
            found: revisions.iter().map(found).collect::<Result<_, StorageError>>()?,
            term: match term {
                Some(term) => Some(Term(row::revision(term, "term")?.0)),
                None => None,
            },
        })
    }

    /// Where the log begins when `revision` is the newest: it is cut a little at a time, when enough has gathered.
    fn log_start(&self, revision: Revision, keep: u64) -> LogStart {
        let slack = (keep / 4).min(256);
        let wanted = Revision(revision.0.saturating_sub(keep));
        let moved = wanted.0 > self.oldest.0 + slack;
        LogStart {
            at: if moved { wanted } else { self.oldest },
            moved,
        }
    }
}

impl Base for Turn {
    fn revision_of(&self, key: &str) -> Result<Option<Revision>, StorageError> {
        Ok(self.found.get(key).copied())
    }

    fn in_office(&self, term: Term) -> bool {
        self.term == Some(term)
    }
}

/// A connection with what it will be asked to do.
struct Session {
    client: Client,
    lock: Statement,
    revisions: Statement,
    office: Option<Office>,
    put: Statement,
    delete: Statement,
    log: Statement,
    trim: Statement,
    advance: Statement,
}

/// How to ask for the term in office.
struct Office {
    term: Statement,
    store: String,
}

impl Session {
    async fn new(client: Client, tables: &Tables, elections: bool) -> Result<Self, tokio_postgres::Error> {
        let office = if elections {
            Some(Office {
                term: client.prepare(&tables.term_in_office()).await?,
                store: tables.name.clone(),
            })
        } else {
            None
        };
        Ok(Self {
            lock: client.prepare(&tables.lock()).await?,
            revisions: client.prepare(&tables.revisions()).await?,
            office,
            put: client.prepare(&tables.put()).await?,
            delete: client.prepare(&tables.delete()).await?,
            log: client.prepare(&tables.log()).await?,
            trim: client.prepare(&tables.trim()).await?,
            advance: client.prepare(&tables.advance()).await?,
            client,
        })
    }

    /// Takes the turn and reads what the batches expect; one round trip, and whatever the wait for the turn takes.
    async fn begin(&self, keys: &[&str], fenced: bool) -> Result<Turn, StorageError> {
        let client = &self.client;
        let term = async {
            match self.office.as_ref().filter(|_| fenced) {
                Some(office) => client.query(&office.term, &[&office.store]).await,
                None => Ok(Vec::new()),
            }
        };
        let revisions = async {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            client.query(&self.revisions, &[&keys]).await
        };
        // Sent in this order, without waiting for the answers in between.
        let ((), lock, term, revisions) = tokio::try_join!(
            biased;
            client.batch_execute("BEGIN"),
            client.query_one(&self.lock, &[]),
            term,
            revisions,
        )
        .map_err(|error| unavailable(&error))?;
        Turn::read(&lock, term.first(), &revisions)
    }

    /// Writes what the group adds up to and commits; one round trip. When that fails nobody knows whether the server
    /// got as far as the commit.
    async fn finish(&self, staging: Staging, turn: &Turn, keep_commits: u64) -> Result<(), StorageError> {
        let done = if staging.is_empty() {
            self.client.batch_execute("ROLLBACK").await
        } else {
            let revision = staging.revision();
            let (writes, commits) = staging.into_parts();
            let oldest = turn.log_start(revision, keep_commits);
            self.write(revision, &Writes::of(&writes), &Log::of(&commits), oldest)
                .await
        };
        done.map_err(|error| unavailable(&error))
    }

    async fn write(
        &self,
        revision: Revision,
        writes: &Writes<'_>,
        log: &Log<'_>,
        oldest: LogStart,
    ) -> Result<(), tokio_postgres::Error> {
        let client = &self.client;
        let put = async {
            match writes.keys.len() {
                0 => Ok(0),
                _ => {
                    client
                        .execute(&self.put, &[&writes.keys, &writes.revisions, &writes.sealed])
                        .await
                }
            }
        };
        let delete = async {
            match writes.deleted.len() {
                0 => Ok(0),
                _ => client.execute(&self.delete, &[&writes.deleted]).await,
            }
        };
        let trim = async {
            match oldest.moved {
                false => Ok(0),
                true => client.execute(&self.trim, &[&row::number(oldest.at.0)]).await,
            }
        };
        let (revision, oldest) = (row::number(revision.0), row::number(oldest.at.0));
        // Sent in this order; when one of them fails the server turns the commit into a rollback.
        tokio::try_join!(
            biased;
            put,
            delete,
            async { client.execute(&self.log, &[&log.revisions, &log.keys, &log.puts]).await },
            trim,
            async { client.execute(&self.advance, &[&revision, &oldest]).await },
            client.batch_execute("COMMIT"),
        )
        .map(|_| ())
    }
}

/// The last write of each key, as columns.
#[derive(Default)]
struct Writes<'a> {
    keys: Vec<&'a str>,
    revisions: Vec<i64>,
    sealed: Vec<&'a [u8]>,
    deleted: Vec<&'a str>,
}

impl<'a> Writes<'a> {
    fn of(writes: &'a BTreeMap<String, Write>) -> Self {
        let mut columns = Self::default();
        for (key, write) in writes {
            match &write.value {
                Some(sealed) => {
                    columns.keys.push(key);
                    columns.revisions.push(row::number(write.revision.0));
                    columns.sealed.push(sealed);
                }
                None => columns.deleted.push(key),
            }
        }
        columns
    }
}

/// What watchers will see, as columns.
#[derive(Default)]
struct Log<'a> {
    revisions: Vec<i64>,
    keys: Vec<&'a str>,
    puts: Vec<bool>,
}

impl<'a> Log<'a> {
    fn of(commits: &'a [Commit]) -> Self {
        let mut columns = Self::default();
        for change in commits.iter().flat_map(|commit| &commit.changes) {
            columns.revisions.push(row::number(change.revision.0));
            columns.keys.push(&change.key);
            columns.puts.push(change.kind == ChangeKind::Put);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_trimmed_a_little_at_a_time() {
        let turn = |oldest| Turn {
            revision: Revision(0),
            oldest: Revision(oldest),
            found: HashMap::new(),
            term: None,
        };
        for (oldest, revision, keep, at) in [
            (0, 10, 100, 0),
            (0, 125, 100, 0),
            (0, 126, 100, 26),
            (26, 150, 100, 26),
            (0, 100_256, 100_000, 0),
            (0, 100_257, 100_000, 257),
            (5, 7, 0, 7),
        ] {
            let start = turn(oldest).log_start(Revision(revision), keep);
            assert_eq!((start.at.0, start.moved), (at, at != oldest), "{revision}");
        }
    }
}
