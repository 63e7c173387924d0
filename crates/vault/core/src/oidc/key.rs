//! A key of identity tokens: what signs now, what will sign next, and what signed before.

use std::sync::Arc;

use arca_api::oidc as api;
use arca_base::{Entropy, Json, JsonText, Secret, Timestamp, Ttl, id, json_object};
use arca_crypto::jws::{Algorithm, SigningKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::barrier::Stored;
use crate::fault::Fault;

/// The algorithms that keys may be for.
pub(super) const ALGORITHMS: [Algorithm; 7] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
];

/// Most rotations that tokens stay provable for, and what keeps the number of published keys small.
const MOST_PERIODS: u64 = 10;
/// Most clients of one key.
const MOST_CLIENTS: usize = 1024;
/// Former keys with which somebody may still ask for a rotation.
pub(super) const MANY_FORMER: usize = 32;
/// Former keys that are kept whatever happens.
const MOST_FORMER: usize = 64;

/// What administrators say about a key, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct KeySettings {
    pub(super) algorithm: String,
    pub(super) rotation_period: Ttl,
    pub(super) verification_ttl: Ttl,
    pub(super) allowed_client_ids: Vec<String>,
}

/// A key, as stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NamedKey {
    pub(super) settings: KeySettings,
    /// What signs.
    pub(super) current: Signer,
    /// What will, and is published already.
    pub(super) next: Signer,
    pub(super) next_rotation: Timestamp,
    /// What signed before, the oldest first.
    #[serde(default)]
    pub(super) former: Vec<Former>,
}

/// A pair of keys, as stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Signer {
    /// What tokens call it.
    pub(super) id: String,
    /// PKCS#8 in hexadecimal.
    #[serde(serialize_with = "sealed", deserialize_with = "opened")]
    private: Secret<String>,
    /// Its public half as a JWK.
    pub(super) public: String,
}

/// The public half of a key that signs no more, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Former {
    /// What tokens call it.
    pub(super) id: String,
    /// As a JWK.
    pub(super) public: String,
    /// When the last token it signed has ended.
    pub(super) until: Timestamp,
}

impl Stored for NamedKey {
    const VERSION: u8 = 1;
    const NAME: &'static str = "key of identity tokens";
}

/// The row is written behind the barrier, which is the one place a secret is spelled out for.
fn sealed<S: Serializer>(secret: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.expose().serialize(serializer)
}

fn opened<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    Ok(Secret::new(String::deserialize(deserializer)?))
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Rs256.name().to_owned(),
            rotation_period: Ttl::from_hours(24),
            verification_ttl: Ttl::from_hours(24),
            allowed_client_ids: Vec::new(),
        }
    }
}

impl KeySettings {
    /// Changes what was given and leaves the rest.
    ///
    /// # Errors
    /// 400 that names the field.
    pub(super) fn change(&mut self, request: &api::WriteKey) -> Result<(), Fault> {
        if let Some(algorithm) = &request.algorithm {
            let known = ALGORITHMS.map(Algorithm::name);
            if !known.contains(&&**algorithm) {
                return Err(Fault::invalid(format!(
                    "unknown signing algorithm {algorithm:?}: use one of {}",
                    known.join(", ")
                )));
            }
            self.algorithm.clone_from(algorithm);
        }
        self.rotation_period = request.rotation_period.unwrap_or(self.rotation_period);
        self.verification_ttl = request.verification_ttl.unwrap_or(self.verification_ttl);
        if self.rotation_period < Ttl::from_seconds(60) {
            return Err(Fault::invalid("rotation_period must be at least one minute"));
        }
        if self.rotation_period > Ttl::from_hours(24 * 365 * 10) {
            return Err(Fault::invalid("rotation_period must be at most ten years"));
        }
        if self.verification_ttl.is_zero() {
            return Err(Fault::invalid("verification_ttl must be greater than 0"));
        }
        if self.verification_ttl.seconds() > self.rotation_period.seconds().saturating_mul(MOST_PERIODS) {
            return Err(Fault::invalid(
                "verification_ttl cannot be longer than 10x rotation_period",
            ));
        }
        if let Some(clients) = &request.allowed_client_ids {
            let mut clients = clients.0.clone();
            clients.sort_unstable();
            clients.dedup();
            let too_long = clients.iter().any(|id| id.len() > super::LONGEST_NAME);
            if clients.len() > MOST_CLIENTS || too_long {
                return Err(Fault::invalid(format!(
                    "allowed_client_ids may have at most {MOST_CLIENTS} entries of at most {} bytes",
                    super::LONGEST_NAME
                )));
            }
            self.allowed_client_ids = clients;
        }
        Ok(())
    }

