//! What can go wrong with a request, in the words existing users know.

use std::fmt;
use std::time::Duration;

use arca_api::Envelope;
use arca_base::path::BadPath;
use http::{Method, StatusCode};

use crate::transport::TransportError;

/// Most characters of an answer that is not JSON that are shown.
const SHOWN: usize = 2000;

/// Why a request gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no answer.
    #[error("{method} {url}: {source}")]
    Transport {
        /// Method of the request.
        method: Method,
        /// URL of the request.
        url: String,
        /// Why.
        source: TransportError,
    },
    /// The server answered with an error.
    #[error("{0}")]
    Status(#[from] Box<StatusError>),
    /// The answer took too long.
    #[error("{method} {url}: no answer within {after:?}")]
    TimedOut {
        /// Method of the request.
        method: Method,
        /// URL of the request.
        url: String,
        /// The time allowed, retries included.
        after: Duration,
    },
    /// The server points elsewhere, and the client will not go there.
    #[error("{method} {url}: the server redirects to {location}, {reason}")]
    Redirect {
        /// Method of the request.
        method: Method,
        /// URL of the request.
        url: String,
        /// Where the server points to.
        location: String,
        /// Why the client does not follow.
        reason: &'static str,
    },
    /// The answer is not what the API promises.
    #[error("{method} {url}: the answer cannot be read ({reason}); is this the address of a server?")]
    Decode {
        /// Method of the request.
        method: Method,
        /// URL of the request.
        url: String,
        /// Where and how it fails; never quotes the answer.
        reason: String,
    },
    /// The path cannot be sent.
    #[error("cannot ask for {path:?}: {source}")]
    Path {
        /// The path.
        path: String,
        /// Which rule it breaks.
        source: BadPath,
    },
    /// The path and its parameters do not fit into a URL.
    #[error("cannot ask for {path:?}: with its parameters, the URL is {bytes} bytes long")]
    Url {
        /// The path.
        path: String,
        /// Length of the URL.
        bytes: usize,
    },
    /// A header cannot be sent.
    #[error(
        "the {name} cannot be sent in a header: it holds a line break or another character that is not allowed"
    )]
    Header {
        /// What the header carries.
        name: String,
    },
    /// The answer lacks what this call exists for.
    #[error("{method} {url}: the answer has no {what}")]
    Incomplete {
        /// Method of the request.
        method: Method,
        /// URL of the request.
        url: String,
        /// What is missing.
        what: &'static str,
    },
}

impl ClientError {
    /// The status the server answered with, if it answered.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status(error) => Some(error.status),
            _ => None,
        }
    }

    /// The answer that came with an error status, if it holds data.
    #[must_use]
    pub fn answer(&self) -> Option<&Envelope> {
        match self {
            Self::Status(error) => error.answer.as_ref(),
            _ => None,
        }
    }

    /// How long the server asks callers to wait before they try again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(error) => error.retry_after,
            _ => None,
        }
    }

    /// The error in one line, for a log.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        match self {
            Self::Status(error) => error.in_one_line(),
            other => other.to_string().replace('\n', " "),
        }
    }

    /// Why there is no answer, if there is none.
    #[must_use]
    pub const fn transport(&self) -> Option<&TransportError> {
        match self {
            Self::Transport { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// An answer with an error status. Its text is the one existing tools print and match.
#[derive(Debug)]
pub struct StatusError {
    /// Method of the request.
    pub method: Method,
    /// URL of the request, its query included.
    pub url: String,
    /// The status.
    pub status: StatusCode,
    /// How long the server asks to wait before another attempt.
    pub retry_after: Option<Duration>,
    /// Namespace the server names in its answer, or empty.
    pub namespace: String,
    /// What the server says.
    pub errors: Vec<String>,
    /// The body, when it is not the JSON of an error.
    pub raw: Option<String>,
    /// Data and warnings that came with the error.
    pub answer: Option<Envelope>,
}

impl StatusError {
    /// `PUT http://h:8200/v1/auth/x/login: 403: permission denied`
    fn in_one_line(&self) -> String {
        let said = if self.errors.is_empty() {
            self.status
                .canonical_reason()
                .unwrap_or("no reason is given")
                .to_owned()
        } else {
            self.errors.join("; ")
        };
        let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said: String = said.chars().take(SHOWN).collect();
        format!("{} {}: {}: {said}", self.method, self.url, self.status.as_u16())
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Error making API request.\n\n")?;
        if !matches!(self.namespace.as_str(), "" | "root/") {
            writeln!(f, "Namespace: {}", self.namespace)?;
        }
        writeln!(f, "URL: {} {}", self.method, self.url)?;
        let code = self.status.as_u16();
        match &self.raw {
            Some(raw) => {
                let shown: String = raw.chars().take(SHOWN).collect();
                write!(f, "Code: {code}. Raw Message:\n\n{shown}")
            }
            None => {
                write!(f, "Code: {code}. Errors:\n\n")?;
                for (index, error) in self.errors.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "\n" };
                    write!(f, "{separator}* {error}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for StatusError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(errors: &[&str], raw: Option<&str>, namespace: &str) -> StatusError {
        StatusError {
            method: Method::GET,
            url: "http://h:8200/v1/secret/x".into(),
            status: StatusCode::FORBIDDEN,
            retry_after: None,
            namespace: namespace.into(),
            errors: errors.iter().map(|&error| error.to_owned()).collect(),
            raw: raw.map(str::to_owned),
            answer: None,
        }
    }

    #[test]
    fn a_log_gets_one_line() {
        let line = |errors: &[&str], raw| ClientError::from(Box::new(error(errors, raw, ""))).in_one_line();
        assert_eq!(
            line(&["permission\n denied", "b"], None),
            "GET http://h:8200/v1/secret/x: 403: permission denied; b"
        );
        assert_eq!(
            line(&[], Some("<html>")),
            "GET http://h:8200/v1/secret/x: 403: Forbidden"
        );
    }

    #[test]
    fn reads_as_existing_tools_print_it() {
        assert_eq!(
            error(&["permission denied"], None, "").to_string(),
            "Error making API request.\n\nURL: GET http://h:8200/v1/secret/x\nCode: 403. Errors:\n\n* permission denied"
        );
        assert_eq!(
            error(&["a", "b"], None, "team/").to_string(),
            "Error making API request.\n\nNamespace: team/\nURL: GET http://h:8200/v1/secret/x\nCode: 403. Errors:\n\n* a\n* b"
        );
        assert_eq!(
            error(&[], Some("<html>"), "root/").to_string(),
            "Error making API request.\n\nURL: GET http://h:8200/v1/secret/x\nCode: 403. Raw Message:\n\n<html>"
        );
    }

    #[test]
    fn a_page_instead_of_json_is_cut() {
        let text = error(&[], Some(&"x".repeat(10_000)), "").to_string();
        assert!(text.len() < SHOWN + 200, "{}", text.len());
    }
}
