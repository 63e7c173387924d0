//! Requests being served.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use arca_base::{Json, Operation, RequestPath, Timestamp, json_object};
use parking_lot::Mutex;

use crate::pipeline::Incoming;

/// Parts of the register, so that requests seldom wait for one another.
const PARTS: u64 = 16;

/// Register of the requests being served.
#[derive(Default)]
pub(super) struct Served {
    next: AtomicU64,
    parts: [Part; PARTS as usize],
}

type Part = Mutex<BTreeMap<u64, Request>>;

/// A request being served.
struct Request {
    since: Timestamp,
    path: RequestPath,
    operation: Operation,
    address: Option<SocketAddr>,
}

/// Keeps a request in the register until it is dropped.
pub(crate) struct InFlight<'a> {
    number: u64,
    part: &'a Part,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.part.lock().remove(&self.number);
    }
}

impl Served {
    pub(super) fn enter(&self, incoming: &Incoming, now: Timestamp) -> InFlight<'_> {
        let request = Request {
            since: now,
            path: incoming.path.clone(),
            operation: incoming.operation,
            address: incoming.client.address,
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let [first, ..] = &self.parts;
        let part = usize::try_from(number % PARTS)
            .ok()
            .and_then(|part| self.parts.get(part))
            .unwrap_or(first);
        part.lock().insert(number, request);
        InFlight { number, part }
    }

    /// How many there are.
    pub(super) fn count(&self) -> i64 {
        let count: usize = self.parts.iter().map(|part| part.lock().len()).sum();
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// All of them, as `sys/in-flight-req` shows them.
    pub(super) fn shown(&self) -> Json {
        let mut all = Json::object();
        if let Json::Object(all) = &mut all {
            for part in &self.parts {
                let shown = |(number, request): (&u64, &Request)| (number.to_string(), request.shown());
                all.extend(part.lock().iter().map(shown));
            }
        }
        all
    }
}

impl Request {
    fn shown(&self) -> Json {
        json_object! {
            "start_time" => self.since.to_string(),
            "client_remote_address" => self.address.map(|address| address.to_string()).unwrap_or_default(),
            "request_path" => format!("/v1/{}", self.path),
            "request_method" => self.operation.as_str(),
            "client_id" => "",
        }
    }
}
