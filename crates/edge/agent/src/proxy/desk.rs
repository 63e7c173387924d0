//! What becomes of a request: a word for the agent itself, or one for the server.

use std::sync::Arc;

use arca_base::Clock;
use arca_client::{Address, Network};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use serde::Deserialize;
use tokio::sync::Notify;

use super::cache::{Clearing, LeaseCache};
use super::door::Role;
use super::socket::{self, Sockets};
use crate::board::Board;
use crate::config::OwnToken;
use crate::status::{self, Counters, Status};
use crate::token::TokenFeed;

/// Longest body of a request, in bytes.
const BODY_LIMIT: usize = 32 << 20;

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A request whose body has arrived.
pub(super) struct Arrived {
    pub(super) method: Method,
    /// Path and query as they were sent.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Arrived {
    pub(super) fn of(head: Parts, body: Bytes) -> Self {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        Self {
            method: head.method,
            target: target.to_owned(),
            headers: head.headers,
            body,
        }
    }

    /// The path without query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What a desk works with.
pub struct DeskSettings {
    /// The way to the server.
    pub network: Arc<Network>,
    /// Where the server is.
    pub address: Address,
    /// Namespace of requests that name none.
    pub namespace: String,
    /// The agent's own token.
    pub token: TokenFeed,
    /// Whether requests get it.
    pub own_token: OwnToken,
    /// Answers that are kept, if they are.
    pub cache: Option<Arc<LeaseCache>>,
    /// What each part is doing.
    pub board: Board,
    /// Told when somebody asks the agent to end.
    pub quit: Arc<Notify>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Answers the requests of all listeners.
pub struct Desk {
    pub(super) settings: DeskSettings,
    pub(super) counters: Counters,
    pub(super) sockets: Sockets,
}

impl Desk {
    /// A desk for any number of listeners.
    #[must_use]
    pub fn new(settings: DeskSettings) -> Self {
        Self {
            settings,
            counters: Counters::default(),
            sockets: Sockets::default(),
        }
    }

    /// Answers one request.
    pub(super) async fn answer<B>(&self, request: Request<B>, role: Role) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if let Some(answer) = self.about_health(request.method(), request.uri().path()) {
            return answer;
        }
        if role.metrics_only {
            return refuse(
                StatusCode::NOT_FOUND,
                "this listener answers metrics and health only",
            );
        }
        if request.uri().path() == "/agent/v1/status" {
            return self.status();
        }
        if role.status_only {
            return refuse(
                StatusCode::NOT_FOUND,
                "this socket answers status, metrics and health only",
            );
        }
        let sent = request.headers().get("x-vault-request");
        if role.require_request_header && sent.is_none_or(|value| value != "true") {
            return refuse(
                StatusCode::PRECONDITION_FAILED,
                "missing header: send \"X-Vault-Request: true\", as clients of the API do",
            );
        }
        let (mut head, body) = request.into_parts();
        if let Some(connection) = socket::wanted(&mut head)
            && head.uri.path().starts_with("/v1/")
        {
            return self.pass_socket(head, connection).await;
        }
        match arrive(Request::from_parts(head, body)).await {
            Err(answer) => answer,
            Ok(arrived) if arrived.path().starts_with("/agent/") => self.about_agent(&arrived, role).await,
            Ok(arrived) if arrived.path().starts_with("/v1/") => self.pass(arrived).await,
            Ok(_) => refuse(
                StatusCode::NOT_FOUND,
                "an agent passes on what is below /v1/ only",
            ),
        }
    }

