//! `version-history`.

use arca_base::Json;
use clap::Args;

use super::failure::{DONE, Failure, Outcome};
use super::session::Session;
use crate::term::{display, headed};

/// Shows which versions of the server have run on its store, and since when.
#[derive(Args)]
pub(crate) struct VersionHistory {}

impl VersionHistory {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let answer = session.client()?.list("sys/version-history").await;
        let answer = answer
            .map_err(|error| Failure::remote("Error reading version history", error))?
            .ok_or_else(|| Failure::absent("The server keeps no version history"))?;
        if !session.screen.is_table() {
            session.screen.secret(&answer)?;
            return Ok(DONE);
        }
        let data = answer.data.as_ref().unwrap_or(&Json::Null);
        let versions = data.get("keys").and_then(Json::as_array).unwrap_or_default();
        let rows: Vec<Vec<String>> = versions.iter().map(|version| row(version, data)).collect();
        session
            .screen
            .line(&headed(&["Version", "Installation Time", "Build Date"], &rows));
        Ok(DONE)
    }
}

fn row(version: &Json, data: &Json) -> Vec<String> {
    let version = display(version);
    let info = data.get("key_info").and_then(|info| info.get(&version));
    let part = |name| {
        info.and_then(|info| info.get(name))
            .map(display)
            .unwrap_or_default()
    };
    let built = match part("build_date") {
        empty if empty.is_empty() => part("commit_date"),
        date => date,
    };
    vec![version, part("timestamp_installed"), built]
}
