//! `kv metadata`.

use arca_base::json::Object;
use arca_base::{GoDuration, Json};
use clap::{Args, Subcommand};

use super::place::{Key, Place};
use super::{show_members, show_path};
use crate::cli::failure::{DONE, Failure, LOCAL, Outcome};
use crate::cli::session::Session;
use crate::cli::{delete, flags, write};

const REFUSAL: &str = "Metadata not supported on KV Version 1";

/// Settings and versions of a secret.
#[derive(Subcommand)]
pub(crate) enum Metadata {
    /// Show the settings and versions of a secret
    Get(Get),
    /// Set settings of a secret
    Put(Put),
    /// Change some settings of a secret
    Patch(Patch),
    /// Remove a secret with all its versions, for ever
    Delete(Delete),
}

#[derive(Args)]
pub(crate) struct Get {
    #[command(flatten)]
    key: Key,
}

#[derive(Args)]
pub(crate) struct Put {
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub(crate) struct Patch {
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    settings: Settings,
    /// Custom metadata to remove; may be repeated
    #[arg(long, value_name = "KEY")]
    remove_custom_metadata: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    key: Key,
}

#[derive(Args)]
struct Settings {
    /// Versions to keep; 0 for the setting of the mount
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    max_versions: Option<i64>,
    /// Whether every write must name the version it replaces
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          value_parser = flags::switch)]
    cas_required: Option<bool>,
    /// How long versions live
    #[arg(long, value_name = "DURATION", value_parser = flags::duration, allow_hyphen_values = true)]
    delete_version_after: Option<GoDuration>,
    /// Name and text of your own, as KEY=VALUE; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = flags::pair)]
    custom_metadata: Vec<(String, String)>,
}

impl Metadata {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Get(command) => command.run(session).await,
            Self::Put(command) => command.run(session).await,
            Self::Patch(command) => command.run(session).await,
            Self::Delete(command) => command.run(session).await,
        }
    }
}

async fn path_of(key: &Key, session: &mut Session) -> Result<String, Failure> {
    let place: Place = key.find_versioned(REFUSAL, LOCAL, session).await?;
    Ok(place.under("metadata"))
}

impl Get {
    async fn run(self, session: &mut Session) -> Outcome {
        let path = path_of(&self.key, session).await?;
        let answer = session.client()?.read(&path).await;
        let answer = answer.map_err(|error| Failure::remote(&format!("Error reading {path}"), error))?;
        let answer = answer.ok_or_else(|| Failure::absent(format!("No value found at {path}")))?;
        if answer.wrap_info.is_some() || !session.screen.is_table() {
            session.screen.secret(&answer)?;
            return Ok(DONE);
        }
        session.screen.warnings(&answer);
        let data = answer.data.as_ref().and_then(Json::as_object).cloned();
        show(data.unwrap_or_default(), &path, session)
    }
}

fn show(mut data: Object, path: &str, session: &mut Session) -> Outcome {
    let versions = data.remove("versions");
    show_path("Metadata Path", path, session);
    show_members("Metadata", &data, session)?;
    let versions = versions.as_ref().and_then(Json::as_object);
    let mut numbered: Vec<(u64, &Json)> = versions
        .into_iter()
        .flatten()
        .filter_map(|(number, version)| Some((number.parse().ok()?, version)))
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    for (number, version) in numbered {
        session.screen.line("");
        let empty = Object::new();
        let members = version.as_object().unwrap_or(&empty);
        show_members(&format!("Version {number}"), members, session)?;
    }
    Ok(DONE)
}

impl Settings {
    /// The settings that were given.
    fn body(&self) -> Object {
        let mut body = Object::new();
        let mut add = |name: &str, value: Json| body.insert(name.to_owned(), value);
        if let Some(max_versions) = self.max_versions.filter(|number| *number >= 0) {
            add("max_versions", max_versions.into());
        }
        if let Some(cas_required) = self.cas_required {
            add("cas_required", cas_required.into());
        }
        if let Some(after) = self.delete_version_after.filter(|after| after.nanos() >= 0) {
            add("delete_version_after", after.to_string().into());
        }
        if !self.custom_metadata.is_empty() {
            add("custom_metadata", self.custom().into_iter().collect());
        }
        body
    }

    fn custom(&self) -> Vec<(String, Json)> {
        let pair = |(key, value): &(String, String)| (key.clone(), Json::from(value.as_str()));
        self.custom_metadata.iter().map(pair).collect()
    }
}

impl Put {
    async fn run(self, session: &mut Session) -> Outcome {
        let path = path_of(&self.key, session).await?;
        let answer = session.client()?.write(&path, &self.settings.body()).await;
        write::conclude(&path, answer, session)
    }
}

impl Patch {
    async fn run(self, session: &mut Session) -> Outcome {
        let path = path_of(&self.key, session).await?;
        let mut body = self.settings.body();
        let removed = self
            .remove_custom_metadata
            .iter()
            .map(|key| (key.clone(), Json::Null));
        let custom: Object = self.settings.custom().into_iter().chain(removed).collect();
        if !custom.is_empty() {
            body.insert("custom_metadata".to_owned(), Json::Object(custom));
        }
        let answer = session.client()?.patch(&path, &body).await;
        write::conclude(&path, answer, session)
    }
}

impl Delete {
    async fn run(self, session: &mut Session) -> Outcome {
        let path = path_of(&self.key, session).await?;
        let answer = session.client()?.delete(&path).await;
        delete::conclude(&path, answer, session)
    }
}
