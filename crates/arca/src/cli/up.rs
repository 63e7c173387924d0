//! `up`: a server for this machine with one command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arca_server::config::Strictness;
use arca_server::logging::{Format, Level, Logging, log_panics};
use arca_server::process::{allow_many_files, harden};
use arca_server::run::{self, Reloading};
use clap::Args;

use super::failure::{Failure, Outcome};
use super::server::{finish, serving};
use super::session::Session;
use crate::serve::up::{self, Places};
use crate::serve::{self, World};

/// Start a server on this machine: durable, with TLS, audited, unsealed by a key file
///
/// The first start makes everything it needs; later starts find it in place.
#[derive(Args, Debug)]
pub(crate) struct Up {
    /// Folder for the data [default: ~/.local/share/arca]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,

    /// Folder for the unseal key, the root token and the certificates [default: ~/.config/arca, or FOLDER.keys
    /// beside -data FOLDER]
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,

    /// Where to listen
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8200")]
    listen: String,
}

impl Up {
    pub(crate) fn run(self, session: &mut Session) -> Outcome {
        let hardening = harden(true);
        serving(async move {
            let mut world = World::of_process();
            let places = self.places(&world)?;
            log_panics();
            let level = session
                .globals
                .log_level
                .as_deref()
                .and_then(Level::parse)
                .unwrap_or(Level::Warn);
            let logging =
                Logging::start(level, Format::Standard).map_err(|error| Failure::local(error.to_string()))?;
            world.log = Arc::new(logging.clone());
            allow_many_files();
            if level != Level::Warn {
                hardening.report();
            }
            let configuration = up::prepare(&places, &self.listen, &world)?;
            let core = serve::core(&configuration, &world).await?;
            let server = serve::bind(&configuration, &core, &world).await?;
            let first = !core
                .lifecycle()
                .is_initialized()
                .await
                .map_err(serve::ServeError::from)?;
            up::open(&core, &places).await?;
            let address = server
                .addresses()
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            show(session, &format!("https://{address}"), &places, first);
            let reloading = Reloading {
                paths: Vec::new(),
                environment: world.environment.clone(),
                strictness: Strictness::Lenient,
                logging: Some(logging),
            };
            finish(run::run(server, core, world.clock, reloading).await)
        })
    }

    fn places(&self, world: &World) -> Result<Places, Failure> {
        if let Some(data) = &self.data {
            return Ok(Places::new(data.clone(), self.keys.clone())?);
        }
        let folder = |variable: &str, below_home: &str| {
            let named = world
                .environment
                .variable(variable)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from);
            let home = || Some(Path::new(&world.environment.variable("HOME")?).join(below_home));
            named.or_else(home).map(|folder| folder.join("arca"))
        };
        let (Some(data), Some(keys)) = (
            folder("XDG_DATA_HOME", ".local/share"),
            folder("XDG_CONFIG_HOME", ".config"),
        ) else {
            return Err(Failure::local(
                "Where should the data go? HOME is not set; use -data FOLDER.",
            ));
        };
        Ok(Places::new(data, Some(self.keys.clone().unwrap_or(keys)))?)
    }
}

fn show(session: &mut Session, address: &str, places: &Places, first: bool) {
    let program = program(session);
    let screen = &mut session.screen;
    let again = if first { "" } else { ", with the data it had" };
    screen.line(&format!("Arca is ready at {address}{again}\n"));
    screen.line(&format!("  export VAULT_ADDR='{address}'"));
    screen.line(&format!(
        "  export VAULT_CACERT='{}'\n",
        places.authority().display()
    ));
    let mut row = |name: &str, path: &Path, note: &str| {
        screen.line(&format!("  {name:<14}{}{note}", path.display()));
    };
    row(
        "root token",
        &places.root_token(),
        "   keep it elsewhere, then delete the file",
    );
    row(
        "recovery keys",
        &places.recovery_keys(),
        "   keep them elsewhere, then delete the file",
    );
    row(
        "unseal key",
        &places.unseal_key(),
        "   opens the data; never beside it",
    );
    row("data", &places.data, "");
    row("audit log", &places.audit_log(), "");
    screen.line("\nIn another terminal, after the two exports:\n");
    screen.line(&format!(
        "  {program} login - < '{}'",
        places.root_token().display()
    ));
    screen.line(&format!("  {program} kv put secret/hello who=world"));
    screen.line(&format!("  {program} kv get secret/hello"));
    screen.close();
}

/// How the program can be called: by its name where that is found, else by where it lies.
fn program(session: &Session) -> String {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(&session.program).is_file())
    });
    match std::env::current_exe() {
        Ok(path) if !found => path.display().to_string(),
        _ => session.program.clone(),
    }
}
