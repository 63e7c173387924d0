//! A running server.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arca_server::SystemClock;
use arca_server::config::Listener;
use arca_server::server::{Control, Options, Server};
use arca_server::service::Service;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::Raw;
use crate::double::Double;

/// Longest time anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Running<S = Double> {
    pub(crate) service: Arc<S>,
    pub(crate) control: Control,
    addresses: Vec<SocketAddr>,
    stops: watch::Sender<u32>,
    serving: JoinHandle<()>,
}

/// A plain listener at any free port.
pub(crate) fn listener() -> Listener {
    Listener::plain("127.0.0.1:0")
}

/// A server over a double at this listener.
pub(crate) async fn start(listener: Listener) -> Running {
    start_with(vec![listener], Options::default(), Arc::new(Double::default())).await
}

pub(crate) async fn start_with<S: Service>(
    listeners: Vec<Listener>,
    options: Options,
    service: Arc<S>,
) -> Running<S> {
    let clock = Arc::new(SystemClock::new());
    let server = Server::bind(&listeners, options, service.clone(), clock)
        .await
        .unwrap();
    let addresses = server
        .addresses()
        .iter()
        .filter_map(|address| address.tcp())
        .collect();
    let control = server.control();
    let stops = watch::Sender::new(0);
    let reached = |count: u32| {
        let mut stops = stops.subscribe();
        async move { drop(stops.wait_for(|stops| *stops >= count).await) }
    };
    let serving = tokio::spawn(server.run_until(reached(1), reached(2)));
    Running {
        service,
        control,
        addresses,
        stops,
        serving,
    }
}

impl<S> Running<S> {
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) async fn connect(&self) -> Raw {
        Raw::connect(self.address()).await
    }

    /// As a signal does.
    pub(crate) fn stop(&self) {
        self.stops.send_modify(|stops| *stops += 1);
    }

    /// Waits for the end.
    pub(crate) async fn ended(self) {
        soon(self.serving).await.unwrap();
    }

    /// Waits until there are so many connections.
    pub(crate) async fn connections(&self, count: usize) {
        until(|| self.control.connections() == count).await;
    }
}

/// What does not end here is a mistake.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .expect("it takes too long")
}

/// Waits until something is so.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A file in the folder of a test.
pub(crate) fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}
