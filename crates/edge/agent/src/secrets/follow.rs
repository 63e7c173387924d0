//! Following the server's change stream, so that a change is fetched when it happens.
//!
//! The stream is a help, not a need: where there is none, secrets are read again after the interval of the
//! configuration, as if it had never been asked for.

use std::sync::Arc;
use std::time::Duration;

use arca_base::json::Limits;
use arca_base::{Clock, Entropy, Json};
use arca_client::{Client, ClientError, Event, Events};
use tokio_util::sync::CancellationToken;

use super::broker::Secrets;
use super::chance::{between, next_pause, roll};
use crate::board::Board;
use crate::token::TokenFeed;

/// Shortest and longest pause before the stream is asked for again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_mins(1));
/// Pause after a server that has no such stream, or does not let the token see it.
const ABSENT: Duration = Duration::from_mins(10);
/// Over how long secrets are read again after changes may have been missed.
const SPREAD: Duration = Duration::from_secs(10);

/// Follows the stream until it is told to stop.
pub struct Follower {
    client: Client,
    token: TokenFeed,
    secrets: Secrets,
    board: Board,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Of the stream, in `secrets` too, for the run that comes after this one.
    position: Option<u64>,
}

/// Why a stream is not followed any more.
enum Lost {
    /// It may come back.
    Passing(String),
    /// The server does not have it, or not for this token.
    Absent(String),
}

impl Follower {
    /// A follower for `secrets` of the server that `client` speaks with.
    #[must_use]
    pub fn new(
        client: Client,
        token: TokenFeed,
        secrets: Secrets,
        board: Board,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            client: client.with_retries(0),
            token,
            secrets,
            board,
            clock,
            entropy,
            position: None,
        }
    }

    /// Works until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&mut self) {
        let mut pause = Duration::ZERO;
        // Where the run before this one was.
        self.position = self.secrets.position();
        loop {
            if self.token.wait_for(Option::is_some).await.is_err() {
                return;
            }
            let was = self.position;
            let wait = match self.stream().await {
                Lost::Absent(reason) => {
                    tracing::info!(
                        "changes are not told by the server ({reason}): secrets are read at intervals"
                    );
                    ABSENT.mul_f64(between(0.9, 1.1, roll(&*self.entropy)))
                }
                Lost::Passing(reason) => {
                    tracing::warn!("the change stream has ended ({reason}) and is asked for again");
                    if self.position != was {
                        pause = Duration::ZERO;
                    }
                    pause = next_pause(pause, PAUSES.0, PAUSES.1, roll(&*self.entropy));
                    pause
                }
            };
            self.board.post(|report| report.following = Some(false));
            self.clock.sleep(wait).await;
        }
    }

    async fn stream(&mut self) -> Lost {
        let token = self.token.borrow().as_ref().map(|held| held.token.duplicate());
        let client = self.client.clone().with_token(token);
        let mut events = match client.events("*", self.position).await {
            Ok(events) => events,
            Err(error) => return lost(&error),
        };
        loop {
            match self.next(&mut events).await {
                Ok(()) => {}
                Err(lost) => return lost,
            }
        }
    }

    async fn next(&mut self, events: &mut Events) -> Result<(), Lost> {
        let event = events
            .next()
            .await
            .ok_or_else(|| Lost::Passing("the server ended it".to_owned()))?
            .map_err(|error| lost(&error))?;
        match event.kind.as_str() {
            Event::READY => {
                if self.position.is_none() {
                    // What was read before the stream began may have changed in between.
                    self.secrets.recheck(SPREAD);
                }
                self.board.post(|report| report.following = Some(true));
            }
            Event::GAP => self.secrets.recheck(SPREAD),
            Event::END => return Err(Lost::Passing("the server said so".to_owned())),
            _ if event.is_control() => {}
            _ => self.tell(&event),
        }
        self.position = events.position().or(self.position);
        self.secrets.note_position(self.position);
        Ok(())
    }

    fn tell(&self, event: &Event) {
        let Ok(document) = Json::parse(&event.data, &Limits::default()) else {
            return;
        };
        let metadata = ["data", "event", "metadata"]
            .iter()
            .try_fold(&document, |json, name| json.get(name));
        for name in ["data_path", "path"] {
            if let Some(path) = metadata
                .and_then(|metadata| metadata.get(name))
                .and_then(Json::as_str)
            {
                self.secrets.changed_at(path);
            }
        }
    }
}

fn lost(error: &ClientError) -> Lost {
    match error.status().map(|status| status.as_u16()) {
        Some(status @ (400 | 403 | 404 | 405)) => Lost::Absent(format!("status {status}")),
        _ => Lost::Passing(error.in_one_line()),
    }
}
