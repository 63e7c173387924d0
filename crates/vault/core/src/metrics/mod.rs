//! Counters and latencies, under the names existing dashboards know.

mod devices;
mod served;

use std::time::Duration;

use arc_swap::ArcSwap;
use arca_base::{Json, Timestamp, json_object};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::fault::Class;
use crate::pipeline::Incoming;
use crate::router::Mount;
pub(crate) use devices::DeviceMetrics;
use devices::Devices;
pub(crate) use served::InFlight;
use served::Served;

/// What requests are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    /// Type of the mount.
    mount_type: String,
    /// `ok`, or the class of the refusal.
    outcome: &'static str,
}

/// What latencies are kept by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MountLabels {
    /// Type of the mount.
    mount_type: String,
}

/// What ended leases are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RevocationLabels {
    /// Type of the mount.
    mount_type: String,
    /// `gone`: looked, and nothing is left; `left`: something is; `ended`: nobody looked; `failed`.
    outcome: &'static str,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latencies: Family<MountLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    audit_failures: Counter,
    audit_devices: Devices,
    expirations: Counter,
    revocations: Family<RevocationLabels, Counter>,
    /// What a request is counted by, found without building labels.
    known: ArcSwap<Vec<Known>>,
    served: Served,
}

/// Counters of one type of mount and one outcome.
#[derive(Clone)]
struct Known {
    mount_type: Box<str>,
    outcome: &'static str,
    requests: Counter,
    latencies: Histogram,
}

fn latency_buckets() -> Histogram {
    // 50 us to 13 s.
    Histogram::new(exponential_buckets(0.000_05, 4.0, 10))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("vault");
        let metrics = Self {
            requests: Family::default(),
            latencies: Family::new_with_constructor(latency_buckets),
            in_flight: Gauge::default(),
            audit_failures: Counter::default(),
            audit_devices: Devices::default(),
            expirations: Counter::default(),
            revocations: Family::default(),
            known: ArcSwap::default(),
            served: Served::default(),
            registry: Registry::default(),
        };
        registry.register(
            "core_requests",
            "Requests, by type of mount and outcome",
            metrics.requests.clone(),
        );
        registry.register(
            "core_handle_request_seconds",
            "Time to answer a request, by type of mount",
            metrics.latencies.clone(),
        );
        registry.register(
            "core_in_flight_requests",
            "Requests being served",
            metrics.in_flight.clone(),
        );
        registry.register(
            "audit_log_request_failure",
            "Requests refused because no audit device accepted their entry",
            metrics.audit_failures.clone(),
        );
        metrics.audit_devices.register(&mut registry);
        registry.register(
            "expire_revoke",
            "Tokens and leases ended by the expiry task",
            metrics.expirations.clone(),
        );
        registry.register(
            "expire_lease_revocations",
            "Attempts to end leases, by type of mount and what was left",
            metrics.revocations.clone(),
        );
        Self { registry, ..metrics }
    }

    pub(crate) fn enter(&self, incoming: &Incoming, now: Timestamp) -> InFlight<'_> {
        self.served.enter(incoming, now)
    }

    pub(crate) fn answered(&self, _status: u16, mount: Option<&Mount>, took: Duration) {
        self.count("ok", mount, took);
    }

    pub(crate) fn refused(&self, class: Class, mount: Option<&Mount>, took: Duration) {
        self.count(class.label(), mount, took);
    }

    fn count(&self, outcome: &'static str, mount: Option<&Mount>, took: Duration) {
        let mount_type = mount.map_or("none", |mount| &*mount.kind);
        let known = self.known.load();
        let same = |known: &&Known| known.outcome == outcome && *known.mount_type == *mount_type;
        match known.iter().find(same) {
            Some(known) => known.count(took),
            None => self.learn(mount_type, outcome).count(took),
        }
    }

    fn learn(&self, mount_type: &str, outcome: &'static str) -> Known {
        let labels = MountLabels {
            mount_type: mount_type.to_owned(),
        };
        let latencies = self.latencies.get_or_create(&labels).clone();
        let labels = RequestLabels {
            mount_type: mount_type.to_owned(),
            outcome,
        };
        let learnt = Known {
            mount_type: mount_type.into(),
            outcome,
            requests: self.requests.get_or_create(&labels).clone(),
            latencies,
        };
        // A type and outcome that two requests bring at once may stand there twice; the counters are the same.
        self.known.rcu(|known| {
            let mut known = Vec::clone(known);
            known.push(learnt.clone());
            known
        });
        learnt
    }

    pub(crate) fn audit_failed(&self) {
        self.audit_failures.inc();
    }

    /// Counters of the audit device at `path`.
    pub(crate) fn audit_device(&self, path: &str) -> DeviceMetrics {
        self.audit_devices.of(path)
    }

    pub(crate) fn lease_ended(&self, mount_type: &str, outcome: &'static str) {
        let labels = RevocationLabels {
            mount_type: mount_type.to_owned(),
            outcome,
        };
        self.revocations.get_or_create(&labels).inc();
    }

    pub(crate) fn expired(&self, count: u64) {
        self.expirations.inc_by(count);
    }

    /// The metrics in OpenMetrics text form, which Prometheus reads.
    #[must_use]
    pub fn prometheus(&self) -> String {
        self.in_flight.set(self.served.count());
        let mut out = String::new();
        match encode(&mut out, &self.registry) {
            Ok(()) => out,
            Err(_) => "# EOF\n".to_owned(),
        }
    }

    /// The metrics in the JSON form of existing servers.
    #[must_use]
    pub fn json(&self, now: Timestamp) -> Json {
        json_object! {
            "Timestamp" => now.to_string(),
            "Gauges" => vec![json_object! {
                "Name" => "vault.core.in_flight_requests",
                "Value" => self.served.count(),
                "Labels" => Json::object(),
            }],
            "Points" => Vec::<Json>::new(),
            "Counters" => vec![
                counter("vault.audit.log_request_failure", self.audit_failures.get()),
                counter("vault.expire.revoke", self.expirations.get()),
            ],
            "Samples" => Vec::<Json>::new(),
        }
    }

    /// Requests being served, as `sys/in-flight-req` shows them.
    #[must_use]
    pub fn in_flight(&self) -> Json {
        self.served.shown()
    }
}

impl Known {
    fn count(&self, took: Duration) {
        self.latencies.observe(took.as_secs_f64());
        self.requests.inc();
    }
}

fn counter(name: &str, count: u64) -> Json {
    json_object! {
        "Name" => name,
        "Count" => count,
        "Sum" => count,
        "Labels" => Json::object(),
    }
}
