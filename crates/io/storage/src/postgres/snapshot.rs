//! A consistent view of everything, over a connection of its own.

use async_trait::async_trait;
use tokio_postgres::{Client, Statement};

use super::error::unavailable;
use super::link::Link;
use super::row;
use super::schema::{Tables, past_every_key};
use crate::{Entry, Revision, Snapshot, StorageError};

/// A transaction that sees one moment, and a place in it.
pub(super) struct View {
    client: Client,
    page: Statement,
    revision: Revision,
    last: String,
}

impl View {
    pub(super) async fn open(link: &Link, tables: &Tables) -> Result<Self, StorageError> {
        let client = link.patient_client().await?;
        let failed = |error| unavailable(&error);
        // The reader of a snapshot may take its time between two pages.
        let begin = "SET idle_in_transaction_session_timeout = '15min';
            BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        client.batch_execute(begin).await.map_err(failed)?;
        let state = client.query_one(&tables.state(), &[]).await.map_err(failed)?;
        Ok(Self {
            page: client.prepare(&tables.read_range(false)).await.map_err(failed)?,
            revision: row::revision(&state, "revision")?,
            last: String::new(),
            client,
        })
    }
}

#[async_trait]
impl Snapshot for View {
    fn revision(&self) -> Revision {
        self.revision
    }

    async fn next(&mut self, limit: usize) -> Result<Vec<(String, Entry)>, StorageError> {
        let rows = self
            .client
            .query(&self.page, &[&self.last, &past_every_key(), &row::count(limit)])
            .await
            .map_err(|error| unavailable(&error))?;
        let records: Vec<(String, Entry)> = rows.iter().map(row::record).collect::<Result<_, _>>()?;
        if let Some((key, _)) = records.last() {
            self.last.clone_from(key);
        }
        Ok(records)
    }
}
