//! WebSockets, passed on: after the handshake, bytes in both directions until either side ends.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::desk::{Arrived, Body, Desk, refuse, whole};
use super::pass::streamed;

/// WebSockets at a time.
const MOST: usize = 64;
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The WebSockets that are open; they end with this value.
pub(super) struct Sockets {
    places: Arc<Semaphore>,
    end: CancellationToken,
    _ends: DropGuard,
}

impl Default for Sockets {
    fn default() -> Self {
        let end = CancellationToken::new();
        Self {
            places: Arc::new(Semaphore::new(MOST)),
            _ends: end.clone().drop_guard(),
            end,
        }
    }
}

/// The connection of a request that asks for a WebSocket.
pub(super) fn wanted(parts: &mut Parts) -> Option<OnUpgrade> {
    let connection = parts.extensions.remove::<OnUpgrade>();
    let upgrade = parts.headers.get(UPGRADE)?;
    let is_asked = upgrade.as_bytes().eq_ignore_ascii_case(b"websocket") && parts.version == Version::HTTP_11;
    connection.filter(|_| is_asked)
}

impl Desk {
    /// Passes a handshake on, and then what is said.
    pub(super) async fn pass_socket(&self, parts: Parts, connection: OnUpgrade) -> Response<Body> {
        let Ok(place) = self.sockets.places.clone().try_acquire_owned() else {
            let text =
                "the agent passes on 64 WebSockets at a time: close one, or subscribe as text/event-stream";
            return refuse(StatusCode::TOO_MANY_REQUESTS, text);
        };
        let mut request = Arrived::of(parts, Bytes::new());
        let bearer = match self.bearer(&request.headers) {
            Ok(bearer) => bearer,
            Err(answer) => return *answer,
        };
        self.prepare(&mut request.headers);
        request.headers.insert(UPGRADE, WEBSOCKET);
        request
            .headers
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        let opened = match self.passed_on(&request, &bearer) {
            Ok(passed) => self.settings.network.open_socket(passed).await,
            Err(error) => Err(error),
        };
        let answer = match opened {
            Err(error) => return self.failed(&error),
            Ok(answer) if answer.status() != StatusCode::SWITCHING_PROTOCOLS => return streamed(answer),
            Ok(answer) => answer,
        };
        let (head, body) = answer.into_parts();
        let mut server = match body.take_over().await {
            Err(error) => return self.failed(&error),
            Ok(server) => server,
        };
        let end = self.sockets.end.clone();
        tokio::spawn(async move {
            let _place = place;
            let Ok(client) = connection.await else { return };
            let mut client = TokioIo::new(client);
            let said = tokio::select! {
                () = end.cancelled() => return,
                said = copy_bidirectional(&mut client, &mut server) => said,
            };
            if let Err(error) = said {
                tracing::debug!(%error, "a WebSocket broke");
            }
        });
        Response::from_parts(head, whole(Bytes::new()))
    }
}
