//! An unsealed server: the keys are in memory and all parts can work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arca_base::{Clock, Entropy, NamespaceId, Secret};
use arca_crypto::aead::AeadKey;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::audit::Auditor;
use crate::barrier::{Barrier, BarrierError, Keyring, Rows, Stored, View, Writes, parse};
use crate::ceremony::Ceremonies;
use crate::core::Settings;
use crate::events::Feed;
use crate::fault::Fault;
use crate::identity::Identity;
use crate::layout;
use crate::leases::Leases;
use crate::login::Lockouts;
use crate::metrics::Metrics;
use crate::mfa::Mfa;
use crate::policies::Policies;
use crate::quotas::Quotas;
use crate::router::Router;
use crate::tokens::Tokens;
use crate::version::{self, RanHere};
use crate::web::Web;

/// Name and identifier of the cluster, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cluster {
    /// For people.
    pub name: String,
    /// For machines.
    pub id: String,
}

impl Stored for Cluster {
    const VERSION: u8 = 1;
    const NAME: &'static str = "cluster";
}

/// Random bytes of the store's own, as stored: they key the names of token rows.
#[derive(Serialize, Deserialize)]
pub(crate) struct Salt {
    /// 32 bytes in hexadecimal.
    pub(crate) hex: String,
}

impl Stored for Salt {
    const VERSION: u8 = 1;
    const NAME: &'static str = "salt";
}

/// Name of the row that keys the names of token rows.
pub(crate) const TOKEN_SALT: &str = "token/salt";

/// The parts of an unsealed server. Each knows its own subject; this type only holds them.
pub struct Active {
    pub(crate) barrier: Arc<Barrier>,
    pub(crate) root_key: AeadKey,
    pub(crate) cluster: Cluster,
    pub(crate) router: Arc<Router>,
    pub(crate) policies: Policies,
    pub(crate) tokens: Tokens,
    pub(crate) leases: Leases,
    pub(crate) identity: Identity,
    pub(crate) mfa: Mfa,
    pub(crate) quotas: Quotas,
    pub(crate) auditor: Auditor,
    pub(crate) web: Web,
    /// Versions that have run on this store.
    pub(crate) versions: Rows<RanHere>,
    pub(crate) lockouts: Lockouts,
    pub(crate) ceremonies: Ceremonies,
    pub(crate) events: Feed,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: CancellationToken,
    view: View,
    expiring: AtomicBool,
}

