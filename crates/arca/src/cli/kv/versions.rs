//! `kv delete`, `kv undelete` and `kv destroy`.

use arca_base::Json;
use arca_base::json::Object;
use clap::Args;

use super::place::Key;
use crate::cli::failure::{LOCAL, Outcome};
use crate::cli::session::Session;
use crate::cli::{delete, write};

/// Deletes the current version of a secret, or the versions named. They can be brought back.
#[derive(Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    key: Key,
    /// Versions, separated by commas; may be repeated
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    versions: Vec<String>,
}

/// Brings deleted versions back.
#[derive(Args)]
pub(crate) struct Undelete {
    #[command(flatten)]
    key: Key,
    /// Versions, separated by commas; may be repeated
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', required = true)]
    versions: Vec<String>,
}

/// Removes the content of versions for ever.
#[derive(Args)]
pub(crate) struct Destroy {
    #[command(flatten)]
    key: Key,
    /// Versions, separated by commas; may be repeated
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', required = true)]
    versions: Vec<String>,
}

impl Delete {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let place = self.key.find(session).await?;
        let path = place.path("data");
        let client = session.client()?;
        let answer = if place.is_versioned() && !self.versions.is_empty() {
            client.write(&place.under("delete"), &body(&self.versions)).await
        } else {
            client.delete(&path).await
        };
        delete::conclude(&path, answer, session)
    }
}

impl Undelete {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let refusal = "Undelete not supported on KV Version 1";
        let place = self.key.find_versioned(refusal, LOCAL, session).await?;
        let path = place.under("undelete");
        let answer = session.client()?.write(&path, &body(&self.versions)).await;
        write::conclude(&path, answer, session)
    }
}

impl Destroy {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let refusal = "Destroy not supported on KV Version 1";
        let place = self.key.find_versioned(refusal, LOCAL, session).await?;
        let path = place.under("destroy");
        let answer = session.client()?.write(&path, &body(&self.versions)).await;
        write::conclude(&path, answer, session)
    }
}

fn body(versions: &[String]) -> Object {
    let versions: Vec<&str> = versions.iter().map(|version| version.trim()).collect();
    Object::from([("versions".to_owned(), Json::from(versions))])
}
