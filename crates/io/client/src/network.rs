//! Requests over the network.

mod takeover;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::HOST;
use http::{HeaderValue, Uri};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;

use crate::address::Address;
use crate::config::ConfigError;
use crate::redirect;
use crate::tls::{self, TlsOptions};
use crate::transport::{Chunks, Transport, TransportError};

pub use takeover::TakenOver;

/// Largest answer accepted, in bytes.
const ANSWER_LIMIT: usize = 64 << 20;

/// Which requests go through a proxy.
///
/// `Debug` hides the addresses, which may hold passwords.
#[derive(Clone, Default)]
pub struct Proxies {
    /// Proxy of every request, whatever the others say.
    pub all: Option<String>,
    /// Proxy of `http://` requests.
    pub http: Option<String>,
    /// Proxy of `https://` requests.
    pub https: Option<String>,
    /// Hosts that are reached directly, separated by commas; not for `all`.
    pub except: Option<String>,
}

impl Proxies {
    const fn is_empty(&self) -> bool {
        self.all.is_none() && self.http.is_none() && self.https.is_none()
    }
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxies")
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}

/// HTTP/1.1 and HTTP/2 over TCP, TLS or a Unix socket.
pub struct Network {
    plain: reqwest::Client,
    /// Made when first needed: reading the authorities of the machine takes milliseconds.
    secure: OnceCell<reqwest::Client>,
    /// For connections that are taken over. Made when first needed.
    socket: OnceCell<reqwest::Client>,
    address: Address,
    tls: TlsOptions,
    proxies: Proxies,
    limit: usize,
}

impl Network {
    /// Prepares connections to `address`; connects to nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`] when the TLS settings or proxies cannot be used.
    pub fn new(address: &Address, tls: &TlsOptions, proxies: &Proxies) -> Result<Self, ConfigError> {
        let network = Self {
            plain: client(address, proxies, tls::unused()?, None)?,
            secure: OnceCell::new(),
            socket: OnceCell::new(),
            address: address.clone(),
            tls: tls.clone(),
            proxies: proxies.clone(),
            limit: ANSWER_LIMIT,
        };
        if address.is_https() {
            // Mistakes in files are told before anything is asked.
            let secure = network.secure_client(address.host())?;
            return Ok(Self {
                secure: OnceCell::new_with(Some(secure)),
                ..network
            });
        }
        Ok(network)
    }

    /// The same connections with another limit on the size of an answer, in bytes.
    #[must_use]
    pub fn with_answer_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    fn secure_client(&self, host: &str) -> Result<reqwest::Client, ConfigError> {
        let config = tls::config(&self.tls)?;
        let real_host = self.tls.server_name.as_ref().map(|_| RealHost(host.into()));
        client(&self.address, &self.proxies, config, real_host)
    }

