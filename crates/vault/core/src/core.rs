//! The server as one value: named parts, and no logic of its own beyond handing requests to the pipeline.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arca_base::{Clock, Entropy, Json, id};
use arca_storage::Storage;
use futures_util::FutureExt as _;

use crate::active::Active;
use crate::barrier::CacheLimits;
use crate::engine::{Catalog, Mounted};
use crate::fault::Fault;
use crate::lifecycle::Lifecycle;
use crate::log::Log;
use crate::login::LockoutDefaults;
use crate::metrics::Metrics;
use crate::pipeline::{self, Incoming, Reply, Unread};
use crate::router::{LeaseDefaults, Mount, Target};
use crate::seal::Seal;
use crate::snapshot::Upload;
use crate::system;
use crate::web::WebConfig;

/// What a server is made of; handed in by the binary.
pub struct Settings {
    /// Where sealed bytes are kept.
    pub storage: Arc<dyn Storage>,
    /// What protects the root key.
    pub seal: Seal,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Secret engines and auth methods besides those the server is made of.
    pub catalog: Catalog,
    /// How long leases live where neither mount nor engine says.
    pub lease_defaults: LeaseDefaults,
    /// When callers of auth mounts are locked out where the mount does not say.
    pub lockout_defaults: LockoutDefaults,
    /// What may be kept in memory.
    pub cache: CacheLimits,
    /// Name of the cluster; a random one when empty.
    pub cluster_name: String,
    /// Where clients reach this node; empty when unknown.
    pub api_address: String,
    /// The seal the store may still be under, while it is moved to [`Settings::seal`].
    pub former_seal: Option<Seal>,
    /// Whether `sys/raw` reaches the rows of the store.
    pub raw_storage: bool,
    /// The configuration in force without secrets, for `sys/config/state/sanitized`.
    pub sanitized_config: Json,
    /// The log of the process.
    pub log: Arc<dyn Log>,
}

/// A secrets server.
pub struct Core {
    lifecycle: Arc<Lifecycle>,
    system: Arc<dyn Mounted>,
    system_mount: Arc<Mount>,
}

impl Core {
    /// A sealed server.
    #[must_use]
    pub fn new(mut settings: Settings) -> Self {
        settings.catalog = settings.catalog.and(system::catalog());
        let system_mount = Arc::new(system::mount(&*settings.entropy));
        let system = system::factory().make(&system_mount);
        Self {
            lifecycle: Lifecycle::new(settings),
            system,
            system_mount,
        }
    }

    /// Answers a request. Never fails: whatever goes wrong is an answer too.
    pub async fn handle(&self, incoming: Incoming) -> Reply {
        self.take_in(incoming, None).await
    }

    /// Answers a request whose body is not data, while that arrives.
    pub async fn take_in(&self, incoming: Incoming, upload: Option<Upload>) -> Reply {
        let in_flight = self.metrics().enter(&incoming, self.clock().now());
        let reply = AssertUnwindSafe(pipeline::run(self, incoming, upload))
            .catch_unwind()
            .await;
        drop(in_flight);
        // The panic hook has logged where; the message may hold anything and goes nowhere.
        reply.unwrap_or_else(|_| pipeline::refuse::render_bare(&Fault::internal("panic")))
    }

    /// Answers a request that could not be read. It is audited like any other.
    pub async fn refuse(&self, unread: Unread, fault: &Fault) -> Reply {
        pipeline::refuse::unread(self, unread, fault).await
    }

    /// Whether storage holds an initialized server, and whether this one is unsealed.
    #[must_use]
    pub const fn lifecycle(&self) -> &Arc<Lifecycle> {
        &self.lifecycle
    }

    /// The unsealed server.
    pub(crate) fn active(&self) -> Option<Arc<Active>> {
        self.lifecycle.active()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.lifecycle.settings().clock
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.lifecycle.settings().entropy
    }

    /// Counters and latencies.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        self.lifecycle.metrics()
    }

    /// What the HTTP side has to know of the configuration in the store; nothing while the server is sealed.
    #[must_use]
    pub fn web(&self) -> Option<Arc<WebConfig>> {
        self.active().map(|active| active.web.at_hand())
    }

    /// The server's own endpoints, which work before any mount is known.
    pub(crate) fn system_target(&self, path: &str) -> Option<Target> {
        let path = path.strip_prefix("sys/")?.to_owned();
        Some(Target {
            mount: self.system_mount.clone(),
            engine: self.system.clone(),
            path,
        })
    }

    /// Closes and opens audit files, after a log rotation.
    pub fn reopen_audit(&self) {
        if let Some(active) = self.active() {
            active.auditor.reopen();
        }
    }

    /// Seals the server: forgets the keys and stops background work.
    pub async fn seal(&self) {
        self.lifecycle.seal().await;
    }

    /// Every route that answers without a token: the whole unauthenticated surface, as `operation path`.
    #[must_use]
    pub fn unauthenticated_surface(&self) -> Vec<String> {
        let catalog = &self.lifecycle.settings().catalog;
        let mut surface = Vec::new();
        for (class, kinds) in [
            ("", catalog.secret_kinds().collect::<Vec<_>>()),
            ("auth/", catalog.auth_kinds().collect()),
        ] {
            for kind in kinds {
                let factory = if class.is_empty() {
                    catalog.secret_engine(kind)
                } else {
                    catalog.auth_method(kind)
                };
                let prefix = if kind == "system" {
                    "sys".to_owned()
                } else {
                    format!("{class}<{kind}>")
                };
                let mount = Mount {
                    kind: kind.to_owned(),
                    ..Mount::default()
                };
                surface.extend(
                    factory
                        .iter()
                        .flat_map(|factory| system::open_routes(&*factory.make(&mount), &prefix)),
                );
            }
        }
        surface.sort();
        surface.dedup();
        surface
    }
}

/// A name for a cluster that was given none.
pub(crate) fn cluster_name(settings: &Settings) -> String {
    if settings.cluster_name.is_empty() {
        format!(
            "vault-cluster-{}",
            id::hex(&arca_base::entropy::bytes::<4>(&*settings.entropy))
        )
    } else {
        settings.cluster_name.clone()
    }
}
