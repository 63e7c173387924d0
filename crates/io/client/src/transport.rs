//! How a request reaches a server.

use async_trait::async_trait;
use bytes::Bytes;

/// Carries one request and brings one answer.
///
/// The URL is absolute. A transport neither retries nor follows redirects: that is the client's part.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// [`TransportError`] when there is no answer.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nobody answers at the address, or the name is not known.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// Scheme, host and port.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// The server does not speak TLS.
    #[error("{address} gave a plain HTTP answer to an HTTPS request")]
    NotTls {
        /// Scheme, host and port.
        address: String,
    },
    /// The server does not speak plain HTTP, which it was asked in.
    #[error("{address} does not answer in plain HTTP; it probably expects HTTPS")]
    NotPlain {
        /// Scheme, host and port.
        address: String,
    },
    /// The connection could not be secured.
    #[error("cannot trust {address}: {reason}")]
    Tls {
        /// Scheme, host and port.
        address: String,
        /// What is wrong with the certificate or the handshake.
        reason: String,
    },
    /// The connection broke before the answer was complete.
    #[error("the connection to {address} broke: {reason}")]
    Broken {
        /// Scheme, host and port.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// The answer is larger than allowed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// Most bytes accepted.
        limit: usize,
    },
    /// The transport is not able to reach the address as configured.
    #[error("{0}")]
    Unsupported(String),
    /// The transport kept the request instead of sending it.
    #[error("the request was not sent")]
    NotSent,
}

impl TransportError {
    /// Whether the same request may succeed in a moment.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Broken { .. })
    }
}
