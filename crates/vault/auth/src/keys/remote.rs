//! Asking servers of others, within limits.

use std::time::Duration;

use arca_client::{Address, ConfigError, Network, Proxies, TlsOptions, Transport as _, TransportError};
use arca_crypto::jws::BadKey;
use bytes::Bytes;
use http::header::{ACCEPT, LOCATION};
use http::{Method, Request, Response, StatusCode};
use url::Url;

/// Largest answer read, in bytes.
const LARGEST: usize = 1 << 20;

/// Most redirects followed.
const MOST_REDIRECTS: usize = 3;

/// Why something could not be got. Addresses are shown without what may be secret in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("{url} has not answered within {seconds} seconds")]
    TimedOut { url: String, seconds: u64 },
    #[error("{url} answers with status {status}")]
    Status { url: String, status: u16 },
    #[error("{from} leads to {to}, which is not encrypted: whoever is on the way could put other keys there")]
    Downgrade { from: String, to: String },
    #[error("{url} redirects more than {MOST_REDIRECTS} times")]
    Redirects { url: String },
    #[error("the document at {url} is not one of a provider: {reason}")]
    Document { url: String, reason: String },
    #[error(
        "the provider at {url} calls itself {found:?}; write that as oidc_discovery_url, letter by letter"
    )]
    Issuer { url: String, found: String },
    #[error("the keys at {url} cannot be used: {cause}")]
    Keys { url: String, cause: BadKey },
    #[error("{0}")]
    Elsewhere(String),
    #[error("the keys were asked for a moment ago, and there are none yet")]
    NotYet,
}

/// Connections to the server at one address, and to where it points.
pub(crate) struct Remote {
    network: Network,
    patience: Duration,
}

impl Remote {
    /// Prepares connections; connects to nothing yet. `authority` is in PEM and replaces those of the machine.
    ///
    /// # Errors
    /// When the address is none, or the authority cannot be read.
    pub(crate) fn new(address: &str, authority: &str, patience: Duration) -> Result<Self, ConfigError> {
        let tls = TlsOptions {
            ca_cert_bytes: Some(authority.to_owned()).filter(|text| !text.is_empty()),
            ..TlsOptions::default()
        };
        let network = Network::new(&Address::parse(address)?, &tls, &Proxies::default())?;
        Ok(Self {
            network: network.with_answer_limit(LARGEST),
            patience,
        })
    }

    /// Gets a document.
    ///
    /// # Errors
    /// [`FetchError`] when there is none within the limits of time, size and redirects.
    pub(crate) async fn get(&self, url: &Url) -> Result<Bytes, FetchError> {
        self.in_time(url, self.follow(url)).await
    }

    /// Sends a request to exactly where it says: what is posted holds secrets, and is not sent on.
    ///
    /// # Errors
    /// [`FetchError`] when there is no answer within the limits of time and size.
    pub(crate) async fn send(
        &self,
        url: &Url,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, FetchError> {
        let sent = async { Ok(self.network.send(request).await?) };
        self.in_time(url, sent).await
    }

    async fn in_time<T>(
        &self,
        url: &Url,
        work: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        let timed = tokio::time::timeout(self.patience, work).await;
        timed.unwrap_or_else(|_| {
            Err(FetchError::TimedOut {
                url: shown(url),
                seconds: self.patience.as_secs(),
            })
        })
    }

    async fn follow(&self, url: &Url) -> Result<Bytes, FetchError> {
        let mut at = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.get_once(&at).await?;
            match target(&at, &answer) {
                Some(next) => {
                    check_step(&at, &next)?;
                    at = next;
                }
                None if answer.status() == StatusCode::OK => return Ok(answer.into_body()),
                None => {
                    return Err(FetchError::Status {
                        url: shown(&at),
                        status: answer.status().as_u16(),
                    });
                }
            }
        }
        Err(FetchError::Redirects { url: shown(url) })
    }

    /// Once more when the connection broke: the server may have closed it while nobody asked.
    async fn get_once(&self, url: &Url) -> Result<Response<Bytes>, FetchError> {
        let request = || {
            Request::builder()
                .method(Method::GET)
                .uri(url.as_str())
                .header(ACCEPT, "application/json")
                .body(Bytes::new())
                .map_err(|_| TransportError::Unsupported("the URL cannot be used".to_owned()))
        };
        match self.network.send(request()?).await {
            Err(TransportError::Broken { .. }) => Ok(self.network.send(request()?).await?),
            sent => Ok(sent?),
        }
    }
}

/// Refuses to go from an encrypted address to one that is not.
///
/// # Errors
/// [`FetchError::Downgrade`].
pub(crate) fn check_step(from: &Url, to: &Url) -> Result<(), FetchError> {
    if to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http") {
        return Ok(());
    }
    Err(FetchError::Downgrade {
        from: shown(from),
        to: shown(to),
    })
}

/// An address without the parts that may hold secrets.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both only fail for URLs without a host.
    let _ = (url.set_username(""), url.set_password(None));
    url.into()
}

fn target(asked: &Url, answer: &Response<Bytes>) -> Option<Url> {
    if !answer.status().is_redirection() {
        return None;
    }
    asked.join(answer.headers().get(LOCATION)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_from_encrypted_to_clear() {
        let url = |text: &str| Url::parse(text).unwrap();
        for (from, to, fine) in [
            ("https://a/x", "https://b/y", true),
            ("http://a/x", "https://b/y", true),
            ("http://a/x", "http://b/y", true),
            ("https://a/x", "http://a/x", false),
            ("http://a/x", "file:///etc/passwd", false),
            ("https://a/x", "ftp://a/x", false),
        ] {
            assert_eq!(check_step(&url(from), &url(to)).is_ok(), fine, "{from} {to}");
        }
        assert_eq!(shown(&url("https://u:p@a/x?secret=1#f")), "https://a/x");
    }
}
