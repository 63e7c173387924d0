//! Connections to one server: a bounded number, used again while they live.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, Opts, Params};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::super::driver::DriverError;
use super::super::redact::Redactor;
use super::super::settings::PoolLimits;
use super::failure::{Failure, connection_error};

const CONNECT_SECONDS: u64 = 10;
const QUEUE_SECONDS: u64 = 10;
const STATEMENT_SECONDS: u64 = 30;
const PING_SECONDS: u64 = 5;

/// The connections to a server.
pub(super) struct Link {
    options: Opts,
    limits: PoolLimits,
    redactor: Redactor,
    permits: Semaphore,
    idle: Mutex<Vec<Idle>>,
    is_closed: AtomicBool,
}

struct Idle {
    connection: Conn,
    since: Instant,
}

/// A connection in use. It is used again afterwards, unless it was lost, its holder left in the middle of something,
/// or a statement may have left something behind in it.
pub(super) struct Session<'a> {
    /// Away while a statement runs, so that one dropped in the middle of it is closed.
    connection: Option<Conn>,
    is_changed: bool,
    since: Instant,
    link: &'a Link,
    _permit: SemaphorePermit<'a>,
}

impl Link {
    pub(super) fn new(options: Opts, limits: PoolLimits, redactor: Redactor) -> Self {
        Self {
            options,
            limits,
            redactor,
            permits: Semaphore::new(limits.open),
            idle: Mutex::new(Vec::new()),
            is_closed: AtomicBool::new(false),
        }
    }

    /// A connection that has just given a sign of life.
    pub(super) async fn session(&self) -> Result<Session<'_>, DriverError> {
        let permit = timeout(Duration::from_secs(QUEUE_SECONDS), self.permits.acquire())
            .await
            .map_err(|_| DriverError::Busy(self.limits.open))?
            .map_err(|_| DriverError::Unreachable("the connection has been closed".to_owned()))?;
        let Idle { connection, since } = match self.living().await {
            Some(idle) => idle,
            None => Idle {
                connection: self.connect().await?,
                since: now(),
            },
        };
        Ok(Session {
            connection: Some(connection),
            is_changed: false,
            since,
            link: self,
            _permit: permit,
        })
    }

    async fn living(&self) -> Option<Idle> {
        loop {
            let mut idle = self.idle.lock().pop()?;
            if self.is_young(idle.since)
                && matches!(
                    timeout(Duration::from_secs(PING_SECONDS), idle.connection.ping()).await,
                    Ok(Ok(()))
                )
            {
                return Some(idle);
            }
        }
    }

    fn is_young(&self, since: Instant) -> bool {
        self.limits
            .lifetime
            .is_none_or(|lifetime| since.elapsed() < lifetime)
    }

    async fn connect(&self) -> Result<Conn, DriverError> {
        timeout(
            Duration::from_secs(CONNECT_SECONDS),
            Conn::new(self.options.clone()),
        )
        .await
        .map_err(|_| DriverError::TimedOut(CONNECT_SECONDS))?
        .map_err(|error| connection_error(&error, &self.redactor))
    }

    /// Closes what nobody uses; what is in use is closed after its use.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock());
        for idle in idle {
            // Whether the server still hears it does not matter.
            let _ = timeout(Duration::from_secs(PING_SECONDS), idle.connection.disconnect()).await;
        }
    }
}

impl Session<'_> {
    /// Runs a statement. What `secrets` knows is cut out of errors too.
    pub(super) async fn run(&mut self, sql: &str, secrets: &Redactor) -> Result<(), Failure> {
        let mut connection = self.take()?;
        self.is_changed |= !leaves_nothing(sql);
        let answer = in_time(connection.query_drop(sql)).await;
        self.keep(connection, answer, secrets)
    }

    /// Asks a question with parameters.
    pub(super) async fn rows<T>(&mut self, sql: &str, parameters: Vec<&str>) -> Result<Vec<T>, Failure>
    where
        T: FromRow + Send + 'static,
    {
        let mut connection = self.take()?;
        let parameters = match parameters.is_empty() {
            true => Params::Empty,
            false => Params::from(parameters),
        };
        let answer = in_time(connection.exec(sql, parameters)).await;
        self.keep(connection, answer, &Redactor::new())
    }

    /// Has a statement read, and does not run it.
    pub(super) async fn prepare(&mut self, sql: &str, secrets: &Redactor) -> Result<(), Failure> {
        let mut connection = self.take()?;
        let answer = in_time(async {
            let statement = connection.prep(sql).await?;
            connection.close(statement).await
        })
        .await;
        self.keep(connection, answer, secrets)
    }

    fn take(&mut self) -> Result<Conn, Failure> {
        self.connection
            .take()
            .ok_or_else(|| Failure::Lost(DriverError::Unreachable("the connection broke".to_owned())))
    }

    /// Keeps a connection that has answered.
    fn keep<T>(&mut self, connection: Conn, answer: Answer<T>, secrets: &Redactor) -> Result<T, Failure> {
        let failure = match answer {
            Ok(Ok(value)) => {
                self.connection = Some(connection);
                return Ok(value);
            }
            Ok(Err(error)) => Failure::new(&error, &self.link.redactor),
            Err(_) => Failure::Lost(DriverError::TimedOut(STATEMENT_SECONDS)),
        };
        Err(match failure {
            Failure::Server { code, message } => {
                self.connection = Some(connection);
                let message = secrets.cut(&message);
                Failure::Server { code, message }
            }
            lost @ Failure::Lost(_) => lost,
        })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let mut idle = self.link.idle.lock();
        if !self.is_changed
            && idle.len() < self.link.limits.idle
            && self.link.is_young(self.since)
            && !self.link.is_closed.load(Ordering::Acquire)
        {
            idle.push(Idle {
                connection,
                since: self.since,
            });
        }
    }
}

/// Whether a statement changes nothing in its connection, as `USE`, `SET` or `BEGIN` do.
fn leaves_nothing(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default();
    LEAVES_NOTHING
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

const LEAVES_NOTHING: &[&str] = &[
    "ALTER", "CREATE", "DELETE", "DROP", "FLUSH", "GRANT", "INSERT", "KILL", "RENAME", "REVOKE", "SELECT",
    "UPDATE",
];

type Answer<T> = Result<Result<T, mysql_async::Error>, Elapsed>;

fn in_time<T>(work: impl Future<Output = Result<T, mysql_async::Error>>) -> impl Future<Output = Answer<T>> {
    timeout(Duration::from_secs(STATEMENT_SECONDS), work)
}

#[expect(clippy::disallowed_methods, reason = "connections age in real time")]
fn now() -> Instant {
    Instant::now()
}
