//! A double: a store that fails and dawdles as its seed says, for simulations and tests of callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arca_base::Clock;
use async_trait::async_trait;
use futures_util::StreamExt;
use parking_lot::Mutex;

use crate::{
    Batch, Changes, Election, Entry, Page, Records, Revision, Snapshot, Storage, StorageError, Term,
    WatchError,
};

/// How often a [`FaultyStorage`] does what, out of 1,000 calls each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Reads that fail.
    pub failed_reads: u16,
    /// Commits that fail without having been applied.
    pub failed_commits: u16,
    /// Commits that are applied, and fail all the same: the caller cannot know.
    pub lost_answers: u16,
    /// Items of a watch in whose place it breaks off, half of them saying that history is gone.
    pub broken_watches: u16,
    /// Calls of an election that fail, half of them after they took effect.
    pub failed_elections: u16,
    /// Calls that take a while first, up to `longest_delay`.
    pub delays: u16,
    /// The longest delay.
    pub longest_delay: Duration,
}

/// A double: passes everything to another store, and lets it fail and wait by chance.
///
/// The chance comes from a seed: the same calls in the same order meet the same faults. Faults can be changed at any
/// time, and [`FaultyStorage::set_down`] takes the whole store away.
pub struct FaultyStorage {
    inner: Arc<dyn Storage>,
    chance: Arc<Chance>,
}

struct Chance {
    clock: Arc<dyn Clock>,
    faults: Mutex<Faults>,
    state: Mutex<u64>,
    down: AtomicBool,
    injected: AtomicU64,
}

impl FaultyStorage {
    /// Wraps `inner`. Delays pass on `clock`.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, clock: Arc<dyn Clock>, seed: u64, faults: Faults) -> Self {
        let chance = Chance {
            clock,
            faults: Mutex::new(faults),
            state: Mutex::new(seed),
            down: AtomicBool::new(false),
            injected: AtomicU64::new(0),
        };
        Self {
            inner,
            chance: Arc::new(chance),
        }
    }

    /// Changes what happens from now on.
    pub fn set_faults(&self, faults: Faults) {
        *self.chance.faults.lock() = faults;
    }

    /// Takes the store away, or gives it back. While it is away every call fails; commits that were on their way are
    /// applied or not, by chance.
    pub fn set_down(&self, down: bool) {
        self.chance.down.store(down, Ordering::SeqCst);
    }

    /// How many calls were made to fail: a test that saw no fault has tested nothing.
    #[must_use]
    pub fn injected(&self) -> u64 {
        self.chance.injected.load(Ordering::SeqCst)
    }

    /// Waits and fails as chance has it, before a read.
    async fn before_read(&self) -> Result<(), StorageError> {
        let faults = self.chance.faults();
        let fails = self.chance.happens(faults.failed_reads);
        self.chance.dawdle().await;
        self.chance.fail_if(fails || self.chance.is_down())
    }
}

impl Chance {
    fn faults(&self) -> Faults {
        *self.faults.lock()
    }

    /// The next number of the seed.
    fn next(&self) -> u64 {
        let mut state = self.state.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn happens(&self, of_thousand: u16) -> bool {
        self.next() % 1000 < u64::from(of_thousand)
    }

    fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }

    /// Waits, by chance. Draws the same numbers whether it does or not.
    async fn dawdle(&self) {
        let faults = self.faults();
        let (waits, part) = (self.happens(faults.delays), self.next() % 1001);
        if waits {
            let part = u32::try_from(part).unwrap_or(1000);
            self.clock.sleep(faults.longest_delay * part / 1000).await;
        }
    }

    fn fail_if(&self, fails: bool) -> Result<(), StorageError> {
        if !fails {
            return Ok(());
        }
        self.injected.fetch_add(1, Ordering::SeqCst);
        Err(StorageError::unavailable("a fault of the simulation"))
    }
}