    fn about_health(&self, method: &Method, path: &str) -> Option<Response<Body>> {
        let answer = match path {
            "/livez" => plain(StatusCode::OK, "text/plain", "ok\n"),
            "/readyz" if self.settings.board.report().is_ready() => {
                plain(StatusCode::OK, "text/plain", "ok\n")
            }
            "/readyz" => plain(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "not ready\n"),
            "/metrics" | "/agent/v1/metrics" => {
                let text = status::metrics(&self.settings.board.report(), &self.counters);
                plain(StatusCode::OK, "text/plain; version=0.0.4", text)
            }
            _ => return None,
        };
        Some(if matches!(*method, Method::GET | Method::HEAD) {
            answer
        } else {
            refuse(StatusCode::METHOD_NOT_ALLOWED, "ask with GET")
        })
    }

    fn status(&self) -> Response<Body> {
        let status = Status::of(&self.settings.board, self.settings.clock.now());
        match serde_json::to_vec(&status) {
            Ok(text) => plain(StatusCode::OK, "application/json", text),
            Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be written"),
        }
    }

    async fn about_agent(&self, request: &Arrived, role: Role) -> Response<Body> {
        let is_write = matches!(request.method, Method::POST | Method::PUT);
        match request.path() {
            "/agent/v1/quit" if !role.enable_quit => refuse(
                StatusCode::NOT_FOUND,
                "quit is not enabled: set enable_quit in agent_api",
            ),
            "/agent/v1/quit" if request.method != Method::POST => {
                refuse(StatusCode::METHOD_NOT_ALLOWED, "ask with POST")
            }
            "/agent/v1/quit" => {
                tracing::info!("asked to end through the listener");
                self.settings.quit.notify_one();
                plain(StatusCode::OK, "application/json", "")
            }
            "/agent/v1/cache-clear" if is_write => self.clear(&request.body).await,
            "/agent/v1/cache-clear" => refuse(StatusCode::METHOD_NOT_ALLOWED, "ask with POST or PUT"),
            _ => refuse(
                StatusCode::NOT_FOUND,
                "an agent answers metrics, status, cache-clear and quit",
            ),
        }
    }

    async fn clear(&self, body: &Bytes) -> Response<Body> {
        #[derive(Deserialize)]
        struct Asked {
            #[serde(rename = "type")]
            kind: String,
            #[serde(default)]
            value: String,
        }
        let Ok(asked) = serde_json::from_slice::<Asked>(body) else {
            return refuse(
                StatusCode::BAD_REQUEST,
                "send {\"type\": ..., \"value\": ...} as JSON",
            );
        };
        let clearing = match asked.kind.as_str() {
            "all" => Clearing::All,
            "request_path" => Clearing::Path(asked.value),
            "lease" => Clearing::Lease(asked.value),
            "token" => Clearing::Token(asked.value.into()),
            "token_accessor" => Clearing::Accessor(asked.value),
            _ => {
                let expected = "type: use request_path, lease, token, token_accessor or all";
                return refuse(StatusCode::BAD_REQUEST, expected);
            }
        };
        if !matches!(clearing, Clearing::All) && clearing.is_empty() {
            return refuse(StatusCode::BAD_REQUEST, "value: say which");
        }
        if let Some(cache) = &self.settings.cache {
            cache.clear(&clearing);
        }
        plain(StatusCode::OK, "application/json", "")
    }
}

/// Waits for the whole body.
async fn arrive<B>(request: Request<B>) -> Result<Arrived, Response<Body>>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let text = "the body is larger than the 32 MiB an agent passes on";
            return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Err(_) => return Err(refuse(StatusCode::BAD_REQUEST, "the body did not arrive")),
    };
    Ok(Arrived::of(head, body))
}

/// An answer with a body that is there.
pub(super) fn plain(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let body = body.into();
    let mut answer = Response::new(whole(body));
    *answer.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    let cache_control = HeaderValue::from_static("no-store");
    answer
        .headers_mut()
        .insert(http::header::CACHE_CONTROL, cache_control);
    answer.headers_mut().remove(CONTENT_LENGTH);
    answer
}

pub(super) fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// An answer in the form errors of the API have.
pub(super) fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    let body = serde_json::json!({ "errors": [message] });
    plain(status, "application/json", body.to_string())
}
