//! The store in a folder.

use std::path::Path;
use std::sync::Arc;

use arca_storage::conformance::{self, Factory, Place, Settings};
use arca_storage::{Batch, EmbeddedOptions, EmbeddedStorage, OpenError, Revision, Storage};
use async_trait::async_trait;
use tempfile::TempDir;

/// Stores in temporary folders.
struct Folders(EmbeddedOptions);

struct Folder {
    path: TempDir,
    options: EmbeddedOptions,
}

#[async_trait]
impl Factory for Folders {
    async fn place(&self) -> Arc<dyn Place> {
        Arc::new(Folder {
            path: tempfile::tempdir().unwrap(),
            options: self.0,
        })
    }
}

#[async_trait]
impl Place for Folder {
    async fn open(&self, settings: Settings) -> Arc<dyn Storage> {
        let options = EmbeddedOptions {
            history: settings.history,
            ..self.options
        };
        Arc::new(EmbeddedStorage::open(self.path.path(), options).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    conformance::run(&Folders(EmbeddedOptions::default())).await;
}

/// Files are written out and merged all the time, which is when a reader could see half a commit.
#[tokio::test(flavor = "multi_thread")]
async fn conforms_while_it_writes_out_files() {
    let options = EmbeddedOptions {
        memtable_bytes: 32 << 10,
        table_bytes: 64 << 10,
        cache_bytes: 64 << 10,
        ..EmbeddedOptions::default()
    };
    conformance::run(&Folders(options)).await;
}

fn open(folder: &Path) -> Result<EmbeddedStorage, OpenError> {
    EmbeddedStorage::open(folder, EmbeddedOptions::default())
}

#[tokio::test]
async fn a_folder_is_opened_once_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    let Err(second) = open(folder.path()) else {
        panic!("two writers in one folder");
    };
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    drop(first);
    open(folder.path()).unwrap();
}

#[tokio::test]
async fn streams_end_with_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.commit(Batch::new().put("a", "1")).await.unwrap();
    let mut changes = store.watch("", Revision(0));
    drop(store);
    assert!(
        changes.next().await.unwrap().is_ok(),
        "what was committed is delivered"
    );
    assert!(changes.next().await.is_none());
}

#[tokio::test]
async fn an_open_snapshot_outlives_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.commit(Batch::new().put("a", "1")).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    drop(store);
    assert_eq!(snapshot.next(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    for n in 0..50 {
        store.commit(Batch::new().put("a", format!("{n}"))).await.unwrap();
    }
    drop(store);
    let journal = folder.path().join("store/db/0.jnl");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[600] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let Err(refused) = open(folder.path()) else {
        panic!("acknowledged commits are missing");
    };
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
    assert!(refused.to_string().contains("0.jnl"), "{refused}");
}
