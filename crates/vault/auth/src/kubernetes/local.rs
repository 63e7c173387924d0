//! Verifying tokens with keys alone, without asking the API server about each.

use std::sync::Arc;

use arca_base::{Secret, Timestamp};
use arca_core::Fault;
use arca_crypto::jws::{Algorithms, Jws, KeySet};
use arca_storage::Revision;
use async_trait::async_trait;
use parking_lot::Mutex;

use super::Kubernetes;
use super::cluster::{ApiError, Cluster};
use super::config::Config;
use super::refused::Refused;
use super::reviewer::Reviewer;
use crate::keys::{Fetch, FetchError, KeyCache, Unproved};

/// The keys of one configuration.
pub(super) struct LocalKeys {
    revision: Revision,
    given: Option<KeySet>,
    cache: KeyCache,
    /// Who the API server says makes its tokens.
    issuer: Arc<Mutex<String>>,
}

/// The keys an API server publishes.
pub(super) struct ClusterKeys {
    cluster: Arc<Cluster>,
    credential: Option<Secret<String>>,
    issuer: Arc<Mutex<String>>,
}

#[async_trait]
impl Fetch for ClusterKeys {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let failed = |error: ApiError| FetchError::Elsewhere(error.to_string());
        let credential = self.credential.as_ref().map(|token| token.expose().as_str());
        let issuer = self.cluster.issuer(credential).await.map_err(failed)?;
        // An empty issuer would let any through.
        if issuer.is_empty() {
            return Err(FetchError::Elsewhere("the API server names no issuer".to_owned()));
        }
        let document = self.cluster.keys(credential).await.map_err(failed)?;
        let keys = KeySet::from_jwks(&document);
        let keys = keys.map_err(|error| {
            FetchError::Elsewhere(format!("the keys of the API server cannot be used: {error}"))
        })?;
        *self.issuer.lock() = issuer;
        Ok(keys)
    }
}

impl LocalKeys {
    /// Proves that the cluster signed a token.
    ///
    /// # Errors
    /// [`Unproved`].
    pub(super) async fn prove(
        &self,
        token: &Jws<'_>,
        now: Timestamp,
        fetch: &Arc<dyn Fetch>,
    ) -> Result<(), Unproved> {
        match &self.given {
            Some(keys) => token.verify(keys, Algorithms::all())?,
            None => self.cache.prove(token, Algorithms::all(), now, fetch).await?,
        };
        Ok(())
    }

    /// Who must have made a token: whom the configuration names, or else whom the API server names.
    pub(super) fn issuer(&self, config: &Config) -> String {
        match &*config.issuer {
            "" => self.issuer.lock().clone(),
            named => named.to_owned(),
        }
    }

    /// Has keys at hand, and counts them.
    ///
    /// # Errors
    /// [`FetchError`], also where older keys are still used.
    pub(super) async fn ready(&self, now: Timestamp, fetch: &Arc<dyn Fetch>) -> Result<usize, FetchError> {
        if let Some(keys) = &self.given {
            return Ok(keys.len());
        }
        let keys = self.cache.keys(now, fetch).await?;
        self.cache.failure().map_or(Ok(keys.len()), Err)
    }
}

impl Kubernetes {
    /// The keys tokens are verified with, kept while the configuration is the one of that revision.
    pub(super) fn local_keys(&self, config: &Config, revision: Revision) -> Result<Arc<LocalKeys>, Refused> {
        let mut kept = self.keys.lock();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.revision == revision) {
            return Ok(kept.clone());
        }
        let given = config.given_keys();
        let made = Arc::new(LocalKeys {
            revision,
            given: given.map_err(|fault: Fault| Refused::GivenKeys(fault.to_string()))?,
            cache: KeyCache::default(),
            issuer: Arc::default(),
        });
        *kept = Some(made.clone());
        Ok(made)
    }

    /// How the keys are fetched: with the credential of reviews if it is this server's own. That of a caller, who is
    /// not proved yet, would let anybody make the fetch fail for all.
    pub(super) async fn cluster_keys(
        &self,
        config: &Config,
        keys: &LocalKeys,
    ) -> Result<Arc<dyn Fetch>, Refused> {
        let reviewer = Reviewer::choose(config, &self.pod).await.map_err(Refused::Pod)?;
        Ok(Arc::new(ClusterKeys {
            cluster: self.cluster(config).await?,
            credential: reviewer.own().map(|token| Secret::new(token.to_owned())),
            issuer: keys.issuer.clone(),
        }))
    }
}
