//! What the server benchmark found, as a table and as JSON.

use serde_json::{Value, json};

use super::disk::Fsync;
use super::load::Sample;
use super::statistics::median;
use crate::process::Memory;
use crate::terminal::Table;

/// The samples of one case at one number of connections: of the server, each beside the one of the bare server.
pub(super) struct Row {
    case: &'static str,
    connections: usize,
    pub(super) pairs: Vec<(Sample, Sample)>,
}

/// All that was found.
pub(super) struct Outcome {
    pub(super) rows: Vec<Row>,
    pub(super) idle: Memory,
    pub(super) loaded: Memory,
    pub(super) fsync: Fsync,
}

impl Row {
    pub(super) fn new(case: &'static str, connections: usize) -> Self {
        Self {
            case,
            connections,
            pairs: Vec::new(),
        }
    }

    fn median(&self, number: impl Fn(&Sample, &Sample) -> f64) -> f64 {
        let numbers: Vec<f64> = self
            .pairs
            .iter()
            .map(|(server, bare)| number(server, bare))
            .collect();
        median(&numbers)
    }

    fn server(&self, number: fn(&Sample) -> f64) -> f64 {
        self.median(|server, _| number(server))
    }

    fn bare(&self, number: fn(&Sample) -> f64) -> f64 {
        self.median(|_, bare| number(bare))
    }

    /// One number of the server as a multiple of its neighbor: what slows the machine slows both.
    fn ratio(&self, number: fn(&Sample) -> f64) -> f64 {
        self.median(|server, bare| number(server) / number(bare))
    }

    fn cells(&self) -> Vec<String> {
        let rounded = [
            self.server(|s| s.rate),
            self.server(|s| s.p50),
            self.server(|s| s.p99),
            self.server(|s| s.cpu),
            self.bare(|s| s.rate),
            self.bare(|s| s.p50),
            self.bare(|s| s.p99),
            self.bare(|s| s.cpu),
        ]
        .map(|number| format!("{number:.0}"));
        let names = [self.case.to_owned(), self.connections.to_string()];
        let ratios = [self.ratio(|s| s.rate), self.ratio(|s| s.cpu)].map(|ratio| format!("{ratio:.2}"));
        names.into_iter().chain(rounded).chain(ratios).collect()
    }

    fn json(&self) -> Value {
        let [server, bare] = [Self::server, Self::bare].map(|of| {
            json!({
                "requests_per_second": of(self, |s| s.rate),
                "p50_us": of(self, |s| s.p50),
                "p99_us": of(self, |s| s.p99),
                "cpu_us_per_request": of(self, |s| s.cpu),
            })
        });
        json!({
            "case": self.case, "connections": self.connections, "rounds": self.pairs.len(),
            "server": server, "ceiling": bare, "rate_ratio": self.ratio(|s| s.rate), "cpu_ratio": self.ratio(|s| s.cpu),
        })
    }
}

impl Outcome {
    /// An aligned table, and what belongs to no row of it.
    pub(super) fn render(&self) -> String {
        let columns = ["case", "conns", "req/s", "p50 us", "p99 us", "cpu us"];
        let bare = ["ceiling req/s", "p50 us", "p99 us", "cpu us", "req/s x", "cpu x"];
        let mut table = Table::new(&[&columns[..], &bare[..]].concat());
        for row in &self.rows {
            table.row(row.cells());
        }
        format!(
            "\n{}\nmemory of the server: {:.1} MiB idle, {:.1} MiB after the load, {:.1} MiB at its peak\n\
             one durable append of 4 KiB on this disk: median {:.0} us, p99 {:.0} us\n",
            table.render(),
            mebibytes(self.idle.now),
            mebibytes(self.loaded.now),
            mebibytes(self.loaded.peak),
            self.fsync.median,
            self.fsync.p99,
        )
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "cases": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "memory_kib": {"idle": self.idle.now, "loaded": self.loaded.now, "peak": self.loaded.peak},
            "fsync_us": {"median": self.fsync.median, "p99": self.fsync.p99},
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 KiB")]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rate: f64, cpu: f64) -> Sample {
        Sample {
            rate,
            p50: 100.0,
            p99: 200.0,
            cpu,
        }
    }

    #[test]
    fn compares_each_sample_with_its_neighbor() {
        // The machine slows down by half between the rounds: the ratio must not notice.
        let pairs = vec![
            (sample(80.0, 5.0), sample(100.0, 4.0)),
            (sample(40.0, 5.0), sample(50.0, 4.0)),
        ];
        let row = Row {
            case: "x",
            connections: 16,
            pairs,
        };
        let cells = [
            "x", "16", "60", "100", "200", "5", "75", "100", "200", "4", "0.80", "1.25",
        ];
        assert_eq!(row.cells(), cells);
        assert_eq!(
            row.json().pointer("/ceiling/requests_per_second"),
            Some(&json!(75.0))
        );
    }
}
