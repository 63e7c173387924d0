//! Decides, for a group of batches in order, which of them apply.
//!
//! Every implementation commits through this: the meaning of an expectation is written once.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Batch, Change, ChangeKind, Conflict, Expected, Revision, StorageError, Term};

/// What a group of batches adds up to, on top of a store at some revision.
pub(crate) struct Staging {
    revision: Revision,
    writes: BTreeMap<String, Write>,
    commits: Vec<Commit>,
}

/// The last write of a key in the group.
pub(crate) struct Write {
    /// The batch that wrote it.
    pub(crate) revision: Revision,
    /// The new value; `None` when the key is deleted.
    pub(crate) value: Option<Bytes>,
}

/// One batch that applied, as watchers will see it.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) revision: Revision,
    pub(crate) changes: Vec<Change>,
}

/// What the group needs to know of the store underneath it.
pub(crate) trait Base {
    /// The revision under `key`, if it exists.
    fn revision_of(&self, key: &str) -> Result<Option<Revision>, StorageError>;

    /// Whether `term` is in office.
    fn in_office(&self, _term: Term) -> bool {
        false
    }
}

impl Staging {
    /// A group on top of a store whose newest commit is `revision`.
    pub(crate) const fn new(revision: Revision) -> Self {
        Self {
            revision,
            writes: BTreeMap::new(),
            commits: Vec::new(),
        }
    }

    /// Adds a batch if its fence and its expectations hold, and returns its revision.
    pub(crate) fn stage(&mut self, batch: Batch, base: &impl Base) -> Result<Revision, StorageError> {
        let (expects, writes, fence) = batch.into_parts();
        if fence.is_some_and(|term| !base.in_office(term)) {
            return Err(StorageError::Fenced);
        }
        for (key, expected) in &expects {
            self.check(key, *expected, base)?;
        }
        if !writes.is_empty() {
            self.apply(writes);
        }
        Ok(self.revision)
    }

    fn check(&self, key: &str, expected: Expected, base: &impl Base) -> Result<(), StorageError> {
        let found = match self.writes.get(key) {
            Some(write) => write.value.as_ref().map(|_| write.revision),
            None => base.revision_of(key)?,
        };
        let holds = match expected {
            Expected::Absent => found.is_none(),
            Expected::At(revision) => found == Some(revision),
        };
        if holds {
            return Ok(());
        }
        Err(StorageError::Conflict(Conflict {
            key: key.to_owned(),
            found,
        }))
    }

    fn apply(&mut self, writes: Vec<(String, Option<Bytes>)>) {
        let revision = Revision(self.revision.0 + 1);
        let last_of_each_key: BTreeMap<String, Option<Bytes>> = writes.into_iter().collect();
        let mut changes = Vec::with_capacity(last_of_each_key.len());
        for (key, value) in last_of_each_key {
            changes.push(Change {
                revision,
                key: key.clone(),
                kind: if value.is_some() {
                    ChangeKind::Put
                } else {
                    ChangeKind::Delete
                },
            });
            self.writes.insert(key, Write { revision, value });
        }
        self.commits.push(Commit { revision, changes });
        self.revision = revision;
    }

    /// Whether no batch of the group wrote anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    /// The revision of the last batch that applied.
    pub(crate) const fn revision(&self) -> Revision {
        self.revision
    }

    /// The last write of each key, and the batches in order.
    pub(crate) fn into_parts(self) -> (BTreeMap<String, Write>, Vec<Commit>) {
        (self.writes, self.commits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Holding(&'static [(&'static str, u64)]);

    impl Base for Holding {
        fn revision_of(&self, key: &str) -> Result<Option<Revision>, StorageError> {
            Ok(self
                .0
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, r)| Revision(*r)))
        }
    }

    #[test]
    fn a_batch_sees_the_ones_before_it_in_the_group() {
        let base = Holding(&[("old", 3)]);
        let mut group = Staging::new(Revision(7));
        let first = Batch::new().expect("new", Expected::Absent).put("new", "1");
        assert_eq!(group.stage(first.clone(), &base).unwrap(), Revision(8));
        let Err(StorageError::Conflict(conflict)) = group.stage(first, &base) else {
            panic!("the key is no longer absent");
        };
        assert_eq!(
            conflict,
            Conflict {
                key: "new".into(),
                found: Some(Revision(8))
            }
        );
        let delete = Batch::new()
            .expect("old", Expected::At(Revision(3)))
            .delete("old");
        assert_eq!(group.stage(delete.clone(), &base).unwrap(), Revision(9));
        let Err(StorageError::Conflict(conflict)) = group.stage(delete, &base) else {
            panic!("the key is gone");
        };
        assert_eq!(conflict.found, None);
        assert_eq!(group.revision(), Revision(9));
    }

    #[test]
    fn what_conflicts_leaves_nothing_behind() {
        let base = Holding(&[]);
        let mut group = Staging::new(Revision(0));
        let batch = Batch::new()
            .expect("a", Expected::Absent)
            .expect("b", Expected::At(Revision(1)))
            .put("a", "x");
        assert!(group.stage(batch, &base).is_err());
        assert!(group.is_empty());
        assert_eq!(
            group
                .stage(Batch::new().expect("a", Expected::Absent), &base)
                .unwrap(),
            Revision(0)
        );
    }

    #[test]
    fn the_last_write_of_a_key_wins() {
        let mut group = Staging::new(Revision(0));
        let batch = Batch::new().put("b", "1").put("a", "2").delete("b");
        group.stage(batch, &Holding(&[])).unwrap();
        let (writes, commits) = group.into_parts();
        assert!(writes["b"].value.is_none());
        let seen: Vec<_> = commits[0]
            .changes
            .iter()
            .map(|change| (&*change.key, change.kind))
            .collect();
        assert_eq!(seen, [("a", ChangeKind::Put), ("b", ChangeKind::Delete)]);
    }

    #[test]
    fn a_store_without_election_has_no_term_in_office() {
        let mut group = Staging::new(Revision(0));
        let batch = Batch::new().put("a", "1").fenced_by(Term(1));
        assert!(matches!(
            group.stage(batch, &Holding(&[])),
            Err(StorageError::Fenced)
        ));
    }
}
