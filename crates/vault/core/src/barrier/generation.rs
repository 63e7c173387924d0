//! Counters that move when something below a prefix changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;

/// A counter that moves whenever something below its prefix changes.
#[derive(Clone, Debug)]
pub struct Generation {
    count: Arc<AtomicU64>,
    /// Whether changes by others cannot be seen, so that no value may be taken for current again.
    blind: Arc<AtomicBool>,
}

impl Generation {
    /// Its value now; another one each time while changes cannot be seen.
    #[must_use]
    pub fn current(&self) -> u64 {
        if self.blind.load(Ordering::Acquire) {
            return self.bump();
        }
        self.count.load(Ordering::Acquire)
    }

    fn bump(&self) -> u64 {
        self.count.fetch_add(1, Ordering::AcqRel).wrapping_add(1)
    }
}

#[derive(Default)]
pub(super) struct Generations {
    all: RwLock<Vec<(Box<str>, Generation)>>,
    blind: Arc<AtomicBool>,
}

impl Generations {
    pub(super) fn register(&self, prefix: Box<str>) -> Generation {
        let mut all = self.all.write();
        if let Some((_, generation)) = all.iter().find(|(known, _)| *known == prefix) {
            return generation.clone();
        }
        let generation = Generation {
            count: Arc::default(),
            blind: self.blind.clone(),
        };
        all.push((prefix, generation.clone()));
        generation
    }

    pub(super) fn bump(&self, keys: &[String]) {
        for (prefix, generation) in &*self.all.read() {
            if keys.iter().any(|key| key.starts_with(&**prefix)) {
                generation.bump();
            }
        }
    }

    /// Says whether changes by others can be seen from now on.
    pub(super) fn set_blind(&self, blind: bool) {
        if blind {
            self.blind.store(true, Ordering::Release);
        }
        // What was handed out until now is current no more, also what was handed out blindly.
        self.bump_all();
        if !blind {
            self.blind.store(false, Ordering::Release);
            self.bump_all();
        }
    }

    pub(super) fn bump_all(&self) {
        for (_, generation) in &*self.all.read() {
            generation.bump();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_touched_prefix_moves() {
        let generations = Generations::default();
        let policies = generations.register("ns/root/policy/".into());
        let mounts = generations.register("ns/root/mount/".into());
        generations.bump(&["ns/root/policy/dev".into(), "ns/root/other".into()]);
        assert_eq!((policies.current(), mounts.current()), (1, 0));
        assert_eq!(generations.register("ns/root/policy/".into()).current(), 1);
        generations.bump_all();
        assert_eq!((policies.current(), mounts.current()), (2, 1));
    }

    #[test]
    fn no_value_comes_twice_while_changes_cannot_be_seen() {
        let generations = Generations::default();
        let policies = generations.register("ns/root/policy/".into());
        let seen = policies.current();
        assert_eq!(policies.current(), seen);
        generations.set_blind(true);
        let blind = policies.current();
        assert!(blind > seen && policies.current() > blind);
        let last = policies.current();
        generations.set_blind(false);
        let after = policies.current();
        assert!(after > last && policies.current() == after);
    }
}