    async fn client_for(&self, uri: &Uri) -> Result<reqwest::Client, TransportError> {
        if uri.scheme_str() != Some("https") {
            return Ok(self.plain.clone());
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let made = if self.tls.server_name.is_some() && host != self.address.host() {
            // Redirected: the name stays, the host behind it does not.
            self.secure_client(host)
        } else {
            let made = self.secure.get_or_try_init(|| async { self.secure_client(host) });
            made.await.cloned()
        };
        made.map_err(|error| TransportError::Unsupported(error.to_string()))
    }

    /// Puts the name the certificate must carry where TLS takes it from, and the real host into `Host`.
    fn prepare(&self, request: http::Request<Bytes>) -> Result<reqwest::Request, TransportError> {
        let unusable = |_| TransportError::Unsupported("the URL cannot be used".to_owned());
        let host = request
            .uri()
            .authority()
            .map(|authority| authority.as_str().to_owned());
        let is_https = request.uri().scheme_str() == Some("https");
        let mut request = reqwest::Request::try_from(request).map_err(unusable)?;
        if let (Some(name), Some(host), true) = (&self.tls.server_name, host, is_https) {
            let renamed = request.url_mut().set_host(Some(name));
            renamed.map_err(|_| TransportError::Unsupported(format!("{name:?} is not a server name")))?;
            let value = HeaderValue::from_str(&host)
                .map_err(|_| TransportError::Unsupported("the host cannot be sent".to_owned()))?;
            request.headers_mut().insert(HOST, value);
        }
        Ok(request)
    }

    async fn execute(
        &self,
        origin: &str,
        request: http::Request<Bytes>,
    ) -> Result<reqwest::Response, TransportError> {
        let client = self.client_for(request.uri()).await?;
        self.execute_with(&client, origin, request).await
    }

    async fn execute_with(
        &self,
        client: &reqwest::Client,
        origin: &str,
        request: http::Request<Bytes>,
    ) -> Result<reqwest::Response, TransportError> {
        let response = client.execute(self.prepare(request)?).await;
        response.map_err(|error| cause(origin, &error))
    }

    /// Sends a request and gives its answer as it arrives, of any length; once more where the server points to.
    ///
    /// # Errors
    /// [`TransportError`] when no answer begins.
    pub async fn open(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<AnswerStream>, TransportError> {
        let asked = request.uri().to_string();
        let first = self.begin(request.clone()).await?;
        let Some(location) = redirect::target(&asked, &first) else {
            return Ok(first);
        };
        if let Some(reason) = redirect::refusal(&asked, &location) {
            let text = format!("the server points to another one, {reason}");
            return Err(TransportError::Unsupported(text));
        }
        let mut moved = request;
        *moved.uri_mut() = location.parse().map_err(|_| {
            TransportError::Unsupported("the server points to what is no web address".to_owned())
        })?;
        self.begin(moved).await
    }

    async fn begin(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<AnswerStream>, TransportError> {
        let origin = origin(request.uri(), &self.address);
        let response = self.execute(&origin, request).await?;
        Ok(begun(response, origin))
    }

    async fn collect(
        &self,
        origin: &str,
        mut response: reqwest::Response,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let too_large = TransportError::TooLarge { limit: self.limit };
        let announced = response
            .content_length()
            .and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > self.limit) {
            return Err(too_large);
        }
        let mut body = BytesMut::with_capacity(announced.unwrap_or(0));
        while let Some(chunk) = response.chunk().await.map_err(|error| cause(origin, &error))? {
            if body.len() + chunk.len() > self.limit {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = http::Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

fn begun(mut response: reqwest::Response, origin: String) -> http::Response<AnswerStream> {
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut answer = http::Response::new(AnswerStream { response, origin });
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// The body of an answer, as it arrives.
pub struct AnswerStream {
    response: reqwest::Response,
    origin: String,
}

impl AnswerStream {
    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// [`TransportError::Broken`] when the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let chunk = self.response.chunk().await;
        chunk.map_err(|error| cause(&self.origin, &error))
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let origin = origin(request.uri(), &self.address);
        let is_https = request.uri().scheme_str() == Some("https");
        let response = self.execute(&origin, request).await?;
        let answer = self.collect(&origin, response).await?;
        if !is_https && tells_to_use_https(&answer) {
            return Err(TransportError::NotPlain { address: origin });
        }
        Ok(answer)
    }

    async fn open(&self, request: http::Request<Bytes>) -> Result<http::Response<Chunks>, TransportError> {
        let origin = origin(request.uri(), &self.address);
        let mut response = self.execute(&origin, request).await?;
        let mut answer = http::Response::new(());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        let chunks = response.bytes_stream();
        let chunks = chunks.map(move |chunk| chunk.map_err(|error| cause(&origin, &error)));
        Ok(answer.map(|()| Chunks::new(chunks)))
    }

    async fn upload(
        &self,
        request: http::Request<Bytes>,
        body: Chunks,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let origin = origin(request.uri(), &self.address);
        let client = self.client_for(request.uri()).await?;
        let mut request = self.prepare(request)?;
        *request.body_mut() = Some(reqwest::Body::wrap_stream(body.into_stream()));
        let response = client.execute(request).await;
        let response = response.map_err(|error| cause(&origin, &error))?;
        self.collect(&origin, response).await
    }
}

fn client(
    address: &Address,
    proxies: &Proxies,
    tls: rustls::ClientConfig,
    real_host: Option<RealHost>,
) -> Result<reqwest::Client, ConfigError> {
    build(builder(address, proxies, tls, real_host)?)
}

fn builder(
    address: &Address,
    proxies: &Proxies,
    tls: rustls::ClientConfig,
    real_host: Option<RealHost>,
) -> Result<reqwest::ClientBuilder, ConfigError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    #[cfg(unix)]
    if let Some(path) = address.socket() {
        builder = builder.unix_socket(path);
    }
    for proxy in proxies_of(proxies)? {
        builder = builder.proxy(proxy);
    }
    if let Some(real_host) = real_host {
        if !proxies.is_empty() {
            return Err(ConfigError::NameBehindProxy);
        }
        builder = builder.dns_resolver(real_host);
    }
    Ok(builder)
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, ConfigError> {
    builder
        .build()
        .map_err(|error| ConfigError::tls("the HTTP client", &innermost(&error)))
}

fn proxies_of(proxies: &Proxies) -> Result<Vec<reqwest::Proxy>, ConfigError> {
    let bad = |error: reqwest::Error| ConfigError::Proxy(innermost(&error));
    if let Some(all) = &proxies.all {
        return Ok(vec![reqwest::Proxy::all(all).map_err(bad)?]);
    }
    let except = || proxies.except.as_deref().and_then(reqwest::NoProxy::from_string);
    let mut out = Vec::new();
    if let Some(http) = &proxies.http {
        out.push(reqwest::Proxy::http(http).map_err(bad)?.no_proxy(except()));
    }
    if let Some(https) = &proxies.https {
        out.push(reqwest::Proxy::https(https).map_err(bad)?.no_proxy(except()));
    }
    Ok(out)
}

/// Answers every name with the address of the real host, because the URL carries the name of its certificate.
struct RealHost(Arc<str>);

impl Resolve for RealHost {
    fn resolve(&self, _: Name) -> Resolving {
        let host = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((&*host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Where a request goes, for messages.
fn origin(uri: &Uri, address: &Address) -> String {
    if address.socket().is_some() {
        return address.to_string();
    }
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}")
}

fn tells_to_use_https(answer: &http::Response<Bytes>) -> bool {
    const HINT: &[u8] = b"HTTP request to an HTTPS server";
    let start = answer
        .body()
        .get(..answer.body().len().min(512))
        .unwrap_or_default();
    answer.status() == http::StatusCode::BAD_REQUEST && start.windows(HINT.len()).any(|window| window == HINT)
}

/// Our reading of a failed request. The library's own text holds the URL, which may hold secrets.
fn cause(origin: &str, error: &reqwest::Error) -> TransportError {
    let address = origin.to_owned();
    let reason = innermost(error);
    if let Some(tls) = find::<rustls::Error>(error) {
        return match tls {
            rustls::Error::InvalidMessage(_) => TransportError::NotTls { address },
            other => TransportError::Tls {
                address,
                reason: explain(other),
            },
        };
    }
    if origin.starts_with("http://") && find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        return TransportError::NotPlain { address };
    }
    if error.is_connect() {
        let reason = match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
            Some(io::ErrorKind::NotFound) => "there is no such socket".to_owned(),
            _ => reason,
        };
        return TransportError::Connect { address, reason };
    }
    TransportError::Broken { address, reason }
}

/// What is wrong with a certificate, in words.
fn explain(error: &rustls::Error) -> String {
    use rustls::CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else {
        return error.to_string();
    };
    match bad {
        Bad::UnknownIssuer => {
            "its certificate is signed by an authority this client does not know".to_owned()
        }
        Bad::BadSignature => {
            "its certificate is signed by another key than that of the authority this client knows".to_owned()
        }
        Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "its certificate is not valid yet".to_owned(),
        other => format!("its certificate is not accepted ({other})"),
    }
}

fn innermost(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// The first error of a type below `error`, also inside I/O errors.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inside = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        if let Some(found) = inside.and_then(find::<E>) {
            return Some(found);
        }
        next = error.source();
    }
    None
}
