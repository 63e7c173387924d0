//! How a request reaches a server.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};

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

    /// Sends a request and waits for the head of its answer only; the body comes as the server sends it, which may
    /// be for days. Dropping it ends the exchange.
    ///
    /// A transport that does not say otherwise waits for the whole answer and gives it as one chunk.
    ///
    /// # Errors
    /// [`TransportError`] when there is no answer.
    async fn open(&self, request: http::Request<Bytes>) -> Result<http::Response<Chunks>, TransportError> {
        Ok(self.send(request).await?.map(Chunks::whole))
    }

    /// Sends a request whose body comes piece by piece, in place of the one it has, and waits for the whole answer.
    ///
    /// A transport that does not say otherwise gathers the body first.
    ///
    /// # Errors
    /// [`TransportError`] when there is no answer, and what the body fails with.
    async fn upload(
        &self,
        request: http::Request<Bytes>,
        mut body: Chunks,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = body.next().await {
            whole.extend_from_slice(&piece?);
        }
        self.send(request.map(|_| whole.freeze())).await
    }
}

/// The body of an answer, piece by piece.
pub struct Chunks(Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>);

impl Chunks {
    /// A body that arrives over time.
    pub fn new(chunks: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static) -> Self {
        Self(Box::pin(chunks))
    }

    /// A body that is there already.
    #[must_use]
    pub fn whole(body: Bytes) -> Self {
        Self::new(stream::iter((!body.is_empty()).then_some(Ok(body))))
    }

    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static {
        self.0
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`TransportError`] when the connection breaks before the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        self.0.next().await
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").finish_non_exhaustive()
    }
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
