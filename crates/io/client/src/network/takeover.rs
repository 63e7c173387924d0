//! Connections that are taken over after the head of an answer, such as for a WebSocket.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{AnswerStream, Network, RealHost, begun, build, builder, cause, origin};
use crate::config::ConfigError;
use crate::tls;
use crate::transport::TransportError;

/// The bytes of a connection in both directions. Dropping it closes the connection.
pub struct TakenOver(reqwest::Upgraded);

impl Network {
    /// Sends a request for another protocol over HTTP/1.1, the only version that can change it. With the status 101 the
    /// body of the answer can be [taken over](AnswerStream::take_over); every other answer is one like any.
    ///
    /// # Errors
    /// [`TransportError`] when no answer begins.
    pub async fn open_socket(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<AnswerStream>, TransportError> {
        let origin = origin(request.uri(), &self.address);
        let made = self
            .socket
            .get_or_try_init(|| async { self.socket_client() })
            .await;
        let client = made.map_err(|error| TransportError::Unsupported(error.to_string()))?;
        let response = self.execute_with(client, &origin, request).await?;
        Ok(begun(response, origin))
    }

    fn socket_client(&self) -> Result<reqwest::Client, ConfigError> {
        let mut config = if self.address.is_https() {
            tls::config(&self.tls)?
        } else {
            tls::unused()?
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let real_host = self.tls.server_name.as_ref();
        let real_host = real_host.map(|_| RealHost(self.address.host().into()));
        build(builder(&self.address, &self.proxies, config, real_host)?.http1_only())
    }
}

impl AnswerStream {
    /// The connection itself, once the server has agreed to speak another protocol.
    ///
    /// # Errors
    /// [`TransportError`] when it has not, or the connection breaks.
    pub async fn take_over(self) -> Result<TakenOver, TransportError> {
        let upgraded = self.response.upgrade().await;
        upgraded
            .map(TakenOver)
            .map_err(|error| cause(&self.origin, &error))
    }
}

impl AsyncRead for TakenOver {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TakenOver {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
