//! The bytes of a connection: TCP or a Unix socket, with TLS or without, watched as they pass.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::pulse::Pulse;

/// A socket, and bytes that were read from it too early.
pub(crate) struct Wire {
    pub(crate) early: Bytes,
    pub(crate) socket: Socket,
}

/// A connected socket.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What HTTP is spoken over.
pub(crate) enum Stream {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

/// A stream that tells when bytes come and when they cannot go.
pub(crate) struct Watched {
    pub(crate) stream: Stream,
    pub(crate) pulse: Arc<Pulse>,
}

impl From<Socket> for Wire {
    fn from(socket: Socket) -> Self {
        Self {
            early: Bytes::new(),
            socket,
        }
    }
}

impl Wire {
    /// The first byte, which stays to be read; nothing at the end.
    pub(crate) async fn first_byte(&self) -> io::Result<Option<u8>> {
        if let Some(byte) = self.early.first() {
            return Ok(Some(*byte));
        }
        let Socket::Tcp(socket) = &self.socket else {
            return Ok(None);
        };
        let mut byte = [0];
        let count = socket.peek(&mut byte).await?;
        Ok(byte.first().filter(|_| count > 0).copied())
    }
}

/// Hands a call on to whatever is inside.
macro_rules! inside {
    ($value:expr, $($variant:path)|+, $inner:ident => $call:expr) => {
        match $value {
            $($variant($inner) => $call,)+
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.early.is_empty() {
            let count = this.early.len().min(buffer.remaining());
            buffer.put_slice(&this.early.split_to(count));
            return Poll::Ready(Ok(()));
        }
        inside!(&mut this.socket, Socket::Tcp | Socket::Unix, socket => Pin::new(socket).poll_read(context, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        inside!(&mut self.get_mut().socket, Socket::Tcp | Socket::Unix, socket => Pin::new(socket).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        inside!(&mut self.get_mut().socket, Socket::Tcp | Socket::Unix, socket => Pin::new(socket).poll_write_vectored(context, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(&mut self.get_mut().socket, Socket::Tcp | Socket::Unix, socket => Pin::new(socket).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(&mut self.get_mut().socket, Socket::Tcp | Socket::Unix, socket => Pin::new(socket).poll_shutdown(context))
    }
}

impl Watched {
    /// Notes whether bytes have to wait.
    fn sent<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_pending() {
            self.pulse.stalled();
        }
        outcome
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = inside!(&mut this.stream, Stream::Plain | Stream::Tls, stream => Pin::new(stream).poll_read(context, buffer));
        if buffer.filled().len() > before {
            this.pulse.received();
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = inside!(&mut this.stream, Stream::Plain | Stream::Tls, stream => Pin::new(stream).poll_write(context, bytes));
        this.sent(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = inside!(&mut this.stream, Stream::Plain | Stream::Tls, stream => Pin::new(stream).poll_write_vectored(context, pieces));
        this.sent(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        inside!(&self.stream, Stream::Plain | Stream::Tls, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = inside!(&mut this.stream, Stream::Plain | Stream::Tls, stream => Pin::new(stream).poll_flush(context));
        if matches!(outcome, Poll::Ready(Ok(()))) {
            this.pulse.flushed();
        }
        this.sent(outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(&mut self.get_mut().stream, Stream::Plain | Stream::Tls, stream => Pin::new(stream).poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn early_bytes_come_first() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"late").await.unwrap();
        let mut wire = Wire {
            early: Bytes::from_static(b"early "),
            socket: Socket::Unix(ours),
        };
        let mut text = vec![0; 4];
        wire.read_exact(&mut text).await.unwrap();
        assert_eq!(text, b"earl");
        text.resize(6, 0);
        wire.read_exact(&mut text).await.unwrap();
        assert_eq!(text, b"y late");
    }
}
