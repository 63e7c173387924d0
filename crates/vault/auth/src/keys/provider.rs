//! Providers of OpenID Connect: from their address to their keys and endpoints (OpenID Connect Discovery 1.0).

use std::sync::Arc;
use std::time::Duration;

use arca_base::Json;
use arca_base::json::Limits;
use arca_client::ConfigError;
use arca_crypto::jws::KeySet;
use async_trait::async_trait;
use parking_lot::Mutex;
use url::Url;

use super::cache::Fetch;
use super::remote::{FetchError, Remote, check_step, shown};

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// What a document may cost.
const LIMITS: Limits = Limits {
    depth: 16,
    values: 10_000,
};

/// A provider, found by its address.
pub(crate) struct Discovery {
    remote: Remote,
    issuer: String,
    document: Url,
    found: Mutex<Option<Arc<Provider>>>,
}

/// What a provider says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) keys: Url,
    pub(crate) authorization: Option<Url>,
    pub(crate) token: Option<Url>,
    pub(crate) user_info: Option<Url>,
    /// Whether the secret of a client may only be sent in the body.
    pub(crate) secret_in_body: bool,
}

impl Discovery {
    /// Prepares connections to the provider at `issuer`; connects to nothing yet.
    ///
    /// # Errors
    /// When the address is none, or the authority cannot be read.
    pub(crate) fn new(issuer: &str, authority: &str, patience: Duration) -> Result<Self, ConfigError> {
        let bad = |reason: String| ConfigError::Address {
            address: issuer.to_owned(),
            reason,
        };
        let document = format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'));
        Ok(Self {
            remote: Remote::new(issuer, authority, patience)?,
            issuer: issuer.to_owned(),
            document: Url::parse(&document).map_err(|error| bad(error.to_string()))?,
            found: Mutex::new(None),
        })
    }

    /// The connections to it.
    pub(crate) const fn remote(&self) -> &Remote {
        &self.remote
    }

    /// What the provider said of itself when keys were last fetched.
    pub(crate) fn found(&self) -> Option<Arc<Provider>> {
        self.found.lock().clone()
    }

    async fn discover(&self) -> Result<Arc<Provider>, FetchError> {
        let body = self.remote.get(&self.document).await?;
        let provider = Arc::new(self.read(&body)?);
        *self.found.lock() = Some(provider.clone());
        Ok(provider)
    }

    fn read(&self, body: &[u8]) -> Result<Provider, FetchError> {
        let bad = |reason: String| FetchError::Document {
            url: shown(&self.document),
            reason,
        };
        let json = Json::parse_unique(body, &LIMITS).map_err(|error| bad(error.to_string()))?;
        let text = |member: &str| json.get(member).and_then(Json::as_str);
        let found = text("issuer").ok_or_else(|| bad("it has no \"issuer\"".to_owned()))?;
        if found != self.issuer {
            return Err(FetchError::Issuer {
                url: shown(&self.document),
                found: found
                    .chars()
                    .filter(|letter| !letter.is_control())
                    .take(300)
                    .collect(),
            });
        }
        let endpoint = |member: &str| {
            let Some(text) = text(member) else {
                return Ok::<_, FetchError>(None);
            };
            let url = Url::parse(text).map_err(|error| bad(format!("{member:?} is no URL: {error}")))?;
            check_step(&self.document, &url)?;
            Ok(Some(url))
        };
        Ok(Provider {
            keys: endpoint("jwks_uri")?.ok_or_else(|| bad("it has no \"jwks_uri\"".to_owned()))?,
            authorization: endpoint("authorization_endpoint")?,
            token: endpoint("token_endpoint")?,
            user_info: endpoint("userinfo_endpoint")?,
            secret_in_body: secret_in_body(&json),
        })
    }
}

/// Nothing said means `client_secret_basic`.
fn secret_in_body(json: &Json) -> bool {
    let methods = json
        .get("token_endpoint_auth_methods_supported")
        .and_then(Json::as_array);
    methods.is_some_and(|methods| {
        let offers = |name| methods.iter().any(|method| method.as_str() == Some(name));
        !offers("client_secret_basic") && offers("client_secret_post")
    })
}

#[async_trait]
impl Fetch for Discovery {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let provider = self.discover().await?;
        let document = self.remote.get(&provider.keys).await?;
        read_keys(&provider.keys, &document)
    }
}

/// Reads a JWK set that was got at `url`.
pub(super) fn read_keys(url: &Url, document: &[u8]) -> Result<KeySet, FetchError> {
    KeySet::from_jwks(document).map_err(|cause| FetchError::Keys {
        url: shown(url),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECURE: &str = "https://id.example.com";

    fn read(issuer: &str, document: &str) -> Result<Provider, FetchError> {
        let authority = "";
        let discovery = match Discovery::new(issuer, authority, Duration::from_secs(1)) {
            Ok(discovery) => discovery,
            // A machine without authorities.
            Err(error) => panic!("{error}"),
        };
        discovery.read(document.as_bytes())
    }

    #[test]
    fn the_issuer_is_the_address_letter_by_letter() {
        let document = r#"{"issuer":"https://id.example.com","jwks_uri":"https://id.example.com/k"}"#;
        assert!(read(SECURE, document).is_ok());
        for other in [
            "https://id.example.com/",
            "https://ID.example.com",
            "https://id.example.com/realm",
            "http://id.example.com",
        ] {
            assert!(
                matches!(read(other, document), Err(FetchError::Issuer { .. })),
                "{other}"
            );
        }
    }

    #[test]
    fn endpoints_are_encrypted_when_the_provider_is() {
        for member in ["jwks_uri", "token_endpoint", "authorization_endpoint"] {
            let mut members = vec![
                r#""issuer":"https://id.example.com""#.to_owned(),
                format!(r#""{member}":"http://id.example.com/k""#),
            ];
            if member != "jwks_uri" {
                members.push(r#""jwks_uri":"https://id.example.com/k""#.to_owned());
            }
            let found = read(SECURE, &format!("{{{}}}", members.join(",")));
            assert!(
                matches!(found, Err(FetchError::Downgrade { .. })),
                "{member}: {found:?}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_document_of_a_provider() {
        for document in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"issuer":"https://id.example.com"}"#,
            r#"{"issuer":"https://id.example.com","issuer":"x","jwks_uri":"https://a/k"}"#,
            r#"{"issuer":"https://id.example.com","jwks_uri":"keys"}"#,
        ] {
            let found = read(SECURE, document);
            assert!(
                matches!(found, Err(FetchError::Document { .. })),
                "{document}: {found:?}"
            );
        }
    }

    #[test]
    fn a_secret_goes_into_the_header_unless_the_provider_wants_it_in_the_body() {
        let with = |methods: &str| {
            let document = format!(
                r#"{{"issuer":"{SECURE}","jwks_uri":"{SECURE}/k","token_endpoint_auth_methods_supported":{methods}}}"#
            );
            read(SECURE, &document).unwrap().secret_in_body
        };
        assert!(with(r#"["client_secret_post"]"#));
        assert!(!with(r#"["client_secret_post","client_secret_basic"]"#));
        assert!(!with("[]"));
    }
}
