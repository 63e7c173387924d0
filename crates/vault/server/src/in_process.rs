//! A server without sockets: requests in, answers out, by way of everything a request from the network passes.

use std::sync::Arc;

use arca_base::Clock;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};

use crate::config::Listener;
use crate::http::Deadline;
use crate::http::endpoint::{Endpoint, Shared};
use crate::http::exchange::Exchange;
use crate::http::keeper::Kept;
use crate::server::Options;
use crate::service::Service;

/// A connection within the process, for clients that live there: the web interface, a command, a benchmark.
///
/// A request that is given up by dropping its future is finished all the same.
pub struct InProcess {
    exchange: Arc<Exchange>,
    _kept: Kept,
}

impl InProcess {
    /// Connects to a service. Of `listener` limits and headers count; there is no address and no TLS.
    ///
    /// Call it on the runtime that is to finish requests which were given up.
    #[must_use]
    pub fn new(listener: Listener, service: Arc<dyn Service>, clock: Arc<dyn Clock>) -> Self {
        let options = Options::default();
        let shared = Arc::new(Shared::new(
            std::slice::from_ref(&listener),
            &options,
            service,
            clock,
        ));
        let kept = shared.keeper.admit(listener.timeouts, false);
        let exchange = Exchange {
            pulse: kept.pulse.clone(),
            endpoint: Arc::new(Endpoint::new(shared, listener, None, None)),
            peer: None,
            certificates: Vec::new(),
            place: None,
            requests: None,
            deadline: Deadline::default(),
        };
        Self {
            exchange: Arc::new(exchange),
            _kept: kept,
        }
    }

    /// Answers a request. There is always an answer. One that goes on, such as a stream of events, is waited for to
    /// its end: [`InProcess::open`] does not wait.
    pub async fn send(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (head, body) = self
            .exchange
            .clone()
            .answer(request.map(Full::new))
            .await
            .into_parts();
        let body = match body.collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(_) => {
                let mut broken = Response::new(Bytes::new());
                *broken.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                return broken;
            }
        };
        Response::from_parts(head, body)
    }

    /// Answers a request with a body that comes piece by piece.
    pub async fn open(
        &self,
        request: Request<Bytes>,
    ) -> Response<impl Stream<Item = Bytes> + Send + 'static> {
        let response = self.exchange.clone().answer(request.map(Full::new)).await;
        response.map(|body| {
            body.into_data_stream()
                .filter_map(|piece| std::future::ready(piece.ok()))
        })
    }
}
