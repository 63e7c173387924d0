//! Counters that move when something below a prefix changes.

use std::collections::HashMap;
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

/// Counters by their prefixes.
type Group = Vec<(Box<str>, Generation)>;

/// All counters, by the namespace their prefixes lie in: a write looks at those of its own namespace only, however many
/// namespaces there are.
#[derive(Default)]
pub(super) struct Generations {
    all: RwLock<HashMap<Box<str>, Group>>,
    /// Those of a folder that every namespace has.
    everywhere: RwLock<Group>,
    blind: Arc<AtomicBool>,
}

/// What keys are grouped by: the namespace, `ns/<id>`, or nothing for what lies in none.
fn namespace_of(key: &str) -> &str {
    let end = key
        .strip_prefix(NAMESPACES)
        .and_then(|rest| rest.find('/'))
        .map(|slash| NAMESPACES.len() + slash);
    end.and_then(|end| key.get(..end)).unwrap_or_default()
}

/// What lies below a namespace, without it.
fn below_namespace(key: &str) -> Option<&str> {
    key.strip_prefix(NAMESPACES)?
        .split_once('/')
        .map(|(_, below)| below)
}

const NAMESPACES: &str = "ns/";

impl Generations {
    pub(super) fn register(&self, prefix: Box<str>) -> Generation {
        let mut all = self.all.write();
        let group = all.entry(namespace_of(&prefix).into()).or_default();
        self.known_or_new(group, prefix)
    }

    /// A counter that moves whenever something in this folder of any namespace changes.
    pub(super) fn register_everywhere(&self, folder: Box<str>) -> Generation {
        self.known_or_new(&mut self.everywhere.write(), folder)
    }

    fn known_or_new(&self, group: &mut Group, prefix: Box<str>) -> Generation {
        if let Some((_, generation)) = group.iter().find(|(known, _)| *known == prefix) {
            return generation.clone();
        }
        let generation = Generation {
            count: Arc::default(),
            blind: self.blind.clone(),
        };
        group.push((prefix, generation.clone()));
        generation
    }

    pub(super) fn bump(&self, keys: &[String]) {
        let all = self.all.read();
        let mut groups: Vec<&str> = keys.iter().map(|key| namespace_of(key)).collect();
        groups.sort_unstable();
        groups.dedup();
        for (prefix, generation) in groups.into_iter().filter_map(|group| all.get(group)).flatten() {
            if keys.iter().any(|key| key.starts_with(&**prefix)) {
                generation.bump();
            }
        }
        for (folder, generation) in &*self.everywhere.read() {
            let inside =
                |key: &String| below_namespace(key).is_some_and(|below| below.starts_with(&**folder));
            if keys.iter().any(inside) {
                generation.bump();
            }
        }
    }

    /// Forgets the counters of a namespace that is gone.
    pub(super) fn unregister(&self, prefix: &str) {
        self.all.write().remove(namespace_of(prefix));
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
        for (_, generation) in self.all.read().values().flatten() {
            generation.bump();
        }
        for (_, generation) in &*self.everywhere.read() {
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
    fn a_folder_of_every_namespace_moves_with_any_of_them() {
        let generations = Generations::default();
        let mounts = generations.register_everywhere("mount/".into());
        let outside = generations.register("core/namespace/".into());
        generations.bump(&["ns/root/mount/secret/a".into()]);
        generations.bump(&["ns/aB3xyZ/mount/auth/b".into(), "ns/aB3xyZ/mount/auth/c".into()]);
        generations.bump(&["ns/aB3xyZ/policy/x".into(), "mount/secret/a".into()]);
        assert_eq!((mounts.current(), outside.current()), (2, 0));
        generations.bump(&["core/namespace/at/a".into()]);
        assert_eq!((mounts.current(), outside.current()), (2, 1));
        generations.bump_all();
        assert_eq!((mounts.current(), outside.current()), (3, 2));
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
