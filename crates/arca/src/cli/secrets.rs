//! `secrets`.

use arca_api::sys::Page;
use arca_api::sys::mounts::{DisableMount, EnableMount, ListMounts, MountPath, UpdateTune};
use arca_base::Json;
use clap::{Args, Subcommand};

use super::failure::{DONE, Failure, Outcome};
use super::flags::{folder, sanitized};
use super::mounts;
use super::session::Session;

/// Secret engines: what keeps or makes secrets.
#[derive(Subcommand)]
pub(crate) enum Secrets {
    /// Mount a secret engine
    Enable(Enable),
    /// Unmount a secret engine, revoke its leases and delete its data
    Disable(Disable),
    /// List the secret engines
    List,
    /// Change settings of a secret engine
    Tune(Tune),
    /// Move a secret engine to another path
    Move(Move),
}

const EXAMPLES: &str = "\
Examples:
  arca secrets enable -path=secret -version=2 kv
  arca secrets enable database";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Enable {
    #[command(flatten)]
    mount: mounts::NewMount,
}

#[derive(Args)]
pub(crate) struct Disable {
    /// Where it is mounted
    path: String,
}

#[derive(Args)]
pub(crate) struct Tune {
    #[command(flatten)]
    mount: mounts::ChangedMount,
}

#[derive(Args)]
pub(crate) struct Move {
    #[command(flatten)]
    mount: mounts::MovedMount,
}

impl Secrets {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Enable(command) => command.run(session).await,
            Self::Disable(command) => command.run(session).await,
            Self::List => list(session).await,
            Self::Tune(command) => command.run(session).await,
            Self::Move(command) => command.mount.run("secrets engine", "", session).await,
        }
    }
}

impl Enable {
    async fn run(self, session: &mut Session) -> Outcome {
        let (kind, path) = self.mount.names();
        let answer = session
            .client()?
            .call::<EnableMount>("sys", &self.mount.request())
            .await;
        if let Some(answer) = answer.map_err(|error| Failure::remote("Error enabling", error))? {
            session.screen.warnings(&answer);
        }
        session
            .screen
            .success(&format!("Success! Enabled the {kind} secrets engine at: {path}"));
        Ok(DONE)
    }
}

impl Disable {
    async fn run(self, session: &mut Session) -> Outcome {
        let request = MountPath {
            path: sanitized(&self.path),
        };
        let path = folder(&request.path);
        let answer = session.client()?.call::<DisableMount>("sys", &request).await;
        answer
            .map_err(|error| Failure::remote(&format!("Error disabling secrets engine at {path}"), error))?;
        session.screen.success(&format!(
            "Success! Disabled the secrets engine (if it existed) at: {path}"
        ));
        Ok(DONE)
    }
}

impl Tune {
    async fn run(self, session: &mut Session) -> Outcome {
        let request = self.mount.request();
        let path = folder(&request.path);
        let answer = session.client()?.call::<UpdateTune>("sys", &request).await;
        let doing = format!("Error tuning secrets engine {path}");
        if let Some(answer) = answer.map_err(|error| Failure::remote(&doing, error))? {
            session.screen.warnings(&answer);
        }
        session
            .screen
            .success(&format!("Success! Tuned the secrets engine at: {path}"));
        Ok(DONE)
    }
}

async fn list(session: &mut Session) -> Outcome {
    let answer = session
        .client()?
        .call::<ListMounts>("sys", &Page::default())
        .await;
    let answer = answer.map_err(|error| Failure::remote("Error listing secrets engines", error))?;
    let data = answer.and_then(|answer| answer.data).unwrap_or_else(Json::object);
    mounts::show_list(&data, false, session)
}
