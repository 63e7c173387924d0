//! `audit`.

use arca_api::endpoint::Nothing;
use arca_api::field::TextMap;
use arca_api::sys::audit::{self, DevicePath, EnableDevice};
use arca_base::Json;
use clap::{Args, Subcommand};

use super::data;
use super::failure::{DONE, Failure, Outcome, REMOTE};
use super::flags::folder;
use super::session::Session;
use crate::term::{display, headed};

/// Audit devices: where every access is recorded.
#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Enable an audit device
    Enable(Enable),
    /// Disable an audit device
    Disable(Disable),
    /// List the audit devices
    List,
}

#[derive(Args)]
pub(crate) struct Enable {
    /// Type of the device: file, socket or syslog
    kind: String,
    /// Settings as key=value, such as file_path=/var/log/arca/audit.log
    #[arg(value_name = "K=V")]
    options: Vec<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Where it is known; its type when absent
    #[arg(long)]
    path: Option<String>,
    /// Accepted for compatibility
    #[arg(long)]
    local: bool,
}

#[derive(Args)]
pub(crate) struct Disable {
    /// Path of the device
    path: String,
}

impl Audit {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Enable(command) => command.run(session).await,
            Self::Disable(command) => command.run(session).await,
            Self::List => list(session).await,
        }
    }
}

impl Enable {
    async fn run(self, session: &mut Session) -> Outcome {
        let options = data::object(&self.options, &mut session.input)
            .map_err(|error| Failure::local(format!("Failed to parse K=V data: {error}")))?;
        let options = options
            .iter()
            .map(|(key, value)| (key.clone(), display(value)))
            .collect();
        let kind = self.kind.trim().to_owned();
        let path = folder(self.path.as_ref().unwrap_or(&kind));
        let request = audit::Enable {
            path: path.trim_end_matches('/').to_owned(),
            kind: kind.clone(),
            description: self.description.unwrap_or_default(),
            options: Some(TextMap(options)),
            local: self.local,
        };
        let answer = session.client()?.call::<EnableDevice>("sys", &request).await;
        answer.map_err(|error| Failure::remote("Error enabling audit device", error))?;
        session
            .screen
            .success(&format!("Success! Enabled the {kind} audit device at: {path}"));
        Ok(DONE)
    }
}

impl Disable {
    async fn run(self, session: &mut Session) -> Outcome {
        let path = folder(&self.path);
        let request = DevicePath {
            path: path.trim_matches('/').to_owned(),
        };
        let answer = session.client()?.call::<audit::Disable>("sys", &request).await;
        answer.map_err(|error| Failure::remote("Error disabling audit device", error))?;
        session.screen.success(&format!(
            "Success! Disabled audit device (if it was enabled) at: {path}"
        ));
        Ok(DONE)
    }
}

async fn list(session: &mut Session) -> Outcome {
    let answer = session.client()?.call::<audit::List>("sys", &Nothing).await;
    let answer = answer.map_err(|error| Failure::remote("Error listing audits", error))?;
    let data = answer.and_then(|answer| answer.data).unwrap_or_else(Json::object);
    let devices = data.as_object().filter(|devices| !devices.is_empty());
    let Some(devices) = devices.filter(|_| session.screen.is_table()) else {
        if session.screen.is_table() {
            session.screen.line("No audit devices are enabled.");
            return Ok(REMOTE);
        }
        session.screen.data(&data, "")?;
        return Ok(DONE);
    };
    let detailed = session.screen.detailed;
    let rows: Vec<Vec<String>> = devices
        .iter()
        .map(|(path, device)| row(path, device, detailed))
        .collect();
    let header: &[&str] = if detailed {
        &["Path", "Type", "Description", "Replication", "Options"]
    } else {
        &["Path", "Type", "Description"]
    };
    session.screen.line(&headed(header, &rows));
    Ok(DONE)
}

fn row(path: &str, device: &Json, detailed: bool) -> Vec<String> {
    let text = |name| device.get(name).map(display).unwrap_or_default();
    let mut row = vec![path.to_owned(), text("type"), text("description")];
    if detailed {
        let is_local = device.get("local").and_then(Json::as_bool) == Some(true);
        let options = device.get("options").and_then(Json::as_object);
        let options: Vec<String> = options
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", display(value)))
            .collect();
        row.push(if is_local { "local" } else { "replicated" }.to_owned());
        row.push(options.join(" "));
    }
    row
}
