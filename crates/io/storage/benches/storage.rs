//! Measures the stores on this disk, beside what the disk itself can do.
//!
//! `cargo bench -p arca-storage` prints a table. Each row that speaks of memory or of opening runs in a process of
//! its own. `ARCA_BENCH_DIR` names the folder to work in, `ARCA_BENCH_ENTRIES` and `ARCA_BENCH_VALUE_BYTES` the size of
//! the large stores, and `ARCA_BENCH_ROWS` the rows to run, if not all.
#![allow(clippy::allow_attributes, reason = "not every bench needs every exception")]
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench reads clocks, prints, and stops at the first surprise"
)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arca_base::time::Sleep;
use arca_base::{Clock, Timestamp};
use arca_fixtures::{Postgres, PostgresSetup};
use arca_storage::{Batch, EmbeddedOptions, EmbeddedStorage, PostgresOptions, PostgresStorage, Storage};
use bytes::Bytes;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("row") => runtime.block_on(row(&arguments[2], Path::new(&arguments[3]))),
        _ => table(),
    }
}

/// Runs each row in a process of its own, in the order that leaves the stores the later ones need.
fn table() {
    let home = std::env::var_os("ARCA_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let home = tempfile::Builder::new()
        .prefix("arca-bench-")
        .tempdir_in(home)
        .unwrap();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    print(
        "load of the machine before",
        load.split(' ').next().unwrap_or_default(),
    );
    let wanted = std::env::var("ARCA_BENCH_ROWS").ok();
    let is_wanted = |name: &&str| {
        wanted
            .as_ref()
            .is_none_or(|rows| rows.split(',').any(|row| row == *name))
    };
    let rows = [
        "disk",
        "empty",
        "one",
        "many",
        "load-flat",
        "open-flat",
        "read-flat",
        "list-flat",
        "load-tree",
        "list-tree",
        "postgres",
    ];
    for name in rows.into_iter().filter(is_wanted) {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["row", name])
            .arg(home.path())
            .status()
            .unwrap();
        assert!(status.success(), "{name}");
    }
}

async fn row(name: &str, home: &Path) {
    match name {
        "disk" => disk(home),
        "empty" => empty(home).await,
        "one" => commits(open(&home.join("one")), 1).await,
        "many" => commits(open(&home.join("many")), 64).await,
        "load-flat" => load_rows(open(&home.join("flat")), "flat", flat_key).await,
        "load-tree" => load_rows(open(&home.join("tree")), "tree", tree_key).await,
        "postgres" => postgres().await,
        "open-flat" => reopen(home).await,
        "read-flat" => point_reads(home).await,
        "list-flat" => pages(&open(&home.join("flat")), "big/", "1,000 keys of a folder of all").await,
        "list-tree" => {
            pages(
                &open(&home.join("tree")),
                "tree/",
                "1,000 folders of 100 keys each",
            )
            .await
        }
        other => panic!("no row {other}"),
    }
}

fn print(what: &str, value: impl std::fmt::Display) {
    println!("{what:<58} {value:>24}");
}

