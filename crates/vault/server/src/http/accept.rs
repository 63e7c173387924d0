//! Takes connections from a socket, within a number.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};

use super::connection::{Accepted, serve};
use super::endpoint::{Endpoint, Shared};
use super::listen::OpenSocket;

/// Pause after the system has refused a connection for want of something.
const PAUSE: Duration = Duration::from_millis(100);
/// Time between warnings about the same want.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

/// Takes connections until `stopping` is true, then closes the socket.
pub(crate) async fn run(socket: OpenSocket, endpoint: Arc<Endpoint>, mut stopping: watch::Receiver<bool>) {
    let taking: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(take_all(&socket, &endpoint));
    tokio::select! {
        () = taking => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

async fn take_all(socket: &OpenSocket, endpoint: &Arc<Endpoint>) {
    let shared = &endpoint.shared;
    let mut warnings = Warnings::default();
    loop {
        let place = place(shared, &mut warnings).await;
        match socket.accept().await {
            Ok((socket, peer)) => {
                let accepted = Accepted { socket, peer, place };
                drop(shared.tasks.spawn(serve(endpoint.clone(), accepted)));
            }
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                if warnings.are_due(shared) {
                    let connections = shared.keeper.count();
                    tracing::warn!(%error, connections, "no connection can be accepted for now");
                }
                shared.keeper.relieve();
                shared.clock.sleep(PAUSE).await;
            }
        }
    }
}

/// A place for one more connection. When there is none, those that have been idle longest make room.
async fn place(shared: &Shared, warnings: &mut Warnings) -> OwnedSemaphorePermit {
    loop {
        if let Ok(place) = shared.connections.clone().try_acquire_owned() {
            return place;
        }
        if warnings.are_due(shared) {
            let connections = shared.keeper.count();
            tracing::warn!(
                connections,
                "all connections are taken; those that are idle are closed"
            );
        }
        shared.keeper.relieve();
        let next = shared.connections.clone().acquire_owned();
        if let Some(Ok(place)) = super::within(&*shared.clock, Some(PAUSE), next).await {
            return place;
        }
    }
}

/// Keeps a lasting want from filling the log.
#[derive(Default)]
struct Warnings {
    last: Option<Duration>,
}

impl Warnings {
    fn are_due(&mut self, shared: &Shared) -> bool {
        let now = shared.clock.monotonic();
        let due = self
            .last
            .is_none_or(|last| now.saturating_sub(last) >= BETWEEN_WARNINGS);
        if due {
            self.last = Some(now);
        }
        due
    }
}

/// Whether an error is about one connection that went before it was accepted, not about accepting.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, InvalidInput, NotConnected,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | InvalidInput | NotConnected
    )
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn want_of_resources_is_no_affair_of_one_connection() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(!is_of_connection(&errno.into()), "{errno}");
        }
        for errno in [Errno::CONNABORTED, Errno::CONNRESET, Errno::INTR] {
            assert!(is_of_connection(&errno.into()), "{errno}");
        }
    }
}
