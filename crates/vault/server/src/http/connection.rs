//! Serves a connection to its end.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConnection;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::endpoint::Endpoint;
use super::exchange::Exchange;
use super::proxy_protocol;
use super::pulse::{Order, Pulse};
use super::wire::{Socket, Stream, Watched, Wire};
use super::{Deadline, within};

/// Longest head of a request, in bytes; a token, a chain of addresses and some headers fit many times.
const MAX_HEAD: usize = 64 << 10;
/// Requests of one HTTP/2 connection at a time.
const MAX_STREAMS: u32 = 250;
/// What one HTTP/2 stream may send before it is read: enough that a small body needs no round trip.
const STREAM_WINDOW: u32 = 256 << 10;
/// What all streams of an HTTP/2 connection may send before it is read.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// What a client gets that speaks no TLS where it is needed. A handshake never begins with a letter.
const PLAIN_TO_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n\
    This port speaks HTTPS: use https:// in the address.\n";

/// A connection that was accepted and its place among all.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) place: OwnedSemaphorePermit,
}

/// A connection ready for HTTP.
struct Ready {
    stream: Stream,
    peer: Option<SocketAddr>,
    certificates: Vec<Vec<u8>>,
    speaks_http2: bool,
}

/// Serves a connection to its end. How it ends is the client's affair.
pub(crate) async fn serve(endpoint: Arc<Endpoint>, accepted: Accepted) {
    let Accepted { socket, peer, place } = accepted;
    let limit = endpoint.listener.timeouts.header;
    let ready = match within(&*endpoint.shared.clock, limit, ready(&endpoint, socket, peer)).await {
        Some(Ok(ready)) => ready,
        Some(Err(error)) => {
            return tracing::debug!(?peer, %error, "a connection was given up before its first request");
        }
        None => return tracing::debug!(?peer, "a connection took too long to begin"),
    };
    let tasks = endpoint.shared.tasks.clone();
    let kept = endpoint
        .shared
        .keeper
        .admit(endpoint.listener.timeouts, !ready.speaks_http2);
    let pulse = kept.pulse.clone();
    let exchange = Arc::new(Exchange {
        endpoint,
        peer: ready.peer,
        certificates: ready.certificates,
        pulse: pulse.clone(),
        place: Some(Arc::new(place)),
        requests: ready
            .speaks_http2
            .then(|| Arc::new(Semaphore::new(MAX_STREAMS as usize))),
        deadline: Deadline::default(),
    });
    let io = TokioIo::new(Watched {
        stream: ready.stream,
        pulse: pulse.clone(),
    });
    let service = service_fn(move |request| {
        let answer = exchange.clone().answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    if ready.speaks_http2 {
        let connection = second(tasks).serve_connection(io, service);
        drive(connection, |connection| connection.graceful_shutdown(), &pulse).await;
    } else {
        let connection = first().serve_connection(io, service).with_upgrades();
        drive(connection, |connection| connection.graceful_shutdown(), &pulse).await;
    }
}

/// HTTP/1.1 as it is spoken here.
fn first() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Time limits are the keeper's. A client that has said all it will say still gets its answer.
    builder
        .header_read_timeout(None)
        .half_close(true)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_HEAD);
    builder
}

/// Runs the streams of an HTTP/2 connection where the end of the server waits for them.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tracked {
    fn execute(&self, stream: F) {
        drop(self.0.spawn(stream));
    }
}

/// HTTP/2 as it is spoken here.
fn second(tasks: TaskTracker) -> http2::Builder<Tracked> {
    let mut builder = http2::Builder::new(Tracked(tasks));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX));
    builder
}

/// Runs a connection until it ends or the keeper ends it.
async fn drive<C, E>(connection: C, shut_down: impl Fn(Pin<&mut C>), pulse: &Pulse)
where
    C: Future<Output = Result<(), E>>,
    E: Error,
{
    let mut connection = pin!(connection);
    let mut drains = false;
    poll_fn(|context| {
        match pulse.order(context.waker()) {
            Order::Close => return Poll::Ready(()),
            Order::Drain if !drains => {
                drains = true;
                shut_down(connection.as_mut());
            }
            Order::Serve | Order::Drain => {}
        }
        connection.as_mut().poll(context).map(|outcome| {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection broke");
            }
        })
    })
    .await;
}

/// Reads what comes before HTTP: the word of a proxy, the TLS handshake.
async fn ready(
    endpoint: &Endpoint,
    socket: Socket,
    peer: Option<SocketAddr>,
) -> Result<Ready, Box<dyn Error + Send + Sync>> {
    let (mut wire, peer) = match (&endpoint.listener.proxy_protocol, socket, peer) {
        (Some(rules), Socket::Tcp(socket), Some(peer)) => {
            let (wire, peer) = proxy_protocol::accept(socket, peer, rules).await?;
            (wire, Some(peer))
        }
        (_, socket, peer) => (Wire::from(socket), peer),
    };
    let Some(tls) = &endpoint.tls else {
        return Ok(Ready {
            stream: Stream::Plain(wire),
            peer,
            certificates: Vec::new(),
            speaks_http2: false,
        });
    };
    if wire
        .first_byte()
        .await?
        .is_some_and(|byte| byte.is_ascii_alphabetic())
    {
        wire.write_all(PLAIN_TO_TLS).await?;
        return Err("plain HTTP was sent to a TLS port".into());
    }
    let stream = TlsAcceptor::from(tls.config.load_full()).accept(wire).await?;
    let (_, session) = stream.get_ref();
    Ok(Ready {
        certificates: certificates(session),
        speaks_http2: session.alpn_protocol() == Some(b"h2"),
        stream: Stream::Tls(Box::new(stream)),
        peer,
    })
}

fn certificates(session: &ServerConnection) -> Vec<Vec<u8>> {
    let chain = session.peer_certificates().unwrap_or_default();
    chain.iter().map(|certificate| certificate.to_vec()).collect()
}