fn entries() -> u64 {
    setting("ARCA_BENCH_ENTRIES", 1_000_000)
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A well spread number for each `n`.
fn spread(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 80 bytes, in no order, all in one folder.
fn flat_key(n: u64) -> String {
    format!("big/{:016x}{n:060}", spread(n))
}

/// 80 bytes, 100 keys in each folder.
fn tree_key(n: u64) -> String {
    let folder = n / 100;
    format!("tree/{:016x}{folder:030}/{:028}", spread(folder), spread(n) >> 8)
}

fn value(n: u64) -> Bytes {
    (0..setting("ARCA_BENCH_VALUE_BYTES", 600) / 8)
        .flat_map(|part| spread(n ^ (part << 40)).to_le_bytes())
        .collect()
}

fn open(folder: &Path) -> EmbeddedStorage {
    EmbeddedStorage::open(folder, EmbeddedOptions::default()).unwrap()
}

/// A line of `/proc/self/status`, in MiB.
fn memory(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    let kib: f64 = found
        .trim_matches([':', ' ', '\t', 'k', 'B'])
        .trim()
        .parse()
        .unwrap();
    kib / 1024.0
}

fn per_second(count: u64, elapsed: Duration) -> String {
    format!("{:.0} /s", count as f64 / elapsed.as_secs_f64())
}

fn disk(home: &Path) {
    let mut file = File::create(home.join("raw")).unwrap();
    file.set_len(64 << 20).unwrap();
    file.sync_all().unwrap();
    let start = Instant::now();
    for _ in 0..500 {
        file.write_all(&[7; 700]).unwrap();
        file.sync_data().unwrap();
    }
    print(
        "fdatasync of 700 bytes appended, one thread",
        per_second(500, start.elapsed()),
    );
}

async fn empty(home: &Path) {
    let before = memory("VmRSS");
    let store = open(&home.join("empty"));
    store.commit(Batch::new().put("a", "1")).await.unwrap();
    let after = memory("VmRSS");
    print("memory of an empty store", format!("{:.1} MiB", after - before));
    print("memory of the process with it", format!("{after:.1} MiB"));
}

async fn commits(store: impl Storage, writers: u64) {
    let store = Arc::new(store);
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let run = Duration::from_secs(6);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        tasks.spawn(async move {
            let mut n = writer << 40;
            while start.elapsed() < run {
                store
                    .commit(Batch::new().put(flat_key(n), value(n)))
                    .await
                    .unwrap();
                done.fetch_add(1, Ordering::Relaxed);
                n += 1;
            }
        });
    }
    tasks.join_all().await;
    let elapsed = start.elapsed();
    print(
        &format!("durable commits, {writers} writers"),
        per_second(done.load(Ordering::Relaxed), elapsed),
    );
}

async fn load_rows(store: impl Storage, name: &str, key: fn(u64) -> String) {
    let (total, store) = (entries(), Arc::new(store));
    let elapsed = load(Arc::clone(&store), total, key).await;
    print(
        &format!("loading {total} entries into {name}, 500 a commit"),
        per_second(total, elapsed),
    );
    print(
        "  most memory of the process meanwhile",
        format!("{:.0} MiB", memory("VmHWM")),
    );
    print(
        "  memory of the process after",
        format!("{:.0} MiB", memory("VmRSS")),
    );
}

async fn load(store: Arc<impl Storage>, total: u64, key: fn(u64) -> String) -> Duration {
    let start = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, next) = (Arc::clone(&store), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let first = next.fetch_add(500, Ordering::Relaxed);
                if first >= total {
                    return;
                }
                let batch = (first..first + 500).fold(Batch::new(), |batch, n| batch.put(key(n), value(n)));
                store.commit(batch).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    start.elapsed()
}

async fn reopen(home: &Path) {
    let start = Instant::now();
    let store = open(&home.join("flat"));
    let elapsed = start.elapsed();
    print("opening it", format!("{:.0} ms", elapsed.as_secs_f64() * 1e3));
    print(
        "  memory of the process after",
        format!("{:.0} MiB", memory("VmRSS")),
    );
    assert!(store.get(&flat_key(77)).await.unwrap().is_some());
}

async fn point_reads(home: &Path) {
    let store = Arc::new(open(&home.join("flat")));
    let total = entries();
    for (what, absent) in [("point read", 0), ("point read of what is not there", 1 << 50)] {
        let count = 100_000;
        for round in 0..2 {
            let start = Instant::now();
            for n in 0..count {
                let key = flat_key((spread(n + round * count) % total) | absent);
                assert_eq!(store.get(&key).await.unwrap().is_none(), absent > 0);
            }
            if round == 1 {
                print(what, micros(start.elapsed(), count));
            }
        }
    }
    let count = 30_000;
    let start = Instant::now();
    for n in 0..count {
        let (store, key) = (Arc::clone(&store), flat_key(spread(n) % total));
        let read = move || futures_util::FutureExt::now_or_never(async move { store.get(&key).await });
        assert!(tokio::task::spawn_blocking(read).await.unwrap().unwrap().is_ok());
    }
    print("  the same on another thread", micros(start.elapsed(), count));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..2 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for n in 0..100_000 {
                let key = flat_key(spread(n * 2 + task) % total);
                assert!(store.get(&key).await.unwrap().is_some());
            }
        });
    }
    tasks.join_all().await;
    print(
        "  two tasks at once, in all",
        per_second(200_000, start.elapsed()),
    );
    print(
        "  memory of the process after",
        format!("{:.0} MiB", memory("VmRSS")),
    );
}

fn micros(elapsed: Duration, count: u64) -> String {
    format!("{:.1} us", elapsed.as_secs_f64() * 1e6 / count as f64)
}

/// Pages of 1,000 names from different places of a folder.
async fn pages(store: &impl Storage, folder: &str, what: &str) {
    let mut times = Vec::new();
    for n in 0..60 {
        let after = format!("{:016x}", spread(n) >> 1);
        let start = Instant::now();
        let page = store.list(folder, &after, 1000).await.unwrap();
        times.push(start.elapsed());
        assert_eq!(page.names.len(), 1000, "enough names in {folder}");
    }
    let first = times[0];
    times.sort_unstable();
    let millis = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    print(&format!("a page of {what}"), millis(times[times.len() / 2]));
    print(
        "  the first, and the slowest",
        format!("{}, {}", millis(first), millis(*times.last().unwrap())),
    );
}

struct RealClock(Instant);

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH.plus_duration(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The same on a PostgreSQL server of this machine, which keeps what it has acknowledged.
async fn postgres() {
    println!("PostgreSQL on this machine:");
    let setup = PostgresSetup {
        durable: true,
        ..PostgresSetup::default()
    };
    let server = Postgres::start_with(&setup).unwrap();
    let connect = async || {
        let options = PostgresOptions::new(server.url());
        let clock = Arc::new(RealClock(Instant::now()));
        PostgresStorage::connect(options, clock).await.unwrap()
    };
    commits(connect().await, 1).await;
    commits(connect().await, 64).await;
    let (store, total) = (Arc::new(connect().await), entries() / 5);
    load(Arc::clone(&store), total, flat_key).await;
    load(Arc::clone(&store), total, tree_key).await;
    server.query("VACUUM ANALYZE").unwrap();
    let (count, start) = (5_000, Instant::now());
    for n in 0..count {
        let read = store.get(&flat_key(spread(n) % total)).await.unwrap();
        assert!(read.is_some());
    }
    print("point read", micros(start.elapsed(), count));
    let of = format!("of {total}");
    pages(&*store, "big/", &format!("1,000 keys {of}")).await;
    pages(&*store, "tree/", &format!("1,000 folders of 100 keys {of}")).await;
}