#[async_trait]
impl Storage for FaultyStorage {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        self.before_read().await?;
        self.inner.get(key).await
    }

    async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        self.before_read().await?;
        self.inner.list(prefix, after, limit).await
    }

    async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, StorageError> {
        self.before_read().await?;
        self.inner.scan(prefix, after, limit).await
    }

    async fn read_range(&self, prefix: &str, after: &str, limit: usize) -> Result<Records, StorageError> {
        self.before_read().await?;
        self.inner.read_range(prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StorageError> {
        let faults = self.chance.faults();
        let fails = self.chance.happens(faults.failed_commits);
        let loses = self.chance.happens(faults.lost_answers);
        let in_time = self.chance.happens(500);
        let was_down = self.chance.is_down();
        self.chance.dawdle().await;
        let went_down = self.chance.is_down();
        self.chance
            .fail_if(fails || was_down || (went_down && !in_time))?;
        let answer = self.inner.commit(batch).await;
        self.chance.fail_if(loses || went_down)?;
        answer
    }

    async fn revision(&self) -> Result<Revision, StorageError> {
        self.before_read().await?;
        self.inner.revision().await
    }

    fn watch(&self, prefix: &str, from: Revision) -> Changes {
        let chance = Arc::clone(&self.chance);
        let items = self.inner.watch(prefix, from);
        Changes::new(items.scan(Some(from), move |last, item| {
            let answer = last.map(|reached| chance.pass(item, reached));
            *last = match &answer {
                Some(Ok(changes)) => changes.first().map(|change| change.revision),
                _ => None,
            };
            std::future::ready(answer)
        }))
    }

    fn election(&self) -> Option<Arc<dyn Election>> {
        let inner = self.inner.election()?;
        let chance = Arc::clone(&self.chance);
        Some(Arc::new(FaultyElection { inner, chance }))
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StorageError> {
        self.before_read().await?;
        self.inner.snapshot().await
    }
}

type Item = Result<Vec<crate::Change>, WatchError>;

impl Chance {
    /// An item of a watch that has reached a revision, or what the watch breaks off with in its place.
    fn pass(&self, item: Item, reached: Revision) -> Item {
        let (breaks, forgets) = (self.happens(self.faults().broken_watches), self.happens(500));
        match self.fail_if(breaks || self.is_down()) {
            Ok(()) => item,
            Err(_) if forgets => Err(WatchError::Compacted {
                oldest: item?.first().map_or(reached, |change| change.revision),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs a call of an election, or fails before or after it.
    async fn elect<T>(
        &self,
        call: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        let (fails, after) = (self.happens(self.faults().failed_elections), self.happens(500));
        self.dawdle().await;
        self.fail_if((fails && !after) || self.is_down())?;
        let answer = call.await;
        self.fail_if(fails && after)?;
        answer
    }
}

struct FaultyElection {
    inner: Arc<dyn Election>,
    chance: Arc<Chance>,
}

#[async_trait]
impl Election for FaultyElection {
    async fn campaign(&self, candidate: &str) -> Result<Term, StorageError> {
        self.chance.elect(self.inner.campaign(candidate)).await
    }

    async fn renew(&self, term: Term) -> Result<(), StorageError> {
        self.chance.elect(self.inner.renew(term)).await
    }

    async fn resign(&self, term: Term) -> Result<(), StorageError> {
        self.chance.elect(self.inner.resign(term)).await
    }

    async fn leader(&self) -> Result<Option<(String, Term)>, StorageError> {
        self.chance.elect(self.inner.leader()).await
    }

    fn lease(&self) -> Duration {
        self.inner.lease()
    }
}

#[cfg(test)]
mod tests {
    use arca_base::Timestamp;
    use arca_base::time::Sleep;

    use super::*;
    use crate::MemoryStorage;

    /// Time that passes only by sleeping.
    #[derive(Default)]
    struct Slept(AtomicU64);

    impl Clock for Slept {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH.plus_duration(self.monotonic())
        }

        fn monotonic(&self) -> Duration {
            Duration::from_nanos(self.0.load(Ordering::SeqCst))
        }

        fn sleep(&self, duration: Duration) -> Sleep {
            let nanos = u64::try_from(duration.as_nanos()).unwrap();
            self.0.fetch_add(nanos, Ordering::SeqCst);
            Box::pin(tokio::task::yield_now())
        }
    }

    const ALL: Faults = Faults {
        failed_reads: 100,
        failed_commits: 100,
        lost_answers: 100,
        broken_watches: 100,
        failed_elections: 100,
        delays: 200,
        longest_delay: Duration::from_secs(1),
    };

    fn faulty(seed: u64, faults: Faults) -> (FaultyStorage, Arc<MemoryStorage>, Arc<Slept>) {
        let (inner, clock) = (Arc::new(MemoryStorage::new()), Arc::new(Slept::default()));
        let faulty = FaultyStorage::new(inner.clone(), clock.clone(), seed, faults);
        (faulty, inner, clock)
    }

    /// What a caller is told over 400 commits and reads, and how long it takes.
    async fn told(seed: u64) -> (Vec<bool>, Duration, u64) {
        let (store, _, clock) = faulty(seed, ALL);
        let mut answers = Vec::new();
        for n in 0..200 {
            let written = store.commit(Batch::new().put("key", n.to_string())).await;
            answers.push(written.is_ok());
            answers.push(store.get("key").await.is_ok());
        }
        (answers, clock.monotonic(), store.injected())
    }

    #[tokio::test]
    async fn the_same_seed_meets_the_same_faults() {
        let first = told(7).await;
        assert_eq!(first, told(7).await);
        assert_ne!(first.0, told(8).await.0);
        let (answers, slept, injected) = first;
        let failed = answers.iter().filter(|good| !**good).count() as u64;
        assert_eq!(failed, injected);
        assert!((30..120).contains(&failed), "about one in seven: {failed}");
        assert!(slept > Duration::from_secs(10), "delays add up: {slept:?}");
    }

    #[tokio::test]
    async fn commits_fail_both_ways() {
        let (store, inner, _) = faulty(3, ALL);
        let (mut applied, mut not_applied) = (0, 0);
        for n in 0..300 {
            let key = format!("k{n}");
            let answer = store.commit(Batch::new().put(&key, "1")).await;
            let there = inner.get(&key).await.unwrap().is_some();
            match answer {
                Ok(_) => assert!(there, "what was acknowledged is there"),
                Err(_) if there => applied += 1,
                Err(_) => not_applied += 1,
            }
        }
        assert!(applied > 10 && not_applied > 10, "{applied} {not_applied}");
    }

    #[tokio::test]
    async fn without_faults_it_is_the_store_inside() {
        let (store, _, clock) = faulty(1, ALL);
        store.set_faults(Faults::default());
        let at = store.commit(Batch::new().put("a", "1")).await.unwrap();
        let mut changes = store.watch("", Revision(0));
        assert_eq!(changes.next().await.unwrap().unwrap()[0].revision, at);
        assert_eq!(store.revision().await.unwrap(), at);
        assert_eq!((clock.monotonic(), store.injected()), (Duration::ZERO, 0));
    }

    #[tokio::test]
    async fn nothing_works_while_it_is_down() {
        let (store, inner, _) = faulty(1, Faults::default());
        store.set_down(true);
        assert!(store.commit(Batch::new().put("a", "1")).await.is_err());
        assert!(store.get("a").await.is_err());
        store.set_down(false);
        assert_eq!(inner.revision().await.unwrap(), Revision(0));
        store.commit(Batch::new().put("a", "1")).await.unwrap();
    }

    #[tokio::test]
    async fn a_watch_breaks_off_and_ends() {
        let faults = Faults {
            broken_watches: 100,
            ..Faults::default()
        };
        let (store, inner, _) = faulty(5, faults);
        for n in 0..200 {
            inner.commit(Batch::new().put("a", n.to_string())).await.unwrap();
        }
        let (mut lost, mut failed) = (0, 0);
        for _ in 0..40 {
            let (mut changes, mut next) = (store.watch("", Revision(0)), 1);
            loop {
                match changes.next().await.unwrap() {
                    Ok(commit) => assert_eq!(commit[0].revision, Revision(next), "no gap before it"),
                    Err(WatchError::Compacted { .. }) => break lost += 1,
                    Err(WatchError::Storage(_)) => break failed += 1,
                }
                next += 1;
            }
            assert!(changes.next().await.is_none());
        }
        assert!(lost > 5 && failed > 5, "{lost} {failed}");
    }
}
