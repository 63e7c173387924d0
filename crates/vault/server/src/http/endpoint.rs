//! What all connections of a listener share, and all listeners of a server.

use std::sync::Arc;

use arc_swap::ArcSwap;
use arca_base::Clock;
use http::HeaderValue;
use rustls::ServerConfig;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::keeper::Keeper;
use super::tls::{self, TlsError};
use crate::config::{Listener, Tls};
use crate::egress::Headers;
use crate::server::Options;
use crate::service::Service;

/// KiB of large request bodies in memory at a time, unless one body may be larger.
const BODY_MEMORY_KIB: usize = 256 << 10;

/// What all listeners of a server share.
pub(crate) struct Shared {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keeper: Arc<Keeper>,
    /// Connections, and requests whose connection is gone.
    pub(crate) tasks: TaskTracker,
    /// Ends answers that go on.
    pub(crate) draining: CancellationToken,
    /// Where requests are finished whose connection is gone.
    pub(crate) runtime: Handle,
    /// One permit for each connection.
    pub(crate) connections: Arc<Semaphore>,
    /// KiB of large request bodies that may be in memory at a time.
    pub(crate) body_memory: Arc<Semaphore>,
}

/// What all connections of a listener share.
pub(crate) struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    pub(crate) listener: Listener,
    /// Replaced on reload.
    pub(crate) headers: ArcSwap<Headers>,
    pub(crate) tls: Option<Identity>,
}

impl Shared {
    /// Requests that lose their connections are finished on the runtime of the caller.
    pub(crate) fn new(
        listeners: &[Listener],
        options: &Options,
        service: Arc<dyn Service>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let largest = listeners
            .iter()
            .map(|listener| listener.limits.body_bytes.div_ceil(1 << 10))
            .max();
        let timeouts = listeners.iter().map(|listener| &listener.timeouts);
        let connections = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            service,
            keeper: Arc::new(Keeper::new(clock.clone(), timeouts)),
            clock,
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            runtime: Handle::current(),
            connections: Arc::new(Semaphore::new(connections)),
            body_memory: Arc::new(Semaphore::new(BODY_MEMORY_KIB.max(largest.unwrap_or(0)))),
        }
    }
}

impl Endpoint {
    /// A listener with its certificates; `hostname` is shown in answers if given.
    pub(crate) fn new(
        shared: Arc<Shared>,
        listener: Listener,
        tls: Option<Identity>,
        hostname: Option<&HeaderValue>,
    ) -> Self {
        let headers = ArcSwap::from_pointee(Headers::new(&listener.headers, hostname));
        Self {
            shared,
            listener,
            headers,
            tls,
        }
    }
}

/// Certificates and keys of a listener, replaced on reload.
pub(crate) struct Identity {
    /// Where they are.
    pub(crate) files: ArcSwap<Tls>,
    /// What handshakes use.
    pub(crate) config: ArcSwap<ServerConfig>,
}

impl Identity {
    /// Reads the files.
    pub(crate) fn read(files: &Tls) -> Result<Self, TlsError> {
        Ok(Self {
            config: ArcSwap::from(tls::build(files)?),
            files: ArcSwap::from_pointee(files.clone()),
        })
    }

    /// Reads the files again, or others. Nothing changes when they cannot be read.
    pub(crate) fn reload(&self, files: Option<&Tls>) -> Result<(), TlsError> {
        let files = files.map_or_else(|| self.files.load_full(), |files| Arc::new(files.clone()));
        self.config.store(tls::build(&files)?);
        self.files.store(files);
        Ok(())
    }
}
