//! A store in PostgreSQL, shared by any number of nodes.
//!
//! | part | does |
//! |---|---|
//! | `options`, `tls`, `link` | settings, TLS, connections and the pool for reads |
//! | `schema` | the tables and every statement about them |
//! | `committer` | the commits of this node, many in one transaction, all nodes in turns |
//! | `follower` | the commits of all nodes, as watches see them |
//! | `election` | who is in office |
//! | `snapshot` | one moment of everything |

mod committer;
mod election;
mod error;
mod follower;
mod link;
mod options;
mod row;
mod schema;
mod snapshot;
mod tls;

use std::sync::Arc;

use arca_base::Clock;
use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::history::History;
use crate::key::{check_folder, check_text, listing_start, past_prefix};
use crate::queue::Queue;
use crate::{
    Batch, Changes, Election, Entry, Page, Records, Revision, Snapshot, Storage, StorageError, check_key,
};

pub use error::ConnectError;
pub use options::{Address as PostgresAddress, PostgresOptions};

use committer::Committer;
use election::PostgresElection;
use follower::{LogReader, Watch};
use link::{Link, Reads};
use schema::{Tables, past_every_key};

/// A store in PostgreSQL, as one of its nodes sees it.
pub struct PostgresStorage {
    link: Link,
    tables: Tables,
    statements: Statements,
    reads: Reads,
    queue: Queue,
    history: Arc<History>,
    follower: AbortHandle,
    election: Option<Arc<PostgresElection>>,
}

/// Texts of statements, made once.
struct Statements {
    get: String,
    list: String,
    scan: String,
    read_from: String,
    read_after: String,
    state: String,
    changes: Arc<str>,
}

impl PostgresStorage {
    /// Connects, makes the tables when they are missing, and starts what runs in the background.
    ///
    /// # Errors
    /// [`ConnectError`] names what is wrong and what to do about it.
    pub async fn connect(options: PostgresOptions, clock: Arc<dyn Clock>) -> Result<Self, ConnectError> {
        let link = Link::new(&options, clock)?;
        let tables = Tables::new(&options.table, &options.ha_table)?;
        let client = link.client().await?;
        let revision = tables.prepare(&client, options.ha_enabled).await?;
        drop(client);

        // One connection commits and one follows the log; the others read.
        let reads = link.pool(options.max_parallel.saturating_sub(2).max(1))?;
        let history = Arc::new(History::starting_at(revision, options.history));
        let news = Arc::new(Notify::new());
        let follower = LogReader::new(
            link.clone(),
            tables.clone(),
            Arc::clone(&history),
            Arc::clone(&news),
        );
        let (queue, jobs) = Queue::new();
        let committer = Committer::new(
            link.clone(),
            tables.clone(),
            options.ha_enabled,
            options.keep_commits,
        );
        tokio::spawn(committer.run(jobs));
        let election = options.ha_enabled.then(|| {
            let election = PostgresElection::new(link.clone(), reads.clone(), &tables, options.lease, news);
            Arc::new(election)
        });
        Ok(Self {
            statements: Statements::new(&tables),
            link,
            tables,
            reads,
            queue,
            history,
            follower: tokio::spawn(follower.run()).abort_handle(),
            election,
        })
    }
}

impl Statements {
    fn new(tables: &Tables) -> Self {
        Self {
            get: tables.get(),
            list: tables.list(),
            scan: tables.scan(),
            read_from: tables.read_range(true),
            read_after: tables.read_range(false),
            state: tables.state(),
            changes: tables.changes().into(),
        }
    }
}

/// Ends the streams of watches. What was handed over to be committed still is.
impl Drop for PostgresStorage {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

#[async_trait]
impl Storage for PostgresStorage {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        check_key(key)?;
        let rows = self.reads.query(&self.statements.get, &[&key]).await?;
        rows.first().map(row::entry).transpose()
    }

    async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        check_folder(prefix)?;
        check_text(after)?;
        let (start, end) = (listing_start(prefix, after), end(prefix));
        let wanted = row::count(limit.saturating_add(1));
        let rows = self
            .reads
            .query(&self.statements.list, &[&prefix, &start, &end, &wanted])
            .await?;
        let names = rows.iter().take(limit).map(|row| row::column(row, "name"));
        Ok(Page {
            names: names.collect::<Result<_, _>>()?,
            more: rows.len() > limit,
        })
    }

    async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        check_text(prefix)?;
        check_text(after)?;
        let (start, end) = (format!("{prefix}{after}"), end(prefix));
        let wanted = row::count(limit.saturating_add(1));
        let rows = self
            .reads
            .query(&self.statements.scan, &[&start, &end, &wanted])
            .await?;
        let name = |row| {
            row::column::<&str>(row, "key").map(|key| key.strip_prefix(prefix).unwrap_or(key).to_owned())
        };
        Ok(Page {
            names: rows.iter().take(limit).map(name).collect::<Result<_, _>>()?,
            more: rows.len() > limit,
        })
    }

    async fn read_range(&self, prefix: &str, after: &str, limit: usize) -> Result<Records, StorageError> {
        check_text(prefix)?;
        check_text(after)?;
        let (statement, start) = if after < prefix {
            (&self.statements.read_from, prefix)
        } else {
            (&self.statements.read_after, after)
        };
        let wanted = row::count(limit.saturating_add(1));
        let rows = self
            .reads
            .query(statement, &[&start, &end(prefix), &wanted])
            .await?;
        Ok(Records {
            records: rows
                .iter()
                .take(limit)
                .map(row::record)
                .collect::<Result<_, _>>()?,
            more: rows.len() > limit,
        })
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StorageError> {
        self.queue.commit(batch).await
    }

    async fn revision(&self) -> Result<Revision, StorageError> {
        let rows = self.reads.query(&self.statements.state, &[]).await?;
        let row = rows
            .first()
            .ok_or_else(|| StorageError::unavailable("the state of the store is missing"))?;
        row::revision(row, "revision")
    }

    fn watch(&self, prefix: &str, from: Revision) -> Changes {
        let follower = self.history.follow(prefix, from);
        let changes = Arc::clone(&self.statements.changes);
        Watch::new(follower, self.reads.clone(), changes).into_changes()
    }

    fn election(&self) -> Option<Arc<dyn Election>> {
        self.election
            .clone()
            .map(|election| election as Arc<dyn Election>)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn kind(&self) -> &'static str {
        "postgresql"
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StorageError> {
        Ok(Box::new(snapshot::View::open(&self.link, &self.tables).await?))
    }
}

/// The smallest text after every key that begins with `prefix`.
fn end(prefix: &str) -> String {
    past_prefix(prefix).unwrap_or_else(past_every_key)
}
