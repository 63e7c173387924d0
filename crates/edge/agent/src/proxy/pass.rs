//! The way to the server and back.

use std::sync::Arc;

use arca_base::json::Limits;
use arca_base::{Json, Secret};
use arca_client::{AnswerStream, TransportError};
use arca_crypto::constant_time;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header::{
    ACCEPT_ENCODING, AGE, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, ORIGIN, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;

use super::cache::{Kept, Key, LeaseCache, Revocation};
use super::desk::{Arrived, Body, Desk, refuse, whole};
use crate::config::OwnToken;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const CACHE: HeaderName = HeaderName::from_static("x-cache");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Largest answer that is looked into, in bytes: secrets with leases are small.
const LOOKED_INTO: usize = 1 << 20;

/// Headers about a connection rather than a request, and those that are written anew.
const NOT_PASSED: [HeaderName; 11] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HOST,
    CONTENT_LENGTH,
    EXPECT,
    // What is kept must be readable, and what is kept for one must be readable for the next.
    ACCEPT_ENCODING,
];

/// With whose power a request is passed on.
pub(super) struct Bearer {
    pub(super) token: Option<Secret<String>>,
    /// Whether it is the agent's own token, also when the caller sent it.
    pub(super) is_own: bool,
}

impl Desk {
    /// Passes a request on, or answers it from what is kept.
    pub(super) async fn pass(&self, mut request: Arrived) -> Response<Body> {
        let bearer = match self.bearer(&request.headers) {
            Ok(bearer) => bearer,
            Err(answer) => return *answer,
        };
        self.prepare(&mut request.headers);
        let managed = self.settings.cache.as_ref().filter(|cache| {
            let token = bearer.token.as_ref();
            bearer.is_own || token.is_some_and(|token| cache.manages(token))
        });
        match managed {
            Some(cache) if may_lease(&request) => self.through_cache(cache, request, &bearer).await,
            _ => self.straight(request, &bearer).await,
        }
    }

    /// Leaves out what is about a connection, and adds the namespace of the agent where there is none.
    pub(super) fn prepare(&self, headers: &mut HeaderMap) {
        for name in NOT_PASSED {
            headers.remove(name);
        }
        if !self.settings.namespace.is_empty()
            && !headers.contains_key(NAMESPACE)
            && let Ok(value) = HeaderValue::from_str(&self.settings.namespace)
        {
            headers.insert(NAMESPACE, value);
        }
    }

    /// The token a request goes with: its own or the agent's.
    pub(super) fn bearer(&self, headers: &HeaderMap) -> Result<Bearer, Box<Response<Body>>> {
        let sent = sent_token(headers);
        let own = self.settings.token.borrow().clone();
        let takes_own = match self.settings.own_token {
            OwnToken::Never => false,
            OwnToken::WhenMissing => sent.is_none(),
            OwnToken::Force => true,
        };
        if !takes_own {
            let same = |held: &Secret<String>| {
                let sent = sent.as_ref().map(|sent| sent.expose().as_bytes());
                sent.is_some_and(|sent| constant_time::equal(sent, held.expose().as_bytes()))
            };
            let is_own = own.is_some_and(|own| same(&own.token));
            return Ok(Bearer { token: sent, is_own });
        }
        if headers.contains_key(ORIGIN) {
            // A page in a browser reaches a local port too; it does not get the agent's power.
            let text = "a page in a browser cannot use the token of the agent: send a token of your own";
            return Err(Box::new(refuse(StatusCode::FORBIDDEN, text)));
        }
        let Some(own) = own else {
            let text = "the agent has no token yet: it is still logging in; try again";
            return Err(Box::new(refuse(StatusCode::SERVICE_UNAVAILABLE, text)));
        };
        Ok(Bearer {
            token: Some(own.token.duplicate()),
            is_own: true,
        })
    }

    async fn through_cache(
        &self,
        cache: &Arc<LeaseCache>,
        request: Arrived,
        bearer: &Bearer,
    ) -> Response<Body> {
        let key = cache.key(&request, bearer.token.as_ref());
        // Whoever comes second waits for the first, and asks for itself only if that answer is not one to keep.
        let turn = cache.turn(key);
        let _first = match turn.clone().try_lock_owned() {
            Ok(first) => Some(first),
            Err(_) => {
                drop(turn.lock().await);
                None
            }
        };
        if let Some(kept) = cache.find(&key) {
            self.counters.hit();
            return hit(&kept, cache.age(&kept));
        }
        self.counters.miss();
        let mut answer = match self.ask(&request, bearer).await {
            Err(error) => return self.failed(&error),
            Ok(answer) => answer,
        };
        answer
            .headers_mut()
            .insert(CACHE, HeaderValue::from_static("MISS"));
        let body = match gather(answer).await {
            Err(answer) => return *answer,
            Ok(body) => body,
        };
        self.keep(cache, key, &request, bearer, &body);
        let (head, body) = body.into_parts();
        Response::from_parts(head, whole(body))
    }

    fn keep(
        &self,
        cache: &Arc<LeaseCache>,
        key: Key,
        request: &Arrived,
        bearer: &Bearer,
        answer: &Response<Bytes>,
    ) {
        let namespace = request
            .headers
            .get(NAMESPACE)
            .and_then(|value| value.to_str().ok());
        let kept = Kept::of(
            request.path(),
            namespace.unwrap_or_default(),
            answer,
            self.settings.clock.monotonic(),
        );
        if let (Some(kept), Some(token)) = (kept, &bearer.token) {
            cache.keep(key, kept, token);
        }
    }