/// Why a server that has its root key does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The keyring is not there.
    #[error("the keyring is missing from storage")]
    NoKeyring,
    /// The keyring does not open.
    #[error(transparent)]
    Keyring(#[from] crate::barrier::BadKeyring),
    /// A record that must be there is not.
    #[error("{0} is missing from storage")]
    Missing(&'static str),
    /// Records do not open, or storage fails.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    /// A part does not start.
    #[error("{0}")]
    Part(Fault),
}

/// What keys the names of token rows.
async fn token_salt(view: &View) -> Result<Secret<Vec<u8>>, StartError> {
    let salt = view.get(TOKEN_SALT).await?;
    let salt = salt.ok_or(StartError::Missing("the token salt"))?;
    let salt: Salt = parse(salt.plaintext.expose()).map_err(BarrierError::from)?;
    Ok(Secret::new(arca_base::id::unhex(&salt.hex).unwrap_or_default()))
}

impl Active {
    /// Opens the keyring with the root key and puts the parts together.
    pub(crate) async fn open(
        root_key: AeadKey,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let storage = settings.storage.clone();
        let sealed = storage
            .get(layout::KEYRING)
            .await
            .map_err(BarrierError::from)?
            .ok_or(StartError::NoKeyring)?;
        let keyring = Keyring::open(&root_key, &sealed.sealed)?;
        let entropy = settings.entropy.clone();
        let barrier = Arc::new(Barrier::new(storage, keyring, entropy, settings.cache));
        let cluster = barrier
            .get(layout::CLUSTER)
            .await?
            .ok_or(StartError::Missing("the cluster record"))?;
        let cluster: Cluster = parse(cluster.plaintext.expose()).map_err(BarrierError::from)?;
        Self::assemble(root_key, barrier, cluster, settings, metrics).await
    }

    async fn assemble(
        root_key: AeadKey,
        barrier: Arc<Barrier>,
        cluster: Cluster,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let namespace = NamespaceId::root();
        let view = View::new(barrier.clone(), layout::namespace(&namespace));
        let (clock, entropy) = (settings.clock.clone(), settings.entropy.clone());
        let salt = token_salt(&view).await?;
        let router = Arc::new(Router::new(
            namespace.clone(),
            &barrier,
            settings.catalog.clone(),
            entropy.clone(),
            settings.lease_defaults,
        ));
        let policies = Policies::new(&view);
        policies.ensure_default().await.map_err(StartError::Part)?;
        let auditor = Auditor::new(&view, clock.clone(), entropy.clone(), metrics.clone());
        auditor.open_all().await?;
        let versions = Rows::new(view.folder("version/"));
        version::note(&versions, clock.now()).await?;
        Ok(Self {
            tokens: Tokens::new(&barrier, namespace.clone(), entropy.clone(), &view, &salt),
            leases: Leases::new(
                &barrier,
                namespace,
                entropy.clone(),
                router.clone(),
                &view,
                clock.clone(),
                metrics.clone(),
            ),
            identity: Identity::new(&barrier, entropy.clone(), &view),
            mfa: Mfa::new(entropy.clone(), &view),
            quotas: Quotas::new(&view),
            web: Web::new(&view),
            versions,
            policies,
            router,
            auditor,
            events: Feed::new(view.folder("mount/").generation()),
            lockouts: Lockouts::new(settings.lockout_defaults.clone()),
            ceremonies: Ceremonies::default(),
            root_key,
            cluster,
            barrier,
            clock,
            entropy,
            settings,
            metrics,
            stop: CancellationToken::new(),
            view,
            expiring: AtomicBool::new(false),
        })
    }

    /// The private records of a token.
    pub(crate) fn cubbyhole(&self, hash: &str) -> View {
        self.view.folder(&format!("cubbyhole/{hash}/"))
    }

    /// Seals the keyring anew and puts it in use, unless another node was faster.
    pub(crate) async fn install_keyring(&self, next: Keyring) -> Result<(), Fault> {
        let sealed = next
            .seal(&self.root_key, &*self.entropy)
            .map_err(Fault::internal)?;
        let current = self
            .barrier
            .storage()
            .get(layout::KEYRING)
            .await
            .map_err(Fault::internal)?;
        let mut writes = Writes::new();
        writes.expect(layout::KEYRING, current.map(|entry| entry.revision));
        writes.put_clear(layout::KEYRING, sealed);
        self.barrier.commit(writes).await?;
        self.barrier.install(next);
        Ok(())
    }

    /// Reads the keyring again after another node has rotated it.
    pub(crate) async fn reload_keyring(&self) -> Result<(), StartError> {
        let stored = self
            .barrier
            .storage()
            .get(layout::KEYRING)
            .await
            .map_err(BarrierError::from)?;
        let stored = stored.ok_or(StartError::NoKeyring)?;
        self.barrier
            .install(Keyring::open(&self.root_key, &stored.sealed)?);
        Ok(())
    }

    /// Whether this node runs the timers at the moment.
    pub(crate) fn is_expiring(&self) -> bool {
        self.expiring.load(Ordering::Acquire)
    }

    pub(crate) fn set_expiring(&self, on: bool) {
        self.expiring.store(on, Ordering::Release);
    }

    /// Stops all background work.
    pub(crate) fn shut_down(&self) {
        self.stop.cancel();
    }
}
