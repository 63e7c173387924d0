//! A server: listeners over a service, from opening the sockets to the last answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arca_base::Clock;
use http::HeaderValue;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Configuration, DEFAULT_CONNECTIONS, Listener};
use crate::egress::Headers;
use crate::http::accept;
use crate::http::endpoint::{Endpoint, Identity, Shared};
use crate::http::listen::OpenSocket;
use crate::service::Service;

pub use crate::http::listen::{BindError, BoundAddress};
pub use crate::http::tls::TlsError;

/// How long requests may still run after their connections were cut.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// What listeners share.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most connections at a time.
    pub max_connections: usize,
    /// Whether answers name the machine.
    pub hostname_header: bool,
    /// How long requests that were begun may take once the server is told to stop.
    pub drain: Duration,
}

/// A server with open sockets. Connections wait until it runs.
pub struct Server {
    sockets: Vec<(OpenSocket, Arc<Endpoint>)>,
    addresses: Vec<BoundAddress>,
    shared: Arc<Shared>,
    options: Options,
}

/// What can be done to a running server. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    endpoints: Arc<[Arc<Endpoint>]>,
    shared: Arc<Shared>,
    hostname: Option<HeaderValue>,
}

impl Default for Options {
    /// 8192 connections, nameless answers, 30 seconds.
    fn default() -> Self {
        Self {
            max_connections: DEFAULT_CONNECTIONS,
            hostname_header: false,
            drain: Duration::from_secs(30),
        }
    }
}

impl From<&Configuration> for Options {
    fn from(configuration: &Configuration) -> Self {
        Self {
            max_connections: configuration.max_connections,
            hostname_header: configuration.hostname_header,
            ..Self::default()
        }
    }
}

impl Server {
    /// Opens the sockets of all listeners.
    ///
    /// # Errors
    /// [`BindError`] of the first listener that cannot be opened.
    pub async fn bind(
        listeners: &[Listener],
        options: Options,
        service: Arc<dyn Service>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BindError> {
        let shared = Arc::new(Shared::new(listeners, &options, service, clock));
        let hostname = hostname(&options);
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for listener in listeners {
            let (socket, address) = OpenSocket::open(&listener.address).await?;
            let tls = listener.tls.as_ref().map(Identity::read).transpose();
            let tls = tls.map_err(|source| BindError::Tls {
                address: address.to_string(),
                source: Box::new(source),
            })?;
            let endpoint = Endpoint::new(shared.clone(), listener.clone(), tls, hostname.as_ref());
            sockets.push((socket, Arc::new(endpoint)));
            addresses.push(address);
        }
        Ok(Self {
            sockets,
            addresses,
            shared,
            options,
        })
    }

    /// Where the server listens, in the order of its listeners.
    #[must_use]
    pub fn addresses(&self) -> &[BoundAddress] {
        &self.addresses
    }

    /// What can be done to the server while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        Control {
            endpoints: self
                .sockets
                .iter()
                .map(|(_, endpoint)| endpoint.clone())
                .collect(),
            shared: self.shared.clone(),
            hostname: hostname(&self.options),
        }
    }

    /// Serves until `stop`, then ends what was begun; at `now` that ends too.
    ///
    /// Requests that are being answered when they are cut off still run to their end as far as the runtime lives.
    pub async fn run_until(
        self,
        stop: impl Future<Output = ()> + Send,
        now: impl Future<Output = ()> + Send,
    ) {
        let shared = self.shared;
        let (stopping, stopped) = watch::channel(false);
        let mut accepting = JoinSet::new();
        for (socket, endpoint) in self.sockets {
            accepting.spawn(accept::run(socket, endpoint, stopped.clone()));
        }
        tokio::select! {
            () = stop => {}
            () = shared.keeper.watch() => {}
        }
        // Nobody listens any more only if all have ended, which is what is asked for.
        let _ = stopping.send(true);
        while accepting.join_next().await.is_some() {}
        shared.draining.cancel();
        shared.keeper.drain();
        shared.tasks.close();
        tokio::select! {
            () = shared.tasks.wait() => return,
            () = shared.keeper.watch() => {}
            () = shared.clock.sleep(self.options.drain) => {
                tracing::warn!(connections = shared.keeper.count(), "requests did not end in time and are cut off");
            }
            () = now => tracing::warn!("stopping at once"),
        }
        shared.keeper.close();
        tokio::select! {
            () = shared.tasks.wait() => {}
            () = shared.clock.sleep(LAST_WAIT) => {}
        }
    }
}

fn hostname(options: &Options) -> Option<HeaderValue> {
    let name = options.hostname_header.then(rustix::system::uname)?;
    HeaderValue::from_bytes(name.nodename().to_bytes()).ok()
}

impl Control {
    /// Reads certificates and keys again, and takes over what `listeners` say of certificates and headers. Connections
    /// that are open keep their certificates. A listener that is not among `listeners` keeps its headers.
    ///
    /// Gives what could not be read, and stays as it was, with the address of its listener.
    pub fn reload(&self, listeners: &[Listener]) -> Vec<(String, TlsError)> {
        let mut failures = Vec::new();
        for endpoint in &*self.endpoints {
            let address = &endpoint.listener.address;
            let new = listeners.iter().find(|listener| listener.address == *address);
            if let Some(new) = new {
                endpoint
                    .headers
                    .store(Arc::new(Headers::new(&new.headers, self.hostname.as_ref())));
            }
            if let Some(identity) = &endpoint.tls {
                let files = new.and_then(|new| new.tls.as_ref());
                failures.extend(
                    identity
                        .reload(files)
                        .err()
                        .map(|error| (address.to_string(), error)),
                );
            }
        }
        failures
    }

    /// Whether `listeners` are those the server listens at.
    #[must_use]
    pub fn listens_at(&self, listeners: &[Listener]) -> bool {
        let now = self.endpoints.iter().map(|endpoint| &endpoint.listener.address);
        now.eq(listeners.iter().map(|listener| &listener.address))
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.keeper.count()
    }

    /// How many connections are open or being opened, and how many requests outlive theirs.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.shared.tasks.len()
    }
}
