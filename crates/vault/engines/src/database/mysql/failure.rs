//! What servers and the client library say, as causes.

use mysql_async::{DriverError as LibraryError, Error, IoError};

use super::super::driver::DriverError;
use super::super::redact::Redactor;

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused a statement.
    Server {
        /// Its number for that.
        code: u16,
        /// What it says, without credentials.
        message: String,
    },
    /// There is no server to refuse anything.
    Lost(DriverError),
}

/// A statement that cannot be prepared.
pub(super) const NOT_PREPARABLE: u16 = 1295;
/// A connection to be ended is gone.
pub(super) const NO_SUCH_CONNECTION: u16 = 1094;

impl Failure {
    pub(super) fn new(error: &Error, redactor: &Redactor) -> Self {
        match error {
            // A server that is going away, or has no room.
            Error::Server(server) if matches!(server.code, 1040 | 1053 | 1203) => {
                Self::Lost(DriverError::Unreachable(redactor.cut(&server.message)))
            }
            Error::Server(server) => Self::Server {
                code: server.code,
                message: redactor.cut(&server.message),
            },
            error => Self::Lost(connection_error(error, redactor)),
        }
    }

    /// As the failure of a statement.
    pub(super) fn of_statement(self, number: usize, total: usize) -> DriverError {
        match self {
            Self::Server { message, .. } => DriverError::Statement {
                number,
                total,
                message,
            },
            Self::Lost(error) => error,
        }
    }

    /// As the failure of a question that a driver asks by itself.
    pub(super) fn of_question(self) -> DriverError {
        match self {
            Self::Server { message, .. } => DriverError::Statements(format!(
                "the database does not answer the configured user, who needs SELECT ON mysql.*: {message}"
            )),
            Self::Lost(error) => error,
        }
    }

    pub(super) const fn is(&self, wanted: u16) -> bool {
        matches!(self, Self::Server { code, .. } if *code == wanted)
    }
}

/// Why there is no connection.
pub(super) fn connection_error(error: &Error, redactor: &Redactor) -> DriverError {
    let text = redactor.cut(&error.to_string());
    match error {
        Error::Server(server) => {
            let message = redactor.cut(&server.message);
            match server.code {
                1040 | 1053 | 1203 => DriverError::Unreachable(message),
                1049 => DriverError::Setting(format!("connection_url: {message}")),
                _ => DriverError::Refused(message),
            }
        }
        Error::Io(IoError::Tls(_)) => DriverError::Tls(text),
        // What the TLS library refuses arrives as broken data.
        Error::Io(IoError::Io(cause)) if cause.kind() == std::io::ErrorKind::InvalidData => {
            DriverError::Tls(redactor.cut(&cause.to_string()))
        }
        Error::Io(IoError::Io(cause)) => DriverError::Unreachable(redactor.cut(&cause.to_string())),
        Error::Driver(LibraryError::NoClientSslFlagFromServer) => {
            DriverError::Tls("the server offers none".to_owned())
        }
        Error::Driver(
            LibraryError::UnknownAuthPlugin { .. }
            | LibraryError::CleartextPluginDisabled
            | LibraryError::MysqlOldPasswordDisabled,
        ) => DriverError::Refused(text),
        Error::Driver(LibraryError::NoKeyFound) => {
            DriverError::Setting("tls_certificate_key: there is no usable private key in it".to_owned())
        }
        Error::Url(_) => DriverError::Setting(format!("connection_url: {text}")),
        Error::Driver(_) | Error::Other(_) => DriverError::Unreachable(text),
    }
}
