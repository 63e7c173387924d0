//! Initialize, unseal, seal: the states of a server.

mod initialize;
mod migrate;
mod restore;
mod unseal;

use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use arca_base::{Json, Secret, json_object};
use arca_crypto::aead::AeadKey;
use parking_lot::Mutex;

pub use initialize::{FirstMount, Furnishing, InitRequest, Initialized};

use crate::active::{Active, Cluster, StartError};
use crate::core::Settings;
use crate::fault::Fault;
use crate::layout;
use crate::metrics::Metrics;
use crate::seal::{Seal, SealConfig, SealError, SealKind, guard_rows};
use crate::tasks;

/// The state of a server and the way from one to the next.
pub struct Lifecycle {
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    active: ArcSwapOption<Active>,
    progress: Mutex<Progress>,
    /// One transition at a time.
    turn: tokio::sync::Mutex<()>,
    /// Itself, for what goes on by itself.
    itself: Weak<Self>,
}

/// Shares given so far.
#[derive(Default)]
struct Progress {
    nonce: String,
    shares: Vec<Secret<Vec<u8>>>,
}

/// What `sys/seal-status` shows.
#[derive(Clone, Debug)]
pub struct SealStatus {
    /// Which seal.
    pub kind: SealKind,
    /// Whether the store is under another seal than the server is configured for.
    pub migrating: bool,
    /// Whether storage holds an initialized server.
    pub initialized: bool,
    /// Whether the keys are not in memory.
    pub sealed: bool,
    /// Shares needed.
    pub threshold: u8,
    /// Shares handed out.
    pub shares: u8,
    /// Shares given so far.
    pub progress: usize,
    /// Identifies this round of giving shares.
    pub nonce: String,
    /// Whether the shares are those of a recovery key.
    pub recovery_seal: bool,
    /// Name and identifier of the cluster, when unsealed.
    pub cluster: Option<Cluster>,
    /// What keeps the sealed bytes.
    pub storage: &'static str,
    /// Whether a snapshot is on its way into the store.
    pub restoring: bool,
}

impl Lifecycle {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            settings: Arc::new(settings),
            metrics: Arc::new(Metrics::new()),
            active: ArcSwapOption::empty(),
            progress: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            itself: itself.clone(),
        })
    }

    pub(crate) const fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    pub(crate) const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(crate) fn active(&self) -> Option<Arc<Active>> {
        self.active.load_full()
    }

    /// Whether the keys are not in memory.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.active.load().is_none()
    }

    async fn config(&self, seal: &Seal) -> Result<Option<SealConfig>, Fault> {
        let (name, _) = guard_rows(seal);
        let Some(entry) = self.settings.storage.get(name).await.map_err(Fault::internal)? else {
            return Ok(None);
        };
        serde_json::from_slice(&entry.sealed)
            .map(Some)
            .map_err(Fault::internal)
    }

    /// Whether storage holds an initialized server.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn is_initialized(&self) -> Result<bool, Fault> {
        if self.is_sealed() && self.is_being_restored().await? {
            return Ok(true);
        }
        let config = self.settings.storage.get(layout::SEAL_CONFIG).await;
        Ok(config.map_err(Fault::internal)?.is_some())
    }

    /// The state, as `sys/seal-status` shows it.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn status(&self) -> Result<SealStatus, Fault> {
        let active = self.active();
        let restoring = active.is_none() && self.is_being_restored().await?;
        let leaving = match &active {
            // A store nobody can open as configured is shown as it is configured; unsealing says why.
            None => self.leaving().await.unwrap_or_default(),
            Some(_) => None,
        };
        let seal = leaving.as_ref().unwrap_or(&self.settings.seal);
        let config = self.config(seal).await?;
        let progress = self.progress.lock();
        Ok(SealStatus {
            kind: seal.kind(),
            migrating: leaving.is_some(),
            initialized: restoring || config.is_some(),
            sealed: active.is_none(),
            threshold: config.as_ref().map_or(0, |config| config.threshold),
            shares: config.as_ref().map_or(0, |config| config.shares),
            progress: progress.shares.len(),
            nonce: progress.nonce.clone(),
            recovery_seal: seal.is_automatic(),
            cluster: active.map(|active| active.cluster.clone()),
            storage: self.settings.storage.kind(),
            restoring,
        })
    }

    async fn activate(&self, root_key: AeadKey) -> Result<(), Fault> {
        let active = Active::open(root_key, self.settings.clone(), self.metrics.clone())
            .await
            .map_err(|error| match error {
                StartError::Part(fault) => fault,
                error => {
                    tracing::error!(%error, "unsealing failed");
                    Fault::internal(error)
                }
            })?;
        let active = Arc::new(active);
        active.settle();
        tasks::start(&active);
        self.watch_for_restores(&active);
        self.active.store(Some(active));
        tracing::info!("unsealed");
        Ok(())
    }

    /// Forgets the keys and stops background work. Requests that are being served end first.
    pub async fn seal(&self) {
        let _turn = self.turn.lock().await;
        self.reset_unseal();
        if let Some(active) = self.active.swap(None) {
            active.shut_down();
            tracing::info!("sealed");
        }
    }
}

fn unavailable(error: SealError) -> Fault {
    Fault::unavailable(error.to_string())
}

impl SealStatus {
    /// The body of `sys/seal-status` and `sys/unseal`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut status = json_object! {
            "type" => self.kind.as_str(),
            "initialized" => self.initialized,
            "sealed" => self.sealed,
            "t" => u64::from(self.threshold),
            "n" => u64::from(self.shares),
            "progress" => self.progress as u64,
            "nonce" => self.nonce.as_str(),
            "version" => crate::version::API,
            "build_date" => crate::version::BUILD_DATE,
            "commit_date" => crate::version::BUILD_DATE,
            "migration" => self.migrating,
            "recovery_seal" => self.recovery_seal,
            "storage_type" => self.storage,
        };
        if let Json::Object(members) = &mut status {
            if self.restoring {
                let warning = "a snapshot is being restored; the server can be unsealed when that is done";
                members.insert("warnings".to_owned(), vec![warning].into());
            }
            if self.recovery_seal {
                members.insert("recovery_seal_type".to_owned(), "shamir".into());
            }
            if let Some(cluster) = &self.cluster {
                members.insert("cluster_name".to_owned(), cluster.name.as_str().into());
                members.insert("cluster_id".to_owned(), cluster.id.as_str().into());
            }
        }
        status
    }
}
