//! A stream of events over a WebSocket (RFC 6455): one text message for each event.

use std::sync::Arc;
use std::time::Duration;

use arca_core::events::{Message, Subscription};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Packet;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::exchange::Exchange;
use super::streaming::messages;
use super::within;

/// Most bytes of a message of a client, which has nothing to say.
const MOST_SAID: usize = 4 << 10;
/// Longest reason in a close frame, in bytes.
const MAX_REASON: usize = 123;
/// How long a client may take to receive a message, where the listener does not say.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a client may take to answer a close.
const GOODBYE: Duration = Duration::from_secs(1);
/// Appended to the key of a handshake (RFC 6455, section 4.2.2).
const HANDSHAKE: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a request asks for besides its answer.
pub(crate) enum Wanted {
    /// Nothing.
    Answer,
    /// To speak by WebSocket from then on.
    Upgrade(Upgrade),
    /// That, but in a way this server does not understand.
    Unsupported,
}

/// A connection to be taken over.
pub(crate) struct Upgrade {
    connection: OnUpgrade,
    accept: HeaderValue,
}

/// Reads what the headers of a request ask for.
pub(crate) fn wanted(parts: &mut Parts) -> Wanted {
    let connection = parts.extensions.remove::<OnUpgrade>();
    if !has_word(parts, &UPGRADE, "websocket") {
        return Wanted::Answer;
    }
    let version = parts.headers.get(SEC_WEBSOCKET_VERSION);
    let speaks = version.is_some_and(|version| version.as_bytes() == b"13")
        && parts.version == Version::HTTP_11
        && has_word(parts, &CONNECTION, "upgrade");
    let key = parts.headers.get(SEC_WEBSOCKET_KEY).filter(|key| {
        let bytes = STANDARD.decode(key.as_bytes());
        bytes.is_ok_and(|bytes| bytes.len() == 16)
    });
    match (connection, key.and_then(accept)) {
        (Some(connection), Some(accept)) if speaks => Wanted::Upgrade(Upgrade { connection, accept }),
        _ => Wanted::Unsupported,
    }
}

fn accept(key: &HeaderValue) -> Option<HeaderValue> {
    let mut text = key.as_bytes().to_vec();
    text.extend_from_slice(HANDSHAKE.as_bytes());
    let digest = arca_crypto::digest::sha1_of_protocol(&text);
    HeaderValue::try_from(STANDARD.encode(digest)).ok()
}

fn has_word(parts: &Parts, name: &HeaderName, word: &str) -> bool {
    let values = parts.headers.get_all(name).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// What a client gets whose handshake is not understood.
pub(crate) fn refuse(response: Response<Bytes>) -> Response<Bytes> {
    let mut response = response.map(|_| {
        Bytes::from_static(b"{\"errors\":[\"a WebSocket needs HTTP/1.1, version 13 and a key of 16 bytes; without Upgrade the events come as text/event-stream\"]}\n")
    });
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    let headers = response.headers_mut();
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers the handshake and serves the connection from then on.
pub(crate) fn respond(
    mut response: Response<Bytes>,
    upgrade: Upgrade,
    subscription: Subscription,
    exchange: Arc<Exchange>,
) -> Response<Bytes> {
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, upgrade.accept);
    let shared = exchange.endpoint.shared.clone();
    let serving = async move {
        match upgrade.connection.await {
            Ok(connection) => serve(connection, subscription, &exchange).await,
            Err(error) => tracing::debug!(%error, "a connection was not taken over"),
        }
    };
    drop(shared.tasks.spawn_on(serving, &shared.runtime));
    response
}

async fn serve(connection: Upgraded, subscription: Subscription, exchange: &Exchange) {
    let config = WebSocketConfig::default()
        .read_buffer_size(MOST_SAID)
        .write_buffer_size(0)
        .max_message_size(Some(MOST_SAID))
        .max_frame_size(Some(MOST_SAID));
    let io = TokioIo::new(connection);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let shared = &exchange.endpoint.shared;
    let timeouts = exchange.endpoint.listener.timeouts;
    let patience = Some(timeouts.write.or(timeouts.idle).unwrap_or(PATIENCE));
    let mut messages = Box::pin(messages(subscription, shared.draining.clone()));
    loop {
        // Pings are answered by reading, and so is a close, after which there is nothing more to read.
        let packet = tokio::select! {
            message = messages.next() => message.map(packet),
            said = socket.next() => match said {
                Some(Err(_)) | None => None,
                Some(Ok(_)) => continue,
            },
        };
        let Some(packet) = packet else { break };
        let Some(packet) = packet else { continue };
        let last = packet.is_close();
        let sent = within(&*shared.clock, patience, socket.send(packet)).await;
        if last || !matches!(sent, Some(Ok(()))) {
            break;
        }
    }
    // The client may say goodbye too.
    let goodbye = async { while let Some(Ok(_)) = socket.next().await {} };
    let _: Option<()> = within(&*shared.clock, Some(GOODBYE), goodbye).await;
}

/// What is sent for a message, if anything.
fn packet(message: Message) -> Option<Packet> {
    match message {
        Message::Ready { .. } => None,
        Message::Event { body, .. } => {
            let text = String::from_utf8_lossy(&body).into_owned();
            Some(Packet::text(text))
        }
        Message::Gap { oldest } => Some(Packet::text(format!(
            "{{\"type\":\"arca/gap\",\"oldest\":{oldest}}}"
        ))),
        Message::Beat { .. } => Some(Packet::Ping(Bytes::new())),
        Message::End { reason } => {
            let reason = reason.get(..MAX_REASON).unwrap_or(&reason);
            Some(Packet::Close(Some(CloseFrame {
                code: CloseCode::Policy,
                reason: reason.into(),
            })))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, section 1.3.
    #[test]
    fn the_key_is_answered_as_the_standard_says() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept(&key).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
