//! An unsealed server: the keys are in memory and all parts can work.
//!
//! [`Active`] is the server as one namespace sees it: the parts that are that namespace's own, and by dereference what
//! all namespaces share. Whoever is handed one reaches no other namespace by accident: that takes a word, see
//! [`namespaces`](crate::namespaces).

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use arca_base::{Clock, Entropy, Secret};
use arca_crypto::aead::AeadKey;
use arca_storage::Revision;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
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
use crate::namespaces::{Namespace, Namespaces};
use crate::oidc::Oidc;
use crate::policies::Policies;
use crate::quotas::Quotas;
use crate::router::Router;
use crate::snapshot::restore::State;
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

/// What all namespaces of an unsealed server share.
pub struct Server {
    pub(crate) barrier: Arc<Barrier>,
    pub(crate) root_key: AeadKey,
    pub(crate) cluster: Cluster,
    pub(crate) quotas: Quotas,
    pub(crate) auditor: Auditor,
    pub(crate) web: Web,
    /// Versions that have run on this store.
    pub(crate) versions: Rows<RanHere>,
    pub(crate) ceremonies: Ceremonies,
    pub(crate) events: Feed,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: CancellationToken,
    /// The generation of the store this server was opened for; see [`State`].
    pub(crate) generation: Option<Revision>,
    /// Another node is restoring a snapshot.
    pub(crate) superseded: CancellationToken,
    /// Keys the names of token rows.
    salt: Secret<Vec<u8>>,
    expiring: AtomicBool,
    stepping_down: Notify,
}

/// The parts of an unsealed server, as one namespace sees them. Each knows its own subject; this type only holds them.
pub struct Active {
    /// Which namespace.
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) router: Arc<Router>,
    pub(crate) policies: Policies,
    pub(crate) tokens: Tokens,
    pub(crate) leases: Leases,
    pub(crate) identity: Identity,
    pub(crate) mfa: Mfa,
    pub(crate) oidc: Oidc,
    pub(crate) lockouts: Lockouts,
    server: Arc<Server>,
    view: View,
    /// All namespaces below the root namespace, which alone holds them: so sealing, which drops it, drops them all.
    children: Option<Arc<Namespaces>>,
    namespaces: Weak<Namespaces>,
}

impl Deref for Active {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
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
        if storage
            .get(layout::RELOCATION)
            .await
            .map_err(BarrierError::from)?
            .is_some()
        {
            return Err(StartError::Part(Fault::unavailable(
                "the store is being copied by operator migrate: run it to its end, or give it up with operator migrate -reset",
            )));
        }
        let generation = State::generation(&storage).await.map_err(StartError::Part)?;
        let entropy = settings.entropy.clone();
        let barrier = Barrier::new(storage, keyring, entropy, settings.cache).of_generation(generation);
        let barrier = Arc::new(barrier);
        let cluster = barrier
            .get(layout::CLUSTER)
            .await?
            .ok_or(StartError::Missing("the cluster record"))?;
        let cluster: Cluster = parse(cluster.plaintext.expose()).map_err(BarrierError::from)?;
        Self::assemble(root_key, barrier, generation, cluster, settings, metrics).await
    }

    async fn assemble(
        root_key: AeadKey,
        barrier: Arc<Barrier>,
        generation: Option<Revision>,
        cluster: Cluster,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let root = Arc::new(Namespace::root());
        let view = View::new(barrier.clone(), layout::namespace(&root.id));
        let (clock, entropy) = (settings.clock.clone(), settings.entropy.clone());
        let salt = token_salt(&view).await?;
        let auditor = Auditor::new(&view, clock.clone(), entropy.clone(), metrics.clone());
        auditor.open_all().await?;
        let versions = Rows::new(view.folder("version/"));
        version::note(&versions, clock.now()).await?;
        let server = Arc::new(Server {
            quotas: Quotas::new(&view),
            web: Web::new(&view),
            versions,
            auditor,
            events: Feed::new(barrier.generation_everywhere("mount/")),
            ceremonies: Ceremonies::default(),
            root_key,
            cluster,
            barrier,
            clock,
            entropy,
            settings,
            metrics,
            stop: CancellationToken::new(),
            generation,
            superseded: CancellationToken::new(),
            salt,
            expiring: AtomicBool::new(false),
            stepping_down: Notify::new(),
        });
        let namespaces = Arc::new(Namespaces::new(server.clone()));
        let active = Self {
            children: Some(namespaces.clone()),
            ..Self::of(&server, root, Arc::downgrade(&namespaces))
        };
        let policies = &active.policies;
        policies.ensure_default().await.map_err(StartError::Part)?;
        Ok(active)
    }

    /// The server as `namespace` sees it.
    pub(crate) fn of(server: &Arc<Server>, namespace: Arc<Namespace>, namespaces: Weak<Namespaces>) -> Self {
        let (barrier, entropy, id) = (&server.barrier, &server.entropy, &namespace.id);
        let view = View::new(barrier.clone(), layout::namespace(id));
        let router = Arc::new(Router::new(
            id.clone(),
            barrier,
            server.settings.catalog.clone(),
            entropy.clone(),
            server.settings.lease_defaults,
        ));
        Self {
            tokens: Tokens::new(barrier, id.clone(), entropy.clone(), &view, &server.salt),
            leases: Leases::new(
                barrier,
                id.clone(),
                entropy.clone(),
                router.clone(),
                &view,
                server.clock.clone(),
                server.metrics.clone(),
            ),
            identity: Identity::new(barrier, entropy.clone(), &view),
            mfa: Mfa::new(entropy.clone(), &view),
            oidc: Oidc::new(entropy.clone(), &view),
            policies: Policies::new(id.clone(), &view),
            lockouts: Lockouts::new(server.settings.lockout_defaults.clone()),
            router,
            namespace,
            server: server.clone(),
            view,
            children: None,
            namespaces,
        }
    }

    /// Lets the other namespaces find the root namespace, once it is where it stays.
    pub(crate) fn settle(self: &Arc<Self>) {
        if let Some(namespaces) = &self.children {
            namespaces.settle(self);
        }
    }

    /// All namespaces.
    ///
    /// # Errors
    /// [`Fault::sealed`] when the server was sealed meanwhile.
    pub(crate) fn namespaces(&self) -> Result<Arc<Namespaces>, Fault> {
        self.namespaces.upgrade().ok_or_else(Fault::sealed)
    }

    /// Everything that is stored of the namespace.
    pub(crate) const fn view(&self) -> &View {
        &self.view
    }

    /// The private records of a token.
    pub(crate) fn cubbyhole(&self, hash: &str) -> View {
        self.view.folder(&format!("cubbyhole/{hash}/"))
    }
}

impl Server {
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

    /// Has this node give the office up, if it has it, and not stand again for a while.
    pub(crate) fn step_down(&self) {
        self.stepping_down.notify_waiters();
    }

    /// Waits for the next [`Active::step_down`].
    pub(crate) fn asked_to_step_down(&self) -> tokio::sync::futures::Notified<'_> {
        self.stepping_down.notified()
    }

    /// Stops all background work.
    pub(crate) fn shut_down(&self) {
        self.stop.cancel();
    }
}
