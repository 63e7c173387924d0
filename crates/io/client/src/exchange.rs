//! From a request to the head of its answer, over retries and a redirect.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::Response;

use crate::client::{Client, transport_error};
use crate::error::ClientError;
use crate::request::Request;
use crate::transport::{Chunks, Transport, TransportError};
use crate::{redirect, retry};

/// Whether a transport waits for the whole answer or for its head.
pub(crate) type Carry<B> = for<'a> fn(&'a dyn Transport, http::Request<Bytes>) -> Carried<'a, B>;
pub(crate) type Carried<'a, B> =
    Pin<Box<dyn Future<Output = Result<Response<B>, TransportError>> + Send + 'a>>;

impl Client {
    /// Sends a request within the time for one call.
    pub(crate) async fn timely<B>(
        &self,
        request: &Request,
        url: &str,
        carry: Carry<B>,
    ) -> Result<Response<B>, ClientError> {
        let http = self.http(request, url)?;
        let work = self.exchange(http, url, carry);
        let Some(after) = self.timeout else {
            return work.await;
        };
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = self.surroundings.clock.sleep(after) => Err(ClientError::TimedOut {
                method: request.method.clone(),
                url: url.to_owned(),
                after,
            }),
        }
    }

    /// Sends, and once more where the server points to, as often as it may help.
    async fn exchange<B>(
        &self,
        http: http::Request<Bytes>,
        url: &str,
        carry: Carry<B>,
    ) -> Result<Response<B>, ClientError> {
        let method = http.method().clone();
        let response = self.attempts(&http, url, carry).await?;
        let Some(location) = redirect::target(url, &response) else {
            return Ok(response);
        };
        let refuse = |location: &str, reason| ClientError::Redirect {
            method: method.clone(),
            url: url.to_owned(),
            location: location.to_owned(),
            reason,
        };
        if !self.follows_redirects {
            return Err(refuse(&location, "and following redirects is turned off"));
        }
        if let Some(reason) = redirect::refusal(url, &location) {
            return Err(refuse(&location, reason));
        }
        let mut moved = http;
        *moved.uri_mut() = location
            .parse()
            .map_err(|_| refuse(&location, "which is not a usable URL"))?;
        let response = self.attempts(&moved, &location, carry).await?;
        match redirect::target(&location, &response) {
            Some(further) => Err(refuse(&further, "after another redirect")),
            None => Ok(response),
        }
    }

    async fn attempts<B>(
        &self,
        http: &http::Request<Bytes>,
        url: &str,
        carry: Carry<B>,
    ) -> Result<Response<B>, ClientError> {
        let mut attempt = 0;
        loop {
            self.take_turn().await;
            let outcome = carry(&*self.surroundings.transport, http.clone()).await;
            if attempt >= self.max_retries || !retry::is_worth_it(&outcome) {
                return outcome.map_err(|source| transport_error(http.method(), url, source));
            }
            let delay = retry::delay(attempt, &outcome, &*self.surroundings.entropy);
            self.surroundings.clock.sleep(delay).await;
            attempt += 1;
        }
    }

    async fn take_turn(&self) {
        let clock = &self.surroundings.clock;
        let wait = self.turns.as_ref().map(|turns| turns.take(clock.monotonic()));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            clock.sleep(wait).await;
        }
    }
}

/// What arrives of a body until it ends, breaks or has reached the limit.
pub(crate) async fn start_of(mut body: Chunks, limit: usize) -> Bytes {
    let mut start = BytesMut::new();
    while let Some(Ok(chunk)) = body.next().await {
        start.extend_from_slice(&chunk);
        if start.len() >= limit {
            start.truncate(limit);
            break;
        }
    }
    start.freeze()
}
