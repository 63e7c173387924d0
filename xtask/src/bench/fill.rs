//! Many requests of one kind, from many connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, bail};
use serde_json::Value;

use super::http::Client;
use crate::time::Stopwatch;

/// A request: method, path, body.
pub(super) type Fill = (&'static str, String, Option<Value>);

/// Sends the requests of 0 to `count` through the API, from `connections` threads; the first that fails ends all.
///
/// Slow for what it does, and honest: it is the store that users would have. A loader that writes the store
/// directly while the server is stopped would stand here.
pub(super) fn fill(
    count: usize,
    connections: usize,
    client: impl Fn() -> Client + Sync,
    request: impl Fn(usize) -> Fill + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let time = Stopwatch::start();
    let work = || -> Result<()> {
        let mut client = client();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return Ok(());
            }
            if n > 0 && n.is_multiple_of(10_000) {
                eprintln!("{n} of {count} after {:.0} s", time.elapsed().as_secs_f64());
            }
            let (method, path, body) = request(n);
            let stop_the_others = |_: &_| next.store(count, Ordering::Relaxed);
            client
                .call(method, &path, body.as_ref())
                .inspect_err(stop_the_others)?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..connections.max(1)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker panicked")))
    })
}
