//! `kv put`.

use arca_base::Json;
use arca_base::json::Object;
use clap::Args;

use super::place::Key;
use super::written;
use crate::cli::data;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;

const EXAMPLES: &str = "\
Examples:
  arca kv put -mount=secret app/db username=app password=@password.txt
  arca kv put -cas=0 secret/app/db @secret.json";

/// Writes a secret; its former content is replaced.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Put {
    #[command(flatten)]
    key: Key,
    /// Data: key=value, key=@file, key=- (standard input), @file.json, or - (JSON on standard input)
    #[arg(value_name = "K=V")]
    data: Vec<String>,
    /// Only when this is the current version; 0 for a secret that does not exist yet
    #[arg(long, value_name = "VERSION", allow_hyphen_values = true)]
    cas: Option<i64>,
}

impl Put {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        if self.data.is_empty() {
            return Err(Failure::local("Must supply data"));
        }
        let data = data::object(&self.data, &mut session.input)
            .map_err(|error| Failure::local(format!("Failed to parse K=V data: {error}")))?;
        let place = self.key.find(session).await?;
        let path = place.path("data");
        let body = if place.is_versioned() {
            version_of(data, self.cas.filter(|cas| *cas >= 0).map(Json::from))
        } else {
            data
        };
        let answer = session.client()?.write(&path, &body).await;
        written(&path, answer, session)
    }
}

/// The body of a new version, which may replace only version `cas`.
pub(super) fn version_of(data: Object, cas: Option<Json>) -> Object {
    let options: Object = cas.into_iter().map(|cas| ("cas".to_owned(), cas)).collect();
    Object::from([
        ("data".to_owned(), Json::Object(data)),
        ("options".to_owned(), Json::Object(options)),
    ])
}
