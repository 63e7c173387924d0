//! `events`.

use arca_client::{Client, Event};
use clap::{Args, Subcommand};

use super::failure::{DONE, Failure, Outcome};
use super::session::Session;

/// Doing this, something failed.
const DOING: &str = "Error following events";

/// Events: what happens on the server, as it happens.
#[derive(Subcommand)]
pub(crate) enum Events {
    /// Print each event as a line of JSON, until interrupted
    Subscribe(Subscribe),
}

#[derive(Args)]
pub(crate) struct Subscribe {
    /// Types of event: one, such as kv-v2/data-write, or a pattern, such as kv* or *
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Begin after this revision, which an event carries as \"revision\"; from now on without it
    #[arg(long, value_name = "REVISION")]
    after: Option<u64>,
}

impl Events {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Subscribe(command) => command.run(session).await,
        }
    }
}

impl Subscribe {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client()?;
        tokio::select! {
            ended = self.follow(&client, session) => ended,
            _ = tokio::signal::ctrl_c() => Ok(DONE),
        }
    }

    async fn follow(&self, client: &Client, session: &mut Session) -> Outcome {
        let failed = |error| Failure::remote(DOING, error);
        let mut events = client.events(&self.kind, self.after).await.map_err(failed)?;
        while let Some(event) = events.next().await {
            let event = event.map_err(failed)?;
            let text = String::from_utf8_lossy(&event.data);
            match &*event.kind {
                Event::READY => {}
                Event::GAP => session.screen.warn(&format!(
                    "Events were missed: what lies before is no longer kept. Continuing from now. {text}"
                )),
                Event::END => return Err(Failure::local(format!("The server ended the stream: {text}"))),
                _ => session.screen.line(&text),
            }
        }
        Err(Failure::local(
            "The server ended the stream without a reason".to_owned(),
        ))
    }
}
