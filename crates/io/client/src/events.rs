//! Following the changes a server tells of.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Response};

use crate::answer::Unreadable;
use crate::client::Client;
use crate::error::ClientError;
use crate::request::Request;
use crate::sse::{Frame, Parser};
use crate::transport::Chunks;

const STREAM: &str = "text/event-stream";

/// A server says something every 15 seconds. Whoever says nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(60);

/// One thing that happened, or one thing the server says about the stream itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The revision of the change: ask for what comes after it to go on from here.
    pub id: Option<u64>,
    /// What happened (`kv-v2/data-write`), or one of the constants below.
    pub kind: String,
    /// The event as CloudEvents JSON.
    pub data: Bytes,
}

impl Event {
    /// The first event of a stream: `{"revision":N}` is where it begins.
    pub const READY: &'static str = "arca/ready";
    /// Something may have been missed: `{"oldest":N}`. Read what you follow again; the stream goes on from now.
    pub const GAP: &'static str = "arca/gap";
    /// The last event of a stream that the server ends: `{"reason":"..."}`.
    pub const END: &'static str = "arca/end";

    /// Whether this is about the stream itself.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.kind.starts_with("arca/")
    }
}

impl From<Frame> for Event {
    fn from(frame: Frame) -> Self {
        Self {
            id: frame.id.and_then(|id| id.parse().ok()),
            kind: frame.kind,
            data: frame.data,
        }
    }
}

/// A stream of events. Dropping it ends the subscription.
pub struct Events {
    client: Client,
    request: Request,
    chunks: Option<Chunks>,
    parser: Parser,
    ready: VecDeque<Event>,
    position: Option<u64>,
}

impl Client {
    /// Follows the events whose type matches `kind` (`kv-v2/data-write`, `kv*`, `*`): from now on, or those after
    /// the revision `after`.
    ///
    /// The timeout of the client counts until the stream begins. The first event is [`Event::READY`].
    ///
    /// # Errors
    /// [`ClientError`], also when the answer is no stream of events.
    pub async fn events(&self, kind: &str, after: Option<u64>) -> Result<Events, ClientError> {
        let mut request = Request::read(&format!("sys/events/subscribe/{kind}"))
            .with_header(ACCEPT, HeaderValue::from_static(STREAM));
        if let Some(after) = after {
            request = request.with_query("after", &after.to_string());
        }
        let response = self.stream(&request).await?;
        if !is_stream(&response) {
            let reason = format!("it is not of the type {STREAM}");
            return Err(self.unreadable(&request, Unreadable(reason)));
        }
        Ok(Events {
            client: self.clone(),
            request,
            chunks: Some(response.into_body()),
            parser: Parser::default(),
            ready: VecDeque::new(),
            position: after,
        })
    }
}

impl Events {
    /// The next event; `None` when the server has ended the stream. May be given up and asked again.
    ///
    /// # Errors
    /// [`ClientError`] when the connection breaks or is silent for a minute, or when what arrives is no stream of
    /// events. After an error the stream is over.
    pub async fn next(&mut self) -> Option<Result<Event, ClientError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.position = event.id.or(self.position);
                return Some(Ok(event));
            }
            // Everything that has arrived was given.
            let seen = self.parser.last_id().and_then(|id| id.parse().ok());
            self.position = seen.or(self.position);
            let chunk = match self.chunk().await? {
                Ok(chunk) => chunk,
                Err(error) => return Some(Err(self.over(error))),
            };
            let mut frames = Vec::new();
            let outcome = self.parser.push(&chunk, &mut frames);
            self.ready.extend(frames.into_iter().map(Event::from));
            if outcome.is_err() {
                let reason = Unreadable("an event is larger than 1 MiB".to_owned());
                let error = self.client.unreadable(&self.request, reason);
                return Some(Err(self.over(error)));
            }
        }
    }

    /// The revision to resume after: everything up to it was given. Moves on also while nothing happens that this
    /// stream is told of.
    #[must_use]
    pub const fn position(&self) -> Option<u64> {
        self.position
    }

    async fn chunk(&mut self) -> Option<Result<Bytes, ClientError>> {
        let chunks = self.chunks.as_mut()?;
        let clock = self.client.clock();
        tokio::select! {
            biased;
            chunk = chunks.next() => {
                Some(chunk?.map_err(|source| self.client.broken(&self.request, source)))
            }
            () = clock.sleep(SILENCE) => Some(Err(self.client.silent(&self.request, SILENCE))),
        }
    }

    fn over(&mut self, error: ClientError) -> ClientError {
        self.chunks = None;
        self.ready.clear();
        error
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

fn is_stream<B>(response: &Response<B>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case(STREAM)
}
