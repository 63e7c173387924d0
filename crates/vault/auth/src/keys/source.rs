//! Where the keys of one configuration come from.

use std::sync::Arc;
use std::time::Duration;

use arca_base::Timestamp;
use arca_client::ConfigError;
use arca_crypto::jws::{Algorithms, Claims, Jws, JwsError, KeySet};
use async_trait::async_trait;
use url::Url;

use super::cache::{Fetch, KeyCache, Unproved};
use super::provider::{Discovery, read_keys};
use super::remote::{FetchError, Remote};

/// Where the keys of one configuration come from. Kept as long as the configuration is the same.
pub(crate) struct KeySource {
    places: Vec<Place>,
    provider: Option<Arc<Discovery>>,
}

/// One place keys come from.
enum Place {
    Given(KeySet),
    Fetched { cache: KeyCache, fetch: Arc<dyn Fetch> },
}

/// A JWK set at an address.
struct Published {
    remote: Remote,
    url: Url,
}

#[async_trait]
impl Fetch for Published {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let document = self.remote.get(&self.url).await?;
        read_keys(&self.url, &document)
    }
}

impl KeySource {
    /// Keys that are given and stay.
    pub(crate) fn given(keys: KeySet) -> Self {
        Self {
            places: vec![Place::Given(keys)],
            provider: None,
        }
    }

    /// JWK sets at addresses, each with the certificates of its authority in PEM (empty for those of the machine).
    ///
    /// # Errors
    /// When an address is none, or an authority cannot be read.
    pub(crate) fn published<'a>(
        sets: impl IntoIterator<Item = (&'a str, &'a str)>,
        patience: Duration,
    ) -> Result<Self, ConfigError> {
        let place = |(url, authority): (&str, &str)| {
            let bad = |reason: String| ConfigError::Address {
                address: url.to_owned(),
                reason,
            };
            let published = Published {
                remote: Remote::new(url, authority, patience)?,
                url: Url::parse(url).map_err(|error| bad(error.to_string()))?,
            };
            Ok(Place::fetched(Arc::new(published)))
        };
        Ok(Self {
            places: sets.into_iter().map(place).collect::<Result<_, ConfigError>>()?,
            provider: None,
        })
    }

    /// The keys of a provider.
    pub(crate) fn of(provider: Discovery) -> Self {
        let provider = Arc::new(provider);
        Self {
            places: vec![Place::fetched(provider.clone())],
            provider: Some(provider),
        }
    }

    /// The provider, if the keys are those of one.
    pub(crate) const fn provider(&self) -> Option<&Arc<Discovery>> {
        self.provider.as_ref()
    }

    /// Proves that the holder of one of the keys signed a token, and reads its claims.
    ///
    /// # Errors
    /// [`Unproved`]: of a place without keys only when no other place proves the token.
    pub(crate) async fn prove(
        &self,
        token: &Jws<'_>,
        allowed: Algorithms,
        now: Timestamp,
    ) -> Result<Claims, Unproved> {
        let mut refusal = Unproved::Token(JwsError::UnknownKey);
        // First where keys are at hand: a server that hangs must not hold up the tokens of another.
        let mut places: Vec<&Place> = self.places.iter().collect();
        places.sort_by_key(|place| !place.has_keys());
        for place in places {
            let proved = match place {
                Place::Given(keys) => token.verify(keys, allowed).map_err(Unproved::from),
                Place::Fetched { cache, fetch } => cache.prove(token, allowed, now, fetch).await,
            };
            match proved {
                Ok(claims) => return Ok(claims),
                // Another place may be the one, but a server that is down is the more useful reason.
                Err(Unproved::Token(_)) if matches!(refusal, Unproved::Keys(_)) => {}
                Err(reason) => refusal = reason,
            }
        }
        Err(refusal)
    }

    /// Has keys at hand, and counts them.
    ///
    /// # Errors
    /// The first [`FetchError`], also where older keys are still used.
    pub(crate) async fn ready(&self, now: Timestamp) -> Result<usize, FetchError> {
        let mut count = 0;
        for place in &self.places {
            count += match place {
                Place::Given(keys) => keys.len(),
                Place::Fetched { cache, fetch } => {
                    let keys = cache.keys(now, fetch).await?;
                    cache.failure().map_or(Ok(keys.len()), Err)?
                }
            };
        }
        Ok(count)
    }
}

impl Place {
    fn has_keys(&self) -> bool {
        match self {
            Self::Given(_) => true,
            Self::Fetched { cache, .. } => cache.has_keys(),
        }
    }

    fn fetched(fetch: Arc<dyn Fetch>) -> Self {
        Self::Fetched {
            cache: KeyCache::default(),
            fetch,
        }
    }
}
