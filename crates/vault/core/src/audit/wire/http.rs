//! A collector that takes entries over HTTP: a POST with lines of JSON, as many as there are, up to a size.
//!
//! What the collector acknowledges with a status of success is with it. After anything else the same lines are sent again,
//! so one entry may arrive twice.

use std::io;

use arca_client::{Address, Network, Proxies, TlsOptions, Transport as _};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};

use crate::audit::outbox::end_of_line;

/// Most bytes of one POST, unless it is a single entry.
const MOST: usize = 1 << 20;
/// What lines of JSON are called.
const LINES: &str = "application/x-ndjson";
/// Largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 << 10;

/// Where a collector is, and how it is spoken to.
#[derive(Clone)]
pub(in crate::audit) struct Collector {
    /// An absolute URL.
    pub(in crate::audit) uri: String,
    /// Headers of each request; they may hold credentials.
    pub(in crate::audit) headers: Vec<(HeaderName, HeaderValue)>,
    pub(in crate::audit) tls: TlsOptions,
}

/// A way to a collector, prepared when it is needed.
pub(in crate::audit) struct Http {
    collector: Collector,
    network: Option<Network>,
    /// Most bytes of the next POST: less after one was too large.
    most: usize,
}

impl Http {
    pub(in crate::audit) const fn new(collector: Collector) -> Self {
        Self {
            collector,
            network: None,
            most: MOST,
        }
    }

    /// Connections that are idle are kept and replaced by the transport.
    pub(super) const fn disconnect(&mut self) {
        self.most = MOST;
    }

    pub(super) async fn send(&mut self, lines: &[u8], done: &mut usize) -> io::Result<()> {
        let end = end_of_batch(lines, *done, self.most);
        let body = lines.get(*done..end).unwrap_or_default();
        let is_single = end == end_of_line(lines, *done);
        let request = self.request(body)?;
        let network = match &mut self.network {
            Some(network) => network,
            None => self.network.insert(open(&self.collector)?),
        };
        let answer = network.send(request).await.map_err(io::Error::other)?;
        match answer.status() {
            status if status.is_success() => {
                *done = end;
                self.most = MOST;
                Ok(())
            }
            StatusCode::PAYLOAD_TOO_LARGE if is_single => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("an entry of {} bytes is too large for the collector", body.len()),
            )),
            StatusCode::PAYLOAD_TOO_LARGE => {
                self.most = (body.len() / 2).max(1);
                Ok(())
            }
            status => Err(io::Error::other(format!("the collector answered with {status}"))),
        }
    }

    fn request(&self, body: &[u8]) -> io::Result<Request<Bytes>> {
        let mut request = Request::new(Bytes::copy_from_slice(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.collector.uri.parse().map_err(io::Error::other)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
        for (name, value) in &self.collector.headers {
            headers.insert(name.clone(), value.clone());
        }
        Ok(request)
    }
}

/// Where whole lines of about `most` bytes end; at least one line.
fn end_of_batch(lines: &[u8], start: usize, most: usize) -> usize {
    let mut end = end_of_line(lines, start);
    while end < lines.len() {
        let next = end_of_line(lines, end);
        if next - start > most {
            break;
        }
        end = next;
    }
    end
}

fn open(collector: &Collector) -> io::Result<Network> {
    let address = Address::parse(&collector.uri).map_err(io::Error::other)?;
    let network = Network::new(&address, &collector.tls, &Proxies::default()).map_err(io::Error::other)?;
    Ok(network.with_answer_limit(LARGEST_ANSWER))
}

impl PartialEq for Collector {
    fn eq(&self, other: &Self) -> bool {
        self.uri == other.uri && self.headers == other.headers
    }
}

impl Eq for Collector {}

/// Shows where, never the headers.
impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_whole_lines() {
        let lines = b"aaaa\nbb\ncc\n";
        for (start, most, expected) in [
            (0, 100, 11),
            (0, 8, 8),
            (0, 7, 5),
            (0, 1, 5),
            (5, 6, 11),
            (5, 5, 8),
            (8, 1, 11),
        ] {
            assert_eq!(end_of_batch(lines, start, most), expected, "{start} {most}");
        }
    }
}