    /// Passes a request on whose answer is not kept.
    async fn straight(&self, request: Arrived, bearer: &Bearer) -> Response<Body> {
        let revocation = self.settings.cache.as_ref().and_then(|cache| {
            Revocation::of(request.path(), &request.body, bearer.token.as_ref()).map(|found| (cache, found))
        });
        let answer = match self.ask(&request, bearer).await {
            Err(error) => return self.failed(&error),
            Ok(answer) => answer,
        };
        if let Some((cache, revocation)) = revocation
            && answer.status().is_success()
        {
            cache.revoked(&revocation);
        }
        if bearer.is_own && shows_token(request.path()) && answer.status().is_success() {
            return match gather(answer).await {
                Ok(answer) => blanked(answer),
                Err(answer) => *answer,
            };
        }
        streamed(answer)
    }

    async fn ask(
        &self,
        request: &Arrived,
        bearer: &Bearer,
    ) -> Result<Response<AnswerStream>, TransportError> {
        self.settings.network.open(self.passed_on(request, bearer)?).await
    }

    /// The request as the server gets it.
    pub(super) fn passed_on(
        &self,
        request: &Arrived,
        bearer: &Bearer,
    ) -> Result<Request<Bytes>, TransportError> {
        self.counters.request();
        let unusable = || TransportError::Unsupported("the request cannot be passed on".to_owned());
        let url = format!("{}{}", self.settings.address.base(), request.target);
        let mut passed = Request::new(request.body.clone());
        *passed.method_mut() = request.method.clone();
        *passed.uri_mut() = url.parse().map_err(|_| unusable())?;
        *passed.headers_mut() = request.headers.clone();
        passed
            .headers_mut()
            .insert("x-vault-request", HeaderValue::from_static("true"));
        passed.headers_mut().remove(TOKEN);
        if let Some(token) = &bearer.token {
            passed.headers_mut().remove(AUTHORIZATION);
            let mut value = HeaderValue::from_str(token.expose()).map_err(|_| unusable())?;
            value.set_sensitive(true);
            passed.headers_mut().insert(TOKEN, value);
        }
        Ok(passed)
    }

    pub(super) fn failed(&self, error: &TransportError) -> Response<Body> {
        self.counters.failure();
        tracing::warn!(%error, "a request could not be passed on");
        refuse(
            StatusCode::BAD_GATEWAY,
            &format!("the agent got no answer from the server: {error}"),
        )
    }
}

/// The token a request came with, in either of its headers.
fn sent_token(headers: &HeaderMap) -> Option<Secret<String>> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let token = text(TOKEN).or_else(bearer)?;
    (!token.is_empty()).then(|| Secret::new(token.to_owned()))
}

/// Whether an answer may come with a lease: revocations, renewals, listings and streams do not.
fn may_lease(request: &Arrived) -> bool {
    let path = request.path();
    let about_system = path.starts_with("/v1/sys/");
    let about_token = path.starts_with("/v1/auth/token/") && !path.starts_with("/v1/auth/token/create");
    let is_list = request.target.contains("list=true") || request.method.as_str() == "LIST";
    !about_system && !about_token && !is_list
}

fn shows_token(path: &str) -> bool {
    matches!(path, "/v1/auth/token/lookup-self" | "/v1/auth/token/renew-self")
}

pub(super) fn streamed(answer: Response<AnswerStream>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    clean(&mut head.headers);
    let parts = stream::unfold(body, |mut body| async move {
        match body.chunk().await {
            Ok(Some(chunk)) => Some((Ok(Frame::data(chunk)), body)),
            Ok(None) => None,
            Err(error) => Some((Err(std::io::Error::other(error)), body)),
        }
    });
    Response::from_parts(head, StreamBody::new(parts).boxed_unsync())
}

/// Waits for an answer that is to be looked into. What is no JSON, or long, or of unknown length, is passed on as it
/// arrives.
async fn gather(answer: Response<AnswerStream>) -> Result<Response<Bytes>, Box<Response<Body>>> {
    let is_json = answer
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let length = answer.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if !is_json || length.is_none_or(|length| length > LOOKED_INTO) {
        return Err(Box::new(streamed(answer)));
    }
    let (mut head, mut stream) = answer.into_parts();
    clean(&mut head.headers);
    let mut body = BytesMut::new();
    loop {
        match stream.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(Response::from_parts(head, body.freeze())),
            Err(_) => {
                let text = "the connection to the server broke within the answer";
                return Err(Box::new(refuse(StatusCode::BAD_GATEWAY, text)));
            }
        }
    }
}

fn clean(headers: &mut HeaderMap) {
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}

fn hit(kept: &Kept, age: u64) -> Response<Body> {
    let mut answer = Response::new(whole(kept.body()));
    *answer.status_mut() = kept.status();
    *answer.headers_mut() = kept.headers().clone();
    answer
        .headers_mut()
        .insert(CACHE, HeaderValue::from_static("HIT"));
    answer.headers_mut().insert(AGE, HeaderValue::from(age));
    answer
}

/// Whoever uses the agent's token by way of the agent does not learn it.
fn blanked(answer: Response<Bytes>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    let Ok(mut json) = Json::parse(&body, &Limits::UNLIMITED) else {
        return Response::from_parts(head, whole(body));
    };
    if let Json::Object(members) = &mut json {
        for (part, names) in [
            ("data", ["id", "accessor"]),
            ("auth", ["client_token", "accessor"]),
        ] {
            if let Some(Json::Object(part)) = members.get_mut(part) {
                for name in names {
                    if let Some(value) = part.get_mut(name) {
                        *value = Json::from("");
                    }
                }
            }
        }
    }
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(
        head,
        whole(Bytes::copy_from_slice(json.to_text().as_str().as_bytes())),
    )
}
