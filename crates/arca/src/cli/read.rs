//! `read`.

use arca_client::Request;
use clap::Args;

use super::data;
use super::failure::{DONE, Failure, Outcome};
use super::flags::sanitized;
use super::session::Session;
use crate::term::Format;

const EXAMPLES: &str = "\
Examples:
  arca read database/creds/app
  arca read -field=password secret/app";

/// Reads whatever is at a path: secrets, fresh credentials, configuration.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Read {
    /// Path, such as secret/app or database/creds/role
    path: String,
    /// Parameters as key=value
    #[arg(value_name = "K=V")]
    data: Vec<String>,
}

impl Read {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let path = sanitized(&self.path);
        let request = with_parameters(Request::read(&path), &self.data, session)?;
        let client = session.client()?;
        let doing = format!("Error reading {path}");
        if session.screen.format == Format::Raw {
            let answer = client
                .raw(&request)
                .await
                .map_err(|error| Failure::remote(&doing, error))?;
            session.screen.raw(answer.body());
            return Ok(DONE);
        }
        let answer = client
            .ask(&request)
            .await
            .map_err(|error| Failure::remote(&doing, error))?;
        let answer = answer.ok_or_else(|| Failure::absent(format!("No value found at {path}")))?;
        session.screen.secret(&answer)?;
        Ok(DONE)
    }
}

/// A request with data arguments as its query.
pub(super) fn with_parameters(
    request: Request,
    arguments: &[String],
    session: &mut Session,
) -> Result<Request, Failure> {
    let data = data::object(arguments, &mut session.input)
        .map_err(|error| Failure::local(format!("Failed to parse K=V data: {error}")))?;
    let parameters = data::parameters(&data);
    Ok(parameters
        .iter()
        .fold(request, |request, (name, value)| request.with_query(name, value)))
}
