//! From an empty store to a server: keys, first mounts, first token.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::{MountPath, NamespaceId, Secret, id};
use arca_crypto::aead::AeadKey;

use super::{Lifecycle, unavailable};
use crate::active::{Cluster, Salt, TOKEN_SALT};
use crate::audit::Auditor;
use crate::barrier::{Barrier, Keyring, View, Writes, plaintext};
use crate::core::cluster_name;
use crate::fault::Fault;
use crate::layout;
use crate::policies::Policies;
use crate::router::{Class, Mount, Router};
use crate::seal::{AutoSeal, Seal, SealConfig, SealKind, close_root_key, split};
use crate::tokens::Tokens;

/// How to initialize.
#[derive(Clone, Copy, Debug, Default)]
pub struct InitRequest {
    /// Shares of the unseal key.
    pub secret_shares: i64,
    /// Shares needed to unseal.
    pub secret_threshold: i64,
    /// Shares of the recovery key.
    pub recovery_shares: i64,
    /// Recovery shares needed.
    pub recovery_threshold: i64,
}

/// What initialization hands out, once.
pub struct Initialized {
    /// Shares of the unseal key; none with an automatic seal.
    pub keys: Vec<Secret<Vec<u8>>>,
    /// Shares of the recovery key; none with a Shamir seal.
    pub recovery_keys: Vec<Secret<Vec<u8>>>,
    /// The first root token.
    pub root_token: Secret<String>,
}

/// What a new server begins with besides what every server has.
#[derive(Clone, Debug, Default)]
pub struct Furnishing {
    /// Secret engines.
    pub mounts: Vec<FirstMount>,
    /// Audit devices that write to files: path of the device and of the file.
    pub audit_files: Vec<(String, String)>,
}

/// A secret engine of a new server.
#[derive(Clone, Debug, Default)]
pub struct FirstMount {
    /// Where.
    pub path: String,
    /// Which engine.
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Settings of the engine.
    pub options: BTreeMap<String, String>,
}

impl Lifecycle {
    /// Makes keys, built-in mounts and the first root token, in one commit: a server is initialized or not.
    ///
    /// # Errors
    /// 400 when it is already initialized or the numbers of shares make no sense.
    pub async fn initialize(&self, request: InitRequest) -> Result<Initialized, Fault> {
        self.initialize_with(request, Furnishing::default(), |_| Ok(()))
            .await
    }

    /// Like [`Lifecycle::initialize`], with more to begin with. `keep` gets what is handed out *before* it
    /// counts, so that it can be written down: a crash after the commit must not lose the only copy.
    ///
    /// # Errors
    /// As [`Lifecycle::initialize`], and what `keep` returns.
    pub async fn initialize_with(
        &self,
        request: InitRequest,
        furnishing: Furnishing,
        keep: impl FnOnce(&Initialized) -> Result<(), Fault> + Send,
    ) -> Result<Initialized, Fault> {
        let _turn = self.turn.lock().await;
        self.complete_restore().await?;
        if self.is_initialized().await? {
            return Err(already());
        }
        let root_key = AeadKey::generate(&*self.settings.entropy);
        let (mut writes, mut initialized) = self.protect(&root_key, request).await?;
        let (barrier, root_token) = self.found(&root_key, furnishing, &mut writes)?;
        initialized.root_token = root_token;
        keep(&initialized)?;
        match barrier.commit(writes).await {
            Ok(_) => {}
            Err(error) if error.is_conflict() => return Err(already()),
            Err(error) => return Err(error.into()),
        }
        if self.settings.seal.is_automatic() {
            self.activate(root_key).await?;
        }
        Ok(initialized)
    }

    /// Seals the root key and hands the shares out.
    async fn protect(
        &self,
        root_key: &AeadKey,
        request: InitRequest,
    ) -> Result<(Writes, Initialized), Fault> {
        let key = AeadKey::generate(&*self.settings.entropy);
        let mut writes = Writes::new();
        writes.expect(layout::SEAL_CONFIG, None);
        let initialized = match &self.settings.seal {
            Seal::Shamir => self.protect_by_shares(&mut writes, &key, root_key, request)?,
            Seal::Automatic(seal) => {
                self.protect_automatically(&mut writes, &**seal, &key, root_key, request)
                    .await?
            }
        };
        Ok((writes, initialized))
    }

    /// The shares are those of the key that seals the root key.
    fn protect_by_shares(
        &self,
        writes: &mut Writes,
        key: &AeadKey,
        root_key: &AeadKey,
        request: InitRequest,
    ) -> Result<Initialized, Fault> {
        if request.recovery_shares != 0 || request.recovery_threshold != 0 {
            return Err(Fault::invalid(
                "parameters recovery_shares,recovery_threshold not applicable to seal type shamir",
            ));
        }
        let config = seal_config(SealKind::Shamir, request.secret_shares, request.secret_threshold)?;
        let keys = self.shares(key, &config)?;
        let sealed = close_root_key(key, root_key, &*self.settings.entropy).map_err(Fault::internal)?;
        writes.put_clear(layout::ROOT_KEY, sealed);
        put_config(writes, layout::SEAL_CONFIG, &config)?;
        Ok(Initialized {
            keys,
            recovery_keys: Vec::new(),
            root_token: Secret::new(String::new()),
        })
    }

