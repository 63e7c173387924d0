//! `kv get`.

use arca_api::Envelope;
use arca_base::Json;
use arca_base::json::Object;
use arca_client::Request;
use clap::Args;

use super::place::{Key, Place};
use super::{show_members, show_path};
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::field_of_secret;

const EXAMPLES: &str = "\
Examples:
  arca kv get -mount=secret app/db
  arca kv get -field=password secret/app/db
  arca kv get -version=3 secret/app/db";

/// Reads a secret.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Get {
    #[command(flatten)]
    key: Key,
    /// The version to read; the current one when absent
    #[arg(long, value_name = "NUMBER")]
    version: Option<u64>,
}

impl Get {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let place = self.key.find(session).await?;
        let path = place.path("data");
        let mut request = Request::read(&path);
        if let Some(version) = self
            .version
            .filter(|version| place.is_versioned() && *version > 0)
        {
            request = request.with_query("version", &version.to_string());
        }
        let answer = session.client()?.ask(&request).await;
        let answer = answer.map_err(|error| Failure::remote(&format!("Error reading {path}"), error))?;
        let answer = answer.ok_or_else(|| Failure::absent(format!("No value found at {path}")))?;
        if let Some(name) = session.screen.field.clone() {
            return show_field(&name, &answer, &place, &path, session);
        }
        if answer.wrap_info.is_some() || !session.screen.is_table() {
            session.screen.secret(&answer)?;
            return Ok(DONE);
        }
        show(&answer, &place, &path, session)
    }
}

/// One member of the secret. `data` means the whole secret, unless a member has that name.
fn show_field(name: &str, answer: &Envelope, place: &Place, path: &str, session: &mut Session) -> Outcome {
    let value = if place.is_versioned() && answer.wrap_info.is_none() {
        let data = answer.data.as_ref().and_then(|data| data.get("data"));
        let data = data.filter(|data| !data.is_null());
        let data = data.ok_or_else(|| Failure::absent(format!("No data found at {path}")))?;
        match data.get(name) {
            None if name == "data" => Some(data.clone()),
            member => member.cloned(),
        }
    } else {
        field_of_secret(answer, name)
    };
    session.screen.value(value, name)?;
    Ok(DONE)
}

fn show(answer: &Envelope, place: &Place, path: &str, session: &mut Session) -> Outcome {
    session.screen.warnings(answer);
    let empty = Object::new();
    let all = answer.data.as_ref().and_then(Json::as_object).unwrap_or(&empty);
    if !place.is_versioned() {
        show_members("Data", all, session)?;
        return Ok(DONE);
    }
    show_path("Secret Path", path, session);
    if let Some(metadata) = all.get("metadata").and_then(Json::as_object) {
        show_members("Metadata", metadata, session)?;
        session.screen.line("");
    }
    if let Some(data) = all.get("data").and_then(Json::as_object) {
        show_members("Data", data, session)?;
    }
    Ok(DONE)
}
