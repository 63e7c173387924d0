//! How a command ends when it does not end well.

use arca_client::{ClientError, ConfigError, TransportError};

use super::session::TokenOrigin;
use crate::term::Unprintable;

/// Exit code of a command that did what it was asked.
pub(crate) const DONE: u8 = 0;
/// Exit code of a mistake on this side: arguments, files, settings.
pub(crate) const LOCAL: u8 = 1;
/// Exit code of an error of the server, and of "there is nothing".
pub(crate) const REMOTE: u8 = 2;

/// The end of a command: its exit code.
pub(crate) type Outcome = Result<u8, Failure>;

/// Why a command failed, and with which exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    /// What failed and why.
    pub(crate) message: String,
    /// The error of the client below, for hints.
    pub(crate) cause: Option<Box<ClientError>>,
}

impl Failure {
    /// A mistake on this side.
    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self {
            exit: LOCAL,
            message: message.into(),
            cause: None,
        }
    }

    /// Something the server does not have.
    pub(crate) fn absent(message: impl Into<String>) -> Self {
        Self {
            exit: REMOTE,
            ..Self::local(message)
        }
    }

    /// A request that failed while `doing` something: `Error reading secret/x`.
    pub(crate) fn remote(doing: &str, cause: ClientError) -> Self {
        Self {
            message: format!("{doing}: {cause}"),
            ..Self::bare(cause)
        }
    }

    /// A request that failed, where the error says everything.
    pub(crate) fn bare(cause: ClientError) -> Self {
        let never_sent = matches!(
            cause,
            ClientError::Path { .. } | ClientError::Url { .. } | ClientError::Header { .. }
        );
        Self {
            exit: if never_sent { LOCAL } else { REMOTE },
            message: cause.to_string(),
            cause: Some(Box::new(cause)),
        }
    }

    /// The same failure with another exit code.
    pub(crate) fn with_exit(self, exit: u8) -> Self {
        Self { exit, ..self }
    }

    /// Whether the request was only written down, as the user wished.
    pub(crate) fn is_rehearsal(&self) -> bool {
        let transport = self.cause.as_ref().and_then(|cause| cause.transport());
        transport == Some(&TransportError::NotSent)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::local(error.to_string())
    }
}

impl From<Unprintable> for Failure {
    fn from(error: Unprintable) -> Self {
        Self::local(error.to_string())
    }
}

/// What the hints depend on.
pub(crate) struct Situation {
    /// Name the program was called by.
    pub(crate) program: String,
    pub(crate) token_origin: TokenOrigin,
    pub(crate) address_is_chosen: bool,
}

/// What the user can do about an error of the client.
pub(crate) fn hint(error: &ClientError, situation: &Situation) -> Option<String> {
    match error {
        ClientError::Transport { source, .. } => transport_hint(source, situation),
        ClientError::Status(status) => status_hint(status.status.as_u16(), &status.errors, situation),
        ClientError::TimedOut { .. } => {
            Some("Try again, or allow more time with VAULT_CLIENT_TIMEOUT (for instance 5m).".to_owned())
        }
        ClientError::Decode { .. } => Some("Check the address: -address, or VAULT_ADDR.".to_owned()),
        _ => None,
    }
}

fn transport_hint(error: &TransportError, situation: &Situation) -> Option<String> {
    let text = match error {
        TransportError::Connect { .. } if !situation.address_is_chosen => {
            "No address was given, so the default was used. Say where the server is with -address or VAULT_ADDR; a server \
             in development mode is at http://127.0.0.1:8200."
        }
        TransportError::Connect { .. } => {
            "Check that the server runs and that -address or VAULT_ADDR names it."
        }
        TransportError::NotTls { .. } if !situation.address_is_chosen => {
            "No address was given, so https://127.0.0.1:8200 was used, and the server there speaks plain HTTP. Set \
             VAULT_ADDR=http://127.0.0.1:8200."
        }
        TransportError::NotTls { .. } => {
            "The server speaks plain HTTP: use http:// in -address or VAULT_ADDR."
        }
        TransportError::NotPlain { .. } => "Use https:// in -address or VAULT_ADDR.",
        TransportError::Tls { .. } => {
            "Name the authority of the server with -ca-cert or VAULT_CACERT, and the name in its certificate with \
             -tls-server-name if it differs from the address."
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn status_hint(status: u16, errors: &[String], situation: &Situation) -> Option<String> {
    let says = |part: &str| errors.iter().any(|error| error.contains(part));
    let program = &situation.program;
    match (status, situation.token_origin) {
        (403, TokenOrigin::Nowhere) => Some(format!(
            "No token was sent. Log in with \"{program} login\", or set VAULT_TOKEN."
        )),
        (403, TokenOrigin::Environment | TokenOrigin::Helper) if says("permission denied") => Some(format!(
            "The token is not valid, or its policies do not allow this. \"{program} token lookup\" shows whether it is \
             valid, \"{program} token capabilities PATH\" what it may do."
        )),
        (503, _) if says("sealed") => Some(format!("Unseal the server with \"{program} operator unseal\".")),
        _ => None,
    }
}
