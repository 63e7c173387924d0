//! `monitor`.

use arca_client::{Client, Request};
use clap::Args;

use super::failure::{DONE, Failure, Outcome};
use super::session::Session;

/// Doing this, something failed.
const DOING: &str = "Error following the log";

/// Print the log of the server as it is written, until interrupted. The level is that of -log-level.
#[derive(Args)]
pub(crate) struct Monitor {
    /// How lines are written: standard or json
    #[arg(long, value_name = "FORMAT", default_value = "standard")]
    log_format: String,
}

impl Monitor {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client()?;
        tokio::select! {
            ended = self.follow(&client, session) => ended,
            _ = tokio::signal::ctrl_c() => Ok(DONE),
        }
    }

    async fn follow(&self, client: &Client, session: &mut Session) -> Outcome {
        let failed = |error| Failure::remote(DOING, error);
        let level = session.globals.log_level.clone().unwrap_or_default();
        let request = Request::read("sys/monitor")
            .with_query("log_level", &level)
            .with_query("log_format", &self.log_format);
        let mut lines = client.stream(&request).await.map_err(failed)?.into_body();
        let mut kept = Vec::new();
        while let Some(piece) = lines.next().await {
            let piece = piece.map_err(|error| Failure::local(format!("{DOING}: {error}")))?;
            kept.extend_from_slice(&piece);
            // Lines are shown whole.
            while let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = kept.drain(..=end).collect();
                session
                    .screen
                    .line(String::from_utf8_lossy(&line).trim_end_matches('\n'));
            }
        }
        Err(Failure::local(
            "The server ended the stream: it was sealed or is shutting down, or the token has ended"
                .to_owned(),
        ))
    }
}
