//! `kv patch`.

use arca_api::Envelope;
use arca_base::Json;
use arca_base::json::Object;
use arca_client::{Client, ClientError};
use clap::{Args, ValueEnum};

use super::place::Key;
use super::put::version_of;
use super::written;
use crate::cli::data;
use crate::cli::failure::{Failure, Outcome, REMOTE};
use crate::cli::session::Session;

const EXAMPLES: &str = "\
Examples:
  arca kv patch secret/app/db password=-
  arca kv patch -remove-data=username secret/app/db";

/// Changes some members of a secret and keeps the others.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Patch {
    #[command(flatten)]
    key: Key,
    /// Data: key=value, key=@file, key=- (standard input), @file.json, or - (JSON on standard input)
    #[arg(value_name = "K=V")]
    data: Vec<String>,
    /// Only when this is the current version
    #[arg(long, value_name = "VERSION", allow_hyphen_values = true)]
    cas: Option<i64>,
    /// Let the server merge (patch), or read, merge here and write (rw); by default, the server if it can
    #[arg(long)]
    method: Option<Method>,
    /// Member to remove; may be repeated
    #[arg(long, value_name = "KEY")]
    remove_data: Vec<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Patch,
    Rw,
}

impl Patch {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        if self.data.is_empty() && self.remove_data.is_empty() {
            return Err(Failure::local("Must supply data"));
        }
        let mut changes = data::object(&self.data, &mut session.input)
            .map_err(|error| Failure::local(format!("Failed to parse K=V data: {error}")))?;
        changes.extend(self.remove_data.iter().map(|key| (key.clone(), Json::Null)));
        let refusal = "K/V engine mount must be version 2 for patch support";
        let place = self.key.find_versioned(refusal, REMOTE, session).await?;
        let path = place.under("data");
        if self.method == Some(Method::Rw) {
            return read_and_write(&path, &changes, session).await;
        }
        let cas = self.cas.filter(|cas| *cas > 0).map(Json::from);
        let answer = session
            .client()?
            .patch(&path, &version_of(changes.clone(), cas))
            .await;
        match answer {
            Err(error) if self.method.is_none() && may_fall_back(&error) => {
                if error.status() == Some(http::StatusCode::FORBIDDEN) {
                    session.screen.warn(&format!(
                        "The policy does not allow to patch {path}; reading and writing instead. The capability \"patch\" \
                         would make one request of two."
                    ));
                }
                read_and_write(&path, &changes, session).await
            }
            answer => written(&path, answer, session),
        }
    }
}

/// Whether the error says that this server, or this token, cannot patch.
fn may_fall_back(error: &ClientError) -> bool {
    matches!(error.status().map(|status| status.as_u16()), Some(403 | 405))
}

async fn read_and_write(path: &str, changes: &Object, session: &mut Session) -> Outcome {
    let current = current(&session.scout()?, path, "patch").await?;
    let mut data = current.data;
    for (key, value) in changes {
        if value.is_null() {
            data.remove(key);
        } else {
            data.insert(key.clone(), value.clone());
        }
    }
    let answer = session
        .client()?
        .write(path, &version_of(data, Some(current.version)))
        .await;
    written(path, answer, session)
}

/// The current version of a secret.
pub(super) struct Current {
    pub(super) data: Object,
    pub(super) version: Json,
}

/// Reads the current version, which must be there for `operation` to make sense.
async fn current(client: &Client, path: &str, operation: &str) -> Result<Current, Failure> {
    let answer = read(client, path).await?;
    let version = version(&answer, path, operation)?;
    let data = content(&answer, path, operation)?;
    Ok(Current { data, version })
}

/// Reads a version.
async fn read(client: &Client, path: &str) -> Result<Envelope, Failure> {
    let answer = client.read(path).await;
    answer
        .map_err(|error| Failure::remote(&format!("Error doing pre-read at {path}"), error))?
        .filter(|answer| answer.data.is_some())
        .ok_or_else(|| Failure::absent(format!("No value found at {path}")))
}

/// The number of the version an answer holds.
pub(super) fn version(answer: &Envelope, path: &str, operation: &str) -> Result<Json, Failure> {
    let metadata = answer.data.as_ref().and_then(|data| data.get("metadata"));
    let version = metadata.and_then(|metadata| metadata.get("version"));
    version.cloned().ok_or_else(|| {
        Failure::absent(format!(
            "No metadata found at {path}; {operation} only works on existing data"
        ))
    })
}

/// The content of the version an answer holds.
pub(super) fn content(answer: &Envelope, path: &str, operation: &str) -> Result<Object, Failure> {
    let data = answer
        .data
        .as_ref()
        .and_then(|data| data.get("data")?.as_object());
    data.cloned().ok_or_else(|| {
        Failure::absent(format!(
            "No data found at {path}; {operation} only works on existing data"
        ))
    })
}
