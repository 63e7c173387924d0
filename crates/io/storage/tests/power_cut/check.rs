//! Opening the store on what a power cut left.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;

use arca_storage::{Batch, EmbeddedStorage, Expected, Storage};
use parking_lot::Mutex;

use crate::disk::Tree;
use crate::home;
use crate::workload::{Progress, WRITERS, batch, content, done, options};

/// What a power cut left, and what had been acknowledged by then.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) tree: Tree,
    pub(crate) progress: Progress,
}

/// Checks all cases, on all processors, and names every one that fails.
pub(crate) fn check_all(cases: Vec<Case>) {
    let cases = Mutex::new(distinct(cases).into_iter());
    let failures = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let home = home();
                loop {
                    let next = cases.lock().next();
                    let Some(case) = next else {
                        return;
                    };
                    if let Err(reason) = check(home.path(), &case) {
                        failures.lock().push(format!("{}: {reason}", case.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner();
    let shown: Vec<&String> = failures.iter().take(10).collect();
    assert!(failures.is_empty(), "{} power cuts: {shown:#?}", failures.len());
}

/// Leaves out what is to be checked already.
fn distinct(cases: Vec<Case>) -> Vec<Case> {
    let mut seen = HashSet::new();
    let is_new = |case: &Case| seen.insert((case.tree.fingerprint(), case.progress.clone()));
    cases.into_iter().filter(is_new).collect()
}

fn check(home: &Path, case: &Case) -> Result<(), String> {
    let checked = catch_unwind(AssertUnwindSafe(|| {
        case.tree.write_to(home);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(survives(home, &case.progress))
    }));
    checked.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.unwrap_or_else(|| "panicked".to_owned()))
    })
}

async fn survives(home: &Path, progress: &Progress) -> Result<(), String> {
    let open = || EmbeddedStorage::open(home.join("data"), options()).map_err(|error| error.to_string());
    let store = open()?;
    let found = is_whole(&store, progress).await?;
    takes_batches(&store, found).await?;
    drop(store);

    let store = open()?;
    let found = found.map(|batches| batches + 1);
    let now = is_whole(
        &store,
        &Progress {
            batches: found,
            revision: progress.revision,
        },
    )
    .await?;
    if now != found {
        return Err(format!(
            "{found:?} batches were there, and after reopening {now:?}"
        ));
    }
    Ok(())
}

/// Checks all content, and returns of each writer how many batches are there.
async fn is_whole(store: &EmbeddedStorage, progress: &Progress) -> Result<[usize; WRITERS], String> {
    let mut found = [0; WRITERS];
    for (writer, found) in found.iter_mut().enumerate() {
        *found = done(store, writer).await;
        let acknowledged = progress.batches[writer];
        if !(acknowledged..=acknowledged + 1).contains(found) {
            return Err(format!(
                "writer {writer}: {acknowledged} acknowledged, {found} there"
            ));
        }
        let records = store.read_range(&format!("w{writer}/"), "", usize::MAX).await;
        let records: BTreeMap<_, _> = records
            .map_err(|error| error.to_string())?
            .records
            .into_iter()
            .map(|(key, entry)| (key, entry.sealed))
            .collect();
        if records != content(writer, *found) {
            return Err(format!("writer {writer}: {found} batches there, but not whole"));
        }
    }
    let revision = store.revision().await.map_err(|error| error.to_string())?;
    if revision.0 < progress.revision {
        return Err(format!("revision {} after {}", revision.0, progress.revision));
    }
    lists_what_is_there(store).await?;
    Ok(found)
}

async fn lists_what_is_there(store: &EmbeddedStorage) -> Result<(), String> {
    let all = store
        .scan("", "", usize::MAX)
        .await
        .map_err(|error| error.to_string())?;
    let wanted: BTreeSet<String> = all.names.into_iter().collect();
    let (mut listed, mut folders) = (BTreeSet::new(), vec![String::new()]);
    while let Some(folder) = folders.pop() {
        let page = store.list(&folder, "", usize::MAX).await;
        let names = page.map_err(|error| error.to_string())?.names;
        if names.is_empty() && !folder.is_empty() {
            return Err(format!("the folder {folder} is listed, and nothing is in it"));
        }
        for name in names {
            let path = format!("{folder}{name}");
            if name.ends_with('/') {
                folders.push(path);
            } else {
                listed.insert(path);
            }
        }
    }
    if listed != wanted {
        return Err(format!(
            "listed but not there: {:?}; there but not listed: {:?}",
            listed.difference(&wanted).collect::<Vec<_>>(),
            wanted.difference(&listed).collect::<Vec<_>>()
        ));
    }
    Ok(())
}

/// Writes the next batch of each writer, on the condition of what is there.
async fn takes_batches(store: &EmbeddedStorage, found: [usize; WRITERS]) -> Result<(), String> {
    for (writer, number) in found.into_iter().enumerate() {
        let key = format!("w{writer}/count");
        let before = store.get(&key).await.map_err(|error| error.to_string())?;
        let expected = before.map_or(Expected::Absent, |entry| Expected::At(entry.revision));
        let batch: Batch = batch(writer, number).0.expect(key, expected);
        store.commit(batch).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}
