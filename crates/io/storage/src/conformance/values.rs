//! Single keys: what is put is what is read.

use std::sync::Arc;

use bytes::Bytes;

use super::{Place, checks, open, put, text};
use crate::{Batch, Expected, MAX_KEY_BYTES, MAX_VALUE_BYTES, Revision, Storage, StorageError};

checks![
    what_is_put_is_read,
    deleting,
    every_byte_is_kept,
    the_largest_value_fits_and_no_larger_one,
    the_longest_key_fits,
    bad_keys_are_refused,
    bad_cursors_are_refused,
];

async fn what_is_put_is_read(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    assert_eq!(store.revision().await.unwrap(), Revision(0), "an empty store");
    assert_eq!(store.get("a").await.unwrap(), None);
    let first = put(&*store, "a", "1").await;
    let entry = store.get("a").await.unwrap().expect("just written");
    assert_eq!(
        (entry.sealed, entry.revision),
        (Bytes::from("1"), first),
        "an entry carries the revision of the commit that wrote it last"
    );
    let other = put(&*store, "b", "x").await;
    let second = put(&*store, "a", "2").await;
    assert!(
        first < other && other < second,
        "revisions grow with each commit of the whole store"
    );
    let entry = store.get("a").await.unwrap().unwrap();
    assert_eq!((entry.sealed, entry.revision), (Bytes::from("2"), second));
    assert_eq!(store.get("b").await.unwrap().unwrap().revision, other);
    assert_eq!(
        store.revision().await.unwrap(),
        second,
        "the newest commit that reads can see"
    );
}

async fn deleting(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let put_at = put(&*store, "a", "1").await;
    let gone = store.commit(Batch::new().delete("a")).await.unwrap();
    assert!(gone > put_at, "a deletion is a commit");
    assert_eq!(store.get("a").await.unwrap(), None);
    let again = store.commit(Batch::new().delete("a")).await.unwrap();
    assert!(again > gone, "so is the deletion of what does not exist");
    put(&*store, "a", "2").await;
    assert_eq!(text(&*store, "a").await.as_deref(), Some("2"));
}

async fn every_byte_is_kept(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let all: Bytes = (0..=255_u8).cycle().take(10_000).collect();
    for (key, value) in [
        ("all", all),
        ("none", Bytes::new()),
        ("zeros", Bytes::from(vec![0; 4096])),
    ] {
        put(&*store, key, value.clone()).await;
        assert_eq!(store.get(key).await.unwrap().unwrap().sealed, value, "{key}");
    }
}

async fn the_largest_value_fits_and_no_larger_one(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let largest = incompressible(MAX_VALUE_BYTES);
    put(&*store, "large", largest.clone()).await;
    assert!(store.get("large").await.unwrap().unwrap().sealed == largest);
    let mut larger = largest.to_vec();
    larger.push(0);
    let refused = store
        .commit(Batch::new().put("a", "1").put("large", larger))
        .await;
    assert!(
        matches!(refused, Err(StorageError::TooLarge { .. })),
        "{refused:?}"
    );
    assert_eq!(store.get("a").await.unwrap(), None, "nothing was applied");
}

async fn the_longest_key_fits(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let mut key = String::from("folder/");
    let noise = incompressible(MAX_KEY_BYTES);
    key.extend(noise.iter().map(|byte| char::from(b'a' + byte % 26)));
    key.truncate(MAX_KEY_BYTES);
    put(&*store, &key, "1").await;
    assert_eq!(text(&*store, &key).await.as_deref(), Some("1"));
    let page = store.list("folder/", "", 10).await.unwrap();
    assert_eq!(page.names, [&key["folder/".len()..]]);
}

async fn bad_keys_are_refused(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    for key in ["", "/a", "a/", "a//b", "/", "a\0b", &long] {
        refused(&*store, Batch::new().put("good", "1").put(key, "1")).await;
        refused(&*store, Batch::new().put("good", "1").delete(key)).await;
        let expecting = Batch::new().put("good", "1").expect(key, Expected::Absent);
        refused(&*store, expecting).await;
        let read = store.get(key).await;
        assert!(matches!(read, Err(StorageError::BadKey { .. })), "{read:?}");
    }
    assert_eq!(store.get("good").await.unwrap(), None, "nothing was applied");
    assert_eq!(store.revision().await.unwrap(), Revision(0));
}

async fn refused(store: &dyn Storage, batch: Batch) {
    let answer = store.commit(batch).await;
    assert!(matches!(answer, Err(StorageError::BadKey { .. })), "{answer:?}");
}

async fn bad_cursors_are_refused(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    for (prefix, after) in [("a", ""), ("\0/", ""), ("a/", "\0")] {
        let listed = store.list(prefix, after, 1).await;
        assert!(matches!(listed, Err(StorageError::BadKey { .. })), "{listed:?}");
    }
    for (prefix, after) in [("\0", ""), ("", "a\0")] {
        let scanned = store.scan(prefix, after, 1).await;
        assert!(matches!(scanned, Err(StorageError::BadKey { .. })), "{scanned:?}");
        let read = store.read_range(prefix, after, 1).await;
        assert!(matches!(read, Err(StorageError::BadKey { .. })), "{read:?}");
    }
}

/// Bytes without a pattern, the same ones each time.
fn incompressible(count: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24).to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}
