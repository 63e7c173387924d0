//! `plugin`.

use arca_api::Envelope;
use arca_api::endpoint::Nothing;
use arca_api::sys::status::{Plugin as PluginName, ReadPlugin, ReadPlugins};
use arca_base::Json;
use arca_base::json::Object;
use arca_client::Request;
use clap::{Args, Subcommand, ValueEnum};

use super::failure::{DONE, Failure, Outcome};
use super::flags;
use super::session::Session;
use crate::term::{display, headed};

/// Plugins of the server: those of this one are all built in.
#[derive(Subcommand)]
pub(crate) enum Plugin {
    /// List the plugins
    List(List),
    /// Show one plugin
    Info(Info),
    /// Register a plugin, with servers that run programs of others
    Register(Register),
    /// Remove a plugin from the catalog
    Deregister(Deregister),
    /// Have mounts load their plugin again
    Reload(Reload),
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

#[derive(Args)]
pub(crate) struct Register {
    /// Type of the plugin
    kind: Kind,
    /// Name of the plugin
    name: String,
    /// SHA-256 of the program, in hexadecimal
    #[arg(long, alias = "sha-256", value_name = "HEX")]
    sha256: String,
    /// Program in the plugin folder of the server; its name when absent
    #[arg(long, value_name = "FILE")]
    command: Option<String>,
    /// Argument of the program; may be repeated
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    args: Vec<String>,
    /// Variable of the program, as NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Version of the plugin
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
}

#[derive(Args)]
pub(crate) struct Deregister {
    /// Type of the plugin
    kind: Kind,
    /// Name of the plugin
    name: String,
    /// Version of the plugin
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
}

#[derive(Args)]
pub(crate) struct Reload {
    /// Name of the plugin whose mounts load it again
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "mounts",
        conflicts_with = "mounts"
    )]
    plugin: Option<String>,
    /// Mounts that load theirs again, separated by commas; may be repeated
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    mounts: Vec<String>,
    /// global for all nodes
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
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
            Self::Register(command) => command.run(session).await,
            Self::Deregister(command) => command.run(session).await,
            Self::Reload(command) => command.run(session).await,
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

fn catalog(kind: Kind, name: &str) -> String {
    format!("sys/plugins/catalog/{}/{}", kind.as_str(), flags::sanitized(name))
}

impl Register {
    async fn run(self, session: &mut Session) -> Outcome {
        let mut data = Object::from([
            ("sha256".to_owned(), self.sha256.into()),
            (
                "command".to_owned(),
                self.command.unwrap_or_else(|| self.name.clone()).into(),
            ),
        ]);
        if !self.args.is_empty() {
            data.insert("args".to_owned(), self.args.into());
        }
        if !self.env.is_empty() {
            data.insert("env".to_owned(), self.env.into());
        }
        if let Some(version) = self.version {
            data.insert("version".to_owned(), version.into());
        }
        let answer = session
            .client()?
            .write(&catalog(self.kind, &self.name), &data)
            .await;
        let doing = format!("Error registering plugin {}", self.name);
        let answer = answer.map_err(|error| Failure::remote(&doing, error))?;
        done(
            answer.as_ref(),
            &format!("Success! Registered plugin: {}", self.name),
            session,
        )
    }
}

impl Deregister {
    async fn run(self, session: &mut Session) -> Outcome {
        let mut request = Request::delete(&catalog(self.kind, &self.name));
        if let Some(version) = &self.version {
            request = request.with_query("version", version);
        }
        let answer = session.client()?.ask(&request).await;
        let doing = format!("Error deregistering plugin named {}", self.name);
        let answer = answer.map_err(|error| Failure::remote(&doing, error))?;
        let said = format!(
            "Success! Deregistered {} plugin: {}",
            self.kind.as_str(),
            self.name
        );
        done(answer.as_ref(), &said, session)
    }
}

impl Reload {
    async fn run(self, session: &mut Session) -> Outcome {
        let what = match &self.plugin {
            Some(plugin) => format!("plugin: {plugin}"),
            None => format!("mounts: {}", self.mounts.join(", ")),
        };
        let mut data = Object::new();
        if let Some(plugin) = self.plugin {
            data.insert("plugin".to_owned(), plugin.into());
        }
        if !self.mounts.is_empty() {
            data.insert("mounts".to_owned(), self.mounts.into());
        }
        if let Some(scope) = self.scope {
            data.insert("scope".to_owned(), scope.into());
        }
        let answer = session.client()?.write("sys/plugins/reload/backend", &data).await;
        let answer = answer.map_err(|error| Failure::remote("Error reloading plugin/mounts", error))?;
        done(answer.as_ref(), &format!("Success! Reloaded {what}"), session)
    }
}

/// Says that it is done, and what the server says besides.
fn done(answer: Option<&Envelope>, said: &str, session: &mut Session) -> Outcome {
    if let Some(answer) = answer {
        session.screen.warnings(answer);
    }
    session.screen.success(said);
    Ok(DONE)
}
