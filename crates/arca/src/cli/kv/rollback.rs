//! `kv rollback`.

use arca_api::Envelope;
use arca_base::Json;
use arca_client::{Client, Request};
use clap::Args;

use super::patch::{content, version};
use super::place::Key;
use super::put::version_of;
use crate::cli::failure::{Failure, Outcome, REMOTE};
use crate::cli::session::Session;
use crate::cli::write;

/// Writes the content of an old version as a new one.
#[derive(Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    key: Key,
    /// The version to bring back
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    version: u64,
}

const OPERATION: &str = "rollback";

impl Rollback {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let refusal = "K/V engine mount must be version 2 for rollback support";
        let place = self.key.find_versioned(refusal, REMOTE, session).await?;
        let path = place.under("data");
        let scout = session.scout()?;
        let current = read(&scout, &Request::read(&path)).await?;
        let current = version(&current, &path, OPERATION)?;
        let request = Request::read(&path).with_query("version", &self.version.to_string());
        let old = read(&scout, &request).await?;
        check_content(&old)?;
        let data = content(&old, &path, OPERATION)?;
        let answer = session
            .client()?
            .write(&path, &version_of(data, Some(current)))
            .await;
        write::conclude(&path, answer, session)
    }
}

async fn read(client: &Client, request: &Request) -> Result<Envelope, Failure> {
    let path = request.path();
    let answer = client.ask(request).await;
    answer
        .map_err(|error| Failure::remote(&format!("Error doing pre-read at {path}"), error))?
        .filter(|answer| answer.data.is_some())
        .ok_or_else(|| Failure::absent(format!("No value found at {path}")))
}

/// Whether there is still something to bring back.
fn check_content(answer: &Envelope) -> Result<(), Failure> {
    let metadata = answer.data.as_ref().and_then(|data| data.get("metadata"));
    let part = |name| metadata.and_then(|metadata| metadata.get(name));
    if part("destroyed").and_then(Json::as_bool) == Some(true) {
        return Err(Failure::absent(
            "Cannot roll back to a version that has been destroyed",
        ));
    }
    let has_data = answer
        .data
        .as_ref()
        .and_then(|data| data.get("data"))
        .is_some_and(|data| !data.is_null());
    if !has_data
        && part("deletion_time")
            .and_then(Json::as_str)
            .is_some_and(|time| !time.is_empty())
    {
        return Err(Failure::absent(
            "Cannot roll back to a version that has been deleted",
        ));
    }
    Ok(())
}
