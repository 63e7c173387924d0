//! One request and its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use arca_core::Fault;
use arca_core::engine::ClientInfo;
use arca_core::events::{Streamed, Subscription};
use arca_core::pipeline::{Incoming, Reply, Unread};
use arca_core::web::WebConfig;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Deadline;
use super::completion::{Completion, Held};
use super::cors;
use super::endpoint::Endpoint;
use super::pulse::Pulse;
use super::streaming::{self, Sent};
use super::websocket::{self, Wanted};
use crate::egress::{self, Outgoing};
use crate::ingress::{self, Destination, Origin, Refused};
use crate::service::Answering;

/// A connection as its requests see it.
pub(crate) struct Exchange {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) peer: Option<SocketAddr>,
    /// The client's certificate chain, leaf first.
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) pulse: Arc<Pulse>,
    /// The connection's place among all, if it has one.
    pub(crate) place: Option<Arc<OwnedSemaphorePermit>>,
    /// Requests at a time, where there can be several: one that was given up by its client counts to its end.
    pub(crate) requests: Option<Arc<Semaphore>>,
    /// How long a request may take.
    pub(crate) deadline: Deadline,
}

impl Exchange {
    /// Answers a request. There is always an answer.
    pub(crate) async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Response<Sent>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let _busy = self.pulse.begin();
        let (mut parts, mut body) = request.into_parts();
        let wanted = websocket::wanted(&mut parts);
        let web = self.endpoint.shared.service.web();
        let from = cors::from(&parts, web.as_deref());
        let outgoing = self.outgoing(&parts, &mut body, web.as_deref(), &from).await;
        let streamed = outgoing.reply.stream.clone();
        let stream = streamed.as_ref().and_then(Streamed::take);
        let namespace = parts.headers.get(&ingress::headers::NAMESPACE);
        let headers = self.endpoint.headers.load();
        let mut response = egress::respond(&headers, outgoing, parts.method == Method::HEAD, namespace);
        cors::mark(response.headers_mut(), from);
        if let Some(subscription) = stream {
            return self.stream(response, subscription, wanted);
        }
        if let Some(download) = streamed.as_ref().and_then(Streamed::take_bytes) {
            return streaming::download(response, download, &self.pulse);
        }
        match streamed.as_ref().and_then(Streamed::take_lines) {
            None => response.map(Sent::whole),
            Some(lines) => {
                let draining = self.endpoint.shared.draining.clone();
                streaming::of_lines(response, lines, draining, &self.pulse)
            }
        }
    }

    /// An answer that goes on, in the form the client wants.
    fn stream(
        self: &Arc<Self>,
        response: Response<Bytes>,
        subscription: Subscription,
        wanted: Wanted,
    ) -> Response<Sent> {
        match wanted {
            Wanted::Answer => {
                let draining = self.endpoint.shared.draining.clone();
                streaming::respond(response, subscription, draining, &self.pulse)
            }
            Wanted::Upgrade(upgrade) => {
                websocket::respond(response, upgrade, subscription, self.clone()).map(Sent::whole)
            }
            Wanted::Unsupported => websocket::refuse(response).map(Sent::whole),
        }
    }

    async fn outgoing<B>(
        &self,
        parts: &Parts,
        body: &mut B,
        web: Option<&WebConfig>,
        from: &cors::Asker,
    ) -> Outgoing
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let Endpoint { shared, listener, .. } = &*self.endpoint;
        let origin = Origin {
            limits: &listener.limits,
            body_timeout: listener.timeouts.body,
            clock: &*shared.clock,
            body_memory: &shared.body_memory,
        };
        let elsewhere = match ingress::destination(parts, listener.metrics) {
            Destination::Api(path) => match (from, web) {
                (cors::Asker::Refused, _) => self.refuse_origin(parts, path).await.into(),
                (cors::Asker::Allowed(_), Some(web)) if parts.method == Method::OPTIONS => {
                    cors::preflight(parts, web)
                }
                _ => return self.api(parts, path, body, &origin, web).await.into(),
            },
            Destination::Metrics => self.metrics(parts).into(),
            Destination::Redirect(to) => redirect(&to),
            Destination::Page(reply) => page(reply, parts, web),
        };
        ingress::skip(parts, body, &origin).await;
        elsewhere
    }

    async fn api<B>(
        &self,
        parts: &Parts,
        path: &str,
        body: &mut B,
        origin: &Origin<'_>,
        web: Option<&WebConfig>,
    ) -> Reply
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let Endpoint { shared, listener, .. } = &*self.endpoint;
        let address = match ingress::forwarded::client(&parts.headers, self.peer, listener.forwarded.as_ref())
        {
            Ok(address) => address,
            Err(fault) => {
                ingress::skip(parts, body, origin).await;
                return self.refuse(path, self.peer, ingress::refused(parts, fault)).await;
            }
        };
        if ingress::is_upload(parts, path) {
            return self.upload(parts, path, body, origin, address).await;
        }
        // The memory of a large body stays accounted for until the answer.
        let (read, _memory) = match ingress::read(parts, path, body, origin).await {
            Ok(read) => read,
            Err(refused) => return self.refuse(path, address, refused).await,
        };
        let operation = read.operation;
        let headers = match web.filter(|web| !web.wants_nothing()) {
            Some(web) => ingress::headers::kept(&parts.headers, web),
            None => Ok(read.headers),
        };
        let headers = match headers {
            Ok(headers) => headers,
            Err(fault) => return self.refuse(path, address, Refused { operation, fault }).await,
        };
        let mut incoming = Incoming {
            client: self.client(address),
            headers,
            ..read
        };
        ingress::resume(parts, &mut incoming);
        let limit = listener.limits.duration;
        let service = shared.service.clone();
        let work = self.begin(service.handle(incoming)).await;
        if let Some(reply) = self.deadline.within(&*shared.clock, limit, work).await {
            return reply;
        }
        let text = format!("context deadline exceeded: no answer within {limit:?}; it may still take effect");
        let fault = Fault::unavailable(text);
        self.refuse(path, address, Refused { operation, fault }).await
    }

    /// A request whose body is of any size and passed on as it comes. It may take as long as it goes on coming.
    async fn upload<B>(
        &self,
        parts: &Parts,
        path: &str,
        body: &mut B,
        origin: &Origin<'_>,
        address: Option<SocketAddr>,
    ) -> Reply
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let incoming = match ingress::without_body(parts, path) {
            Ok(incoming) => incoming,
            Err(refused) => {
                ingress::skip(parts, body, origin).await;
                return self.refuse(path, address, refused).await;
            }
        };
        let incoming = Incoming {
            client: self.client(address),
            ..incoming
        };
        let (sender, upload) = arca_core::snapshot::upload();
        let service = self.endpoint.shared.service.clone();
        let mut work = self.begin(service.take_in(incoming, upload)).await;
        tokio::select! {
            biased;
            reply = &mut work => {
                ingress::skip(parts, body, origin).await;
                return reply;
            }
            () = ingress::pass_on(body, sender, origin) => {}
        }
        work.await
    }

    async fn begin(&self, work: Answering) -> Completion {
        let request = match &self.requests {
            Some(requests) => requests.clone().acquire_owned().await.ok(),
            None => None,
        };
        let shared = self.endpoint.shared.clone();
        let held = Held {
            connection: self.place.clone(),
            request,
        };
        Completion::new(work, shared, held)
    }

    fn client(&self, address: Option<SocketAddr>) -> ClientInfo {
        ClientInfo {
            address,
            certificates: self.certificates.clone(),
        }
    }

    async fn refuse(&self, path: &str, address: Option<SocketAddr>, refused: Refused) -> Reply {
        let unread = Unread {
            operation: refused.operation,
            path: ingress::for_audit(path),
            client: self.client(address),
        };
        let service = self.endpoint.shared.service.clone();
        service.refuse(unread, refused.fault).await
    }

    async fn refuse_origin(&self, parts: &Parts, path: &str) -> Reply {
        let fault = Fault::denied_with("origin not allowed");
        self.refuse(path, self.peer, ingress::refused(parts, fault)).await
    }

    fn metrics(&self, parts: &Parts) -> Reply {
        let shared = &self.endpoint.shared;
        shared
            .service
            .metrics(ingress::wants_prometheus(parts), shared.clock.now())
    }
}

/// An answer outside the API; where the web interface belongs it has the headers set for that.
fn page(reply: Reply, parts: &Parts, web: Option<&WebConfig>) -> Outgoing {
    let mut outgoing = Outgoing::from(reply);
    let path = parts.uri.path();
    if path == "/" || path == "/ui" || path.starts_with("/ui/") {
        for (name, values) in web.iter().flat_map(|web| web.ui_headers()) {
            for value in values {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                    outgoing.headers.append(name, value);
                }
            }
        }
    }
    outgoing
}

fn redirect(to: &str) -> Outgoing {
    match HeaderValue::try_from(to) {
        Ok(location) => Outgoing {
            reply: Reply::empty(307),
            location: Some(location),
            headers: HeaderMap::new(),
        },
        Err(_) => Reply::empty(400).into(),
    }
}
