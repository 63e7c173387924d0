//! The client: typed and untyped calls, retries and redirects.

use std::sync::Arc;
use std::time::Duration;

use arca_api::{Endpoint, Envelope};
use arca_base::json::Object;
use arca_base::{Clock, Entropy, Secret};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::address::Address;
use crate::answer::{self, Unreadable};
use crate::config::{ClientConfig, ConfigError};
use crate::error::{ClientError, StatusError};
use crate::exchange::start_of;
use crate::network::Network;
use crate::pace::{Pace, Turns};
use crate::request::Request;
use crate::transport::{Chunks, Transport, TransportError};

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const WRAP_TTL: HeaderName = HeaderName::from_static("x-vault-wrap-ttl");
const MFA: HeaderName = HeaderName::from_static("x-vault-mfa");
/// Says that a program sent this, not a page in a browser.
const IS_REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// Standby nodes answer this path with 429, which is no error there.
const HEALTH: &str = "sys/health";

/// Most bytes read of the reason for an error of an answer that comes as a stream.
const ERROR_LIMIT: usize = 64 << 10;

/// The outside world a client works with.
#[derive(Clone)]
pub struct Surroundings {
    /// Carries requests.
    pub transport: Arc<dyn Transport>,
    /// Measures timeouts and waits between retries.
    pub clock: Arc<dyn Clock>,
    /// Varies the waits.
    pub entropy: Arc<dyn Entropy>,
}

/// A client of one server. Cheap to clone; `with_` methods give a client that differs in one setting.
#[derive(Clone)]
pub struct Client {
    pub(crate) surroundings: Surroundings,
    address: Address,
    token: Option<Arc<Secret<String>>>,
    namespace: String,
    wrap_ttl: Option<String>,
    mfa: Vec<Arc<Secret<String>>>,
    headers: HeaderMap,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_retries: u32,
    pub(crate) follows_redirects: bool,
    pub(crate) turns: Option<Arc<Turns>>,
}

