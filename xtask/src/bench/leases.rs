//! `cargo xtask bench leases`: many database users at once, and what happens when very many end in the same second.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Settings;
use super::arca::{Arca, MOUNT};
use super::figures::Figures;
use super::fill::fill;
use super::http::Client;
use super::server::fresh_folder;
use super::statistics::{median, percentile};
use crate::args::Args;
use crate::time::{Stopwatch, pause};
use crate::workspace::cargo;

/// A program of the tests that starts the database.
const FIXTURES: &str = "arca-fixtures";
/// Seconds that the leases which are due together live, for each thousand of them: enough to make them in.
const SECONDS_FOR_EACH_THOUSAND: usize = 6;
/// Connections of the server to the database.
const POOL: usize = 8;

const CREATION: &str =
    "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';";

pub(super) fn run(settings: &Settings, mut args: Args) -> Result<()> {
    let leases: usize = args.number("leases", 100_000)?;
    let due: usize = args.number("due", 10_000)?;
    let connections: usize = args.number("connections", 32)?;
    args.finish()?;
    let database = Database::start()?;
    let program = settings.build_server(&[])?;
    let folder = fresh_folder(&settings.data)?;
    let arca = Arca::start(program, &folder)?;
    configure(&arca, &database)?;
    let mut figures = Figures::default();
    figures.memory(&arca, "without leases")?;

    let rate = make(&arca, &arca.token, "long", leases, connections)?;
    figures.push("database users made each second", rate, "");
    figures.memory(&arca, &format!("with {leases} database leases made"))?;
    let (arca, opening) = arca.restart()?;
    figures.opening(&opening, &format!("{leases} database leases"));
    figures.memory(&arca, &format!("with {leases} database leases, restarted"))?;

    end_together(&arca, due, connections, &mut figures)?;
    drop(arca);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    figures.print(settings.json);
    Ok(())
}

fn configure(arca: &Arca, database: &Database) -> Result<()> {
    let mut client = arca.client();
    client.call(
        "POST",
        "/v1/sys/mounts/database",
        Some(&json!({"type": "database"})),
    )?;
    let config = json!({
        "plugin_name": "postgresql-database-plugin",
        "connection_url": format!("{}?sslmode=disable", database.url),
        "allowed_roles": "*",
        "max_open_connections": POOL,
    });
    client.call("POST", "/v1/database/config/bench", Some(&config))?;
    for (name, ttl) in [("long", "24h"), ("short", "24h")] {
        let role = json!({
            "db_name": "bench",
            "creation_statements": [CREATION],
            "default_ttl": ttl,
            "max_ttl": "48h",
        });
        client.call("POST", &format!("/v1/database/roles/{name}"), Some(&role))?;
    }
    let secret = json!({"data": {"user": "application"}});
    client.call("POST", &format!("/v1/{MOUNT}/data/app"), Some(&secret))?;
    Ok(())
}

/// Makes `count` database users from `connections` threads; gives how many each second.
fn make(arca: &Arca, token: &str, role: &str, count: usize, connections: usize) -> Result<f64> {
    let time = Stopwatch::start();
    let client = || Client::new(&arca.running.address, Some(token));
    let request = |_| ("GET", format!("/v1/database/creds/{role}"), None);
    fill(count, connections, client, request)?;
    Ok(per_second(count, time.elapsed()))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Makes leases that are all due in one second, and reads secrets before and while they end.
///
/// A lease of a batch token ends with the token, so that its leases have one end whenever they were made.
fn end_together(arca: &Arca, due: usize, connections: usize, figures: &mut Figures) -> Result<()> {
    let seconds = 20 + due * SECONDS_FOR_EACH_THOUSAND / 1000;
    let time = Stopwatch::start();
    let batch = json!({"type": "batch", "ttl": format!("{seconds}s"), "policies": ["bench"]});
    let mut client = arca.client();
    let policy = json!({"policy": "path \"database/creds/*\" { capabilities = [\"read\"] }"});
    client.call("PUT", "/v1/sys/policies/acl/bench", Some(&policy))?;
    let created = client.call("POST", "/v1/auth/token/create", Some(&batch))?;
    let token = created.pointer("/auth/client_token").and_then(Value::as_str);
    make(
        arca,
        token.context("the answer has no token")?,
        "short",
        due,
        connections,
    )?;

    let left = Duration::from_secs(seconds as u64).saturating_sub(time.elapsed());
    let quiet = read_for(
        arca,
        left.saturating_sub(Duration::from_secs(2))
            .min(Duration::from_secs(20)),
    )?;
    while time.elapsed() < Duration::from_secs(seconds as u64) {
        pause(Duration::from_millis(5));
    }
    let ending = Stopwatch::start();
    let ended = AtomicBool::new(false);
    let busy = thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(arca, || ended.load(Ordering::Relaxed)));
        let waited = wait_until_gone(&mut arca.client());
        ended.store(true, Ordering::Relaxed);
        let times = reader.join().unwrap_or_else(|_| bail!("the reader panicked"))?;
        waited.map(|()| times)
    })?;
    let rate = per_second(due, ending.elapsed());
    figures.push(
        format!("database users ended each second, {due} due at once"),
        rate,
        "",
    );
    for (name, times) in [("before", &quiet), ("while they end", &busy)] {
        figures.push(format!("read of a secret {name}, median"), median(times), "ms");
        figures.push(
            format!("read of a secret {name}, p99"),
            percentile(times, 99),
            "ms",
        );
    }
    figures.push(
        "p99 of reads, ratio",
        percentile(&busy, 99) / percentile(&quiet, 99),
        "",
    );
    Ok(())
}

/// Waits until no lease of the role that ends is left.
fn wait_until_gone(client: &mut Client) -> Result<()> {
    let time = Stopwatch::start();
    loop {
        let page = client.send(
            "LIST",
            "/v1/sys/leases/lookup/database/creds/short/?limit=1",
            None,
        )?;
        match page.status {
            404 => return Ok(()),
            200 if time.elapsed() < Duration::from_secs(1800) => pause(Duration::from_millis(50)),
            status => bail!("leases are still there after half an hour; the last answer was {status}"),
        }
    }
}

fn read_for(arca: &Arca, long: Duration) -> Result<Vec<f64>> {
    let time = Stopwatch::start();
    read_until(arca, || time.elapsed() >= long)
}

/// The milliseconds that reads of a secret take, one after the other.
fn read_until(arca: &Arca, enough: impl Fn() -> bool) -> Result<Vec<f64>> {
    let mut client = arca.client();
    let mut times = Vec::new();
    while !enough() {
        let time = Stopwatch::start();
        client.call("GET", &format!("/v1/{MOUNT}/data/app"), None)?;
        times.push(time.elapsed().as_secs_f64() * 1e3);
        // A pace that leaves the processors to what is measured.
        pause(Duration::from_micros(500));
    }
    Ok(times)
}

/// A PostgreSQL server that ends with this value.
struct Database {
    url: String,
    server: Child,
}

impl Database {
    fn start() -> Result<Self> {
        let mut command = cargo();
        command
            .args(["run", "--quiet", "--package", FIXTURES, "--bin", "postgres"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut server = command.spawn().context("cannot start the database")?;
        let output = server.stdout.take().context("the database has no output")?;
        let mut url = String::new();
        BufReader::new(output).read_line(&mut url)?;
        if url.trim().is_empty() {
            bail!("the database did not start: {}", server.wait()?);
        }
        Ok(Self {
            url: url.trim().to_owned(),
            server,
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It ends when its input does.
        drop(self.server.stdin.take());
        drop(self.server.wait());
    }
}
