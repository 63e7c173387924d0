//! Batches: atomic, conditional, and visible when they return.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Place, checks, open, put, text};
use crate::{Batch, Conflict, Expected, Revision, Storage, StorageError};

checks![
    a_batch_applies_whole,
    a_conflict_applies_nothing,
    expectations_are_about_the_store_before_the_batch,
    an_empty_batch_only_checks,
    concurrent_increments_lose_nothing,
    no_reader_sees_half_a_batch,
    writers_see_their_own_writes,
    nodes_that_share_a_store_conflict,
];

async fn a_batch_applies_whole(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    put(&*store, "old", "1").await;
    let batch = Batch::new()
        .put("a", "1")
        .put("b", "1")
        .delete("old")
        .put("a", "2");
    let revision = store.commit(batch).await.unwrap();
    assert_eq!(text(&*store, "a").await.as_deref(), Some("2"), "the last write");
    assert_eq!(text(&*store, "b").await.as_deref(), Some("1"));
    assert_eq!(text(&*store, "old").await, None);
    let page = store.read_range("", "", 10).await.unwrap();
    assert!(page.records.iter().all(|(_, entry)| entry.revision == revision));
}

async fn a_conflict_applies_nothing(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let at = put(&*store, "there", "1").await;
    let cases = [
        ("there", Expected::Absent, Some(at)),
        ("there", Expected::At(Revision(at.0 + 1)), Some(at)),
        ("missing", Expected::At(at), None),
    ];
    for (key, expected, found) in cases {
        let batch = Batch::new()
            .expect("there", Expected::At(at))
            .expect("absent", Expected::Absent)
            .expect(key, expected)
            .expect("absent", Expected::At(at))
            .put("new", "1")
            .delete("there");
        let Err(StorageError::Conflict(conflict)) = store.commit(batch).await else {
            panic!("{key} is not {expected:?}");
        };
        let first = Conflict {
            key: key.to_owned(),
            found,
        };
        assert_eq!(conflict, first, "the first key that was not as expected");
    }
    assert_eq!(store.get("new").await.unwrap(), None);
    assert_eq!(text(&*store, "there").await.as_deref(), Some("1"));
    assert_eq!(store.revision().await.unwrap(), at, "a conflict is not a commit");
}

async fn expectations_are_about_the_store_before_the_batch(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let batch = Batch::new().put("a", "1").expect("a", Expected::Absent);
    let first = store.commit(batch).await.unwrap();
    let batch = Batch::new()
        .delete("a")
        .expect("a", Expected::At(first))
        .expect("guard", Expected::Absent);
    store.commit(batch).await.unwrap();
    let absent_again = Batch::new().expect("a", Expected::Absent).put("a", "2");
    let second = store.commit(absent_again).await.unwrap();
    assert!(
        second > first,
        "a key that was deleted does not get its old revision back"
    );
}

async fn an_empty_batch_only_checks(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    assert_eq!(store.commit(Batch::new()).await.unwrap(), Revision(0));
    let at = put(&*store, "a", "1").await;
    let holds = Batch::new()
        .expect("a", Expected::At(at))
        .expect("b", Expected::Absent);
    assert_eq!(store.commit(holds).await.unwrap(), at);
    let fails = Batch::new().expect("a", Expected::Absent);
    assert!(matches!(
        store.commit(fails).await,
        Err(StorageError::Conflict(_))
    ));
    assert_eq!(store.revision().await.unwrap(), at);
}

const TASKS: u64 = 64;
const INCREMENTS: u64 = 8;

async fn concurrent_increments_lose_nothing(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut revisions = Vec::new();
            for _ in 0..INCREMENTS {
                revisions.push(increment(&*store, "counter", &format!("own/{task}")).await);
            }
            revisions
        });
    }
    let all: Vec<Revision> = tasks.join_all().await.concat();
    let distinct: BTreeSet<Revision> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len(), "each commit has a revision of its own");
    let total = TASKS * INCREMENTS;
    assert_eq!(text(&*store, "counter").await, Some(total.to_string()));
    let own = store.read_range("own/", "", 1000).await.unwrap().records;
    assert_eq!(own.len() as u64, TASKS);
    assert!(
        own.iter()
            .all(|(_, entry)| entry.sealed == INCREMENTS.to_string())
    );
}

/// Adds one to `shared` under an expectation, and to `own` in the same batch.
async fn increment(store: &dyn Storage, shared: &str, own: &str) -> Revision {
    loop {
        let entry = store.get(shared).await.unwrap();
        let expected = entry
            .as_ref()
            .map_or(Expected::Absent, |entry| Expected::At(entry.revision));
        let number = |text: Option<String>| text.map_or(0, |text| text.parse::<u64>().unwrap());
        let count = number(entry.map(|entry| String::from_utf8(entry.sealed.into()).unwrap())) + 1;
        let owned = number(text(store, own).await) + 1;
        let batch = Batch::new()
            .expect(shared, expected)
            .put(shared, count.to_string())
            .put(own, owned.to_string());
        match store.commit(batch).await {
            Ok(revision) => return revision,
            Err(StorageError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn no_reader_sees_half_a_batch(place: Arc<dyn Place>) {
    const WIDTH: usize = 40;
    const ROUNDS: usize = 120;
    let store = open(&*place).await;
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for round in 0..ROUNDS {
                let mut batch = Batch::new();
                for key in 0..WIDTH {
                    batch = batch.put(format!("w{writer}/{key}"), format!("{round:0600}"));
                }
                store.commit(batch).await.unwrap();
            }
        });
    }
    while !writers.is_empty() {
        for writer in 0..4 {
            let records = store
                .read_range(&format!("w{writer}/"), "", 1000)
                .await
                .unwrap()
                .records;
            let versions: BTreeSet<_> = records
                .iter()
                .map(|(_, entry)| (entry.revision, entry.sealed.clone()))
                .collect();
            assert!(versions.len() <= 1, "parts of {} batches at once", versions.len());
            assert!(records.is_empty() || records.len() == WIDTH, "part of a batch");
        }
        while let Some(done) = writers.try_join_next() {
            done.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

async fn writers_see_their_own_writes(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let key = format!("key/{task}");
            for round in 0..20 {
                let revision = put(&*store, &key, round.to_string()).await;
                let entry = store.get(&key).await.unwrap().expect("just written");
                assert_eq!(entry.revision, revision, "visible to every later read");
                assert!(
                    store.revision().await.unwrap() >= revision,
                    "the newest commit reads can see"
                );
            }
        });
    }
    tasks.join_all().await;
}

async fn nodes_that_share_a_store_conflict(place: Arc<dyn Place>) {
    let one = open(&*place).await;
    if one.election().is_none() {
        return;
    }
    let two = open(&*place).await;
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let store = Arc::clone(if task % 2 == 0 { &one } else { &two });
        tasks.spawn(async move {
            for _ in 0..INCREMENTS {
                increment(&*store, "counter", &format!("own/{task}")).await;
            }
        });
    }
    tasks.join_all().await;
    for store in [&one, &two] {
        assert_eq!(
            text(&**store, "counter").await,
            Some((8 * INCREMENTS).to_string())
        );
    }
    let at = put(&*one, "a", "1").await;
    assert_eq!(two.get("a").await.unwrap().unwrap().revision, at);
    let batch = Batch::new().expect("a", Expected::Absent).put("a", "2");
    assert!(matches!(two.commit(batch).await, Err(StorageError::Conflict(_))));
}
