//! A bounded cache of sealed records and what was derived from them.
//!
//! Holds absences too. A fill is refused when the key was invalidated while storage was being read, so that a
//! read that lost a race can never put back what a commit has replaced.

use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arca_storage::Entry;
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

const SHARDS: usize = 32;

/// How much the cache may hold.
#[derive(Clone, Copy, Debug)]
pub struct CacheLimits {
    /// Bytes of keys, sealed values and what is derived from them (estimated).
    pub bytes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            bytes: 32 * 1024 * 1024,
        }
    }
}

/// What storage holds under a key: an entry or nothing, and the value derived from it once.
pub(super) struct Slot {
    entry: Option<Entry>,
    derived: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl Slot {
    pub(super) const fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    pub(super) fn derived<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.derived.get()?.clone().downcast().ok()
    }

    /// Keeps `value` unless another thread was faster with one of the same type.
    pub(super) fn keep<T: Any + Send + Sync>(&self, value: Arc<T>) -> Arc<T> {
        let kept = self.derived.get_or_init(|| value.clone()).clone();
        kept.downcast().unwrap_or(value)
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Box<str>, Arc<Slot>> for ByBytes {
    fn weight(&self, key: &Box<str>, slot: &Arc<Slot>) -> u64 {
        const OVERHEAD: usize = 200;
        // What is derived is about as large as what it is derived from.
        let value = slot.entry.as_ref().map_or(0, |entry| entry.sealed.len() * 2);
        (key.len() + value + OVERHEAD) as u64
    }
}

struct Shard {
    /// Moves with each invalidation; a fill that began before it moved is not kept.
    epoch: u64,
    slots: Cache<Box<str>, Arc<Slot>, ByBytes>,
}

/// Where a fill began.
#[derive(Clone, Copy)]
pub(super) struct Ticket(u64);

pub(super) struct SealedCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    enabled: AtomicBool,
}

impl SealedCache {
    pub(super) fn new(limits: CacheLimits) -> Self {
        let each = (limits.bytes / SHARDS as u64).max(1);
        let shard = || {
            let expected_items = usize::try_from(each / 1024).unwrap_or(64).clamp(16, 4096);
            Mutex::new(Shard {
                epoch: 0,
                slots: Cache::with_weighter(expected_items, each, ByBytes),
            })
        };
        let shards = (0..SHARDS).map(|_| shard()).collect();
        Self {
            shards,
            hasher: RandomState::new(),
            enabled: AtomicBool::new(true),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is taken modulo the number of shards"
    )]
    fn shard(&self, key: &str) -> &Mutex<Shard> {
        let hash = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        &self.shards[hash]
    }

    pub(super) fn lookup(&self, key: &str) -> Option<Arc<Slot>> {
        self.shard(key).lock().slots.get(key).cloned()
    }

    pub(super) fn ticket(&self, key: &str) -> Ticket {
        Ticket(self.shard(key).lock().epoch)
    }

    pub(super) fn fill(&self, key: &str, ticket: Ticket, entry: Option<Entry>) -> Arc<Slot> {
        let slot = Arc::new(Slot {
            entry,
            derived: OnceLock::new(),
        });
        if self.enabled.load(Ordering::Acquire) {
            let mut shard = self.shard(key).lock();
            if shard.epoch == ticket.0 {
                shard.slots.insert(key.into(), slot.clone());
            }
        }
        slot
    }

    pub(super) fn invalidate(&self, key: &str) {
        let mut shard = self.shard(key).lock();
        shard.epoch += 1;
        shard.slots.remove(key);
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.epoch += 1;
            shard.slots.clear();
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    pub(super) fn set_enabled(&self, on: bool) {
        self.enabled.store(on, Ordering::Release);
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use arca_storage::Revision;

    use super::*;

    fn entry(revision: u64) -> Option<Entry> {
        Some(Entry {
            sealed: vec![0; 10].into(),
            revision: Revision(revision),
        })
    }

    #[test]
    fn a_fill_that_lost_a_race_is_not_kept() {
        let cache = SealedCache::new(CacheLimits::default());
        let ticket = cache.ticket("k");
        cache.invalidate("k");
        let slot = cache.fill("k", ticket, entry(1));
        assert_eq!(
            slot.entry().map(|e| e.revision),
            Some(Revision(1)),
            "the reader still gets what it read"
        );
        assert!(cache.lookup("k").is_none(), "but nobody else does");
    }

    #[test]
    fn holds_absences_and_derived_values() {
        let cache = SealedCache::new(CacheLimits::default());
        cache.fill("none", cache.ticket("none"), None);
        assert!(cache.lookup("none").unwrap().entry().is_none());
        let slot = cache.fill("some", cache.ticket("some"), entry(1));
        assert!(slot.derived::<String>().is_none());
        slot.keep(Arc::new(String::from("derived")));
        assert_eq!(
            *cache.lookup("some").unwrap().derived::<String>().unwrap(),
            "derived"
        );
    }

    #[test]
    fn stays_within_its_bytes() {
        let cache = SealedCache::new(CacheLimits { bytes: 64 * 1024 });
        for index in 0..10_000 {
            let key = format!("key/{index}");
            cache.fill(&key, cache.ticket(&key), entry(index));
        }
        let held: usize = cache.shards.iter().map(|shard| shard.lock().slots.len()).sum();
        assert!(held * 200 <= 64 * 1024, "{held} slots");
    }

    #[test]
    fn keeps_nothing_while_disabled() {
        let cache = SealedCache::new(CacheLimits::default());
        cache.fill("k", cache.ticket("k"), entry(1));
        cache.set_enabled(false);
        assert!(cache.lookup("k").is_none());
        cache.fill("k", cache.ticket("k"), entry(2));
        assert!(cache.lookup("k").is_none());
    }
}
