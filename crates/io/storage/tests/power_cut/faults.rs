//! A disk that refuses: what fails is said, and not forgotten.
//!
//! `strace` makes one system call of a process fail. The process goes on with its store and says what it was told.

use std::fs;
use std::path::Path;
use std::process::Command;

use arca_storage::{Batch, EmbeddedStorage, Storage, StorageError};

use crate::home;
use crate::workload::{acks_of, options};

const VARIABLE: &str = "ARCA_FAULTY_DISK";
const COMMITS: usize = 12;

/// The other side of the test, in a process of its own. Without being told where to write it has nothing to do.
#[test]
fn on_a_faulty_disk() {
    let Ok(home) = std::env::var(VARIABLE) else {
        return;
    };
    let home = Path::new(&home);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let told = runtime.block_on(commit_until_refused(home));
    fs::write(acks_of(home), told.join("\n")).unwrap();
}

/// Commits, and says of each whether it was acknowledged.
async fn commit_until_refused(home: &Path) -> Vec<String> {
    let store = EmbeddedStorage::open(home.join("data"), options()).unwrap();
    let mut told = Vec::new();
    for n in 0..COMMITS {
        let answer = store
            .commit(Batch::new().put(format!("k{n}"), vec![b'x'; 3000]))
            .await;
        told.push(match answer {
            Ok(_) => "acknowledged".to_owned(),
            Err(StorageError::Unavailable(reason)) => format!("refused: {reason}"),
            Err(error) => panic!("{error}"),
        });
        let there = store.get(&format!("k{n}")).await.unwrap().is_some();
        assert_eq!(
            there,
            told[n] == "acknowledged",
            "what was refused cannot be seen"
        );
    }
    told
}

/// Runs the store with one kind of system call that fails from a certain one on, as `strace` counts.
fn run_with(home: &Path, fault: &str) -> Vec<String> {
    let strace = arca_fixtures::install::program("strace", &["/usr/bin"], "strace").unwrap();
    let output = Command::new(strace)
        .args(["-f", "-o", "/dev/null", "-e", "signal=none", "-P"])
        .arg(home.join("data/store/db/0.jnl"))
        .args(["-e", &format!("inject={fault}")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::on_a_faulty_disk"])
        .env(VARIABLE, home)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let told = fs::read_to_string(acks_of(home)).unwrap();
    fs::remove_file(acks_of(home)).unwrap();
    told.lines().map(str::to_owned).collect()
}

#[test]
fn a_write_that_fails_ends_all_writes_until_the_store_is_opened_again() {
    for fault in [
        "fdatasync:error=EIO:when=5",
        "write:error=ENOSPC:when=5",
        "write:error=EIO:when=7",
    ] {
        let home = home();
        let told = run_with(home.path(), fault);
        let good = told.iter().take_while(|line| *line == "acknowledged").count();
        assert!((1..COMMITS).contains(&good), "{fault}: {told:?}");
        assert!(
            told[good..]
                .iter()
                .all(|line| line.contains("until the store is opened again")),
            "{fault} happened once, and is not forgotten: {told:?}"
        );
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(is_as_told(home.path(), good));
    }
}

/// After the store was opened again what was acknowledged is there, of what failed at most the first, and it goes on.
async fn is_as_told(home: &Path, acknowledged: usize) {
    let store = EmbeddedStorage::open(home.join("data"), options()).unwrap();
    let there = store.scan("", "", 100).await.unwrap().names.len();
    assert!(
        (acknowledged..=acknowledged + 1).contains(&there),
        "{acknowledged} acknowledged, {there} there"
    );
    store.commit(Batch::new().put("more", "1")).await.unwrap();
}
