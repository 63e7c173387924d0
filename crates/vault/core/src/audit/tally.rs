//! What is counted for each device.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::metrics::DeviceMetrics;

/// Counters of one device, and whether it works at the moment.
pub(super) struct Tally {
    device: String,
    accepted: Counter,
    failed: Counter,
    dropped: Counter,
    queue: Gauge,
    latency: Histogram,
    failing: AtomicBool,
    dropping: AtomicBool,
    last_failure: Mutex<String>,
}

impl Tally {
    pub(super) fn new(device: &str, metrics: DeviceMetrics) -> Self {
        let DeviceMetrics {
            accepted,
            failed,
            dropped,
            queue,
            latency,
        } = metrics;
        queue.set(0);
        Self {
            device: device.to_owned(),
            accepted,
            failed,
            dropped,
            queue,
            latency,
            failing: AtomicBool::new(false),
            dropping: AtomicBool::new(false),
            last_failure: Mutex::default(),
        }
    }

    /// A line waits to be written.
    pub(super) fn queued(&self) {
        self.queue.inc();
    }

    /// Lines wait no longer.
    pub(super) fn unqueued(&self, count: u64) {
        self.queue.dec_by(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Lines were written. Says in the log when that works again.
    pub(super) fn accepted(&self, count: u64, took: Duration) {
        self.accepted.inc_by(count);
        self.latency.observe(took.as_secs_f64());
        if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
            tracing::warn!(device = %self.device, "audit device works again");
        }
        if self.dropping.load(Ordering::Relaxed) && self.dropping.swap(false, Ordering::Relaxed) {
            tracing::warn!(device = %self.device, "audit device keeps up again; entries are missing in it");
        }
    }

    /// Lines were not written in time. Says in the log when that begins.
    pub(super) fn failed(&self, count: u64, error: &dyn std::fmt::Display) {
        self.failed.inc_by(count);
        *self.last_failure.lock() = error.to_string();
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(device = %self.device, %error, "audit device failed");
        }
    }

    /// Lines are lost to this device. Says in the log when that begins.
    pub(super) fn dropped(&self, count: u64, why: &str) {
        self.dropped.inc_by(count);
        if !self.dropping.swap(true, Ordering::Relaxed) {
            tracing::error!(device = %self.device, why, "audit device drops entries");
        }
    }

    /// Whether the last write failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Lines that were not accepted: failed or dropped.
    pub(super) fn not_accepted(&self) -> u64 {
        self.failed.get() + self.dropped.get()
    }

    /// What went wrong last.
    pub(super) fn last_failure(&self) -> String {
        self.last_failure.lock().clone()
    }

    /// A tally nobody reads.
    #[cfg(test)]
    pub(super) fn of_test() -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self::new(
            "test/",
            crate::metrics::Metrics::new().audit_device("test/"),
        ))
    }
}
