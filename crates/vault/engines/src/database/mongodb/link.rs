//! The client of a server or a set of them, and why there is no answer.

use std::time::Duration;

use mongodb::Client;
use mongodb::bson::Document;
use mongodb::error::{Error, ErrorKind};
use tokio::time::timeout;

use super::super::driver::DriverError;
use super::super::redact::Redactor;
use super::options::Setup;
use super::secret_file::SecretFile;

pub(super) const CONNECT_SECONDS: u64 = 10;
const ANSWER_SECONDS: u64 = 30;

/// What the server calls a user that is not there.
pub(super) const USER_NOT_FOUND: i32 = 11;
/// What it calls a user that is there already.
pub(super) const USER_EXISTS: i32 = 51003;
/// What it calls something that the configured user may not do.
const UNAUTHORIZED: i32 = 13;

/// A client with its own connections.
pub(super) struct Link {
    client: Client,
    redactor: Redactor,
    _files: Vec<SecretFile>,
}

/// Why a command was not carried out.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused it.
    Server {
        /// Its number for that.
        code: i32,
        /// What it says, without credentials.
        message: String,
    },
    /// The connection broke, and with it perhaps an answer.
    Broken(String),
    /// There is no server to refuse anything.
    Lost(DriverError),
}

impl Failure {
    /// As the failure of a statement of a role.
    pub(super) fn of_statement(self) -> DriverError {
        match self {
            Self::Server { message, .. } => DriverError::Statement {
                number: 1,
                total: 1,
                message,
            },
            Self::Broken(message) => DriverError::Unreachable(message),
            Self::Lost(error) => error,
        }
    }

    /// As the failure of a question that a driver asks by itself.
    pub(super) fn of_question(self) -> DriverError {
        match self {
            Self::Server { message, .. } => DriverError::Statements(format!(
                "the database does not answer the configured user: {message}"
            )),
            Self::Broken(message) => DriverError::Unreachable(message),
            Self::Lost(error) => error,
        }
    }

    pub(super) const fn is(&self, wanted: i32) -> bool {
        matches!(self, Self::Server { code, .. } if *code == wanted)
    }

    /// Whether the user Arca logs in as may not do that.
    pub(super) const fn is_denied(&self) -> bool {
        self.is(UNAUTHORIZED)
    }
}

impl Link {
    /// # Errors
    /// [`DriverError::Setting`] and [`DriverError::Tls`].
    pub(super) fn new(setup: Setup, redactor: Redactor) -> Result<Self, DriverError> {
        let client = Client::with_options(setup.options)
            .map_err(|error| DriverError::Tls(redactor.cut(&error.kind.to_string())))?;
        Ok(Self {
            client,
            redactor,
            _files: setup.files,
        })
    }

    /// Carries out a command that may be carried out twice.
    pub(super) async fn ask(&self, database: &str, command: Document) -> Result<Document, Failure> {
        let nothing = Redactor::new();
        match self.run(database, command.clone(), &nothing).await {
            // A connection that was kept may be gone since; the library has dropped it now.
            Err(Failure::Broken(_)) => self.run(database, command, &nothing).await,
            answer => answer,
        }
    }

    /// Carries out a command. What `secrets` knows is cut out of errors too.
    pub(super) async fn run(
        &self,
        database: &str,
        command: Document,
        secrets: &Redactor,
    ) -> Result<Document, Failure> {
        let database = self.client.database(database);
        let answering = database.run_command(command);
        match timeout(Duration::from_secs(ANSWER_SECONDS), async { answering.await }).await {
            Err(_) => Err(Failure::Lost(DriverError::TimedOut(ANSWER_SECONDS))),
            Ok(answer) => answer.map_err(|error| self.failure(&error, secrets)),
        }
    }

    pub(super) async fn close(&self) {
        let closing = self.client.clone().shutdown().immediate(true);
        let _ = timeout(Duration::from_secs(CONNECT_SECONDS), async { closing.await }).await;
    }

    fn failure(&self, error: &Error, secrets: &Redactor) -> Failure {
        if let ErrorKind::Command(refusal) = error.kind.as_ref() {
            return Failure::Server {
                code: refusal.code,
                message: secrets.cut(&self.redactor.cut(&refusal.message)),
            };
        }
        let text = secrets.cut(&self.redactor.cut(&error.kind.to_string()));
        Failure::Lost(match error.kind.as_ref() {
            ErrorKind::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => DriverError::Tls(text),
            ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => return Failure::Broken(text),
            ErrorKind::Authentication { .. } => DriverError::Refused(text),
            ErrorKind::InvalidTlsConfig { .. } => DriverError::Tls(text),
            ErrorKind::InvalidArgument { .. } => DriverError::Setting(format!("connection_url: {text}")),
            // The library tells what it met while it looked for a server in the text alone.
            ErrorKind::ServerSelection { .. } if text.contains("certificate") => DriverError::Tls(text),
            _ => DriverError::Unreachable(text),
        })
    }
}
