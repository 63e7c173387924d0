//! `cargo xtask bench events`: how long an event takes to its subscribers, and what an idle one costs.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::Settings;
use super::arca::{Arca, MOUNT};
use super::figures::Figures;
use super::server::fresh_folder;
use super::statistics::percentile;
use crate::args::Args;
use crate::time::{Stopwatch, pause};

/// A thread for each subscriber: it needs little.
const STACK: usize = 128 << 10;

pub(super) fn run(settings: &Settings, mut args: Args) -> Result<()> {
    let subscribers: usize = args.number("subscribers", 1000)?;
    let writes: usize = args.number("writes", 200)?;
    args.finish()?;
    let program = settings.build_server(&[])?;
    let folder = fresh_folder(&settings.data)?;
    let arca = Arca::start(program, &folder)?;
    let mut figures = Figures::default();
    figures.memory(&arca, "before")?;
    let before = arca.running.process.memory()?.now;
    let mut streams = Vec::with_capacity(subscribers);
    for _ in 0..subscribers {
        streams.push(subscribe(&arca)?);
    }
    pause(Duration::from_secs(2));
    let after = arca.running.process.memory()?.now;
    figures.memory(&arca, &format!("with {subscribers} idle subscribers"))?;
    let each = (after.saturating_sub(before)) as f64 / subscribers.max(1) as f64;
    figures.push("memory of an idle subscriber", each, "KiB");
    let delays = deliver(&arca, streams, writes)?;
    for percent in [50, 99, 100] {
        let what = format!(
            "from the start of a write to a subscriber, p{percent} of {}",
            delays.len()
        );
        figures.push(what, percentile(&delays, percent), "ms");
    }
    drop(arca);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    figures.print(settings.json);
    Ok(())
}

/// A stream that has begun.
pub(super) fn subscribe(arca: &Arca) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(&arca.running.address).context("cannot connect")?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let request = format!(
        "GET /v1/sys/events/subscribe/kv* HTTP/1.1\r\nhost: bench\r\nx-vault-token: {}\r\n\r\n",
        arca.token
    );
    stream.write_all(request.as_bytes())?;
    let mut stream = BufReader::with_capacity(1024, stream);
    let ready = until(&mut stream, "event: arca/ready")?;
    if !ready {
        bail!("a stream ended before it began");
    }
    Ok(stream)
}

/// Reads through the first line that begins so; false at the end.
fn until(stream: &mut BufReader<TcpStream>, beginning: &str) -> Result<bool> {
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if line.starts_with(beginning) {
            return Ok(true);
        }
    }
}

/// Writes one secret after the other, and gives how long each took to each subscriber, in milliseconds.
fn deliver(arca: &Arca, streams: Vec<BufReader<TcpStream>>, writes: usize) -> Result<Vec<f64>> {
    let clock = Stopwatch::start();
    let mut begun: Vec<Duration> = Vec::with_capacity(writes);
    let arrivals = thread::scope(|scope| -> Result<Vec<Vec<Duration>>> {
        let readers: Vec<_> = streams
            .into_iter()
            .map(|mut stream| {
                let read = move || -> Result<Vec<Duration>> {
                    let mut arrivals = Vec::with_capacity(writes);
                    while arrivals.len() < writes {
                        if !until(&mut stream, "event: kv-v2/data-write")? {
                            bail!("a stream ended");
                        }
                        arrivals.push(clock.elapsed());
                    }
                    Ok(arrivals)
                };
                thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read)
            })
            .collect::<Result<_, _>>()?;
        let mut client = arca.client();
        for n in 0..writes {
            begun.push(clock.elapsed());
            let body = json!({"data": {"n": n}});
            client.call("POST", &format!("/v1/{MOUNT}/data/events"), Some(&body))?;
            pause(Duration::from_millis(20));
        }
        let mut all = Vec::with_capacity(readers.len());
        for reader in readers {
            let Ok(arrivals) = reader.join() else {
                bail!("a subscriber failed");
            };
            all.push(arrivals?);
        }
        Ok(all)
    })?;
    let delays = arrivals.iter().flat_map(|arrivals| {
        let pairs = arrivals.iter().zip(&begun);
        pairs.map(|(arrived, begun)| arrived.saturating_sub(*begun).as_secs_f64() * 1e3)
    });
    Ok(delays.collect())
}
