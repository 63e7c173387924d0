//! How the cluster is reached and its tokens are proved.

use std::sync::Arc;

use arca_api::auth::kubernetes as api;
use arca_api::endpoint::Nothing;
use arca_base::{Secret, json_object};
use arca_client::ConfigError;
use arca_core::Fault;
use arca_core::barrier::{Row, Rows, Stored};
use arca_core::engine::{Answer, Cx, Site};
use arca_crypto::jws::{KeySet, PublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Kubernetes;
use super::check;
use super::cluster::Cluster;
use super::refused::Refused;
use crate::finding::Outcome;

/// Where the one row is kept.
const ROW: &str = "config";

/// Longest text of a field.
const LONGEST: usize = 64 << 10;

/// The settings, as stored.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) host: String,
    pub(super) authority: Option<String>,
    #[serde(serialize_with = "sealed", deserialize_with = "opened")]
    pub(super) reviewer: Option<Secret<String>>,
    pub(super) issuer: String,
    pub(super) any_issuer: bool,
    pub(super) ignores_pod: bool,
    /// Keys tokens must be signed with, in PEM; none for any the API server accepts.
    pub(super) pem_keys: Vec<String>,
    /// Tokens are verified with keys alone, and the API server is not asked about each.
    pub(super) is_local: bool,
}

impl Stored for Config {
    const VERSION: u8 = 1;
    const NAME: &'static str = "configuration of a kubernetes auth method";
}

/// The row is written behind the barrier, which is the one place a secret is spelled out for.
fn sealed<S: Serializer>(secret: &Option<Secret<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

fn opened<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

impl Config {
    /// What was configured, if anything was.
    pub(super) async fn stored(site: &Site) -> Result<Option<Row<Self>>, Fault> {
        Ok(Rows::<Self>::new(site.view.clone()).get(ROW).await?)
    }

    fn of(request: api::WriteConfig) -> Result<Self, Fault> {
        for (field, text) in [
            ("kubernetes_host", &request.kubernetes_host),
            ("kubernetes_ca_cert", &request.kubernetes_ca_cert),
            ("token_reviewer_jwt", &request.token_reviewer_jwt),
            ("issuer", &request.issuer),
        ] {
            if text.len() > LONGEST {
                return Err(Fault::invalid(format!("{field} is longer than {LONGEST} bytes")));
            }
        }
        let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let config = Self {
            host: given(request.kubernetes_host)
                .ok_or_else(|| Fault::invalid("no host provided"))?
                .trim_end_matches('/')
                .to_owned(),
            authority: given(request.kubernetes_ca_cert),
            reviewer: given(request.token_reviewer_jwt).map(Secret::new),
            issuer: request.issuer,
            any_issuer: request.disable_iss_validation.unwrap_or(true),
            ignores_pod: request.disable_local_ca_jwt,
            pem_keys: request.pem_keys.0,
            is_local: request.use_local_verification,
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.ignores_pod && self.authority.is_none() {
            return Err(Fault::invalid(
                "kubernetes_ca_cert must be given when disable_local_ca_jwt is true",
            ));
        }
        self.given_keys()?;
        if self.is_local && !self.pem_keys.is_empty() && self.issuer.is_empty() {
            return Err(Fault::invalid(
                "issuer must be given when tokens are verified locally with pem_keys (use_local_verification)",
            ));
        }
        if let Some(token) = &self.reviewer
            && !token.expose().bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Fault::invalid(
                "token_reviewer_jwt holds characters that no token has; write the token itself, not the name of its file",
            ));
        }
        Ok(())
    }

    /// The issuer tokens must name, empty for any. Who verifies tokens alone asks for the one that is named.
    pub(super) fn wanted_issuer(&self) -> &str {
        match self.any_issuer && !self.is_local {
            true => "",
            false => &self.issuer,
        }
    }

    /// The keys tokens must be signed with, if they are given.
    ///
    /// # Errors
    /// 400 when one is no key.
    pub(super) fn given_keys(&self) -> Result<Option<KeySet>, Fault> {
        if self.pem_keys.is_empty() {
            return Ok(None);
        }
        if self.pem_keys.iter().any(|pem| pem.len() > LONGEST) {
            return Err(Fault::invalid(format!(
                "pem_keys: a key is longer than {LONGEST} bytes"
            )));
        }
        let bad = |error| Fault::invalid(format!("pem_keys: {error}"));
        let keys = self.pem_keys.iter().map(|pem| PublicKey::from_pem(pem));
        let keys = keys.collect::<Result<_, _>>().map_err(bad)?;
        KeySet::from_keys(keys).map(Some).map_err(bad)
    }
}

