//! `auth`.

use arca_api::field::Any;
use arca_api::sys::Page;
use arca_api::sys::mounts::{DisableAuth, EnableAuth, ListAuth, MountPath, UpdateTune};
use arca_base::json::Object;
use arca_base::{Json, Ttl};
use clap::{Args, Subcommand};

use super::auth_test::Test;
use super::failure::{DONE, Failure, Outcome};
use super::flags::{self, folder, sanitized};
use super::login;
use super::mounts;
use super::session::Session;

/// Auth methods: how people and programs get tokens.
#[derive(Subcommand)]
pub(crate) enum Auth {
    /// Enable an auth method
    Enable(Enable),
    /// Disable an auth method and revoke its tokens
    Disable(Disable),
    /// List the auth methods
    List,
    /// Change settings of an auth method
    Tune(Tune),
    /// Move an auth method to another path
    Move(Move),
    /// Have an auth method try itself, and say what to do about what does not work
    Test(Test),
    /// Show how to log in with an auth method
    Help(Help),
}

const EXAMPLES: &str = "\
Examples:
  arca auth enable userpass
  arca auth enable -path=k8s-production kubernetes";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Enable {
    #[command(flatten)]
    mount: mounts::NewMount,
}

#[derive(Args)]
pub(crate) struct Disable {
    /// Where it is enabled
    path: String,
}

#[derive(Args)]
pub(crate) struct Tune {
    #[command(flatten)]
    mount: mounts::ChangedMount,
    /// Failed logins until a user is locked out
    #[arg(long, value_name = "NUMBER")]
    user_lockout_threshold: Option<u32>,
    /// How long a user is locked out
    #[arg(long, value_name = "DURATION", value_parser = flags::ttl)]
    user_lockout_duration: Option<Ttl>,
    /// How long a failed login counts
    #[arg(long, value_name = "DURATION", value_parser = flags::ttl)]
    user_lockout_counter_reset_duration: Option<Ttl>,
    /// Never lock users out
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          value_parser = flags::switch)]
    user_lockout_disable: Option<bool>,
}

#[derive(Args)]
pub(crate) struct Move {
    #[command(flatten)]
    mount: mounts::MovedMount,
}

#[derive(Args)]
pub(crate) struct Help {
    /// Type of the auth method, or where one is enabled
    method: String,
}

impl Auth {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Enable(command) => command.run(session).await,
            Self::Disable(command) => command.run(session).await,
            Self::List => list(session).await,
            Self::Tune(command) => command.run(session).await,
            Self::Move(command) => command.mount.run("auth method", "auth/", session).await,
            Self::Test(command) => command.run(session).await,
            Self::Help(command) => command.run(session).await,
        }
    }
}

impl Help {
    /// What is no type is a path, whose type the server knows.
    async fn run(self, session: &mut Session) -> Outcome {
        if login::is_method(&self.method) {
            return login::help(&self.method, None, session);
        }
        let path = folder(&self.method);
        let answer = session.client()?.call::<ListAuth>("sys", &Page::default()).await;
        // Without an answer the name is looked at as a type, with the hint that helps then.
        let data = answer.ok().flatten().and_then(|answer| answer.data);
        let mount = data.as_ref().and_then(|data| data.get(&path));
        match mount.and_then(|mount| mount.get("type")?.as_str()) {
            Some(kind) => login::help(kind, Some(&path), session),
            None => login::help(&self.method, None, session),
        }
    }
}

impl Enable {
    async fn run(self, session: &mut Session) -> Outcome {
        let (kind, path) = self.mount.names();
        let answer = session
            .client()?
            .call::<EnableAuth>("sys", &self.mount.request())
            .await;
        let doing = format!("Error enabling {kind} auth");
        if let Some(answer) = answer.map_err(|error| Failure::remote(&doing, error))? {
            session.screen.warnings(&answer);
        }
        session
            .screen
            .success(&format!("Success! Enabled {kind} auth method at: {path}"));
        Ok(DONE)
    }
}

impl Disable {
    async fn run(self, session: &mut Session) -> Outcome {
        let request = MountPath {
            path: sanitized(&self.path),
        };
        let path = folder(&request.path);
        let answer = session.client()?.call::<DisableAuth>("sys", &request).await;
        answer.map_err(|error| Failure::remote(&format!("Error disabling auth method at {path}"), error))?;
        session.screen.success(&format!(
            "Success! Disabled the auth method (if it existed) at: {path}"
        ));
        Ok(DONE)
    }
}

impl Tune {
    fn lockout(&self) -> Object {
        let mut config = Object::new();
        let mut add = |name: &str, value: Option<Json>| {
            if let Some(value) = value {
                config.insert(name.to_owned(), value);
            }
        };
        let number = |number: u32| Json::from(number.to_string());
        let length = |length: Ttl| Json::from(length.to_string());
        add("lockout_threshold", self.user_lockout_threshold.map(number));
        add("lockout_duration", self.user_lockout_duration.map(length));
        add(
            "lockout_counter_reset_duration",
            self.user_lockout_counter_reset_duration.map(length),
        );
        add("lockout_disable", self.user_lockout_disable.map(Json::from));
        config
    }

    async fn run(self, session: &mut Session) -> Outcome {
        let mut request = self.mount.request();
        let path = folder(&request.path);
        request.path = format!("auth/{}", request.path);
        let lockout = self.lockout();
        if !lockout.is_empty() {
            request.user_lockout_config = Any(Json::Object(lockout));
        }
        let answer = session.client()?.call::<UpdateTune>("sys", &request).await;
        let doing = format!("Error tuning auth method {path}");
        if let Some(answer) = answer.map_err(|error| Failure::remote(&doing, error))? {
            session.screen.warnings(&answer);
        }
        session
            .screen
            .success(&format!("Success! Tuned the auth method at: {path}"));
        Ok(DONE)
    }
}

async fn list(session: &mut Session) -> Outcome {
    let answer = session.client()?.call::<ListAuth>("sys", &Page::default()).await;
    let answer = answer.map_err(|error| Failure::remote("Error listing enabled authentications", error))?;
    let data = answer.and_then(|answer| answer.data).unwrap_or_else(Json::object);
    mounts::show_list(&data, true, session)
}
