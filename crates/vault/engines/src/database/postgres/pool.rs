//! Connections to the server, and what its errors mean.

use std::time::Duration;

use arca_storage::PostgresAddress;
use deadpool_postgres::{Manager, Object, Pool, PoolError, Runtime, TimeoutType};
use tokio_postgres::error::{DbError, SqlState};

use super::super::driver::DriverError;
use super::super::redact::{Redactor, percent_encoded};
use super::super::settings::{ConnectionSettings, PoolLimits};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a call waits for one of the connections to be free.
const WAIT: Duration = Duration::from_secs(20);

/// The connections to one server.
pub(super) struct Connections {
    pool: Pool,
    address: PostgresAddress,
    limits: PoolLimits,
    redactor: Redactor,
    /// See [`super::execute`].
    pub(super) turns: super::execute::Turns,
}

impl Connections {
    pub(super) fn new(settings: &ConnectionSettings) -> Result<Self, DriverError> {
        let redactor = settings.redactor();
        let setting =
            |error: arca_storage::ConnectError| DriverError::Setting(redactor.cut(&error.to_string()));
        let template = settings.required("connection_url")?;
        let is_url = template.contains("://");
        let url = settings.filled_url(|text| {
            if is_url {
                url_escaped(text)
            } else {
                pair_escaped(text)
            }
        })?;
        let mut address = PostgresAddress::parse(url.expose()).map_err(setting)?;
        let authorities = settings.text("tls_ca")?;
        if !authorities.is_empty() {
            address.trust(authorities);
        }
        let (certificate, key) = (settings.text("tls_certificate")?, settings.text("private_key")?);
        if !certificate.is_empty() && !key.is_empty() {
            address.identify(certificate, key);
        }
        if address.config.get_application_name().is_none() {
            address.config.application_name("arca");
        }
        if address.config.get_connect_timeout().is_none() {
            address.config.connect_timeout(CONNECT);
        }
        // A server that vanished is noticed within half a minute.
        address
            .config
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(30));
        let limits = settings.pool()?;
        let pool = pool_of(address.manager().map_err(setting)?, limits.open)?;
        Ok(Self {
            pool,
            address,
            limits,
            redactor,
            turns: super::execute::Turns::default(),
        })
    }

    /// A connection of one's own, until it is dropped.
    pub(super) async fn take(&self) -> Result<Object, DriverError> {
        let idle = self.pool.status().available;
        if idle > self.limits.idle {
            // Those that were not used for longest go first.
            let mut excess = idle - self.limits.idle;
            self.pool.retain(|_, _| {
                let keep = excess == 0;
                excess = excess.saturating_sub(1);
                keep
            });
        }
        if let Some(lifetime) = self.limits.lifetime {
            self.pool.retain(|_, metrics| metrics.age() < lifetime);
        }
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => DriverError::Busy(self.limits.open),
            PoolError::Timeout(_) => DriverError::TimedOut(CONNECT.as_secs()),
            PoolError::Backend(error) => self.explain_connecting(&error),
            other => DriverError::Unreachable(self.redactor.cut(&other.to_string())),
        })
    }

    /// A connection to another database of the server, with the same login; it ends when it is dropped.
    pub(super) async fn take_in(&self, database: &str) -> Result<Object, DriverError> {
        let manager = self.address.manager_of_database(database);
        let manager = manager.map_err(|error| DriverError::Setting(self.redactor.cut(&error.to_string())))?;
        let client = pool_of(manager, 1)?.get().await;
        client.map_err(|error| match error {
            PoolError::Backend(error) => self.explain_connecting(&error),
            PoolError::Timeout(_) => DriverError::TimedOut(CONNECT.as_secs()),
            other => DriverError::Unreachable(self.redactor.cut(&other.to_string())),
        })
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }

    fn explain_connecting(&self, error: &tokio_postgres::Error) -> DriverError {
        match self.explain(error) {
            // Whatever a server says while somebody logs in is about the login.
            DriverError::Statement { message, .. } => DriverError::Refused(message),
            other => other,
        }
    }

    /// An error of the driver in our words, for a statement that stands alone.
    pub(super) fn explain(&self, error: &tokio_postgres::Error) -> DriverError {
        if let Some(said) = error.as_db_error() {
            let text = self.redactor.cut(&server_text(said));
            let code = said.code();
            return if code.code().starts_with("28") || *code == SqlState::INVALID_CATALOG_NAME {
                DriverError::Refused(text)
            } else if is_away(code) {
                DriverError::Unreachable(text)
            } else {
                DriverError::Statement {
                    number: 1,
                    total: 1,
                    message: text,
                }
            };
        }
        let text = match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        let text = self.redactor.cut(&text);
        if text.starts_with("error performing TLS handshake") {
            DriverError::Tls(text)
        } else if text.starts_with("invalid configuration") {
            DriverError::Setting(text)
        } else {
            DriverError::Unreachable(text)
        }
    }
}

fn pool_of(manager: Manager, size: usize) -> Result<Pool, DriverError> {
    Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(CONNECT))
        .build()
        .map_err(|error| DriverError::Setting(error.to_string()))
}

/// Whether the server is going away, coming up, or full.
fn is_away(code: &SqlState) -> bool {
    let away = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ];
    code.code().starts_with("08") || away.contains(code)
}

/// What the server says, in the words its own tools use.
pub(super) fn server_text(said: &DbError) -> String {
    const MOST: usize = 300;
    let mut text = format!("ERROR: {} (SQLSTATE {})", said.message(), said.code().code());
    // What blocks a drop stands in the detail; other details may quote rows.
    if *said.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST
        && let Some(detail) = said.detail()
    {
        let detail: String = detail.replace('\n', "; ").chars().take(MOST).collect();
        text.push_str(&format!(": {detail}"));
    }
    text
}

fn url_escaped(text: &str) -> String {
    percent_encoded(text, |_| false)
}

/// Escapes for `name=value`.
fn pair_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '\'') || character.is_whitespace() {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