impl Client {
    /// A client without token that neither waits longer than a minute nor retries more than twice.
    #[must_use]
    pub fn new(address: Address, surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            address,
            token: None,
            namespace: String::new(),
            wrap_ttl: None,
            mfa: Vec::new(),
            headers: HeaderMap::new(),
            timeout: Some(Duration::from_secs(60)),
            max_retries: ClientConfig::DEFAULT_RETRIES,
            follows_redirects: true,
            turns: None,
        }
    }

    /// A client over the network with everything a configuration says.
    ///
    /// # Errors
    /// [`ConfigError`] when TLS settings, proxies or headers cannot be used.
    pub fn connect(
        config: &ClientConfig,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, ConfigError> {
        let network = Network::new(&config.address, &config.tls, &config.proxies)?;
        let surroundings = Surroundings {
            transport: Arc::new(network),
            clock,
            entropy,
        };
        Ok(Self::configured(config, surroundings))
    }

    /// A client with everything a configuration says, over any transport.
    #[must_use]
    pub fn configured(config: &ClientConfig, surroundings: Surroundings) -> Self {
        Self::new(config.address.clone(), surroundings)
            .with_token(config.token.as_ref().map(Secret::duplicate))
            .with_namespace(&config.namespace)
            .with_wrap_ttl(config.wrap_ttl.as_deref())
            .with_mfa(&config.mfa)
            .with_timeout(config.timeout)
            .with_retries(config.max_retries.unwrap_or(ClientConfig::DEFAULT_RETRIES))
            .with_redirects(!config.disable_redirects)
            .with_pace(config.pace)
    }

    /// The same client speaking with another token, or without one.
    #[must_use]
    pub fn with_token(self, token: Option<Secret<String>>) -> Self {
        Self {
            token: token.filter(|token| !token.expose().is_empty()).map(Arc::new),
            ..self
        }
    }

    /// The same client in a namespace; empty, `/` and `root` mean the root namespace.
    #[must_use]
    pub fn with_namespace(self, namespace: &str) -> Self {
        let namespace = match namespace.trim().trim_matches('/') {
            "" | "root" => String::new(),
            name => format!("{name}/"),
        };
        Self { namespace, ..self }
    }

    /// The same client asking for wrapped answers that live this long (`60`, `5m`), or for plain ones.
    #[must_use]
    pub fn with_wrap_ttl(self, ttl: Option<&str>) -> Self {
        Self {
            wrap_ttl: ttl.map(str::to_owned),
            ..self
        }
    }

    /// The same client sending these second factors, each `method[:passcode]`.
    #[must_use]
    pub fn with_mfa(self, credentials: &[String]) -> Self {
        let mfa = credentials
            .iter()
            .map(|credential| Secret::new(credential.clone()));
        Self {
            mfa: mfa.map(Arc::new).collect(),
            ..self
        }
    }

    /// The same client with one more header on every request.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The same client with another time for one call, retries included; `None` for any.
    #[must_use]
    pub fn with_timeout(self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self }
    }

    /// The same client with another number of retries after connection errors, 412, 429 and 5xx except 501.
    #[must_use]
    pub fn with_retries(self, max_retries: u32) -> Self {
        Self { max_retries, ..self }
    }

    /// The same client, following a redirect or not.
    #[must_use]
    pub fn with_redirects(self, follows_redirects: bool) -> Self {
        Self {
            follows_redirects,
            ..self
        }
    }

    /// The same client with a limit on requests per second, shared by its clones.
    #[must_use]
    pub fn with_pace(self, pace: Option<Pace>) -> Self {
        Self {
            turns: pace.map(|pace| Arc::new(Turns::new(pace))),
            ..self
        }
    }

    /// Where the server is.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The token the client speaks with.
    #[must_use]
    pub fn token(&self) -> Option<&Secret<String>> {
        self.token.as_deref()
    }

    /// Calls an endpoint of the engine mounted at `mount` (`secret/`, `auth/token/`, `sys/`).
    ///
    /// A read or listing of something absent is `None`; so is a write that has nothing to say.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn call<E: Endpoint>(
        &self,
        mount: &str,
        request: &E::Request,
    ) -> Result<Option<Envelope>, ClientError> {
        self.ask(&Request::of::<E>(mount, request)).await
    }

    /// Calls an endpoint whose answer has a shape of its own.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn call_bare<E: Endpoint, T: DeserializeOwned>(
        &self,
        mount: &str,
        request: &E::Request,
    ) -> Result<T, ClientError> {
        let request = Request::of::<E>(mount, request);
        let response = self.raw(&request).await?;
        answer::typed(response.body()).map_err(|reason| self.unreadable(&request, reason))
    }

    /// Reads a path; `None` when there is nothing.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn read(&self, path: &str) -> Result<Option<Envelope>, ClientError> {
        self.ask(&Request::read(path)).await
    }

    /// Lists a folder; `None` when there is nothing.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn list(&self, path: &str) -> Result<Option<Envelope>, ClientError> {
        self.ask(&Request::list(path)).await
    }

    /// Writes members to a path; `None` when the server has nothing to say.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn write(&self, path: &str, data: &Object) -> Result<Option<Envelope>, ClientError> {
        self.ask(&Request::write(path, data)).await
    }

    /// Changes some members of what is at a path; `null` removes one.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn patch(&self, path: &str, data: &Object) -> Result<Option<Envelope>, ClientError> {
        self.ask(&Request::patch(path, data)).await
    }

    /// Removes what is at a path, if it is there.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn delete(&self, path: &str) -> Result<Option<Envelope>, ClientError> {
        self.ask(&Request::delete(path)).await
    }

    /// Sends a request and reads the answer.
    ///
    /// For a read or a listing, 404 means that there is nothing: the answer is `None`, or what came with it when it
    /// holds data or warnings.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn ask(&self, request: &Request) -> Result<Option<Envelope>, ClientError> {
        match self.raw(request).await {
            Ok(response) => {
                answer::envelope(response.body()).map_err(|reason| self.unreadable(request, reason))
            }
            Err(ClientError::Status(error)) if is_absence(request, &error) => Ok(error.answer),
            Err(error) => Err(error),
        }
    }

    /// Sends a request and gives the answer as it is.
    ///
    /// # Errors
    /// [`ClientError`], also for an answer with an error status.
    pub async fn raw(&self, request: &Request) -> Result<Response<Bytes>, ClientError> {
        let url = self.url(request)?;
        let response = self
            .timely(request, &url, |transport, http| transport.send(http))
            .await?;
        let standby = request.path == HEALTH && response.status() == StatusCode::TOO_MANY_REQUESTS;
        if standby || response.status().as_u16() < 400 {
            Ok(response)
        } else {
            Err(Box::new(status_error(request.method.clone(), url, &response)).into())
        }
    }

    /// Sends a request and gives the answer as soon as its head is there; its body comes as the server sends it,
    /// without a limit of time.
    ///
    /// # Errors
    /// [`ClientError`], also for an answer with an error status.
    pub async fn stream(&self, request: &Request) -> Result<Response<Chunks>, ClientError> {
        let url = self.url(request)?;
        let response = self
            .timely(request, &url, |transport, http| transport.open(http))
            .await?;
        if response.status().as_u16() < 400 {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let reason = start_of(body, ERROR_LIMIT).await;
        let response = Response::from_parts(head, reason);
        Err(Box::new(status_error(request.method.clone(), url, &response)).into())
    }

    /// Sends a request whose body comes piece by piece and is of any length. There is no limit of time, and nothing is
    /// sent twice: neither retried nor redirected.
    ///
    /// # Errors
    /// [`ClientError`], also for an answer with an error status.
    pub async fn upload(&self, request: &Request, body: Chunks) -> Result<Response<Bytes>, ClientError> {
        let url = self.url(request)?;
        let http = self.http(request, &url)?;
        let answer = self.surroundings.transport.upload(http, body).await;
        let response = answer.map_err(|source| transport_error(&request.method, &url, source))?;
        if response.status().as_u16() < 300 {
            return Ok(response);
        }
        Err(Box::new(status_error(request.method.clone(), url, &response)).into())
    }

    /// What an answer's content failed with, in the words of this client.
    pub(crate) fn broken(&self, request: &Request, source: TransportError) -> ClientError {
        let url = self.url(request).unwrap_or_default();
        transport_error(&request.method, &url, source)
    }

    /// What it means that nothing has come for so long.
    pub(crate) fn silent(&self, request: &Request, after: Duration) -> ClientError {
        ClientError::TimedOut {
            method: request.method.clone(),
            url: self.url(request).unwrap_or_default(),
            after,
        }
    }

    /// Measures time.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.surroundings.clock
    }

    fn url(&self, request: &Request) -> Result<String, ClientError> {
        request
            .url(self.address.base())
            .map_err(|source| ClientError::Path {
                path: request.path.clone(),
                source,
            })
    }

    pub(crate) fn unreadable(&self, request: &Request, Unreadable(reason): Unreadable) -> ClientError {
        ClientError::Decode {
            method: request.method.clone(),
            url: self.url(request).unwrap_or_default(),
            reason,
        }
    }

    pub(crate) fn http(&self, request: &Request, url: &str) -> Result<http::Request<Bytes>, ClientError> {
        let body = request.body.clone();
        let mut http = http::Request::new(body.clone().unwrap_or_default());
        *http.method_mut() = request.method.clone();
        *http.uri_mut() = url.parse().map_err(|_| ClientError::Url {
            path: request.path.clone(),
            bytes: url.len(),
        })?;
        let headers = http.headers_mut();
        headers.insert(IS_REQUEST, HeaderValue::from_static("true"));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
        }
        if let Some(token) = &self.token {
            headers.insert(
                TOKEN,
                sensitive(token.expose()).map_err(|()| unsendable("token"))?,
            );
        }
        if !self.namespace.is_empty() {
            let value = HeaderValue::from_str(&self.namespace).map_err(|_| unsendable("namespace"))?;
            headers.insert(NAMESPACE, value);
        }
        if let Some(ttl) = &self.wrap_ttl {
            let value = HeaderValue::from_str(ttl).map_err(|_| unsendable("wrap TTL"))?;
            headers.insert(WRAP_TTL, value);
        }
        for credential in &self.mfa {
            let value = sensitive(credential.expose()).map_err(|()| unsendable("second factor"))?;
            headers.append(MFA, value);
        }
        for (name, value) in self.headers.iter().chain(&request.headers) {
            headers.append(name, value.clone());
        }
        Ok(http)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.address)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Whether an error status only says that there is nothing to read.
