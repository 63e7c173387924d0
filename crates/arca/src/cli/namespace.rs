//! `namespace`.

use clap::Subcommand;

use super::failure::{Failure, Outcome};
use super::list;
use super::session::Session;

/// Namespaces of the server.
#[derive(Subcommand)]
pub(crate) enum Namespace {
    /// List the namespaces directly below this one
    List,
}

impl Namespace {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let answer = session.client()?.list("sys/namespaces").await;
        let answer = answer.map_err(|error| Failure::remote("Error listing namespaces", error))?;
        list::show(answer, "No namespaces found", "No namespaces found", session)
    }
}
