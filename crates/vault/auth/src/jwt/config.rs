//! Where keys come from, and who must have made a token.

use std::sync::Arc;
use std::time::Duration;

use arca_api::auth::jwt as api;
use arca_api::endpoint::Nothing;
use arca_base::json::Limits;
use arca_base::{Json, Secret, json_object};
use arca_client::ConfigError;
use arca_core::Fault;
use arca_core::barrier::{Row, Rows, Stored};
use arca_core::engine::{Answer, Cx, Site};
use arca_crypto::jws::{Algorithm, Algorithms, KeySet, PublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Jwt;
use super::bounds::at_most;
use super::preset::Preset;
use crate::keys::{Discovery, FetchError, KeySource};

/// Where the one row is kept.
const ROW: &str = "config";

/// Longest text of a field, in bytes.
const LONGEST: usize = 64 << 10;

/// Most sets of keys, and most keys in PEM.
const MOST: usize = 32;

/// The settings, as stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) keys: Keys,
    pub(super) client_id: String,
    #[serde(serialize_with = "sealed", deserialize_with = "opened")]
    pub(super) client_secret: Option<Secret<String>>,
    pub(super) response_mode: ResponseMode,
    algorithms: Vec<String>,
    default_role: String,
    bound_issuer: String,
    namespace_in_state: bool,
    preset: Option<Preset>,
}

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Keys {
    /// Public keys in PEM.
    Given(Vec<String>),
    /// A JWK set.
    Jwks(Published),
    /// Several of them.
    Pairs(Vec<Published>),
    /// A provider and the certificates of its authority.
    Provider { issuer: String, authority: String },
}

/// A JWK set at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Published {
    url: String,
    authority: String,
}

/// How a provider sends the browser back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResponseMode {
    #[default]
    Query,
    FormPost,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keys: Keys::Given(Vec::new()),
            client_id: String::new(),
            client_secret: None,
            response_mode: ResponseMode::Query,
            algorithms: Vec::new(),
            default_role: String::new(),
            bound_issuer: String::new(),
            namespace_in_state: true,
            preset: None,
        }
    }
}

impl Stored for Config {
    const VERSION: u8 = 1;
    const NAME: &'static str = "configuration of a jwt auth method";
}

/// The row is written behind the barrier, which is the one place a secret is spelled out for.
fn sealed<S: Serializer>(secret: &Option<Secret<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

fn opened<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

impl ResponseMode {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "" | "query" => Ok(Self::Query),
            "form_post" => Ok(Self::FormPost),
            other => Err(Fault::invalid(format!(
                "invalid response_mode {other:?}: query and form_post are known"
            ))),
        }
    }
}

