//! `plugin`.

use arca_api::endpoint::Nothing;
use arca_api::sys::status::{Plugin as PluginName, ReadPlugin, ReadPlugins};
use arca_base::Json;
use clap::{Args, Subcommand, ValueEnum};

use super::failure::{DONE, Failure, Outcome};
use super::session::Session;
use crate::term::{display, headed};

/// Plugins of the server: all are built in.
#[derive(Subcommand)]
pub(crate) enum Plugin {
    /// List the plugins
    List(List),
    /// Show one plugin
    Info(Info),
}

#[derive(Args)]
pub(crate) struct List {
    /// Only plugins of this type
    kind: Option<Kind>,
}

#[derive(Args)]
pub(crate) struct Info {
    /// Type of the plugin
    kind: Kind,
    /// Name of the plugin
    name: String,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Kind {
    Auth,
    Database,
    Secret,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Database => "database",
            Self::Secret => "secret",
        }
    }
}

impl Plugin {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::List(command) => command.run(session).await,
            Self::Info(command) => command.run(session).await,
        }
    }
}

impl List {
    async fn run(self, session: &mut Session) -> Outcome {
        let answer = session.client()?.call::<ReadPlugins>("sys", &Nothing).await;
        let answer = answer.map_err(|error| Failure::remote("Error listing available plugins", error))?;
        let data = answer.and_then(|answer| answer.data).unwrap_or(Json::Null);
        let all = data.get("detailed").and_then(Json::as_array).unwrap_or_default();
        let is_asked_for = |plugin: &&Json| {
            let kind = plugin.get("type").and_then(Json::as_str);
            self.kind.is_none_or(|asked| kind == Some(asked.as_str()))
        };
        let mut columns = vec![("Name", "name"), ("Type", "type"), ("Version", "version")];
        if session.screen.detailed {
            columns.push(("Deprecation Status", "deprecation_status"));
        }
        let row = |plugin: &Json| -> Vec<String> {
            let cell = |(_, name): &(&str, &str)| plugin.get(name).map(display).unwrap_or_default();
            columns.iter().map(cell).collect()
        };
        let rows: Vec<_> = all.iter().filter(is_asked_for).map(row).collect();
        let header: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
        session.screen.data(&data, &headed(&header, &rows))?;
        Ok(DONE)
    }
}

impl Info {
    async fn run(self, session: &mut Session) -> Outcome {
        let request = PluginName {
            plugin_type: self.kind.as_str().to_owned(),
            name: self.name.clone(),
        };
        let answer = session.client()?.call::<ReadPlugin>("sys", &request).await;
        let doing = format!("Error reading plugin named {}", self.name);
        let answer = answer.map_err(|error| Failure::remote(&doing, error))?;
        let missing = || Failure::absent(format!("No value found for plugin {:?}", self.name));
        let data = answer.and_then(|answer| answer.data).ok_or_else(missing)?;
        session.screen.members(data.as_object().ok_or_else(missing)?)?;
        Ok(DONE)
    }
}
