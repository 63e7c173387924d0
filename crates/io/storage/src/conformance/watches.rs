//! Watches: every commit once, in order, or a word that history is gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Place, Settings, checks, open, put, within};
use crate::{Batch, Change, ChangeKind, Changes, HistoryLimits, Revision, WatchError};

checks![
    each_commit_is_one_item,
    only_the_prefix_is_watched,
    a_watch_resumes_where_it_left_off,
    nothing_is_missed_under_load,
    old_history_is_refused,
    another_history_is_refused,
    nodes_see_the_changes_of_others,
];

async fn item(changes: &mut Changes) -> Vec<Change> {
    within(Duration::from_secs(20), "the next change", changes.next())
        .await
        .expect("the store is open")
        .expect("the history is there")
}

async fn revisions(changes: &mut Changes, count: usize) -> Vec<Revision> {
    let mut seen = Vec::with_capacity(count);
    while seen.len() < count {
        let commit = item(changes).await;
        let revision = commit[0].revision;
        assert!(
            commit.iter().all(|change| change.revision == revision),
            "all of one commit in one item"
        );
        seen.push(revision);
    }
    seen
}

async fn each_commit_is_one_item(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let mut changes = store.watch("", Revision(0));
    let batch = Batch::new()
        .put("b", "1")
        .put("a", "1")
        .delete("missing")
        .put("c", "1")
        .delete("c")
        .put("\u{1f511}", "1");
    let revision = store.commit(batch).await.unwrap();
    let change = |key: &str, kind| Change {
        revision,
        key: key.into(),
        kind,
    };
    let wanted = [
        change("a", ChangeKind::Put),
        change("b", ChangeKind::Put),
        change("c", ChangeKind::Delete),
        change("missing", ChangeKind::Delete),
        change("\u{1f511}", ChangeKind::Put),
    ];
    assert_eq!(
        item(&mut changes).await,
        wanted,
        "one change for each key, in byte order"
    );
    store.commit(Batch::new()).await.unwrap();
    let next = put(&*store, "a", "2").await;
    assert_eq!(
        revisions(&mut changes, 1).await,
        [next],
        "an empty batch is no commit"
    );
}

async fn only_the_prefix_is_watched(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let mut folder = store.watch("a/", Revision(0));
    let mut text = store.watch("a", Revision(0));
    put(&*store, "b", "1").await;
    let both = store
        .commit(Batch::new().put("a/x", "1").put("b", "1"))
        .await
        .unwrap();
    let plain = put(&*store, "ab", "1").await;
    let last = put(&*store, "a/y", "1").await;
    let commit = item(&mut folder).await;
    assert_eq!(
        (commit.len(), &*commit[0].key, commit[0].revision),
        (1, "a/x", both)
    );
    assert_eq!(revisions(&mut folder, 1).await, [last]);
    assert_eq!(revisions(&mut text, 3).await, [both, plain, last]);
}

async fn a_watch_resumes_where_it_left_off(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let mut written = Vec::new();
    for n in 0..20 {
        written.push(put(&*store, &format!("k{n}"), "1").await);
    }
    for from in [0, 7, 18] {
        let mut changes = store.watch("", written[from]);
        let rest = &written[from + 1..];
        assert_eq!(revisions(&mut changes, rest.len()).await, rest);
    }
    let mut changes = store.watch("", written[19]);
    let next = put(&*store, "k", "1").await;
    assert_eq!(revisions(&mut changes, 1).await, [next]);
}

async fn nothing_is_missed_under_load(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let mut everything = store.watch("", Revision(0));
    let mut even = store.watch("even/", Revision(0));
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let mut written = Vec::new();
            for n in 0..40 {
                let folder = if (writer + n) % 2 == 0 { "even" } else { "odd" };
                let revision = put(&*store, &format!("{folder}/{writer}"), n.to_string()).await;
                written.push((revision, folder == "even"));
            }
            written
        });
    }
    let follow = tokio::spawn(async move {
        (
            revisions(&mut everything, 640).await,
            revisions(&mut even, 320).await,
        )
    });
    let mut written: Vec<(Revision, bool)> = writers.join_all().await.concat();
    written.sort_unstable();
    let (all, half) = follow.await.unwrap();
    let wanted: Vec<Revision> = written.iter().map(|(revision, _)| *revision).collect();
    assert_eq!(all, wanted, "every commit once, in the order of their revisions");
    let wanted: Vec<Revision> = written
        .iter()
        .filter(|(_, even)| *even)
        .map(|(revision, _)| *revision)
        .collect();
    assert_eq!(half, wanted);
}

async fn old_history_is_refused(place: Arc<dyn Place>) {
    let history = HistoryLimits {
        commits: 64,
        ..HistoryLimits::default()
    };
    let settings = Settings {
        history,
        ..Settings::default()
    };
    let store = place.open(settings).await;
    let mut slow = store.watch("", Revision(0));
    let mut written = Vec::new();
    for n in 0..400 {
        written.push(put(&*store, &format!("k{}", n % 10), "1").await);
    }
    let mut changes = store.watch("", Revision(0));
    let first = within(Duration::from_secs(20), "an answer", changes.next()).await;
    let Some(Err(WatchError::Compacted { oldest })) = first else {
        panic!("{first:?} for history that is gone");
    };
    assert!(changes.next().await.is_none(), "the stream ends after an error");
    let rest: Vec<Revision> = written
        .iter()
        .copied()
        .filter(|revision| *revision > oldest)
        .collect();
    assert!(
        (32..=200).contains(&rest.len()),
        "about as much history as was asked for: {}",
        rest.len()
    );
    let mut changes = store.watch("", oldest);
    assert_eq!(
        revisions(&mut changes, rest.len()).await,
        rest,
        "a watch can start at the oldest revision"
    );
    gap_free_until_compacted(&mut slow, &written).await;
}

/// A watch that fell behind delivers commits in order up to where it has to give up, and no later one.
async fn gap_free_until_compacted(slow: &mut Changes, written: &[Revision]) {
    let mut delivered = 0;
    while delivered < written.len() {
        match within(Duration::from_secs(20), "an answer", slow.next()).await {
            Some(Ok(commit)) => assert_eq!(commit[0].revision, written[delivered], "no gap"),
            Some(Err(WatchError::Compacted { .. })) => return,
            other => panic!("{other:?} instead of a change"),
        }
        delivered += 1;
    }
}

async fn another_history_is_refused(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let at = put(&*store, "a", "1").await;
    let mut changes = store.watch("", Revision(at.0 + 1));
    let first = within(Duration::from_secs(20), "an answer", changes.next()).await;
    assert!(
        matches!(first, Some(Err(WatchError::Compacted { .. }))),
        "{first:?}"
    );
}

async fn nodes_see_the_changes_of_others(place: Arc<dyn Place>) {
    let one = open(&*place).await;
    if one.election().is_none() {
        return;
    }
    let two = open(&*place).await;
    let mut on_one = one.watch("", Revision(0));
    let mut on_two = two.watch("", Revision(0));
    let mut written = Vec::new();
    for n in 0..40 {
        let store = if n % 3 == 0 { &one } else { &two };
        written.push(put(&**store, "a", n.to_string()).await);
    }
    assert_eq!(revisions(&mut on_one, written.len()).await, written);
    assert_eq!(revisions(&mut on_two, written.len()).await, written);
}
