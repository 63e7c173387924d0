//! `path-help`.

use arca_client::{ClientError, Request};
use clap::Args;

use arca_base::Json;

use super::failure::{DONE, Failure, Outcome};
use super::flags::sanitized;
use super::session::Session;
use crate::term::Format;

/// Shows what a path is for. With -format=json, as OpenAPI.
#[derive(Args)]
pub(crate) struct PathHelp {
    /// Path, such as database/roles
    path: String,
}

impl PathHelp {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let request = Request::read(&sanitized(&self.path)).with_query("help", "1");
        let failed = |error: ClientError| Failure::remote("Error retrieving help", error);
        let answer = session.client()?.ask(&request).await.map_err(failed)?;
        let data = answer.and_then(|answer| answer.data).unwrap_or(Json::Null);
        if session.screen.format == Format::Table {
            let text = data.get("help").and_then(Json::as_str).unwrap_or_default();
            session.screen.line(text);
        } else {
            session.screen.structured(data.get("openapi").unwrap_or(&data))?;
        }
        Ok(DONE)
    }
}