impl Kubernetes {
    /// The connections to the API server, made anew when its address or its authority is another one.
    pub(super) async fn cluster(&self, config: &Config) -> Result<Arc<Cluster>, Refused> {
        let authority = match (&config.authority, config.ignores_pod) {
            (Some(given), _) => Some(given.clone()),
            (None, true) => None,
            (None, false) => self.pod.authority().await.map_err(Refused::Pod)?,
        };
        let authority = authority.as_deref();
        if authority.is_none() && !config.host.starts_with("http://") {
            return Err(Refused::NoAuthority);
        }
        let kept = self.cluster.lock().clone();
        if let Some(kept) = kept.filter(|kept| kept.is(&config.host, authority)) {
            return Ok(kept);
        }
        let made = Cluster::new(&config.host, authority, self.patience).map_err(Refused::Settings)?;
        let made = Arc::new(made);
        *self.cluster.lock() = Some(made.clone());
        Ok(made)
    }
}

pub(super) async fn read(_: Arc<Kubernetes>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let row = Config::stored(cx.site()?).await?.ok_or_else(Fault::absent)?;
    let config = row.value;
    Ok(Answer::data(&json_object! {
        "kubernetes_host" => config.host.as_str(),
        "kubernetes_ca_cert" => config.authority.as_deref().unwrap_or_default(),
        "token_reviewer_jwt_set" => config.reviewer.is_some(),
        "pem_keys" => config.pem_keys.clone(),
        "issuer" => config.issuer.as_str(),
        "disable_iss_validation" => config.any_issuer,
        "disable_local_ca_jwt" => config.ignores_pod,
        "use_local_verification" => config.is_local,
    }))
}

/// Writes first and tries afterwards: a cluster that is down must not keep anybody from preparing for it.
pub(super) async fn write(
    engine: Arc<Kubernetes>,
    cx: Cx,
    request: api::WriteConfig,
) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let config = Config::of(request)?;
    check_authority(&config)?;
    let revision = Rows::<Config>::new(site.view.clone()).put(ROW, &config).await?;
    let mut findings = check::connection(&engine, &config, cx.now).await;
    if config.is_local {
        findings.push(check::local_keys(&engine, &config, revision, cx.now).await);
        findings.push(check::LOCAL.clone());
    }
    let warnings = findings
        .into_iter()
        .filter(|finding| matches!(finding.outcome, Outcome::Warning | Outcome::Failed));
    Ok(Answer::empty().warn_all(warnings.map(|finding| finding.sentence())))
}

/// Refuses what can never work, whatever the cluster is like.
fn check_authority(config: &Config) -> Result<(), Fault> {
    let authority = config.authority.as_deref();
    let made = match (authority, config.host.starts_with("http://")) {
        (Some(_), _) | (None, true) => Cluster::new(&config.host, authority, super::PATIENCE),
        // The authority of the pod may come and go; only the address can be looked at.
        (None, false) => return address(&config.host),
    };
    made.map(drop).map_err(|error| match error {
        ConfigError::Tls { reason, .. } => Fault::invalid(format!("kubernetes_ca_cert: {reason}")),
        other => Fault::invalid(format!("kubernetes_host: {other}")),
    })
}

fn address(host: &str) -> Result<(), Fault> {
    arca_client::Address::parse(host)
        .map(drop)
        .map_err(|error| Fault::invalid(format!("kubernetes_host: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_row_is_read() {
        let row = br#"{"host":"https://a","authority":null,"reviewer":"t","issuer":"i","any_issuer":true,"ignores_pod":false}"#;
        let config = Config::decode(1, row).unwrap();
        assert_eq!((&*config.host, &*config.issuer), ("https://a", "i"));
        assert_eq!(config.reviewer.unwrap().expose(), "t");
        assert!(config.pem_keys.is_empty() && !config.is_local);
    }
}
