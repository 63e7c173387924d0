//! Counters that move when something below a prefix changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

/// A counter that moves whenever something below its prefix changes.
#[derive(Clone, Debug)]
pub struct Generation(Arc<AtomicU64>);

impl Generation {
    /// Its value now.
    #[must_use]
    pub fn current(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

#[derive(Default)]
pub(super) struct Generations(RwLock<Vec<(Box<str>, Generation)>>);

impl Generations {
    pub(super) fn register(&self, prefix: Box<str>) -> Generation {
        let mut all = self.0.write();
        if let Some((_, generation)) = all.iter().find(|(known, _)| *known == prefix) {
            return generation.clone();
        }
        let generation = Generation(Arc::new(AtomicU64::new(0)));
        all.push((prefix, generation.clone()));
        generation
    }

    pub(super) fn bump(&self, keys: &[String]) {
        for (prefix, generation) in &*self.0.read() {
            if keys.iter().any(|key| key.starts_with(&**prefix)) {
                generation.0.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    pub(super) fn bump_all(&self) {
        for (_, generation) in &*self.0.read() {
            generation.0.fetch_add(1, Ordering::AcqRel);
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
}
