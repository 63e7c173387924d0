//! Connections to the server, each set up the same way, and the reads that go through a pool of them.

use std::sync::Arc;
use std::time::Duration;

use arca_base::Clock;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Connection, Row, Socket};

use super::ConnectError;
use super::error::{explain, is_lost, unavailable};
use super::options::{Address, PostgresOptions};
use super::tls::{Stream, Tls};
use crate::StorageError;

/// How to connect.
#[derive(Clone)]
pub(super) struct Link {
    config: tokio_postgres::Config,
    tls: Tls,
    session: String,
    patience: Duration,
    clock: Arc<dyn Clock>,
}

impl Link {
    pub(super) fn new(options: &PostgresOptions, clock: Arc<dyn Clock>) -> Result<Self, ConnectError> {
        let Address { mut config, tls } = Address::parse(options.connection_url.expose())?;
        if config.get_application_name().is_none() {
            config.application_name("arca");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(options.connect_timeout);
        }
        // A server that vanished is noticed within half a minute.
        config
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(30));
        Ok(Self {
            config,
            tls: tls.connector()?,
            session: session(options.statement_timeout),
            patience: options.connect_timeout,
            clock,
        })
    }

    /// A connection, to be driven by the caller.
    pub(super) async fn open(&self) -> Result<(Client, Connection<Socket, Stream>), tokio_postgres::Error> {
        self.config.connect(self.tls.clone()).await
    }

    /// A connection that is driven in the background until it is dropped.
    pub(super) async fn client(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.open().await?;
        // Its errors are those of the statements that wait for it.
        tokio::spawn(connection);
        client.batch_execute(&self.session).await?;
        Ok(client)
    }

    /// A connection as soon as the server can be reached, if that is soon.
    pub(super) async fn patient_client(&self) -> Result<Client, StorageError> {
        let start = self.clock.monotonic();
        let mut backoff = Backoff::default();
        loop {
            match self.client().await {
                Ok(client) => return Ok(client),
                Err(error) if self.clock.monotonic() - start > self.patience => {
                    return Err(unavailable(&error));
                }
                Err(error) => {
                    tracing::debug!("cannot reach PostgreSQL yet: {}", explain(&error));
                    self.clock.sleep(backoff.next()).await;
                }
            }
        }
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// A pool of at most `size` connections.
    pub(super) fn pool(&self, size: usize) -> Result<Reads, ConnectError> {
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let session: Arc<str> = self.session.as_str().into();
        let set_up = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            let session = Arc::clone(&session);
            Box::pin(async move { client.batch_execute(&session).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(Manager::from_config(
            self.config.clone(),
            self.tls.clone(),
            manager,
        ))
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(self.patience))
        .create_timeout(Some(self.patience))
        .post_create(set_up)
        .build()
        .map_err(|error| ConnectError::Pool(error.to_string()))?;
        Ok(Reads(pool))
    }
}

/// What every connection is told first.
///
/// A commit has to be on disk when it is acknowledged, whatever the default of the server is. A node that hangs in the
/// middle of a commit must not hold up the others for long.
fn session(statement_timeout: Duration) -> String {
    format!(
        "SET statement_timeout = {};
         SET idle_in_transaction_session_timeout = '10s';
         SET default_transaction_isolation = 'read committed';
         SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') IN ('off', 'local')",
        statement_timeout.as_millis()
    )
}

/// Growing waits between attempts, up to two seconds.
#[derive(Default)]
pub(super) struct Backoff(u32);

impl Backoff {
    pub(super) fn next(&mut self) -> Duration {
        let wait = Duration::from_millis(50 << self.0.min(6)).min(Duration::from_secs(2));
        self.0 += 1;
        wait
    }
}

/// A pool of connections for reads.
#[derive(Clone)]
pub(super) struct Reads(Pool);

impl Reads {
    /// Runs a statement that only reads. A connection that turns out to be gone is replaced once.
    pub(super) async fn query(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StorageError> {
        match self.attempt(sql, parameters).await? {
            Ok(rows) => Ok(rows),
            Err(error) if is_lost(&error) => self
                .attempt(sql, parameters)
                .await?
                .map_err(|error| unavailable(&error)),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Runs a statement that must not run twice.
    pub(super) async fn query_once(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StorageError> {
        self.attempt(sql, parameters)
            .await?
            .map_err(|error| unavailable(&error))
    }

    /// Runs a statement that must not run twice, and returns the number of rows it changed.
    pub(super) async fn execute(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StorageError> {
        let client = self.0.get().await.map_err(StorageError::unavailable)?;
        let run = async {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, parameters).await
        };
        run.await.map_err(|error| unavailable(&error))
    }

    async fn attempt(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Result<Vec<Row>, tokio_postgres::Error>, StorageError> {
        let client = self.0.get().await.map_err(StorageError::unavailable)?;
        let run = async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        };
        let answer = run.await;
        if answer.as_ref().is_err_and(is_lost) {
            // Not back into the pool.
            drop(Object::take(client));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..8).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }
}
