//! Bodies that go on: a stream of events as Server-Sent Events, and bytes that are not kept in memory.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arca_core::events::{Message, Subscription};
use arca_core::log::Lines;
use arca_core::snapshot::Download;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio_util::sync::CancellationToken;

use super::pulse::{Pulse, Streaming};

/// The body of a response: all of it, or what comes of a stream.
pub(crate) enum Sent {
    Whole(Full<Bytes>),
    Pieces(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

impl Sent {
    pub(crate) fn whole(body: Bytes) -> Self {
        Self::Whole(Full::new(body))
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
            Self::Pieces(pieces) => pieces
                .as_mut()
                .poll_next(context)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// What a subscriber is told, until the server ends.
pub(crate) fn messages(
    subscription: Subscription,
    draining: CancellationToken,
) -> impl Stream<Item = Message> + Send + 'static {
    stream::unfold(Some(subscription), move |subscription| {
        let draining = draining.clone();
        async move {
            let mut subscription = subscription?;
            tokio::select! {
                biased;
                () = draining.cancelled() => {
                    let reason = "the server is shutting down; reconnect".to_owned();
                    Some((Message::End { reason }, None))
                }
                message = subscription.next() => Some((message?, Some(subscription))),
            }
        }
    })
}

/// Makes a response one that goes on.
pub(crate) fn respond(
    response: Response<Bytes>,
    subscription: Subscription,
    draining: CancellationToken,
    pulse: &Arc<Pulse>,
) -> Response<Sent> {
    let held = Streaming::begin(pulse);
    let frames = messages(subscription, draining).map(move |message| {
        // A connection with a stream is not idle.
        let _ = &held;
        io::Result::Ok(frame(&message))
    });
    let mut response = response.map(|_| Sent::Pieces(Box::pin(frames)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Some proxies collect an answer before they pass it on.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// Makes a response one whose body comes in pieces. When one fails the connection is cut, so that nobody takes what
/// has arrived for all.
pub(crate) fn download(response: Response<Bytes>, download: Download, pulse: &Arc<Pulse>) -> Response<Sent> {
    let held = Streaming::begin(pulse);
    let pieces = download.map(move |piece| {
        let _ = &held;
        piece.map_err(|fault| io::Error::other(fault.to_string()))
    });
    let mut response = response.map(|_| Sent::Pieces(Box::pin(pieces)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    response
}

/// Makes a response the log, as it is written.
pub(crate) fn of_lines(
    response: Response<Bytes>,
    lines: Lines,
    draining: CancellationToken,
    pulse: &Arc<Pulse>,
) -> Response<Sent> {
    let held = Streaming::begin(pulse);
    let lines = stream::unfold(
        (lines, draining, held),
        |(mut lines, draining, held)| async move {
            let line = tokio::select! {
                biased;
                () = draining.cancelled() => None,
                line = lines.next() => line,
            };
            Some((Ok(line?), (lines, draining, held)))
        },
    );
    let mut response = response.map(|_| Sent::Pieces(Box::pin(lines)));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// A message as a frame of Server-Sent Events.
fn frame(message: &Message) -> Bytes {
    let mut out = String::new();
    // Writing to a text does not fail.
    let _ = match message {
        Message::Ready { revision } => write!(
            out,
            "id: {revision}\nevent: arca/ready\ndata: {{\"revision\":{revision}}}\n\n"
        ),
        Message::Gap { oldest } => {
            write!(
                out,
                "id: {oldest}\nevent: arca/gap\ndata: {{\"oldest\":{oldest}}}\n\n"
            )
        }
        Message::Beat { revision } => write!(out, ":\nid: {revision}\n\n"),
        Message::End { reason } => {
            out.push_str("event: arca/end\ndata: {\"reason\":");
            arca_base::json::push_string(reason, &mut out);
            write!(out, "}}\n\n")
        }
        Message::Event { id, kind, body } => {
            if let Some(id) = id {
                let _ = writeln!(out, "id: {id}");
            }
            write!(out, "event: {kind}\ndata: {}\n\n", String::from_utf8_lossy(body))
        }
    };
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_frames() {
        let event = |id| Message::Event {
            id,
            kind: "kv-v1/write".to_owned(),
            body: Bytes::from_static(b"{}"),
        };
        for (message, expected) in [
            (
                Message::Ready { revision: 4 },
                "id: 4\nevent: arca/ready\ndata: {\"revision\":4}\n\n",
            ),
            (
                Message::Gap { oldest: 9 },
                "id: 9\nevent: arca/gap\ndata: {\"oldest\":9}\n\n",
            ),
            (Message::Beat { revision: 5 }, ":\nid: 5\n\n"),
            (event(Some(6)), "id: 6\nevent: kv-v1/write\ndata: {}\n\n"),
            (event(None), "event: kv-v1/write\ndata: {}\n\n"),
            (
                Message::End {
                    reason: "a \"b\"\n".to_owned(),
                },
                "event: arca/end\ndata: {\"reason\":\"a \\\"b\\\"\\n\"}\n\n",
            ),
        ] {
            assert_eq!(frame(&message), expected);
        }
    }
}
