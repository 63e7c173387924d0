//! The election among the nodes of one database, by the clock of the database.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::link::{Link, Reads};
use super::row;
use super::schema::Tables;
use crate::{Election, StorageError, Term};

/// The election of one store.
pub(super) struct PostgresElection {
    link: Link,
    reads: Reads,
    store: String,
    lease: Duration,
    /// Woken by each piece of news, also by a vacant office.
    news: Arc<Notify>,
    elect: String,
    renew: String,
    resign: String,
    leader: String,
}

impl PostgresElection {
    pub(super) fn new(link: Link, reads: Reads, tables: &Tables, lease: Duration, news: Arc<Notify>) -> Self {
        Self {
            link,
            reads,
            store: tables.name.clone(),
            lease,
            news,
            elect: tables.elect(),
            renew: tables.renew(),
            resign: tables.resign(),
            leader: tables.leader(),
        }
    }

    /// How often a candidate asks. News of a resignation may get lost, and nobody tells of an end by time.
    fn patience(&self) -> Duration {
        (self.lease / 4).clamp(Duration::from_millis(50), Duration::from_secs(2))
    }
}

#[async_trait]
impl Election for PostgresElection {
    async fn campaign(&self, candidate: &str) -> Result<Term, StorageError> {
        let seconds = self.lease.as_secs_f64();
        loop {
            let news = self.news.notified();
            let rows = self
                .reads
                .query_once(&self.elect, &[&self.store, &candidate, &seconds])
                .await?;
            if let Some(row) = rows.first() {
                return row::revision(row, "term").map(|term| Term(term.0));
            }
            tokio::select! {
                () = news => (),
                () = self.link.clock().sleep(self.patience()) => (),
            }
        }
    }

    async fn renew(&self, term: Term) -> Result<(), StorageError> {
        let seconds = self.lease.as_secs_f64();
        let renewed = self
            .reads
            .execute(&self.renew, &[&self.store, &row::number(term.0), &seconds])
            .await?;
        if renewed == 0 {
            return Err(StorageError::Fenced);
        }
        Ok(())
    }

    async fn resign(&self, term: Term) -> Result<(), StorageError> {
        self.reads
            .execute(&self.resign, &[&self.store, &row::number(term.0)])
            .await
            .map(|_| ())
    }

    async fn leader(&self) -> Result<Option<(String, Term)>, StorageError> {
        let rows = self.reads.query(&self.leader, &[&self.store]).await?;
        let leader = |row| {
            Ok((
                row::column(row, "candidate")?,
                Term(row::revision(row, "term")?.0),
            ))
        };
        rows.first().map(leader).transpose()
    }

    fn lease(&self) -> Duration {
        self.lease
    }
}
