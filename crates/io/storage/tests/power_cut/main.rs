//! The power goes at every instant of a recorded run, and the store has everything it acknowledged.
//!
//! | part | does |
//! |---|---|
//! | `workload` | writes batches with known content, and knows the content after each |
//! | `strace` | records every change to files, in order, with the bytes |
//! | `disk` | what the system and the disk hold after each change, and what a power cut may leave of it |
//! | `check` | opens the store on what is left |
//! | `faults` | lets single system calls fail instead |
//!
//! **The disk.** A write is on disk when its file was synced after it, and before that each sector of 512 bytes may be
//! there or not, whatever became of the others. A name (created, renamed, removed) is on disk when its folder was synced
//! after it, and before that it may be there or not, though not without those before it in the same folder. What was
//! synced stays. At each change these images are checked:
//!
//! * everything that was done so far: the process was killed;
//! * only what was synced;
//! * all names, but of the files only what was synced;
//! * the last write torn between two sectors, then what was there before, or garbage;
//! * a random choice of the sectors and names that were not synced.
//!
//! On each the store has to open; every acknowledged batch has to be there, and of each writer nothing or all of the
//! next batch; folders have to list what keys there are; and the store has to take, keep and find new batches.
#![allow(clippy::allow_attributes, reason = "not every test needs every exception")]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests"
)]
#![cfg(target_os = "linux")]

mod check;
mod disk;
mod faults;
mod random;
mod strace;
mod workload;

use std::path::{Path, PathBuf};
use std::time::Instant;

use check::{Case, check_all};
use disk::Disk;
use strace::{Change, record};
use workload::{Progress, Workload};

/// The other side of the test: what is recorded runs in a process of its own, which is this program again. Without
/// being told where to write it has nothing to do.
#[test]
fn recorded() {
    if let Some(workload) = Workload::from_environment() {
        workload.run();
    }
}

/// A folder in memory, where there is one: hundreds of stores are written and thrown away.
fn home() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    tempfile::Builder::new()
        .prefix("arca-power-cut-")
        .tempdir_in(parent)
        .unwrap()
}

/// A run that was recorded on top of a disk.
struct Recording {
    before: Disk,
    /// What was acknowledged before the run.
    progress: Progress,
    changes: Vec<Change>,
}

impl Recording {
    /// Runs `workload` on what `before` holds.
    fn of(home: &Path, before: Disk, progress: Progress, workload: &Workload) -> Self {
        before.everything().write_to(home);
        let changes = record(home, &before, workload);
        let recording = Self {
            before,
            progress,
            changes,
        };
        let mut after = recording.before.clone();
        for change in &recording.changes {
            after.apply(change);
        }
        after.everything().assert_same_as(home);
        recording
    }

    /// Every image of every instant that `wanted` asks for.
    fn cases(&self, wanted: impl Fn(usize) -> bool) -> Vec<Case> {
        let (mut disk, mut progress) = (self.before.clone(), self.progress.clone());
        let mut cases = Vec::new();
        for (number, change) in self.changes.iter().enumerate() {
            let torn = disk.torn(change, number);
            disk.apply(change);
            let acknowledged = progress.clone();
            progress.note(change);
            if wanted(number) {
                let before = torn.into_iter().map(|image| (image, &acknowledged));
                let after = disk
                    .images(change, number)
                    .into_iter()
                    .map(|image| (image, &progress));
                cases.extend(before.chain(after).map(|((kind, tree), progress)| Case {
                    name: format!("change {number} ({change:?}), {kind}"),
                    tree,
                    progress: progress.clone(),
                }));
            }
        }
        cases
    }

    /// The disk and the acknowledgements after the first `count` changes.
    fn after(&self, count: usize) -> (Disk, Progress) {
        let (mut disk, mut progress) = (self.before.clone(), self.progress.clone());
        for change in &self.changes[..count] {
            disk.apply(change);
            progress.note(change);
        }
        (disk, progress)
    }

    /// How many files were removed from the folders that `part` is a part of.
    fn removed(&self, part: &str) -> usize {
        let removed = |change: &&Change| matches!(change, Change::Unlink { path } if path.to_string_lossy().contains(part));
        self.changes.iter().filter(removed).count()
    }

    fn first_change(&self, is_it: impl Fn(&Change) -> bool) -> usize {
        self.changes.iter().position(is_it).expect("it was recorded")
    }

    /// The last write to a file of such a name that is large enough to be torn.
    fn last_write_to(&self, suffix: &str) -> usize {
        let journals: Vec<(u64, &PathBuf)> = self
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Create { path, file } if path.to_string_lossy().ends_with(suffix) => {
                    Some((*file, path))
                }
                _ => None,
            })
            .collect();
        self.changes
            .iter()
            .rposition(|change| {
                matches!(change, Change::Write { file, bytes, .. }
                    if bytes.len() > 1024 && journals.iter().any(|(journal, _)| journal == file))
            })
            .expect("something was written")
    }
}

fn report(what: &str, recording: &Recording, cases: Vec<Case>) {
    let (count, start) = (cases.len(), Instant::now());
    check_all(cases);
    println!(
        "{what}: {} changes recorded, {count} images of power cuts checked in {:.0?}",
        recording.changes.len(),
        start.elapsed()
    );
}

/// From an empty folder on: creation, commits, files written out and merged.
#[test]
fn at_every_instant_of_a_busy_store() {
    let home = home();
    let recording = Recording::of(
        home.path(),
        Disk::default(),
        Progress::default(),
        &Workload::busy(),
    );
    assert!(
        recording.removed("keyspaces/1/tables/") > 2,
        "files were written out and merged"
    );
    report("a busy store", &recording, recording.cases(|_| true));
}

/// While the store recovers from a power cut that tore the last group of commits, and goes on.
#[test]
fn at_every_instant_of_a_recovery() {
    let (first, second) = (home(), home());
    let recording = Recording::of(
        first.path(),
        Disk::default(),
        Progress::default(),
        &Workload::busy(),
    );
    let torn = recording.last_write_to(".jnl");
    let (disk, progress) = recording.after(torn);
    let (_, tree) = disk
        .torn(&recording.changes[torn], 1)
        .into_iter()
        .find(|(kind, _)| kind.contains("garbage"))
        .expect("the last write to a journal");
    let recovery = Recording::of(second.path(), Disk::holding(tree), progress, &Workload::short());
    report("a recovery", &recovery, recovery.cases(|_| true));
}

/// While one journal ends, the next begins, and the first is removed because all of it is in files.
#[test]
fn at_every_instant_of_a_change_of_journals() {
    let home = home();
    Workload::filling(home.path()).run();
    let before = Disk::holding_folder(home.path());
    let recording = Recording::of(home.path(), before, Progress::default(), &Workload::short());
    let created =
        recording.first_change(|change| matches!(change, Change::Create { path, .. } if is(path, "1.jnl")));
    let removed =
        recording.first_change(|change| matches!(change, Change::Unlink { path } if is(path, "0.jnl")));
    // Each of these images has a journal of 64 MB to read.
    let near = |number: usize| (created - 4..created + 8).contains(&number) || number.abs_diff(removed) < 3;
    report("a change of journals", &recording, recording.cases(near));
}

fn is(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|found| found == name)
}
