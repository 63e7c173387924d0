//! `server`: the server process.

use std::path::PathBuf;
use std::sync::Arc;

use arca_base::Secret;
use arca_core::Core;
use arca_server::config::{Configuration, Strictness};
use arca_server::logging::{Format, Level, Logging, log_panics};
use arca_server::process::{PidFile, allow_many_files, harden};
use arca_server::run::{self, Reloading};
use clap::Args;

use super::failure::{DONE, Failure, Outcome};
use super::session::Session;
use crate::serve::dev::{Dev, Opened};
use crate::serve::{self, ServeError, World};

/// Where a development server listens unless told otherwise.
const DEV_ADDRESS: &str = "127.0.0.1:8200";

/// Start a server.
#[derive(Args, Debug)]
pub(crate) struct Server {
    /// Configuration file in HCL or JSON, or a folder of them; may be repeated
    #[arg(long, value_name = "PATH")]
    config: Vec<PathBuf>,

    /// Refuse keys that have no effect instead of noting them
    #[arg(long)]
    strict: bool,

    /// How the log is written: standard or json [VAULT_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// Serve from memory, unsealed from the start; for trying things out, never for secrets
    #[arg(long)]
    dev: bool,

    /// Root token of a development server [VAULT_DEV_ROOT_TOKEN_ID]
    #[arg(long, value_name = "TOKEN")]
    dev_root_token_id: Option<String>,

    /// Where a development server listens [VAULT_DEV_LISTEN_ADDRESS]
    #[arg(long, value_name = "HOST:PORT")]
    dev_listen_address: Option<String>,

    /// Serve TLS with a certificate made on the spot
    #[arg(long)]
    dev_tls: bool,

    /// Folder for the certificate of -dev-tls
    #[arg(long, value_name = "FOLDER")]
    dev_tls_cert_dir: Option<PathBuf>,

    /// Do not keep the root token where the command line finds it
    #[arg(long)]
    dev_no_store_token: bool,

    /// Mount secret/ without versions
    #[arg(long)]
    dev_kv_v1: bool,

    /// Start without initializing
    #[arg(long)]
    dev_skip_init: bool,

    /// Accepted for compatibility: a server in memory has no other nodes
    #[arg(long, hide = true)]
    dev_ha: bool,

    /// Accepted for compatibility: every engine is built in
    #[arg(long, hide = true, value_name = "FOLDER")]
    dev_plugin_dir: Option<PathBuf>,
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::local(error.to_string())
    }
}

impl Server {
    pub(crate) fn run(self, session: &mut Session) -> Outcome {
        let mut world = World::of_process();
        if self.is_dev(&world) {
            return serving(self.develop(session, world));
        }
        let strictness = if self.strict {
            Strictness::Strict
        } else {
            Strictness::Lenient
        };
        let configuration =
            Configuration::load(&self.config, &world.environment, strictness).map_err(ServeError::from)?;
        // Before there are threads and secrets.
        let hardening = harden(!configuration.disable_mlock);
        serving(async move {
            let logging = self.log(session, &configuration, &world)?;
            world.log = Arc::new(logging.clone());
            hardening.report();
            for note in &configuration.notes {
                tracing::warn!("{note}");
            }
            let reloading = Reloading {
                paths: self.config,
                environment: world.environment.clone(),
                strictness,
                logging: Some(logging),
            };
            let core = serve::core(&configuration, &world).await?;
            let server = serve::bind(&configuration, &core, &world).await?;
            announce(session, &configuration, &server, &core);
            let _pid_file = pid_file(&configuration)?;
            finish(run::run(server, core, world.clock, reloading).await)
        })
    }

    fn is_dev(&self, world: &World) -> bool {
        self.dev
            || self.dev_tls
            || self.dev_root_token_id.is_some() && self.config.is_empty()
            || world.environment.setting("DEV_ROOT_TOKEN_ID").is_some() && self.config.is_empty()
    }

    async fn develop(self, session: &mut Session, mut world: World) -> Outcome {
        if !self.config.is_empty() {
            return Err(Failure::local(
                "Use either -dev or -config: a development server has no configuration.",
            ));
        }
        let dev = self.dev(&world)?;
        let configuration = dev.configuration(&world)?;
        let logging = self.log(session, &configuration, &world)?;
        world.log = Arc::new(logging.clone());
        let core = serve::core(&configuration, &world).await?;
        let server = serve::bind(&configuration, &core, &world).await?;
        let opened = dev.open(&core).await?;
        announce(session, &configuration, &server, &core);
        let address = server
            .addresses()
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let scheme = if dev.tls_folder.is_some() { "https" } else { "http" };
        if let Some(opened) = opened {
            show(session, &format!("{scheme}://{address}"), &dev, &opened);
            if !self.dev_no_store_token {
                keep(session, &opened.root_token);
            }
        }
        session.screen.close();
        let reloading = Reloading {
            paths: Vec::new(),
            environment: world.environment.clone(),
            strictness: Strictness::Lenient,
            logging: Some(logging),
        };
        finish(run::run(server, core, world.clock, reloading).await)
    }

