//! Health, metrics and status, for those who ask. Nothing in here needs a token, and nothing holds a secret.

mod metrics;
mod place;

use arca_base::Timestamp;
use serde::Serialize;

use crate::board::{Board, Report};

pub use metrics::{Counters, text as metrics};
pub use place::{default_socket, sockets_in};

/// What `/agent/v1/status` answers.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Version of the agent.
    pub version: &'static str,
    /// Number of its process.
    pub process: u32,
    /// Whether a token is in force and every template has been rendered.
    pub ready: bool,
    /// The time of the answer.
    pub now: Timestamp,
    /// What each part is doing.
    #[serde(flatten)]
    pub report: Report,
}

impl Status {
    /// What a board says at this instant.
    #[must_use]
    pub fn of(board: &Board, now: Timestamp) -> Self {
        let report = board.report();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            process: std::process::id(),
            ready: report.is_ready(),
            now,
            report,
        }
    }
}
