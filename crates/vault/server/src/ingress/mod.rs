//! From an HTTP request to [`Incoming`].
//!
//! | part | reads |
//! |---|---|
//! | [`destination`] | which requests are for the API at all |
//! | `percent`, `query` | percent-encoding, query strings and forms |
//! | `operation` | method and query: what is to be done |
//! | [`headers`] | token, namespace, wrapping |
//! | `inline_auth` | a login in the headers |
//! | [`forwarded`] | the address of the client behind proxies |
//! | `body` | the body and its JSON |
//!
//! What is for the API and cannot be read is refused through the core, which records it. What is not for the API
//! (no path below `/v1/`, a doubled slash) reaches nothing and is answered here, as by any web server.

mod body;
mod destination;
pub(crate) mod forwarded;
pub(crate) mod headers;
mod inline_auth;
mod operation;
mod percent;
mod query;

use std::time::Duration;

use arca_base::json::Object;
use arca_base::{Clock, Operation, RequestPath};
use arca_core::Fault;
use arca_core::engine::ClientInfo;
use arca_core::pipeline::Incoming;
use arca_core::snapshot::UploadSender;
use arca_core::web::RequestHeaders;
use bytes::Bytes;
use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use destination::{Destination, destination, for_audit, wants_prometheus};

use crate::config::RequestLimits;
use query::Query;

/// Longest path and query, in bytes as sent.
const MAX_TARGET: usize = 16 << 10;

/// What reading a request may cost, and what it needs.
pub(crate) struct Origin<'a> {
    pub(crate) limits: &'a RequestLimits,
    pub(crate) body_timeout: Option<Duration>,
    pub(crate) clock: &'a dyn Clock,
    /// KiB of large bodies that may be in memory at a time.
    pub(crate) body_memory: &'a std::sync::Arc<Semaphore>,
}

/// A request that cannot be read.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What was to be done, as far as known.
    pub(crate) operation: Operation,
    pub(crate) fault: Fault,
}

/// Where a browser resumes a stream of events of its own accord, unless the query says it.
pub(crate) fn resume(parts: &Parts, incoming: &mut Incoming) {
    const LAST: &str = "last-event-id";
    let Some(last) = parts.headers.get(LAST) else {
        return;
    };
    if incoming.path.as_str().starts_with("sys/events/subscribe/") && !incoming.data.contains_key("after") {
        let last = String::from_utf8_lossy(last.as_bytes()).into_owned();
        incoming.data.insert("after".to_owned(), last.into());
    }
}

/// A permit for the memory of a large body.
pub(crate) type BodyMemory = Option<OwnedSemaphorePermit>;

/// Reads a request for the API; `path` is what follows `/v1/`, as sent. Where it comes from is for the caller to add.
pub(crate) async fn read<B>(
    parts: &Parts,
    path: &str,
    body: &mut B,
    origin: &Origin<'_>,
) -> Result<(Incoming, BodyMemory), Refused>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let mut incoming = match head(parts, path, &query) {
        Ok(incoming) => incoming,
        Err(refused) => {
            skip(parts, body, origin).await;
            return Err(refused);
        }
    };
    let operation = incoming.operation;
    if origin.limits.closed.covers(incoming.path.as_str()) {
        skip(parts, body, origin).await;
        let fault = Fault::unsupported_operation();
        return Err(Refused { operation, fault });
    }
    if !matches!(operation, Operation::Update | Operation::Patch) {
        skip(parts, body, origin).await;
        incoming.data = query.into_data(operation);
        return Ok((incoming, None));
    }
    let refused = |fault| Refused { operation, fault };
    let (bytes, memory) = body::read(body, &parts.headers, origin).await.map_err(refused)?;
    incoming.data = body::data(&bytes, &parts.headers, &origin.limits.json).map_err(refused)?;
    Ok((incoming, memory))
}

/// Whether the body of a request is passed on as it comes.
pub(crate) fn is_upload(parts: &Parts, path: &str) -> bool {
    matches!(parts.method, http::Method::POST | http::Method::PUT) && arca_core::snapshot::takes_upload(path)
}

/// Reads a request for the API whose body is passed on as it comes.
pub(crate) fn without_body(parts: &Parts, path: &str) -> Result<Incoming, Refused> {
    head(parts, path, &Query::parse(parts.uri.query().unwrap_or_default()))
}

/// Passes a body on, as fast as it is taken, for as long as it comes and is wanted.
pub(crate) async fn pass_on<B>(body: &mut B, to: UploadSender, origin: &Origin<'_>)
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    body::pass_on(body, to, origin).await;
}

/// Takes in a body that nobody asks for.
pub(crate) async fn skip<B>(parts: &Parts, body: &mut B, origin: &Origin<'_>)
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    body::skip(body, &parts.headers, origin).await;
}

/// A request whose head cannot be understood any further.
pub(crate) fn refused(parts: &Parts, fault: Fault) -> Refused {
    let operation = operation::guess(&parts.method);
    Refused { operation, fault }
}

fn head(parts: &Parts, path: &str, query: &Query) -> Result<Incoming, Refused> {
    let operation = operation::of(&parts.method, query).map_err(|fault| refused(parts, fault))?;
    bodyless(parts, path, operation).map_err(|fault| Refused { operation, fault })
}

fn bodyless(parts: &Parts, path: &str, operation: Operation) -> Result<Incoming, Fault> {
    let target = parts.uri.path_and_query();
    if target.is_some_and(|target| target.as_str().len() > MAX_TARGET) {
        return Err(Fault::invalid(format!(
            "the URL is longer than {MAX_TARGET} bytes"
        )));
    }
    body::check_type(operation, &parts.headers)?;
    Ok(Incoming {
        operation,
        path: request_path(path)?,
        namespace: headers::namespace(&parts.headers)?,
        token: headers::token(&parts.headers)?,
        inline_auth: inline_auth::read(&parts.headers)?,
        wrap_ttl: headers::wrap_ttl(&parts.headers)?,
        factors: headers::factors(&parts.headers)?,
        data: Object::new(),
        headers: RequestHeaders::default(),
        client: ClientInfo::unknown(),
    })
}

fn request_path(sent: &str) -> Result<RequestPath, Fault> {
    let decoded = percent::decode(sent, percent::Plus::Itself)
        .ok_or_else(|| Fault::invalid("the path is not UTF-8 text in percent-encoding"))?;
    Ok(RequestPath::parse(&decoded)?)
}