    fn dev(&self, world: &World) -> Result<Dev, Failure> {
        let setting =
            |flag: &Option<String>, name: &str| flag.clone().or_else(|| world.environment.setting(name));
        let tls_folder = match (&self.dev_tls_cert_dir, self.dev_tls) {
            (Some(folder), _) => Some(folder.clone()),
            (None, true) => Some(std::env::temp_dir().join(format!("arca-dev-tls-{}", std::process::id()))),
            (None, false) => None,
        };
        Ok(Dev {
            listen: setting(&self.dev_listen_address, "DEV_LISTEN_ADDRESS")
                .unwrap_or_else(|| DEV_ADDRESS.to_owned()),
            root_token: setting(&self.dev_root_token_id, "DEV_ROOT_TOKEN_ID"),
            kv_version: if self.dev_kv_v1 { "1" } else { "2" },
            skip_init: self.dev_skip_init,
            tls_folder,
        })
    }

    fn log(
        &self,
        session: &Session,
        configuration: &Configuration,
        world: &World,
    ) -> Result<Logging, Failure> {
        let level = match session
            .globals
            .log_level
            .clone()
            .or_else(|| world.environment.setting("LOG_LEVEL"))
        {
            Some(text) => Level::parse(&text).ok_or_else(|| {
                Failure::local(format!("Invalid log level {text:?}: use {}.", Level::EXPECTED))
            })?,
            None => configuration.log_level,
        };
        let format = match self
            .log_format
            .clone()
            .or_else(|| world.environment.setting("LOG_FORMAT"))
        {
            Some(text) => Format::parse(&text).ok_or_else(|| {
                Failure::local(format!("Invalid log format {text:?}: use {}.", Format::EXPECTED))
            })?,
            None => configuration.log_format,
        };
        log_panics();
        allow_many_files();
        Logging::start(level, format).map_err(|error| Failure::local(error.to_string()))
    }
}

/// Runs a server on all processors.
pub(super) fn serving(server: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::local(format!("Cannot start: {error}")))?;
    runtime.block_on(server)
}

pub(super) fn finish(ended: std::io::Result<()>) -> Outcome {
    ended.map_err(|error| Failure::local(format!("Cannot watch for signals: {error}")))?;
    Ok(DONE)
}

fn pid_file(configuration: &Configuration) -> Result<Option<PidFile>, Failure> {
    let written = configuration.pid_file.as_deref().map(PidFile::write).transpose();
    written.map_err(|error| Failure::local(format!("Cannot write the pid file: {error}")))
}

/// What the process serves, before its log begins.
fn announce(session: &mut Session, configuration: &Configuration, server: &arca_server::Server, _: &Core) {
    let screen = &mut session.screen;
    screen.line("==> Arca server configuration:\n");
    let mut row = |name: &str, value: &str| screen.line(&format!("{name:>20}: {value}"));
    row("Api Address", &configuration.api_address);
    for (index, address) in server.addresses().iter().enumerate() {
        let tls = configuration
            .listeners
            .get(index)
            .is_some_and(|listener| listener.tls.is_some());
        let tls = if tls { "enabled" } else { "disabled" };
        row(
            &format!("Listener {}", index + 1),
            &format!("{address} (tls: \"{tls}\")"),
        );
    }
    row("Log Level", configuration.log_level.as_str());
    row("Seal", configuration.seal.kind());
    row("Storage", configuration.storage.kind());
    row("Version", concat!("Arca v", env!("CARGO_PKG_VERSION")));
    screen.line("\n==> Arca server started! Log data will stream in below:\n");
    screen.close();
}

/// The lines that scripts look for stand as they are used to.
fn show(session: &mut Session, address: &str, dev: &Dev, opened: &Opened) {
    let screen = &mut session.screen;
    screen.line(
        "WARNING! This is a development server: everything is in memory and gone when it stops, and it is unsealed\nwith a single key. Never keep real secrets in it.\n",
    );
    screen.line("You may need to set the following environment variables:\n");
    screen.line(&format!("    $ export VAULT_ADDR='{address}'"));
    if let Some(folder) = &dev.tls_folder {
        screen.line(&format!(
            "    $ export VAULT_CACERT='{}'",
            folder.join("ca.pem").display()
        ));
    }
    screen.line("\nThe unseal key and the root token, in case you want to seal and unseal the server or log in again:\n");
    screen.line(&format!("Unseal Key: {}", opened.unseal_key.expose()));
    screen.line(&format!("Root Token: {}\n", opened.root_token.expose()));
    screen.line("Development mode should NOT be used in production installations!\n");
}

/// Puts the root token where the command line finds it. Not being able to is no reason not to serve.
fn keep(session: &mut Session, token: &Secret<String>) {
    let kept = session.token_helper().and_then(|helper| {
        helper
            .store(token)
            .map_err(|error| Failure::local(error.to_string()))
    });
    if let Err(failure) = kept {
        session.screen.warn(&format!(
            "The root token was not kept for the command line: {}",
            failure.message
        ));
    }
}
