//! One listener: connections, TLS and limits.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arca_base::{Clock, Secret};
use arca_client::{ListenerTls, ListenerTlsOptions};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use super::ProxyError;
use super::desk::Desk;
use super::listen::{OpenSocket, Stream};
use crate::config::{ListenAddress, Listener, ListenerTls as TlsFiles};

/// How long the head of a request, or a handshake, may take.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes.
const HEAD_BYTES: usize = 64 << 10;
/// Connections of one listener at a time.
const CONNECTIONS: usize = 256;

/// What a listener answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Requests for the server need the header `X-Vault-Request: true`.
    pub require_request_header: bool,
    /// Metrics and health only.
    pub metrics_only: bool,
    /// Health, metrics and status, and nothing that is passed on.
    pub status_only: bool,
    /// Whether `quit` is answered.
    pub enable_quit: bool,
}

/// An open listener.
pub struct Door {
    socket: OpenSocket,
    address: String,
    role: Role,
    tls: Option<(TlsFiles, RwLock<ListenerTls>)>,
}

impl Door {
    /// Opens a listener as configured.
    ///
    /// # Errors
    /// [`ProxyError`]
    pub async fn open(listener: Listener) -> Result<Self, ProxyError> {
        let tls = match listener.tls {
            None => None,
            Some(files) => {
                let read = read_tls(&files)?;
                Some((files, RwLock::new(read)))
            }
        };
        let (socket, address) = OpenSocket::open(&listener.address).await?;
        let role = Role {
            require_request_header: listener.require_request_header,
            metrics_only: listener.metrics_only,
            enable_quit: listener.enable_quit,
            status_only: false,
        };
        Ok(Self {
            socket,
            address,
            role,
            tls,
        })
    }

    /// Opens a socket of the agent's user that answers health, metrics and status.
    ///
    /// # Errors
    /// [`ProxyError`]
    pub async fn for_status(path: std::path::PathBuf) -> Result<Self, ProxyError> {
        let address = ListenAddress::Unix {
            path,
            mode: Some(0o600),
            user: None,
            group: None,
        };
        let (socket, address) = OpenSocket::open(&address).await?;
        Ok(Self {
            socket,
            address,
            role: Role {
                status_only: true,
                ..Role::default()
            },
            tls: None,
        })
    }

    /// Where it listens, with the real port: `127.0.0.1:8100` or `unix:///path`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// What it answers.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Reads certificate and key again; connections that are open keep theirs.
    ///
    /// # Errors
    /// [`ProxyError`]; the old ones stay then.
    pub fn reload(&self) -> Result<(), ProxyError> {
        if let Some((files, tls)) = &self.tls {
            let read = read_tls(files)?;
            *tls.write() = read;
        }
        Ok(())
    }

    /// Answers until this future is dropped; connections end with it.
    pub async fn serve(&self, desk: Arc<Desk>, clock: Arc<dyn Clock>) {
        let mut connections = tokio::task::JoinSet::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let stream = match self.socket.accept().await {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(address = self.address, %error, "a connection could not be accepted");
                    clock.sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let tls = self.tls.as_ref().map(|(_, tls)| tls.read().clone());
            let (role, desk, clock) = (self.role, desk.clone(), clock.clone());
            connections.spawn(async move {
                match tls {
                    None => converse(stream, role, desk).await,
                    Some(tls) => {
                        let shaken = tokio::select! {
                            shaken = tls.accept(stream) => shaken,
                            () = clock.sleep(HEAD_TIME) => return,
                        };
                        match shaken {
                            Ok(stream) => converse(stream, role, desk).await,
                            Err(error) => tracing::debug!(%error, "a client could not shake hands"),
                        }
                    }
                }
                drop(place);
            });
        }
    }
}

async fn converse<S: Stream + 'static>(stream: S, role: Role, desk: Arc<Desk>) {
    let service = service_fn(move |request| {
        let desk = desk.clone();
        async move { Ok::<_, Infallible>(desk.answer(request, role).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX));
    if let Err(error) = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(%error, "a connection broke");
    }
}

fn read_tls(files: &TlsFiles) -> Result<ListenerTls, ProxyError> {
    let read = |path: &std::path::Path| {
        std::fs::read_to_string(path).map_err(|source| ProxyError::File {
            path: path.display().to_string(),
            source,
        })
    };
    let certificate = read(&files.cert)?;
    let key = Secret::new(read(&files.key)?);
    let authorities = files.client_ca.as_deref().map(read).transpose()?;
    Ok(ListenerTls::new(&ListenerTlsOptions {
        certificate: &certificate,
        key: &key,
        client_authorities: authorities.as_deref(),
    })?)
}
