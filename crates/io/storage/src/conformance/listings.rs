//! Listings, scans and range reads against a model.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Place, checks, open};
use crate::{Batch, Entry, Page, Storage};

checks![
    folders_are_listed_as_the_model_says,
    keys_are_scanned_as_the_model_says,
    ranges_are_read_as_the_model_says,
    pages_add_up,
    a_folder_goes_with_its_last_key,
];

/// Neighbors of the slash on both sides, keys that are folders too, and characters of every width.
const KEYS: &[&str] = &[
    "a",
    "a b",
    "a-b",
    "a.b",
    "a/-",
    "a/0",
    "a/b",
    "a/b-c",
    "a/b/c",
    "a/b/c/d/e",
    "a/b0",
    "a/\u{e9}",
    "a/\u{e9}/x",
    "a0",
    "a\u{1}",
    "a\u{7f}/x",
    "A",
    "app",
    "app/x/1",
    "app/x/2",
    "app/y",
    "b/1",
    "b/2",
    "b/3",
    "only/deep/down/here",
    "z\u{d7ff}",
    "z\u{e000}",
    "\u{df}",
    "\u{20ac}/x",
    "\u{1f511}",
    "\u{1f511}/\u{1f511}",
    "\u{10ffff}",
    "\u{10ffff}/\u{10ffff}",
];

/// Cursors: names that exist, names that do not, and texts that could not be names.
const AFTER: &[&str] = &[
    "",
    "!",
    "-",
    "/",
    "0",
    "a",
    "a-",
    "a-b",
    "a.",
    "a/",
    "a/b",
    "a0",
    "app",
    "app/",
    "b",
    "b/",
    "b/9",
    "c",
    "x",
    "x/",
    "z\u{d7ff}",
    "z\u{e000}",
    "\u{e9}",
    "\u{e9}/",
    "\u{1f511}",
    "\u{1f511}/",
    "\u{10ffff}/",
];

const FOLDERS: &[&str] = &[
    "",
    "a/",
    "a/b/",
    "a/b/c/d/",
    "app/",
    "b/",
    "missing/",
    "only/",
    "\u{1f511}/",
    "\u{10ffff}/",
];

const PREFIXES: &[&str] = &[
    "",
    "a",
    "a/",
    "a/b",
    "app/x/",
    "b/",
    "missing",
    "z",
    "z\u{d7ff}",
    "\u{10ffff}",
];

const LIMITS: &[usize] = &[0, 1, 3, 1000, usize::MAX];

async fn filled(place: &dyn Place) -> Arc<dyn Storage> {
    let store = open(place).await;
    let mut batch = Batch::new();
    for key in KEYS {
        batch = batch.put(*key, format!("value of {key}"));
    }
    store.commit(batch).await.unwrap();
    store
}

fn page(names: &BTreeSet<&str>, after: &str, limit: usize) -> Page {
    let rest: Vec<String> = names
        .iter()
        .filter(|name| **name > after)
        .map(|name| (*name).to_owned())
        .collect();
    Page {
        more: rest.len() > limit,
        names: rest.into_iter().take(limit).collect(),
    }
}

async fn folders_are_listed_as_the_model_says(place: Arc<dyn Place>) {
    let store = filled(&*place).await;
    for folder in FOLDERS {
        let below = KEYS.iter().filter_map(|key| key.strip_prefix(folder));
        let names = below
            .map(|rest| rest.split_inclusive('/').next().unwrap())
            .collect();
        for after in AFTER {
            for limit in LIMITS {
                let listed = store.list(folder, after, *limit).await.unwrap();
                let model = page(&names, after, *limit);
                assert_eq!(listed, model, "list {folder:?} after {after:?} limit {limit}");
            }
        }
    }
}

async fn keys_are_scanned_as_the_model_says(place: Arc<dyn Place>) {
    let store = filled(&*place).await;
    for prefix in PREFIXES {
        let below = KEYS.iter().filter_map(|key| key.strip_prefix(prefix));
        let names = below.collect();
        for after in AFTER {
            for limit in LIMITS {
                let scanned = store.scan(prefix, after, *limit).await.unwrap();
                let model = page(&names, after, *limit);
                assert_eq!(scanned, model, "scan {prefix:?} after {after:?} limit {limit}");
            }
        }
    }
}

async fn ranges_are_read_as_the_model_says(place: Arc<dyn Place>) {
    let store = filled(&*place).await;
    let revision = store.revision().await.unwrap();
    for prefix in PREFIXES {
        let keys = KEYS
            .iter()
            .copied()
            .filter(|key| key.starts_with(prefix))
            .collect();
        for after in AFTER {
            for limit in LIMITS {
                let read = store.read_range(prefix, after, *limit).await.unwrap();
                let model = page(&keys, after, *limit);
                let entry = |key: String| {
                    let sealed = format!("value of {key}").into();
                    (key, Entry { sealed, revision })
                };
                let records: Vec<_> = model.names.into_iter().map(entry).collect();
                assert_eq!(
                    (read.records, read.more),
                    (records, model.more),
                    "read {prefix:?} after {after:?} limit {limit}"
                );
            }
        }
    }
}

async fn pages_add_up(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let keys: Vec<String> = (0..500)
        .map(|n| format!("big/{:03}/{}", n / 2, n % 2))
        .chain((0..500).map(|n| format!("big/key-{n:03}")))
        .collect();
    for chunk in keys.chunks(100) {
        let batch = chunk.iter().fold(Batch::new(), |batch, key| batch.put(key, "v"));
        store.commit(batch).await.unwrap();
    }
    let (mut names, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = store.list("big/", &after, 70).await.unwrap();
        names.extend(page.names);
        pages += 1;
        if !page.more {
            break;
        }
        after.clone_from(names.last().unwrap());
    }
    let folders = (0..250).map(|n| format!("{n:03}/"));
    let wanted: Vec<String> = folders.chain((0..500).map(|n| format!("key-{n:03}"))).collect();
    assert_eq!(names, wanted);
    assert_eq!(pages, 11, "750 names in pages of 70");
}

async fn a_folder_goes_with_its_last_key(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let batch = Batch::new().put("f/a", "1").put("f/g/b", "1").put("g", "1");
    store.commit(batch).await.unwrap();
    let root = async |names: &[&str]| assert_eq!(store.list("", "", 10).await.unwrap().names, names);
    root(&["f/", "g"]).await;
    store.commit(Batch::new().delete("f/a")).await.unwrap();
    root(&["f/", "g"]).await;
    store.commit(Batch::new().delete("f/g/b")).await.unwrap();
    root(&["g"]).await;
    store.commit(Batch::new().put("f/g/b", "2")).await.unwrap();
    root(&["f/", "g"]).await;
    let batch = Batch::new().delete("f/g/b").put("f/g/c", "3").delete("f/g/c");
    store.commit(batch).await.unwrap();
    root(&["g"]).await;
}
