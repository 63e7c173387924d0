//! `list` and `scan`.

use arca_api::Envelope;
use arca_base::Json;
use arca_client::Request;
use clap::Args;

use super::failure::{DONE, Failure, Outcome, REMOTE};
use super::flags::sanitized;
use super::session::Session;
use crate::term::Format;

const EXAMPLES: &str = "\
Examples:
  arca list secret/metadata/
  arca list -after=m -limit=50 auth/userpass/users";

/// Lists the names in a folder.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    #[command(flatten)]
    arguments: Arguments,
}

/// Lists names at any depth below a folder.
#[derive(Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    arguments: Arguments,
}

#[derive(Args)]
struct Arguments {
    /// Folder, such as secret/
    path: String,
    /// Only names after this one
    #[arg(long, value_name = "NAME")]
    after: Option<String>,
    /// At most this many names
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
}

impl List {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let path = sanitized(&self.arguments.path);
        self.arguments.ask(Request::list(&path), session).await
    }
}

impl Scan {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let path = sanitized(&self.arguments.path);
        self.arguments.ask(Request::scan(&path), session).await
    }
}

impl Arguments {
    async fn ask(self, mut request: Request, session: &mut Session) -> Outcome {
        if let Some(after) = &self.after {
            request = request.with_query("after", after);
        }
        if let Some(limit) = self.limit {
            request = request.with_query("limit", &limit.to_string());
        }
        listing(&request, session).await
    }
}

/// Asks for a listing and prints it.
pub(super) async fn listing(request: &Request, session: &mut Session) -> Outcome {
    let path = request.path().to_owned();
    let answer = session.client()?.ask(request).await;
    let answer = answer.map_err(|error| Failure::remote(&format!("Error listing {path}"), error))?;
    show(
        answer,
        &format!("No value found at {path}"),
        &format!("No entries found at {path}"),
        session,
    )
}

/// Prints a listing. For programs, no entries are `{}`; the exit code says so in every format.
pub(super) fn show(
    answer: Option<Envelope>,
    nothing: &str,
    no_entries: &str,
    session: &mut Session,
) -> Outcome {
    if let Some(answer) = answer.as_ref().filter(|answer| answer.wrap_info.is_some()) {
        session.screen.secret(answer)?;
        return Ok(DONE);
    }
    let keys = answer.as_ref().and_then(keys_of);
    if keys.is_none() && session.screen.format != Format::Table {
        session.screen.structured(&Json::object())?;
        return Ok(REMOTE);
    }
    let answer = answer.ok_or_else(|| Failure::absent(nothing))?;
    if keys.is_some() {
        session.screen.listing(&answer)?;
        return Ok(DONE);
    }
    if answer.data.is_none() {
        session.screen.warnings(&answer);
    }
    Err(Failure::absent(no_entries))
}

/// How many keys an answer lists, if it is a listing.
pub(super) fn keys_of(answer: &Envelope) -> Option<usize> {
    Some(answer.data.as_ref()?.get("keys")?.as_array()?.len())
}
