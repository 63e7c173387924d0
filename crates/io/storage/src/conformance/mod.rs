//! What every store must do: one suite that all implementations run.
//!
//! An implementation provides a [`Factory`] and calls [`run`] from a test. A failed check panics with the sentence
//! of the [`Storage`] documentation that does not hold.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a suite of checks reports by panicking"
)]

mod commits;
mod election;
mod listings;
mod restart;
mod snapshots;
mod values;
mod watches;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{Batch, HistoryLimits, Revision, Storage};

/// Makes places for the suite to keep stores in.
#[async_trait]
pub trait Factory: Send + Sync {
    /// A new place with nothing in it.
    async fn place(&self) -> Arc<dyn Place>;
}

/// Where the content of one store lives.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens the store of this place as one node.
    ///
    /// A store with an election is opened by several nodes at once; any other after the handle before was dropped.
    async fn open(&self, settings: Settings) -> Arc<dyn Storage>;
}

/// What a check needs from the store it opens.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How much history to keep for watches; shared stores keep about as many commits.
    pub history: HistoryLimits,
    /// How long a term of office lasts without a renewal.
    pub lease: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            history: HistoryLimits::default(),
            lease: Duration::from_secs(30),
        }
    }
}

type Check = (&'static str, fn(Arc<dyn Place>) -> BoxFuture<'static, ()>);

/// Runs every check, each in a place of its own.
///
/// # Panics
/// When the implementation breaks a promise, or a check does not end within two minutes.
pub async fn run(factory: &dyn Factory) {
    let suites = [
        values::CHECKS,
        listings::CHECKS,
        commits::CHECKS,
        watches::CHECKS,
        snapshots::CHECKS,
        election::CHECKS,
        restart::CHECKS,
    ];
    for (name, check) in suites.concat() {
        let place = factory.place().await;
        within(Duration::from_secs(120), name, check(place)).await;
    }
}

/// Waits for `future`, and names it when it takes too long.
async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, future).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not done after {limit:?}"),
    }
}

async fn open(place: &dyn Place) -> Arc<dyn Storage> {
    place.open(Settings::default()).await
}

/// Commits one value under one key.
async fn put(store: &dyn Storage, key: &str, value: impl Into<bytes::Bytes>) -> Revision {
    store
        .commit(Batch::new().put(key, value))
        .await
        .expect("an unconditional write")
}

/// The value under `key` as text.
async fn text(store: &dyn Storage, key: &str) -> Option<String> {
    let entry = store.get(key).await.expect("a read")?;
    Some(String::from_utf8(entry.sealed.into()).expect("text"))
}

/// Turns `name(place).await` checks into the table that [`run`] goes through.
macro_rules! checks {
    ($($name:ident),+ $(,)?) => {
        pub(super) const CHECKS: &[super::Check] = &[$((
            concat!(module_path!(), "::", stringify!($name)),
            |place| Box::pin($name(place)),
        )),+];
    };
}
use checks;
