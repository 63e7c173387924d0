//! `agent status`.

use std::path::PathBuf;

use arca_agent::status::{default_socket, sockets_in};
use arca_base::Json;
use arca_base::json::Limits;
use arca_client::{Address, Network, Proxies, TlsOptions, Transport as _};
use bytes::Bytes;
use clap::Args;

use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::Format;

/// Shows what a running agent is doing. Asks the listener at -agent-address, else the socket beside the pid file, else
/// the one agent of this user.
#[derive(Args)]
pub(super) struct Status {
    /// The pid file of the agent
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
}

impl Status {
    pub(super) async fn run(self, session: &mut Session) -> Outcome {
        let address = self.address(session)?;
        let network = Network::new(&address, &TlsOptions::default(), &Proxies::default())?;
        let url = format!("{}/agent/v1/status", address.base());
        let mut request = http::Request::new(Bytes::new());
        *request.uri_mut() = url
            .parse()
            .map_err(|_| Failure::local(format!("{url} is not an address")))?;
        let header = http::HeaderValue::from_static("true");
        request.headers_mut().insert("x-vault-request", header);
        let answer = network.send(request).await;
        let answer = answer.map_err(|error| Failure::absent(format!("No agent answers: {error}")))?;
        let status = Json::parse(answer.body(), &Limits::default());
        let (Ok(status), true) = (status, answer.status().is_success()) else {
            return Err(Failure::absent(format!("{address} answers, but is no agent")));
        };
        if session.screen.format == Format::Table {
            show(&status, session);
        } else {
            session.screen.line(status.to_text().as_str());
        }
        Ok(DONE)
    }

    fn address(&self, session: &Session) -> Result<Address, Failure> {
        let given = session.globals.agent_address.clone();
        if let Some(given) = given.or_else(|| session.setting("AGENT_ADDR")) {
            return Ok(Address::parse(&given)?);
        }
        let of_socket = |path: PathBuf| Ok(Address::parse(&format!("unix://{}", path.display()))?);
        if let Some(socket) = self
            .pid_file
            .as_deref()
            .and_then(|file| default_socket(Some(file), None))
        {
            return of_socket(socket);
        }
        let runtime = session.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
        let found = runtime.map(|folder| sockets_in(&folder)).unwrap_or_default();
        match <[PathBuf; 1]>::try_from(found) {
            Ok([socket]) => of_socket(socket),
            Err(found) if found.is_empty() => Err(Failure::absent(
                "No agent was found: say where it listens with -agent-address, or name its -pid-file.",
            )),
            Err(found) => {
                let names: Vec<_> = found
                    .iter()
                    .map(|path| format!("unix://{}", path.display()))
                    .collect();
                Err(Failure::local(format!(
                    "There are several agents; name one with -agent-address: {}",
                    names.join(", ")
                )))
            }
        }
    }
}

fn show(status: &Json, session: &mut Session) {
    let text = |value: Option<&Json>| match value {
        None | Some(Json::Null) => "-".to_owned(),
        Some(value) => value
            .as_str()
            .map_or_else(|| value.to_text().as_str().to_owned(), str::to_owned),
    };
    let screen = &mut session.screen;
    let mut row = |name: &str, value: String| screen.line(&format!("{name:<16}{value}"));
    row("Ready", text(status.get("ready")));
    row("Process", text(status.get("process")));
    row("Version", text(status.get("version")));
    if let Some(auth) = status.get("auth").filter(|auth| !auth.is_null()) {
        row("Method", text(auth.get("method")));
        row("Authenticated", text(auth.get("authenticated")));
        row("Token expires", text(auth.get("expires")));
        if let Some(error) = auth.get("error").filter(|error| !error.is_null()) {
            row("Login error", text(error.get("message")));
        }
    }
    let templates = status.get("templates").and_then(Json::as_object);
    for template in templates.into_iter().flat_map(|templates| templates.values()) {
        row("Template", text(template.get("destination")));
        row("  rendered", text(template.get("rendered")));
        row("  expires", text(template.get("expires")));
        if let Some(error) = template.get("error").filter(|error| !error.is_null()) {
            row("  error", text(error.get("message")));
        }
    }
}
