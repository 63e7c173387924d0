//! Starting a server: from a configuration to something that answers.
//!
//! The one place where storage, seals, engines and the HTTP server meet.

pub(crate) mod dev;
mod diagnose;
pub(crate) mod files;
mod relocate;
mod seal;
mod storage;
mod store_checks;
pub(crate) mod up;

use std::sync::Arc;

use arca_base::{Clock, Entropy};
use arca_core::barrier::CacheLimits;
use arca_core::engine::Catalog;
use arca_core::log::{Log, NoLog};
use arca_core::router::LeaseDefaults;
use arca_core::seal::Seal;
use arca_core::{Core, Settings};
use arca_server::config::{ConfigError, Configuration, Environment, Strictness};
use arca_server::server::{BindError, Options};
use arca_server::{Server, SystemClock};

pub(crate) use diagnose::{Check, Verdict, diagnose};
pub(crate) use relocate::Relocation;
pub(crate) use storage::open as open_storage;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("Cannot open the storage: {0}")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("The seal cannot be used: {0}")]
    Seal(String),
    #[error("Cannot listen: {0}")]
    Bind(#[from] BindError),
    #[error("Cannot use {path}: {source}")]
    File {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{0}")]
    Tls(#[from] arca_crypto::x509::X509Error),
    #[error("{0}")]
    Core(String),
    #[error("{0}")]
    Other(String),
}

impl From<arca_core::Fault> for ServeError {
    fn from(fault: arca_core::Fault) -> Self {
        let cause = fault
            .cause()
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        Self::Core(format!("{fault}{cause}"))
    }
}

/// Time and randomness of a server.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) environment: Environment,
    /// The log, once it has begun.
    pub(crate) log: Arc<dyn Log>,
}

impl World {
    /// Those of this machine.
    pub(crate) fn of_process() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(arca_crypto::SystemEntropy),
            environment: Environment::of_process(),
            log: NoLog::shared(),
        }
    }
}

/// The engines and auth methods this binary has.
pub(crate) fn catalog() -> Catalog {
    arca_engines::catalog().and(arca_auth::catalog())
}

/// A sealed server as configured.
pub(crate) async fn core(configuration: &Configuration, world: &World) -> Result<Arc<Core>, ServeError> {
    let settings = Settings {
        storage: storage::open(&configuration.storage, world).await?,
        seal: seal::build(&configuration.seal, world)?,
        clock: world.clock.clone(),
        entropy: world.entropy.clone(),
        catalog: catalog(),
        lease_defaults: LeaseDefaults {
            default_ttl: configuration.default_lease_ttl,
            max_ttl: configuration.max_lease_ttl,
        },
        lockout_defaults: configuration.lockouts.clone(),
        cache: CacheLimits::default(),
        cluster_name: configuration.cluster_name.clone(),
        api_address: configuration.api_address.clone(),
        former_seal: former_seal(configuration, world)?,
        raw_storage: configuration.raw_storage,
        sanitized_config: configuration.sanitized(),
        log: world.log.clone(),
    };
    Ok(Arc::new(Core::new(settings)))
}

/// The seal a store is moved away from, if the configuration still has it.
fn former_seal(configuration: &Configuration, world: &World) -> Result<Option<Seal>, ServeError> {
    let former = configuration.former_seal.as_ref();
    former.map(|former| seal::build(former, world)).transpose()
}

/// The seal of a configuration, for work without a server.
pub(crate) fn configured_seal(paths: &[std::path::PathBuf], world: &World) -> Result<Seal, ServeError> {
    let configuration = Configuration::load(paths, &world.environment, Strictness::Lenient)?;
    seal::build(&configuration.seal, world)
}

/// Open sockets over a core.
pub(crate) async fn bind(
    configuration: &Configuration,
    core: &Arc<Core>,
    world: &World,
) -> Result<Server, ServeError> {
    let options = Options::from(configuration);
    Ok(Server::bind(
        &configuration.listeners,
        options,
        core.clone(),
        world.clock.clone(),
    )
    .await?)
}
