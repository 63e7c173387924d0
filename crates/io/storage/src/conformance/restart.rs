//! What is there before a restart is there after it.

use std::sync::Arc;

use super::{Place, checks, open, put, text};
use crate::{Batch, Entry, Expected, Storage, WatchError};

checks![everything_is_kept, revisions_go_on, history_goes_on_or_is_refused];

async fn everything(store: &dyn Storage) -> Vec<(String, Entry)> {
    let page = store.read_range("", "", 100_000).await.unwrap();
    assert!(!page.more);
    page.records
}

async fn everything_is_kept(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    for n in 0..300 {
        let batch = Batch::new()
            .put(format!("k/{}", n % 120), format!("{n:0700}"))
            .put(format!("f/{n}/x"), vec![0; n])
            .delete(format!("f/{}/x", n / 2));
        store.commit(batch).await.unwrap();
    }
    let before = (everything(&*store).await, store.revision().await.unwrap());
    drop(store);
    for _ in 0..3 {
        let store = open(&*place).await;
        let after = (everything(&*store).await, store.revision().await.unwrap());
        assert!(after == before, "the same entries and revisions as before");
    }
}

async fn revisions_go_on(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    put(&*store, "a", "1").await;
    let last = store.commit(Batch::new().delete("a")).await.unwrap();
    drop(store);
    let store = open(&*place).await;
    assert_eq!(
        store.revision().await.unwrap(),
        last,
        "though no entry carries it any more"
    );
    let next = store
        .commit(Batch::new().expect("a", Expected::Absent).put("a", "2"))
        .await
        .unwrap();
    assert!(next > last);
    let batch = Batch::new().expect("a", Expected::At(next)).put("a", "3");
    store.commit(batch).await.unwrap();
    assert_eq!(text(&*store, "a").await.as_deref(), Some("3"));
}

async fn history_goes_on_or_is_refused(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let first = put(&*store, "a", "1").await;
    let second = put(&*store, "b", "1").await;
    drop(store);
    let store = open(&*place).await;
    let mut old = store.watch("", first);
    let mut current = store.watch("", second);
    let third = put(&*store, "c", "1").await;
    let commit = current.next().await.unwrap().expect("nothing is missing");
    assert_eq!(commit[0].revision, third);
    match old.next().await.unwrap() {
        Ok(commit) => assert_eq!(commit[0].revision, second),
        Err(WatchError::Compacted { oldest }) => assert_eq!(oldest, second),
        Err(error) => panic!("{error}"),
    }
}
