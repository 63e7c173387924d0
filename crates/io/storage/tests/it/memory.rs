//! The store in memory.

use std::sync::Arc;
use std::time::Duration;

use arca_storage::conformance::{self, Factory, Place, Settings};
use arca_storage::{Faults, FaultyStorage, MemoryStorage, Storage};
use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::clock::RealClock;

/// Holds the one store of a place, as a process would.
#[derive(Default)]
struct Process {
    nodes: bool,
    store: OnceCell<Arc<MemoryStorage>>,
}

#[async_trait]
impl Place for Process {
    async fn open(&self, settings: Settings) -> Arc<dyn Storage> {
        let make = || async {
            Arc::new(if self.nodes {
                MemoryStorage::shared(Arc::new(RealClock::start()), settings.lease, settings.history)
            } else {
                MemoryStorage::with_history(settings.history)
            })
        };
        self.store.get_or_init(make).await.clone()
    }
}

struct OneNode;

#[async_trait]
impl Factory for OneNode {
    async fn place(&self) -> Arc<dyn Place> {
        Arc::new(Process::default())
    }
}

struct Nodes;

#[async_trait]
impl Factory for Nodes {
    async fn place(&self) -> Arc<dyn Place> {
        Arc::new(Process {
            nodes: true,
            ..Process::default()
        })
    }
}

/// Stores behind the double, which may take its time and must not change anything else.
struct Dawdling;

struct Dawdle(Process);

#[async_trait]
impl Factory for Dawdling {
    async fn place(&self) -> Arc<dyn Place> {
        Arc::new(Dawdle(Process {
            nodes: true,
            ..Process::default()
        }))
    }
}

#[async_trait]
impl Place for Dawdle {
    async fn open(&self, settings: Settings) -> Arc<dyn Storage> {
        let faults = Faults {
            delays: 50,
            longest_delay: Duration::from_millis(3),
            ..Faults::default()
        };
        let inner = self.0.open(settings).await;
        Arc::new(FaultyStorage::new(inner, Arc::new(RealClock::start()), 1, faults))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_behind_a_double_without_faults() {
    conformance::run(&Dawdling).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_for_one_node() {
    conformance::run(&OneNode).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_for_several_nodes() {
    conformance::run(&Nodes).await;
}
