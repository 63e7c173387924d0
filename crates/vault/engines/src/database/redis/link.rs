//! The connection to a server. One is enough: it carries the commands of all callers at the same time.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, ServerErrorKind, TlsCertificates,
};
use tokio::sync::Mutex;

use super::super::driver::DriverError;
use super::super::redact::Redactor;
use super::super::settings::ConnectionSettings;

const CONNECT_SECONDS: u64 = 10;
const ANSWER_SECONDS: u64 = 30;
const PORT: u16 = 6379;

/// The connection to a server.
pub(super) struct Link {
    client: Client,
    redactor: Redactor,
    current: Mutex<Option<MultiplexedConnection>>,
}

/// Why a command was not carried out.
pub(super) enum Failure {
    /// The server refused it.
    Server(String),
    /// There is no server to refuse anything.
    Lost(DriverError),
}

impl Failure {
    /// As the failure of rules of a role.
    pub(super) fn of_rules(self) -> DriverError {
        match self {
            Self::Server(message) => DriverError::Statement {
                number: 1,
                total: 1,
                message,
            },
            Self::Lost(error) => error,
        }
    }

    /// As the failure of a question that a driver asks by itself.
    pub(super) fn of_question(self) -> DriverError {
        match self {
            Self::Server(message) => DriverError::Statements(format!(
                "the database does not answer the configured user: {message}"
            )),
            Self::Lost(error) => error,
        }
    }
}

impl Link {
    /// # Errors
    /// [`DriverError::Setting`].
    pub(super) fn new(settings: &ConnectionSettings) -> Result<Self, DriverError> {
        let redactor = settings.redactor();
        let client = client(settings).map_err(|error| match error {
            Misconfigured::Setting(error) => error,
            Misconfigured::Library(error) => {
                DriverError::Setting(format!("ca_cert: {}", redactor.cut(&error.to_string())))
            }
        })?;
        Ok(Self {
            client,
            redactor,
            current: Mutex::new(None),
        })
    }

    /// Carries out a command that may be carried out twice. What `secrets` knows is cut out of errors too.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        command: &Cmd,
        secrets: &Redactor,
    ) -> Result<T, Failure> {
        let mut connection = self.connection(false).await.map_err(Failure::Lost)?;
        let mut answer = command.query_async(&mut connection).await;
        if answer.as_ref().is_err_and(is_stale) {
            // The server may have been started anew since the last command.
            connection = self.connection(true).await.map_err(Failure::Lost)?;
            answer = command.query_async(&mut connection).await;
        }
        match answer {
            Ok(value) => Ok(value),
            Err(error) => {
                if error.is_unrecoverable_error() {
                    *self.current.lock().await = None;
                }
                Err(self.failure(&error, secrets))
            }
        }
    }

    /// Carries out commands in one piece, of which nobody sees the middle.
    pub(super) async fn ask_at_once(&self, commands: [Cmd; 2]) -> Result<(), Failure> {
        let mut connection = self.connection(false).await.map_err(Failure::Lost)?;
        let mut transaction = redis::pipe();
        transaction.atomic();
        for command in commands {
            transaction.add_command(command);
        }
        let answer: Result<redis::Value, _> = transaction.query_async(&mut connection).await;
        answer
            .map(|_| ())
            .map_err(|error| self.failure(&error, &Redactor::new()))
    }

    async fn connection(&self, anew: bool) -> Result<MultiplexedConnection, DriverError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.as_ref().filter(|_| !anew) {
            return Ok(connection.clone());
        }
        *current = None;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(CONNECT_SECONDS)))
            .set_response_timeout(Some(Duration::from_secs(ANSWER_SECONDS)));
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| self.connection_error(&error))?;
        *current = Some(connection.clone());
        Ok(connection)
    }

    pub(super) async fn close(&self) {
        *self.current.lock().await = None;
    }

    fn failure(&self, error: &RedisError, secrets: &Redactor) -> Failure {
        match error.kind() {
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::ReadOnly,
            ) => Failure::Lost(DriverError::Unreachable(self.said(error))),
            ErrorKind::Server(_) | ErrorKind::Extension if error.code() != Some("NOAUTH") => {
                Failure::Server(secrets.cut(&self.said(error)))
            }
            ErrorKind::UnexpectedReturnType | ErrorKind::Parse => {
                Failure::Server("an answer that no Redis or Valkey gives".to_owned())
            }
            _ if error.is_timeout() => Failure::Lost(DriverError::TimedOut(ANSWER_SECONDS)),
            _ => Failure::Lost(self.connection_error(error)),
        }
    }

    fn connection_error(&self, error: &RedisError) -> DriverError {
        match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::Server(_) | ErrorKind::Extension => {
                DriverError::Refused(self.said(error))
            }
            ErrorKind::InvalidClientConfig => DriverError::Tls(self.said(error)),
            _ if error.is_timeout() => DriverError::TimedOut(CONNECT_SECONDS),
            // What the TLS library refuses arrives as broken data.
            ErrorKind::Io if is_broken_data(error) => DriverError::Tls(self.said(error)),
            _ => DriverError::Unreachable(self.said(error)),
        }
    }

    fn said(&self, error: &RedisError) -> String {
        let text = match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => format!("{code} {detail}"),
            _ => error.to_string(),
        };
        self.redactor.cut(&text)
    }
}