    /// The algorithm of new signatures.
    pub(super) fn algorithm(&self) -> Result<Algorithm, Fault> {
        Algorithm::parse(&self.algorithm)
            .ok_or_else(|| Fault::internal("a stored key of identity tokens names an unknown algorithm"))
    }

    /// Whether tokens for a client may be signed.
    pub(super) fn allows(&self, client_id: &str) -> bool {
        let allowed = &self.allowed_client_ids;
        allowed.iter().any(|one| one == "*" || one == client_id)
    }

    pub(super) fn describe(&self) -> Json {
        json_object! {
            "algorithm" => self.algorithm.as_str(),
            "allowed_client_ids" => self.allowed_client_ids.clone(),
            "rotation_period" => self.rotation_period.seconds(),
            "verification_ttl" => self.verification_ttl.seconds(),
        }
    }
}

impl NamedKey {
    /// A new key.
    ///
    /// # Errors
    /// [`Fault::internal`] when the crypto library fails.
    pub(super) async fn generate(
        settings: KeySettings,
        entropy: &Arc<dyn Entropy>,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let algorithm = settings.algorithm()?;
        Ok(Self {
            current: Signer::generate(algorithm, entropy).await?,
            next: Signer::generate(algorithm, entropy).await?,
            next_rotation: now.plus(settings.rotation_period),
            settings,
            former: Vec::new(),
        })
    }

    /// The same, to be changed.
    pub(super) fn duplicate(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            current: self.current.duplicate(),
            next: self.next.duplicate(),
            next_rotation: self.next_rotation,
            former: self.former.clone(),
        }
    }

    /// Lets the next key sign from now on. The former one stays published for `ttl`, and `fresh` is the next one.
    pub(super) fn rotate(&mut self, fresh: Signer, ttl: Ttl, now: Timestamp) {
        let signer = std::mem::replace(&mut self.next, fresh);
        let former = std::mem::replace(&mut self.current, signer);
        self.former.retain(|one| one.until > now);
        if !ttl.is_zero() {
            self.former.push(Former {
                id: former.id.clone(),
                public: former.public.clone(),
                until: now.plus(ttl),
            });
        }
        let too_many = self.former.len().saturating_sub(MOST_FORMER);
        self.former.drain(..too_many);
        self.next_rotation = now.plus(self.settings.rotation_period);
    }

    /// Takes other settings. Keys for another algorithm replace the current ones, of which the one that signed stays
    /// published.
    pub(super) fn reset(&mut self, settings: KeySettings, fresh: Option<[Signer; 2]>, now: Timestamp) {
        if settings.rotation_period != self.settings.rotation_period {
            self.next_rotation = now.plus(settings.rotation_period);
        }
        let ttl = self.settings.verification_ttl.max(settings.verification_ttl);
        self.settings = settings;
        if let Some([current, next]) = fresh {
            // The one that would have been next never signed.
            self.next = current;
            self.rotate(next, ttl, now);
        }
    }

    /// How many former keys are published.
    pub(super) fn published_former(&self, now: Timestamp) -> usize {
        self.former.iter().filter(|one| one.until > now).count()
    }
}

impl Signer {
    /// A new pair. Making one takes up to a few hundred milliseconds, so it is done aside.
    ///
    /// # Errors
    /// [`Fault::internal`] when the crypto library fails.
    pub(super) async fn generate(algorithm: Algorithm, entropy: &Arc<dyn Entropy>) -> Result<Self, Fault> {
        let id = id::uuid_v4(&**entropy);
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm.family())).await;
        let key = made.map_err(Fault::internal)?.map_err(Fault::internal)?;
        let mut public = key.public_jwk(&id);
        if let Json::Object(members) = &mut public {
            members.insert("alg".to_owned(), algorithm.name().into());
        }
        let private = key.to_pkcs8().map_err(Fault::internal)?;
        Ok(Self {
            id,
            private: Secret::new(id::hex(private.expose())),
            public: public.to_text().into_string(),
        })
    }

    /// Signs claims.
    ///
    /// # Errors
    /// [`Fault::internal`] when the stored key cannot be read.
    pub(super) fn sign(&self, algorithm: Algorithm, claims: &Json) -> Result<String, Fault> {
        let unreadable = || Fault::internal("a stored key of identity tokens cannot be read");
        let der = Secret::new(id::unhex(self.private.expose()).ok_or_else(unreadable)?);
        let key = SigningKey::from_pkcs8(der.expose()).map_err(Fault::internal)?;
        key.sign(algorithm, &self.id, claims).map_err(Fault::internal)
    }

    fn duplicate(&self) -> Self {
        Self {
            id: self.id.clone(),
            private: self.private.duplicate(),
            public: self.public.clone(),
        }
    }
}

/// A stored public half.
pub(super) fn jwk(text: &str) -> Json {
    JsonText::from_canonical(text.to_owned()).to_json()
}
