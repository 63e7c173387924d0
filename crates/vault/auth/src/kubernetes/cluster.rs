//! The API server of a cluster, as far as logins need it.

use std::collections::BTreeMap;
use std::time::Duration;

use arca_client::{Address, ConfigError, Network, Proxies, TlsOptions, Transport as _, TransportError};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest answer read.
const LARGEST: usize = 1 << 20;

/// Longest text of the API server that is repeated to operators.
const LONGEST_MESSAGE: usize = 300;

/// Connections to one API server.
pub(super) struct Cluster {
    network: Network,
    address: Address,
    host: String,
    authority: Option<String>,
    patience: Duration,
}

/// Why the API server gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("{host} has not answered within {seconds} seconds")]
    TimedOut { host: String, seconds: u64 },
    #[error("the API server answers {status} to {path}: {message}")]
    Status {
        status: u16,
        path: String,
        message: String,
    },
    #[error("the answer of the API server to {0} is not the JSON that is expected there")]
    NotExpected(String),
    #[error("a credential with characters that cannot be sent")]
    Credential,
}

impl ApiError {
    /// The status, if there was an answer.
    pub(super) const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A question of whom a token belongs to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: BTreeMap<String, String>,
    spec: ReviewSpec<'a>,
}

#[derive(Serialize)]
struct ReviewSpec<'a> {
    token: &'a str,
    audiences: &'a [String],
}

#[derive(Deserialize)]
struct Reviewed {
    status: ReviewStatus,
}

/// Whom a token belongs to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReviewStatus {
    pub(super) authenticated: bool,
    pub(super) error: String,
    pub(super) audiences: Vec<String>,
    pub(super) user: User,
}

/// A user of the cluster.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) uid: String,
}

#[derive(Deserialize)]
struct Namespace {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Issuer {
    issuer: String,
}

#[derive(Deserialize)]
struct Failure {
    message: String,
}

/// Which API server this is.
#[derive(Deserialize)]
pub(super) struct Version {
    #[serde(rename = "gitVersion")]
    pub(super) git_version: String,
}

impl Cluster {
    /// Prepares connections; connects to nothing yet.
    ///
    /// # Errors
    /// When the address is none, or the authority cannot be read.
    pub(super) fn new(host: &str, authority: Option<&str>, patience: Duration) -> Result<Self, ConfigError> {
        let address = Address::parse(host)?;
        let tls = TlsOptions {
            // Without an authority nobody is trusted: those of the machine say nothing about a cluster.
            ca_cert_bytes: Some(authority.unwrap_or_default().to_owned()),
            ..TlsOptions::default()
        };
        Ok(Self {
            network: Network::new(&address, &tls, &Proxies::default())?.with_answer_limit(LARGEST),
            address,
            host: host.to_owned(),
            authority: authority.map(str::to_owned),
            patience,
        })
    }

    /// Whether these are the connections to `host` under `authority`.
    pub(super) fn is(&self, host: &str, authority: Option<&str>) -> bool {
        self.host == host && self.authority.as_deref() == authority
    }

    /// Asks whom `token` belongs to, and whether it was made for one of `audiences`.
    pub(super) async fn review(
        &self,
        token: &str,
        audiences: &[String],
        credential: &str,
    ) -> Result<ReviewStatus, ApiError> {
        const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
        let review = Review {
            kind: "TokenReview",
            api_version: "authentication.k8s.io/v1",
            metadata: BTreeMap::new(),
            spec: ReviewSpec { token, audiences },
        };
        let body = serde_json::to_vec(&review).map_err(|_| ApiError::NotExpected(PATH.to_owned()))?;
        let reviewed: Reviewed = self
            .call(Method::POST, PATH, Some(credential), body.into())
            .await?;
        Ok(reviewed.status)
    }

    /// The labels of a namespace.
    pub(super) async fn labels_of_namespace(
        &self,
        namespace: &str,
        credential: &str,
    ) -> Result<BTreeMap<String, String>, ApiError> {
        let path = format!("/api/v1/namespaces/{namespace}");
        let found: Namespace = self.get(&path, Some(credential)).await?;
        Ok(found.metadata.labels)
    }