fn is_absence(request: &Request, error: &StatusError) -> bool {
    request.method == Method::GET && error.status == StatusCode::NOT_FOUND && error.raw.is_none()
}

fn status_error(method: Method, url: String, response: &Response<Bytes>) -> StatusError {
    let body = response.body();
    let errors = answer::errors(body);
    let raw = errors
        .is_none()
        .then(|| String::from_utf8_lossy(body).into_owned());
    let namespace = response
        .headers()
        .get(NAMESPACE)
        .and_then(|value| value.to_str().ok());
    let answer = answer::envelope(body).ok().flatten();
    StatusError {
        method,
        url,
        status: response.status(),
        retry_after: crate::retry::asked_for(response),
        namespace: namespace.unwrap_or_default().to_owned(),
        errors: errors.unwrap_or_default(),
        raw,
        answer: answer.filter(answer::has_content),
    }
}

pub(crate) fn transport_error(method: &Method, url: &str, source: TransportError) -> ClientError {
    ClientError::Transport {
        method: method.clone(),
        url: url.to_owned(),
        source,
    }
}

/// A header value that is never printed.
fn sensitive(text: &str) -> Result<HeaderValue, ()> {
    let mut value = HeaderValue::from_str(text).map_err(|_| ())?;
    value.set_sensitive(true);
    Ok(value)
}

fn unsendable(name: &str) -> ClientError {
    ClientError::Header {
        name: name.to_owned(),
    }
}
