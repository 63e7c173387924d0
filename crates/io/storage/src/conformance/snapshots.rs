//! Snapshots: one moment, whatever happens meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Place, checks, open, within};
use crate::{Batch, Entry, Snapshot, Storage};

checks![an_empty_store, a_snapshot_stands_still];

async fn all(snapshot: &mut dyn Snapshot, limit: usize) -> Vec<(String, Entry)> {
    let mut records = Vec::new();
    loop {
        let page = snapshot.next(limit).await.unwrap();
        if page.is_empty() {
            return records;
        }
        assert!(page.len() <= limit, "at most {limit}: {}", page.len());
        records.extend(page);
    }
}

async fn an_empty_store(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.revision(), store.revision().await.unwrap());
    assert!(snapshot.next(10).await.unwrap().is_empty());
    assert!(
        snapshot.next(10).await.unwrap().is_empty(),
        "and stays at its end"
    );
}

async fn a_snapshot_stands_still(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let mut model = BTreeMap::new();
    for round in 0..20 {
        write(&*store, &mut model, round).await;
    }
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.revision(), store.revision().await.unwrap());
    let mut records = snapshot.next(7).await.unwrap();
    let mut later = model.clone();
    for round in 20..60 {
        let commit = write(&*store, &mut later, round);
        within(
            Duration::from_secs(20),
            "a commit beside an open snapshot",
            commit,
        )
        .await;
    }
    records.extend(all(&mut *snapshot, 7).await);
    let wanted: Vec<(String, Entry)> = model.into_iter().collect();
    assert!(records == wanted, "everything as of the snapshot, in key order");
    drop(snapshot);

    let mut snapshot = store.snapshot().await.unwrap();
    let wanted: Vec<(String, Entry)> = later.into_iter().collect();
    assert!(all(&mut *snapshot, 1000).await == wanted);
}

/// Puts, overwrites and deletes, mirrored in `model`.
async fn write(store: &dyn Storage, model: &mut BTreeMap<String, Entry>, round: u32) {
    let mut batch = Batch::new().delete(format!("k/{}", round % 7));
    let mut puts = Vec::new();
    for n in 0..10 {
        let (key, value) = (format!("k/{}", (round * 3 + n) % 50), format!("{round:0500}"));
        batch = batch.put(&key, value.clone());
        puts.push((key, value));
    }
    let revision = store.commit(batch).await.unwrap();
    model.remove(&format!("k/{}", round % 7));
    for (key, value) in puts {
        let sealed = value.into();
        model.insert(key, Entry { sealed, revision });
    }
}