    /// The seal seals the root key; the shares are those of a recovery key, which opens nothing.
    async fn protect_automatically(
        &self,
        writes: &mut Writes,
        seal: &dyn AutoSeal,
        key: &AeadKey,
        root_key: &AeadKey,
        request: InitRequest,
    ) -> Result<Initialized, Fault> {
        if request.secret_shares != 0 || request.secret_threshold != 0 {
            return Err(Fault::invalid(format!(
                "parameters secret_shares,secret_threshold not applicable to seal type {}",
                seal.kind()
            )));
        }
        let config = seal_config(seal.kind(), request.recovery_shares, request.recovery_threshold)?;
        let recovery_keys = self.shares(key, &config)?;
        let wrapped = |key: &AeadKey| Secret::new(key.bytes().expose().to_vec());
        writes.put_clear(
            layout::ROOT_KEY,
            seal.wrap(&wrapped(root_key)).await.map_err(unavailable)?,
        );
        writes.put_clear(
            layout::RECOVERY_KEY,
            seal.wrap(&wrapped(key)).await.map_err(unavailable)?,
        );
        put_config(writes, layout::SEAL_CONFIG, &config)?;
        put_config(writes, layout::RECOVERY_CONFIG, &config)?;
        Ok(Initialized {
            keys: Vec::new(),
            recovery_keys,
            root_token: Secret::new(String::new()),
        })
    }

    fn shares(&self, key: &AeadKey, config: &SealConfig) -> Result<Vec<Secret<Vec<u8>>>, Fault> {
        let material = Secret::new(key.bytes().expose().to_vec());
        split(
            &material,
            config.shares,
            config.threshold,
            &*self.settings.entropy,
        )
        .map_err(Fault::internal)
    }

    /// Everything a new server begins with, behind its new keyring.
    fn found(
        &self,
        root_key: &AeadKey,
        furnishing: Furnishing,
        writes: &mut Writes,
    ) -> Result<(Arc<Barrier>, Secret<String>), Fault> {
        let entropy = self.settings.entropy.clone();
        let now = self.settings.clock.now();
        let keyring = Keyring::generate(&*entropy, now);
        let sealed = keyring.seal(root_key, &*entropy).map_err(Fault::internal)?;
        writes.put_clear(layout::KEYRING, sealed);
        let storage = self.settings.storage.clone();
        let barrier = Arc::new(Barrier::new(
            storage,
            keyring,
            entropy.clone(),
            self.settings.cache,
        ));
        let namespace = NamespaceId::root();
        let view = View::new(barrier.clone(), layout::namespace(&namespace));
        let cluster = Cluster {
            name: cluster_name(&self.settings),
            id: id::uuid_v4(&*entropy),
        };
        writes.put(layout::CLUSTER, plaintext(&cluster)?);
        let random = arca_base::entropy::bytes::<32>(&*entropy);
        let salt = Salt {
            hex: id::hex(&random),
        };
        writes.put(view.key(TOKEN_SALT), plaintext(&salt)?);
        self.put_mounts(&barrier, &namespace, furnishing.mounts, writes)?;
        let (clock, metrics) = (self.settings.clock.clone(), self.metrics.clone());
        Auditor::new(&view, clock, entropy.clone(), metrics).put_in(writes, furnishing.audit_files)?;
        Policies::new(namespace.clone(), &view).put_default(writes)?;
        crate::identity::in_order::begin_in(&view, writes)?;
        let salt = Secret::new(random.to_vec());
        let tokens = Tokens::new(&barrier, namespace, entropy, &view, &salt);
        let root_token = tokens.first_root(now, writes)?;
        Ok((barrier, root_token))
    }

    fn put_mounts(
        &self,
        barrier: &Arc<Barrier>,
        namespace: &NamespaceId,
        more: Vec<FirstMount>,
        writes: &mut Writes,
    ) -> Result<(), Fault> {
        let entropy = &*self.settings.entropy;
        let router = Router::new(
            namespace.clone(),
            barrier,
            self.settings.catalog.clone(),
            self.settings.entropy.clone(),
            self.settings.lease_defaults,
        );
        router.put_builtin(writes)?;
        for first in more {
            let mut mount = Mount::new(
                Class::Secret,
                &MountPath::parse(&first.path)?,
                &first.kind,
                entropy,
            );
            mount.description = first.description;
            mount.options = Some(first.options);
            router.rows(Class::Secret).put_in(writes, mount.row(), &mount)?;
        }
        Ok(())
    }
}

fn already() -> Fault {
    Fault::invalid("Vault is already initialized")
}

fn seal_config(kind: SealKind, shares: i64, threshold: i64) -> Result<SealConfig, Fault> {
    SealConfig::new(kind, shares, threshold).map_err(|error| Fault::invalid(error.to_string()))
}

fn put_config(writes: &mut Writes, key: &str, config: &SealConfig) -> Result<(), Fault> {
    writes.put_clear(key, serde_json::to_vec(config).map_err(Fault::internal)?);
    Ok(())
}
