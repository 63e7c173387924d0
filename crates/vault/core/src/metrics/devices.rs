//! What is counted for each audit device.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabels {
    /// Path of the device.
    device: String,
}

/// Counters of all devices.
pub(super) struct Devices {
    accepted: Family<DeviceLabels, Counter>,
    failed: Family<DeviceLabels, Counter>,
    dropped: Family<DeviceLabels, Counter>,
    queue: Family<DeviceLabels, Gauge>,
    latency: Family<DeviceLabels, Histogram, fn() -> Histogram>,
}

impl Default for Devices {
    fn default() -> Self {
        Self {
            accepted: Family::default(),
            failed: Family::default(),
            dropped: Family::default(),
            queue: Family::default(),
            latency: Family::new_with_constructor(super::latency_buckets),
        }
    }
}

/// Counters of one device.
pub(crate) struct DeviceMetrics {
    pub(crate) accepted: Counter,
    pub(crate) failed: Counter,
    pub(crate) dropped: Counter,
    pub(crate) queue: Gauge,
    pub(crate) latency: Histogram,
}

impl Devices {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "audit_device_accepted",
            "Entries written, by audit device",
            self.accepted.clone(),
        );
        registry.register(
            "audit_device_failed",
            "Entries not written in time, by audit device; sockets get them later if they can",
            self.failed.clone(),
        );
        registry.register(
            "audit_device_dropped",
            "Entries lost to an audit device that is too slow or away for too long",
            self.dropped.clone(),
        );
        registry.register(
            "audit_device_queue_length",
            "Entries that wait to be written, by audit device",
            self.queue.clone(),
        );
        registry.register(
            "audit_device_write_seconds",
            "Time to write what had come together, by audit device",
            self.latency.clone(),
        );
    }

    pub(super) fn of(&self, path: &str) -> DeviceMetrics {
        let labels = DeviceLabels {
            device: path.to_owned(),
        };
        DeviceMetrics {
            accepted: self.accepted.get_or_create_owned(&labels),
            failed: self.failed.get_or_create_owned(&labels),
            dropped: self.dropped.get_or_create_owned(&labels),
            queue: self.queue.get_or_create_owned(&labels),
            latency: self.latency.get_or_create_owned(&labels),
        }
    }
}
