//! The index of names, from which folders are listed.
//!
//! Keys alone cannot list a folder with many folders in it: each step over one is a search in the tree of about 50
//! microseconds, 1,000 of them 54 ms on a store of a million entries where a page from this index takes half a
//! millisecond. So each name in a folder has an entry of its own, written in the same batch of the database as the
//! key that brings it into being or removes it:
//!
//! ```text
//! \0n <folder> \0 <name>     nothing; a name that ends in a slash: 8 bytes, how many names are in that folder
//! ```
//!
//! The count says when a folder is gone. Looking for another key instead would mean to step over everything that
//! was deleted there before, again and again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::error::damaged;
use super::reader::View;
use crate::StorageError;
use crate::staging::Write;

/// Counts to remember. More folders than that in turns cost a read each.
const REMEMBERED: usize = 1024;

/// What the index has to write: a value, or `None` to delete.
pub(super) type Updates = Vec<(Vec<u8>, Option<[u8; 8]>)>;

/// Keeps the index in step with the keys.
#[derive(Default)]
pub(super) struct Names {
    counts: HashMap<String, u64>,
}

impl Names {
    /// What changes in the index when `writes` are applied to the store as `view` shows it. Counts are remembered as if
    /// that had been done already; when it fails they have to be forgotten.
    pub(super) fn update(
        &mut self,
        view: &View,
        writes: &BTreeMap<String, Write>,
    ) -> Result<Updates, StorageError> {
        let mut updates = Updates::new();
        let mut folders = Folders::default();
        for (key, write) in writes {
            let exists = write.value.is_some();
            if exists != view.holds(key.as_bytes())? {
                let (folder, name) = split(key);
                updates.push((entry(folder, name), exists.then_some([0; 8])));
                folders.add(folder, if exists { 1 } else { -1 });
            }
        }
        while let Some((folder, change)) = folders.next_deepest() {
            let before = self.count(view, &folder)?;
            let Some(now) = before.checked_add_signed(change) else {
                return Err(damaged(
                    folder.as_bytes(),
                    "the index of names counts fewer names than there are",
                ));
            };
            let (parent, name) = split(&folder);
            if before == 0 || now == 0 {
                folders.add(parent, i64::from(before == 0) - i64::from(now == 0));
            }
            if before != now {
                updates.push((entry(parent, name), (now > 0).then(|| now.to_be_bytes())));
                self.remember(&folder, now);
            }
        }
        Ok(updates)
    }

    /// Forgets what was remembered, because it may not have been written.
    pub(super) fn forget(&mut self) {
        self.counts.clear();
    }

    fn count(&self, view: &View, folder: &str) -> Result<u64, StorageError> {
        if let Some(count) = self.counts.get(folder) {
            return Ok(*count);
        }
        let (parent, name) = split(folder);
        let key = entry(parent, name);
        match view.raw(&key)? {
            None => Ok(0),
            Some(value) => value
                .first_chunk()
                .map(|count| u64::from_be_bytes(*count))
                .ok_or_else(|| damaged(&key, "the count of a folder is too short")),
        }
    }

    fn remember(&mut self, folder: &str, count: u64) {
        if self.counts.len() >= REMEMBERED {
            self.counts.clear();
        }
        self.counts.insert(folder.to_owned(), count);
    }
}

/// The key of the index for `name` in `folder`. Without a name, where the names of the folder begin.
pub(super) fn entry(folder: &str, name: &str) -> Vec<u8> {
    [b"\0n", folder.as_bytes(), b"\0", name.as_bytes()].concat()
}

/// Splits a key, or a folder with its slash, into the folder it is in and its name there.
fn split(path: &str) -> (&str, &str) {
    let end = path.strip_suffix('/').unwrap_or(path);
    path.split_at(end.rfind('/').map_or(0, |slash| slash + 1))
}

/// Folders whose number of names changes, the deepest first: what happens there may add or remove a name above.
#[derive(Default)]
struct Folders(BTreeMap<(Reverse<usize>, String), i64>);

impl Folders {
    /// Counts names added to a folder. The root is always there and needs no count.
    fn add(&mut self, folder: &str, names: i64) {
        if !folder.is_empty() {
            *self
                .0
                .entry((Reverse(folder.len()), folder.to_owned()))
                .or_default() += names;
        }
    }

    fn next_deepest(&mut self) -> Option<(String, i64)> {
        self.0.pop_first().map(|((_, folder), names)| (folder, names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_before_their_last_name() {
        for (path, parts) in [
            ("a", ("", "a")),
            ("a/", ("", "a/")),
            ("a/b", ("a/", "b")),
            ("a/b/", ("a/", "b/")),
            ("a/b/c", ("a/b/", "c")),
        ] {
            assert_eq!(split(path), parts);
        }
    }
}