impl Keys {
    fn of(request: &api::WriteConfig) -> Result<Self, Fault> {
        let pairs = pairs(&request.jwks_pairs.0)?;
        let given = [
            !request.oidc_discovery_url.is_empty(),
            !request.jwks_url.is_empty(),
            !pairs.is_empty(),
            !request.jwt_validation_pubkeys.0.is_empty(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            return Err(Fault::invalid(
                "exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs', 'oidc_discovery_url', or \
                 'provider_config' must be set",
            ));
        }
        if request.oidc_discovery_url.contains(".well-known") {
            return Err(Fault::invalid(
                "'oidc_discovery_url' contains '.well-known' component",
            ));
        }
        Ok(match given {
            [true, ..] => Self::Provider {
                issuer: request.oidc_discovery_url.clone(),
                authority: request.oidc_discovery_ca_pem.clone(),
            },
            [_, true, ..] => Self::Jwks(Published {
                url: request.jwks_url.clone(),
                authority: request.jwks_ca_pem.clone(),
            }),
            [_, _, true, _] => Self::Pairs(pairs),
            _ => Self::Given(request.jwt_validation_pubkeys.0.clone()),
        })
    }

    /// The source these settings say.
    ///
    /// # Errors
    /// 400 naming the field.
    fn source(&self, patience: Duration) -> Result<KeySource, Fault> {
        match self {
            Self::Given(keys) => {
                at_most("jwt_validation_pubkeys", keys.len(), MOST, "entries")?;
                let bad = |error| Fault::invalid(format!("error parsing public key: {error}"));
                let keys = keys.iter().map(|pem| PublicKey::from_pem(pem));
                let keys: Vec<_> = keys.collect::<Result<_, _>>().map_err(bad)?;
                Ok(KeySource::given(KeySet::from_keys(keys).map_err(bad)?))
            }
            Self::Jwks(set) => KeySource::published([(&*set.url, &*set.authority)], patience)
                .map_err(|error| unusable("jwks_url", "jwks_ca_pem", error)),
            Self::Pairs(sets) => {
                let sets = sets.iter().map(|set| (&*set.url, &*set.authority));
                KeySource::published(sets, patience)
                    .map_err(|error| unusable("jwks_pairs", "jwks_pairs", error))
            }
            Self::Provider { issuer, authority } => Discovery::new(issuer, authority, patience)
                .map(KeySource::of)
                .map_err(|error| unusable("oidc_discovery_url", "oidc_discovery_ca_pem", error)),
        }
    }

    /// How it is said that the keys cannot be got.
    fn unreachable(&self, error: &FetchError) -> String {
        match self {
            Self::Provider { .. } => format!("error checking oidc discovery URL: {error}"),
            _ => format!("error checking jwks URL: {error}"),
        }
    }

    /// Addresses that are not encrypted.
    fn in_the_clear(&self) -> bool {
        let plain = |url: &str| url.starts_with("http://");
        match self {
            Self::Given(_) => false,
            Self::Jwks(set) => plain(&set.url),
            Self::Pairs(sets) => sets.iter().any(|set| plain(&set.url)),
            Self::Provider { issuer, .. } => plain(issuer),
        }
    }
}

fn unusable(url: &str, authority: &str, error: ConfigError) -> Fault {
    match error {
        ConfigError::Tls { reason, .. } => Fault::invalid(format!("{authority}: {reason}")),
        other => Fault::invalid(format!("{url}: {other}")),
    }
}

/// A list of objects, or its text.
fn pairs(given: &Json) -> Result<Vec<Published>, Fault> {
    const EXPECTED: &str = "jwks_pairs must be a list of objects with \"jwks_url\" and \"jwks_ca_pem\"";
    let list = match given {
        Json::Null => return Ok(Vec::new()),
        Json::String(text) if text.is_empty() => return Ok(Vec::new()),
        Json::String(text) => {
            let parsed = Json::parse(text.as_bytes(), &Limits::default());
            return pairs(&parsed.map_err(|error| Fault::invalid(format!("{EXPECTED}: {error}")))?);
        }
        Json::Array(list) => list,
        _ => return Err(Fault::invalid(EXPECTED)),
    };
    at_most("jwks_pairs", list.len(), MOST, "entries")?;
    let pair = |pair: &Json| {
        let text = |member| {
            pair.get(member)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (url, authority) = (text("jwks_url"), text("jwks_ca_pem"));
        if url.is_empty() || url.len() > LONGEST || authority.len() > LONGEST {
            return Err(Fault::invalid(EXPECTED));
        }
        Ok(Published { url, authority })
    };
    list.iter().map(pair).collect()
}

impl Config {
    /// What was configured, if anything was.
    pub(super) async fn stored(site: &Site) -> Result<Option<Row<Self>>, Fault> {
        Ok(Rows::<Self>::new(site.view.clone()).get(ROW).await?)
    }

    fn of(request: &api::WriteConfig, preset: Option<Preset>) -> Result<Self, Fault> {
        check_sizes(request)?;
        if request.oidc_client_id.is_empty() != request.oidc_client_secret.is_empty() {
            return Err(Fault::invalid(
                "both 'oidc_client_id' and 'oidc_client_secret' must be set for OIDC",
            ));
        }
        if request.provider_config.0.values().any(|value| !value.is_empty()) {
            return Err(Fault::invalid(
                "provider_config is not supported: leave it out, and name the groups of a caller with groups_claim on the role",
            ));
        }
        if request.oidc_response_types.0.iter().any(|kind| kind != "code") {
            return Err(Fault::invalid(
                "invalid response_types: only \"code\" is supported, which no token travels through the browser with",
            ));
        }
        let secret = Some(request.oidc_client_secret.clone()).filter(|secret| !secret.is_empty());
        Ok(Self {
            keys: Keys::of(request)?,
            client_id: request.oidc_client_id.clone(),
            client_secret: secret.map(Secret::new),
            response_mode: ResponseMode::parse(&request.oidc_response_mode)?,
            algorithms: algorithms(&request.jwt_supported_algs.0)?,
            default_role: request.default_role.clone(),
            bound_issuer: request.bound_issuer.clone(),
            namespace_in_state: request.namespace_in_state.unwrap_or(true),
            preset,
        })
    }

    /// The role a request names, or else that of the configuration.
    ///
    /// # Errors
    /// 400 when there is neither.
    pub(super) fn role_or_default(&self, name: &str) -> Result<String, Fault> {
        let name = match name {
            "" => &self.default_role,
            name => name,
        };
        if name.is_empty() {
            return Err(Fault::invalid("missing role"));
        }
        Ok(name.to_lowercase())
    }

    /// Who must have made a token. Large providers sign for many customers with the same keys, so without a
    /// `bound_issuer` it is the one whose keys are used.
    pub(super) fn wanted_issuer(&self) -> Option<&str> {
        match (&*self.bound_issuer, &self.keys) {
            ("", Keys::Provider { issuer, .. }) => Some(issuer),
            ("", _) => None,
            (bound, _) => Some(bound),
        }
    }

    /// What tokens may be signed with.
    pub(super) fn algorithms(&self) -> Algorithms {
        let named = self.algorithms.iter().filter_map(|name| Algorithm::parse(name));
        match self.algorithms.is_empty() {
            true => Algorithms::all(),
            false => named.collect(),
        }
    }

    /// The platform whose tokens these are, if it is one of the presets.
    pub(super) fn platform(&self) -> Option<Preset> {
        self.preset.or_else(|| Preset::of_issuer(self.wanted_issuer()?))
    }

    /// Whether logins through the browser are set up.
    pub(super) fn is_for_browsers(&self) -> bool {
        !self.client_id.is_empty() && matches!(self.keys, Keys::Provider { .. })
    }

    fn describe(&self) -> Json {
        let mut shown = json_object! {
            "oidc_discovery_url" => "",
            "oidc_discovery_ca_pem" => "",
            "oidc_client_id" => self.client_id.as_str(),
            "oidc_response_mode" => self.response_mode.name(),
            "oidc_response_types" => Vec::<String>::new(),
            "default_role" => self.default_role.as_str(),
            "jwt_validation_pubkeys" => Vec::<String>::new(),
            "jwt_supported_algs" => self.algorithms.clone(),
            "jwks_url" => "",
            "jwks_ca_pem" => "",
            "jwks_pairs" => Vec::<String>::new(),
            "bound_issuer" => self.bound_issuer.as_str(),
            "provider_config" => Json::object(),
            "namespace_in_state" => self.namespace_in_state,
        };
        if let Json::Object(members) = &mut shown {
            let mut put = |name: &str, value: Json| members.insert(name.to_owned(), value);
            match &self.keys {
                Keys::Given(keys) => {
                    put("jwt_validation_pubkeys", keys.clone().into());
                }
                Keys::Jwks(set) => {
                    put("jwks_url", set.url.as_str().into());
                    put("jwks_ca_pem", set.authority.as_str().into());
                }
                Keys::Pairs(sets) => {
                    let pair = |set: &Published| {
                        json_object! { "jwks_url" => set.url.as_str(), "jwks_ca_pem" => set.authority.as_str() }
                    };
                    put("jwks_pairs", sets.iter().map(pair).collect::<Vec<Json>>().into());
                }
                Keys::Provider { issuer, authority } => {
                    put("oidc_discovery_url", issuer.as_str().into());
                    put("oidc_discovery_ca_pem", authority.as_str().into());
                }
            }
        }
        shown
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.keys.in_the_clear() {
            warnings.push(
                "The keys are fetched without encryption: whoever is on the way can put others there. Use https://".to_owned(),
            );
        }
        if self.wanted_issuer().is_none() {
            warnings.push(
                "Tokens of any issuer that is signed with these keys are accepted. Set bound_issuer"
                    .to_owned(),
            );
        }
        warnings
    }
}

fn algorithms(given: &[String]) -> Result<Vec<String>, Fault> {
    match given.iter().find(|name| Algorithm::parse(name).is_none()) {
        Some(unknown) => Err(Fault::invalid(format!(
            "unsupported signing algorithm {unknown:?}: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA are known"
        ))),
        None => Ok(given.to_vec()),
    }
}

fn check_sizes(request: &api::WriteConfig) -> Result<(), Fault> {
    for (field, text) in [
        ("oidc_discovery_url", &request.oidc_discovery_url),
        ("oidc_discovery_ca_pem", &request.oidc_discovery_ca_pem),
        ("oidc_client_id", &request.oidc_client_id),
        ("oidc_client_secret", &request.oidc_client_secret),
        ("jwks_url", &request.jwks_url),
        ("jwks_ca_pem", &request.jwks_ca_pem),
        ("default_role", &request.default_role),
        ("bound_issuer", &request.bound_issuer),
    ] {
        at_most(field, text.len(), LONGEST, "bytes")?;
    }
    for key in &request.jwt_validation_pubkeys.0 {
        at_most("jwt_validation_pubkeys", key.len(), LONGEST, "bytes in one entry")?;
    }
    Ok(())
}

impl Jwt {
    /// The configuration and its keys, which are kept while it stays.
    ///
    /// # Errors
    /// 400 when there is none.
    pub(super) async fn configured(&self, site: &Site) -> Result<(Arc<Config>, Arc<KeySource>), Fault> {
        let row = Config::stored(site).await?;
        let row = row.ok_or_else(|| Fault::invalid("could not load configuration"))?;
        let kept = self.source.lock().clone();
        if let Some((_, source)) = kept.filter(|(revision, _)| *revision == row.revision) {
            return Ok((row.value, source));
        }
        let source = Arc::new(row.value.keys.source(self.patience)?);
        let mut kept = self.source.lock();
        // Somebody may have been faster: there is one source, so that there is one fetch.
        let source = match &*kept {
            Some((revision, faster)) if *revision == row.revision => faster.clone(),
            _ => {
                *kept = Some((row.revision, source.clone()));
                source
            }
        };
        Ok((row.value, source))
    }
}

pub(super) async fn read(_: Arc<Jwt>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let config = Config::stored(cx.site()?).await?.ok_or_else(Fault::absent)?;
    Ok(Answer::data(&config.value.describe()))
}

/// Gets the keys before anything is kept: settings that cannot work are told at once.
pub(super) async fn write(engine: Arc<Jwt>, cx: Cx, mut request: api::WriteConfig) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let preset = Preset::of(&request.preset)?;
    if let Some(preset) = preset {
        preset.fill(&mut request);
    }
    let config = Config::of(&request, preset)?;
    let source = Arc::new(config.keys.source(engine.patience)?);
    let mut warnings = config.warnings();
    if let Err(error) = source.ready(cx.now).await {
        let told = config.keys.unreachable(&error);
        if !request.skip_jwks_validation {
            return Err(Fault::invalid(told));
        }
        warnings.push(format!("{told}. Logins fail until the keys can be fetched"));
    }
    let revision = Rows::<Config>::new(site.view.clone()).put(ROW, &config).await?;
    *engine.source.lock() = Some((revision, source));
    Ok(Answer::empty().warn_all(warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_rows_are_read() {
        let read = |keys: &str| {
            let row = format!(
                r#"{{"keys":{keys},"client_id":"c","client_secret":"s","response_mode":"form_post","algorithms":["RS256"],
                "default_role":"r","bound_issuer":"i","namespace_in_state":true,"preset":"github"}}"#
            );
            Config::decode(1, row.as_bytes()).unwrap()
        };
        let config = read(r#"{"provider":{"issuer":"https://a","authority":"pem"}}"#);
        assert!(config.is_for_browsers());
        assert_eq!(config.client_secret.as_ref().unwrap().expose(), "s");
        assert_eq!(
            (config.wanted_issuer(), config.platform()),
            (Some("i"), Some(Preset::Github))
        );
        let set = Published {
            url: "https://a".to_owned(),
            authority: "pem".to_owned(),
        };
        for (keys, expected) in [
            (r#"{"given":["pem"]}"#, Keys::Given(vec!["pem".to_owned()])),
            (
                r#"{"jwks":{"url":"https://a","authority":"pem"}}"#,
                Keys::Jwks(set.clone()),
            ),
            (
                r#"{"pairs":[{"url":"https://a","authority":"pem"}]}"#,
                Keys::Pairs(vec![set]),
            ),
        ] {
            assert_eq!(read(keys).keys, expected);
        }
    }
}
