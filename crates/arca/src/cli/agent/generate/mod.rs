//! `agent generate-config`.

mod document;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use arca_base::Json;
use clap::Args;

use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::kv::place;
use crate::cli::session::Session;
use crate::cli::token_helper::TokenHelper;
use document::{Document, Secret};

/// Most secrets of one configuration, and most folders within each other.
const MOST: usize = 1000;
const DEEPEST: usize = 32;

const EXAMPLES: &str = "\
Examples:
  arca agent generate-config -type=env-template -exec='./server --port 8080' -path=secret/app agent.hcl
  arca agent generate-config -type=env-template -exec=env -path='secret/team/*'";

/// Writes a configuration that runs a program with the members of KV secrets as variables. Reads the names of the
/// members, and writes no value. The variables are called after the last part of the path and the member:
/// PASSWORD of secret/app becomes APP_PASSWORD.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Generate {
    /// What kind of configuration: env-template
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// The program to run, with its arguments
    #[arg(long, value_name = "COMMAND", default_value = "env")]
    exec: String,
    /// A KV secret, or every secret below a folder with /* behind it; may be repeated
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// The file to write
    #[arg(value_name = "FILE", default_value = "agent.hcl")]
    file: PathBuf,
}

impl Generate {
    pub(super) async fn run(self, session: &mut Session) -> Outcome {
        match self.kind.as_deref() {
            Some("env-template") => {}
            Some(other) => {
                let text = format!("-type={other:?} is no kind of configuration: use -type=env-template.");
                return Err(Failure::local(text));
            }
            None => return Err(Failure::local("Say which kind: -type=env-template.")),
        }
        if self.path.is_empty() {
            return Err(Failure::local(
                "Say which secrets: -path=secret/app, or -path='secret/team/*' for all below a folder.",
            ));
        }
        let command = arca_agent::supervise::argv(std::slice::from_ref(&self.exec))
            .map_err(|error| Failure::local(format!("-exec: {error}")))?;
        let mut secrets = BTreeMap::new();
        for path in &self.path {
            match path.trim().strip_suffix("/*") {
                None => read(path.trim_matches('/'), &mut secrets, session).await?,
                Some(folder) => walk(folder.trim_matches('/'), &mut secrets, session).await?,
            }
        }
        if secrets.is_empty() {
            return Err(Failure::absent("There is no secret at these paths."));
        }
        let document = Document {
            address: session.address()?,
            namespace: session.namespace()?,
            token_file: token_file(session)?,
            command,
            secrets: secrets.into_values().collect(),
        };
        let written = fs::write(&self.file, document.text());
        written.map_err(|error| Failure::local(format!("Cannot write {}: {error}.", self.file.display())))?;
        session.screen.success(&format!(
            "Success! Wrote the configuration to: {}",
            self.file.display()
        ));
        session.screen.warn(
            "It logs in with your own token (token_file), which is for development: use another method in production.",
        );
        Ok(DONE)
    }
}

/// Reads the names of the members of one secret.
async fn read(
    path: &str,
    secrets: &mut BTreeMap<String, Secret>,
    session: &mut Session,
) -> Result<(), Failure> {
    let place = place::find(None, path, session).await?;
    let full = place.path("data");
    let answer = session.scout()?.read(&full).await;
    let answer = answer.map_err(|error| Failure::remote(&format!("Error reading {full}"), error))?;
    let data = answer.and_then(|answer| answer.data).unwrap_or(Json::Null);
    let members = if place.is_versioned() {
        data.get("data").and_then(Json::as_object)
    } else {
        data.as_object()
    };
    let members = members.ok_or_else(|| Failure::absent(format!("No value found at {full}")))?;
    if secrets.len() >= MOST && !secrets.contains_key(&full) {
        return Err(Failure::local(format!(
            "There are more than {MOST} secrets: name fewer paths."
        )));
    }
    let secret = Secret {
        path: full.clone(),
        is_versioned: place.is_versioned(),
        members: members.keys().cloned().collect(),
    };
    secrets.insert(full, secret);
    Ok(())
}

/// Reads every secret below a folder.
async fn walk(
    folder: &str,
    secrets: &mut BTreeMap<String, Secret>,
    session: &mut Session,
) -> Result<(), Failure> {
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if depth > DEEPEST {
            return Err(Failure::local(format!(
                "{folder} lies more than {DEEPEST} folders deep: name it with a -path of its own."
            )));
        }
        let full = place::find(None, &folder, session).await?.path("metadata");
        let answer = session.scout()?.list(&full).await;
        let answer = answer.map_err(|error| Failure::remote(&format!("Error listing {full}"), error))?;
        let data = answer.and_then(|answer| answer.data).unwrap_or(Json::Null);
        let names = data.get("keys").and_then(Json::as_array).unwrap_or_default();
        for name in names.iter().filter_map(Json::as_str) {
            match name.strip_suffix('/') {
                Some(inner) => folders.push((format!("{folder}/{inner}"), depth + 1)),
                None => read(&format!("{folder}/{name}"), secrets, session).await?,
            }
        }
    }
    Ok(())
}

/// Where the user's token is; a program that keeps it cannot be named in a configuration.
fn token_file(session: &Session) -> Result<String, Failure> {
    match session.token_helper()? {
        TokenHelper::File(path) => Ok(path.display().to_string()),
        TokenHelper::Program { .. } => session_home_file(session)
            .ok_or_else(|| Failure::local("HOME is not set: there is no place for a token.")),
    }
}

fn session_home_file(session: &Session) -> Option<String> {
    let home = session.variable("HOME")?;
    Some(format!("{}/.vault-token", home.trim_end_matches('/')))
}
