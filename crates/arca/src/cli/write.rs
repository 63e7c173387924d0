//! `write` and `patch`.

use arca_api::Envelope;
use arca_base::json::Object;
use arca_client::{ClientError, Request};
use clap::Args;

use super::data;
use super::failure::{DONE, Failure, Outcome};
use super::flags::sanitized;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  arca write auth/userpass/users/ann password=@password.txt policies=dev
  arca write -f transit/keys/app
  echo '{\"ttl\":\"1h\"}' | arca write database/roles/app -";

/// Writes data to a path: secrets, configuration, or the input of an operation.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Write {
    #[command(flatten)]
    arguments: Arguments,
}

/// Changes the fields given and leaves the others as they are. A null in a JSON document removes a field.
#[derive(Args)]
pub(crate) struct Patch {
    #[command(flatten)]
    arguments: Arguments,
}

#[derive(Args)]
struct Arguments {
    /// Path, such as secret/app or auth/userpass/users/ann
    path: String,
    /// Data: key=value, key=@file, key=- (standard input), @file.json, or - (JSON on standard input)
    #[arg(value_name = "K=V")]
    data: Vec<String>,
    /// Write without any data
    #[arg(long, alias = "f")]
    force: bool,
}

impl Arguments {
    fn read(&self, session: &mut Session) -> Result<(String, Object), Failure> {
        if self.data.is_empty() && !self.force {
            return Err(Failure::local("Must supply data or use -force"));
        }
        let data = data::object(&self.data, &mut session.input)
            .map_err(|error| Failure::local(format!("Failed to parse K=V data: {error}")))?;
        Ok((sanitized(&self.path), data))
    }
}

impl Write {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let (path, data) = self.arguments.read(session)?;
        let request = if self.arguments.data.is_empty() {
            Request::new(http::Method::PUT, &path)
        } else {
            Request::write(&path, &data)
        };
        let answer = session.client()?.ask(&request).await;
        conclude(&path, answer, session)
    }
}

impl Patch {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let (path, data) = self.arguments.read(session)?;
        let answer = session.client()?.patch(&path, &data).await;
        conclude(&path, answer, session)
    }
}

/// Prints what a write gave.
pub(super) fn conclude(
    path: &str,
    answer: Result<Option<Envelope>, ClientError>,
    session: &mut Session,
) -> Outcome {
    let doing = format!("Error writing data to {path}");
    match answer.map_err(|error| Failure::remote(&doing, error))? {
        None => session
            .screen
            .success(&format!("Success! Data written to: {path}")),
        Some(answer) => session.screen.secret(&answer)?,
    }
    Ok(DONE)
}
