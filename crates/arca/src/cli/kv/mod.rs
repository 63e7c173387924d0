//! `kv`.

mod enable_versioning;
mod get;
mod list;
mod metadata;
mod patch;
pub(in crate::cli) mod place;
mod put;
mod rollback;
mod search;
mod versions;

use arca_api::Envelope;
use arca_client::ClientError;
use clap::Subcommand;

use super::failure::{DONE, Failure, Outcome};
use super::session::Session;
use crate::term::{banner, of_members};

/// Key/value secrets, with versions or without.
///
/// A secret is named as `-mount=secret app/db`, or as one path: `secret/app/db`.
#[derive(Subcommand)]
pub(crate) enum Kv {
    /// Read a secret
    Get(get::Get),
    /// Write a secret; its former content is replaced
    Put(put::Put),
    /// Change some members of a secret
    Patch(patch::Patch),
    /// Delete a secret, or versions of it; versions can be brought back
    Delete(versions::Delete),
    /// Bring deleted versions back
    Undelete(versions::Undelete),
    /// Remove the content of versions for ever
    Destroy(versions::Destroy),
    /// Make an old version the current one
    Rollback(rollback::Rollback),
    /// List secrets in a folder
    List(list::List),
    /// List secrets at any depth below a folder
    Scan(list::Scan),
    /// Find secrets by name and custom metadata
    Search(search::Search),
    /// Work with the settings and versions of a secret
    #[command(subcommand, disable_help_subcommand = true, help_template = super::GROUP)]
    Metadata(metadata::Metadata),
    /// Turn versions on for a mount
    EnableVersioning(enable_versioning::EnableVersioning),
}

impl Kv {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Get(command) => command.run(session).await,
            Self::Put(command) => command.run(session).await,
            Self::Patch(command) => command.run(session).await,
            Self::Delete(command) => command.run(session).await,
            Self::Undelete(command) => command.run(session).await,
            Self::Destroy(command) => command.run(session).await,
            Self::Rollback(command) => command.run(session).await,
            Self::List(command) => command.run(session).await,
            Self::Scan(command) => command.run(session).await,
            Self::Search(command) => command.run(session).await,
            Self::Metadata(command) => command.run(session).await,
            Self::EnableVersioning(command) => command.run(session).await,
        }
    }
}

/// Prints what writing a version gave: its path and its metadata.
fn written(path: &str, answer: Result<Option<Envelope>, ClientError>, session: &mut Session) -> Outcome {
    let doing = format!("Error writing data to {path}");
    let Some(answer) = answer.map_err(|error| Failure::remote(&doing, error))? else {
        session
            .screen
            .success(&format!("Success! Data written to: {path}"));
        return Ok(DONE);
    };
    if answer.wrap_info.is_some() || !session.screen.is_table() {
        session.screen.secret(&answer)?;
        return Ok(DONE);
    }
    session.screen.warnings(&answer);
    show_path("Secret Path", path, session);
    let metadata = answer.data.as_ref().and_then(|data| data.as_object());
    show_members(
        "Metadata",
        metadata.unwrap_or(&arca_base::json::Object::new()),
        session,
    )?;
    Ok(DONE)
}

/// Prints a path below a title.
fn show_path(title: &str, path: &str, session: &mut Session) {
    session.screen.line(&banner(title, path.len()));
    session.screen.line(path);
    session.screen.line("");
}

/// Prints the members of an object below a title as wide as their table.
fn show_members(
    title: &str,
    members: &arca_base::json::Object,
    session: &mut Session,
) -> Result<(), Failure> {
    let longest = of_members(members)
        .iter()
        .filter_map(|row| row.first())
        .map(String::len)
        .max();
    let width = longest.unwrap_or(0) + "    Value".len();
    session.screen.line(&banner(title, width));
    session.screen.members(members)?;
    Ok(())
}
