//! One measurement: wrk drives a server for some seconds while the kernel counts its CPU time.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::Process;
use crate::refuse_if;
use crate::workspace::captured;

/// The requests of one measurement.
pub(super) struct Requests<'a> {
    pub(super) method: &'a str,
    /// `{n}` in it stands for the number of a key.
    pub(super) path: &'a str,
    pub(super) keys: usize,
    pub(super) body: Option<&'a str>,
    pub(super) token: Option<&'a str>,
}

/// What one measurement found. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) rate: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// CPU time of the server for each request.
    pub(super) cpu: f64,
}

/// Drives the server at `address` and says what it took.
pub(super) fn measure(
    script: &Path,
    address: &str,
    process: Process,
    requests: &Requests<'_>,
    connections: usize,
    seconds: u64,
) -> Result<Sample> {
    let mut wrk = Command::new("wrk");
    wrk.args([
        "--threads=1",
        &format!("--connections={connections}"),
        &format!("--duration={seconds}s"),
    ]);
    wrk.arg("--script").arg(script).arg(format!("http://{address}"));
    wrk.env("BENCH_METHOD", requests.method)
        .env("BENCH_PATH", requests.path);
    wrk.env("BENCH_KEYS", requests.keys.max(1).to_string());
    for (name, value) in [("BENCH_BODY", requests.body), ("BENCH_TOKEN", requests.token)] {
        match value {
            Some(value) => wrk.env(name, value),
            None => wrk.env_remove(name),
        };
    }
    let before = process.cpu_micros()?;
    let output = captured(&mut wrk)?;
    let cpu = process.cpu_micros()? - before;
    sample(&output, cpu)
}

/// The line that the script prints at the end, put into numbers.
fn sample(output: &str, cpu_micros: f64) -> Result<Sample> {
    let line = output.lines().find_map(|line| line.strip_prefix("result "));
    let line = line.with_context(|| format!("wrk printed no result:\n{output}"))?;
    let number = |name: &str| -> Result<f64> {
        let field = line
            .split(' ')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let field = field.with_context(|| format!("wrk printed no {name}: {line}"))?;
        field.parse().with_context(|| format!("{name}={field}"))
    };
    let (requests, refused, broken) = (number("requests")?, number("refused")?, number("broken")?);
    refuse_if(refused + broken > 0.0 || requests < 1.0, || {
        format!(
            "of {requests} requests {refused} were refused and {broken} broke: the numbers would mean nothing"
        )
    })?;
    Ok(Sample {
        rate: requests * 1e6 / number("micros")?,
        p50: number("p50")?,
        p99: number("p99")?,
        cpu: cpu_micros / requests,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_result_of_a_run() {
        let output = "Running 3s test\n  Requests/sec: 1\nresult requests=3000 micros=1500000 p50=900 p99=2500 refused=0 broken=0\n";
        let expected = Sample {
            rate: 2000.0,
            p50: 900.0,
            p99: 2500.0,
            cpu: 20.0,
        };
        assert_eq!(sample(output, 60_000.0).unwrap(), expected);
    }

    #[test]
    fn a_run_with_errors_is_no_measurement() {
        for counts in [
            "requests=9 refused=1 broken=0",
            "requests=9 refused=0 broken=2",
            "requests=0 refused=0 broken=0",
        ] {
            let output = format!("result micros=1 p50=1 p99=1 {counts}\n");
            assert!(sample(&output, 1.0).is_err(), "{counts}");
        }
        assert!(sample("unable to connect", 1.0).is_err());
        assert!(sample("result requests=many", 1.0).is_err());
    }
}
