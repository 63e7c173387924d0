//! What the disk itself takes to make one write durable: the yardstick of durable writes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::statistics::{median, percentile};
use crate::time::Stopwatch;

/// The latency of an append of 4 KiB with fdatasync, in microseconds.
pub(super) struct Fsync {
    pub(super) median: f64,
    pub(super) p99: f64,
}

const APPENDS: usize = 100;

impl Fsync {
    pub(super) fn of(micros: &[f64]) -> Self {
        Self {
            median: median(micros),
            p99: percentile(micros, 99),
        }
    }
}

/// Times appends to the disk that holds `folder`, in microseconds.
pub(super) fn time_appends(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("fsync.probe");
    let micros = append(&path).with_context(|| format!("cannot measure the disk of {}", folder.display()))?;
    fs::remove_file(&path)?;
    Ok(micros)
}

fn append(path: &Path) -> Result<Vec<f64>> {
    let mut file = File::create(path)?;
    let block = [0x5a_u8; 4096];
    let mut micros = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let time = Stopwatch::start();
        file.write_all(&block)?;
        file.sync_data()?;
        micros.push(time.elapsed().as_secs_f64() * 1e6);
    }
    Ok(micros)
}
