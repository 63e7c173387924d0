//! `delete`.

use arca_api::Envelope;
use arca_client::{ClientError, Request};
use clap::Args;

use super::failure::{DONE, Failure, Outcome};
use super::flags::sanitized;
use super::read::with_parameters;
use super::session::Session;

/// Deletes what is at a path, if it is there.
#[derive(Args)]
pub(crate) struct Delete {
    /// Path, such as secret/app
    path: String,
    /// Parameters as key=value
    #[arg(value_name = "K=V")]
    data: Vec<String>,
}

impl Delete {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let path = sanitized(&self.path);
        let request = with_parameters(Request::delete(&path), &self.data, session)?;
        let answer = session.client()?.ask(&request).await;
        conclude(&path, answer, session)
    }
}

/// Prints what a removal gave.
pub(super) fn conclude(
    path: &str,
    answer: Result<Option<Envelope>, ClientError>,
    session: &mut Session,
) -> Outcome {
    let doing = format!("Error deleting {path}");
    match answer.map_err(|error| Failure::remote(&doing, error))? {
        None => session
            .screen
            .success(&format!("Success! Data deleted (if it existed) at: {path}")),
        Some(answer) => session.screen.secret(&answer)?,
    }
    Ok(DONE)
}