    /// Which version it is; answered to anybody.
    pub(super) async fn version(&self, credential: Option<&str>) -> Result<Version, ApiError> {
        self.get("/version", credential).await
    }

    /// Who makes the tokens of service accounts.
    pub(super) async fn issuer(&self, credential: Option<&str>) -> Result<String, ApiError> {
        let found: Issuer = self.get("/.well-known/openid-configuration", credential).await?;
        Ok(found.issuer)
    }

    /// The keys they are signed with, a JWK set.
    pub(super) async fn keys(&self, credential: Option<&str>) -> Result<Bytes, ApiError> {
        self.send(Method::GET, "/openid/v1/jwks", credential, Bytes::new())
            .await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, credential: Option<&str>) -> Result<T, ApiError> {
        self.call(Method::GET, path, credential, Bytes::new()).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        credential: Option<&str>,
        body: Bytes,
    ) -> Result<T, ApiError> {
        let answer = self.send(method, path, credential, body).await?;
        serde_json::from_slice(&answer).map_err(|_| ApiError::NotExpected(path.to_owned()))
    }

    /// Sends a request, once more when the connection broke: nothing asked here changes anything.
    async fn send(
        &self,
        method: Method,
        path: &str,
        credential: Option<&str>,
        body: Bytes,
    ) -> Result<Bytes, ApiError> {
        let attempts = async {
            match self.send_once(&method, path, credential, body.clone()).await {
                Err(ApiError::Transport(TransportError::Broken { .. })) => {
                    self.send_once(&method, path, credential, body).await
                }
                sent => sent,
            }
        };
        let timed = tokio::time::timeout(self.patience, attempts).await;
        timed.unwrap_or_else(|_| {
            Err(ApiError::TimedOut {
                host: self.address.to_string(),
                seconds: self.patience.as_secs(),
            })
        })
    }

    async fn send_once(
        &self,
        method: &Method,
        path: &str,
        credential: Option<&str>,
        body: Bytes,
    ) -> Result<Bytes, ApiError> {
        let mut request = http::Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.address.base()))
            .header(ACCEPT, "application/json, */*");
        if *method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(credential) = credential {
            request = request.header(AUTHORIZATION, bearer(credential)?);
        }
        let request = request
            .body(body)
            .map_err(|_| ApiError::NotExpected(path.to_owned()))?;
        let answer = self.network.send(request).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::CREATED => Ok(answer.into_body()),
            status => Err(ApiError::Status {
                status: status.as_u16(),
                path: path.to_owned(),
                message: message(answer.body()),
            }),
        }
    }
}

fn bearer(credential: &str) -> Result<HeaderValue, ApiError> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {credential}")).map_err(|_| ApiError::Credential)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What the API server says about a failure, fit for a log line.
fn message(body: &[u8]) -> String {
    let Ok(Failure { message }) = serde_json::from_slice(body) else {
        return "it gives no reason".to_owned();
    };
    let printable = message.chars().filter(|letter| !letter.is_control());
    printable.take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_bounded_and_printable() {
        let text = format!(
            r#"{{"kind":"Status","message":"a\nb\u001b{}"}}"#,
            "x".repeat(1000)
        );
        let shown = message(text.as_bytes());
        assert!(
            shown.starts_with("ab") && shown.len() == LONGEST_MESSAGE,
            "{shown}"
        );
        assert_eq!(message(b"<html>"), "it gives no reason");
    }

    #[test]
    fn an_authority_must_be_one() {
        let with = |authority| Cluster::new("https://127.0.0.1:1", authority, Duration::from_secs(1));
        assert!(with(None).is_err(), "nobody is trusted without an authority");
        assert!(with(Some("no PEM")).is_err());
        assert!(Cluster::new("http://127.0.0.1:1", None, Duration::from_secs(1)).is_ok());
        assert!(Cluster::new("127.0.0.1:1", None, Duration::from_secs(1)).is_err());
    }
}