fn is_stale(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_timeout()
}

fn is_broken_data(error: &RedisError) -> bool {
    type Cause = Arc<dyn Error + Send + Sync>;
    error
        .source()
        .and_then(|cause| cause.downcast_ref::<Cause>()?.downcast_ref::<io::Error>())
        .is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
}

enum Misconfigured {
    Setting(DriverError),
    Library(RedisError),
}

impl From<DriverError> for Misconfigured {
    fn from(error: DriverError) -> Self {
        Self::Setting(error)
    }
}

impl From<RedisError> for Misconfigured {
    fn from(error: RedisError) -> Self {
        Self::Library(error)
    }
}

fn client(settings: &ConnectionSettings) -> Result<Client, Misconfigured> {
    let host = settings.required("host")?;
    if host.contains("://") {
        return Err(DriverError::Setting("host: a name or an address, not a URL".to_owned()).into());
    }
    let port = match settings.get::<i64>("port")? {
        0 => PORT,
        port => u16::try_from(port)
            .map_err(|_| DriverError::Setting("port: must be a number from 1 to 65535".to_owned()))?,
    };
    let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
    let (username, password) = (settings.username()?, settings.password()?);
    if !username.is_empty() {
        login = login.set_username(&username);
    }
    if !password.expose().is_empty() {
        login = login.set_password(password.expose());
    }
    let authority = settings.text("ca_cert")?;
    let insecure = settings.get::<bool>("insecure_tls")?;
    let tls = settings.get::<bool>("tls")?;
    if !tls && (insecure || !authority.is_empty()) {
        return Err(DriverError::Setting("ca_cert and insecure_tls need tls=true".to_owned()).into());
    }
    let address = match tls {
        false => ConnectionAddr::Tcp(host, port),
        true => ConnectionAddr::TcpTls {
            host,
            port,
            insecure,
            tls_params: None,
        },
    };
    let info = address.into_connection_info()?.set_redis_settings(login);
    if authority.is_empty() {
        return Ok(Client::open(info)?);
    }
    if !authority.contains("-----BEGIN CERTIFICATE-----") {
        return Err(
            DriverError::Setting("ca_cert: there is no PEM block CERTIFICATE in it".to_owned()).into(),
        );
    }
    Ok(Client::build_with_tls(
        info,
        TlsCertificates {
            client_tls: None,
            root_cert: Some(authority.into_bytes()),
        },
    )?)
}
