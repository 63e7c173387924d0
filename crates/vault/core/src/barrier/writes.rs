//! Plaintext writes on their way through the barrier.

use arca_base::{Entropy, Secret};
use arca_storage::{Batch, Expected, Revision, Term};

use super::keyring::Keyring;
use super::record::{self, BadRecord};

/// Writes that happen together or not at all, not sealed yet. Keys are full storage keys.
///
/// Order counts: a key written twice keeps the last write, also when that one removes it or brings it back.
#[derive(Default)]
pub struct Writes {
    expects: Vec<(String, Expected)>,
    writes: Vec<(String, Write)>,
    told: Vec<String>,
    background: bool,
}

/// What happens to a key.
enum Write {
    Seal(Secret<Vec<u8>>),
    Store(Vec<u8>),
    Delete,
}

impl Writes {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies only if `key` was last written by `revision`, or does not exist for `None`.
    pub fn expect(&mut self, key: impl Into<String>, revision: Option<Revision>) {
        self.expects
            .push((key.into(), revision.map_or(Expected::Absent, Expected::At)));
    }

    /// Seals `plaintext` under `key`.
    pub fn put(&mut self, key: impl Into<String>, plaintext: Vec<u8>) {
        self.writes
            .push((key.into(), Write::Seal(Secret::new(plaintext))));
    }

    /// Stores `value` as it is: only for what must be readable before unsealing, or is sealed already.
    pub(crate) fn put_clear(&mut self, key: impl Into<String>, value: Vec<u8>) {
        self.writes.push((key.into(), Write::Store(value)));
    }

    /// Removes `key`.
    pub fn delete(&mut self, key: impl Into<String>) {
        self.writes.push((key.into(), Write::Delete));
    }

    /// Has the history of the store hold `key` with this commit, although there is no such record.
    pub(crate) fn tell(&mut self, key: String) {
        self.told.push(key);
    }

    /// Marks these writes as background work, which applies only while this node is the elected one.
    pub const fn in_background(&mut self) {
        self.background = true;
    }

    pub(super) const fn is_background(&self) -> bool {
        self.background
    }

    /// The first key that does not lie below `prefix`.
    pub(super) fn first_outside(&self, prefix: &str) -> Option<&str> {
        let written = self.writes.iter().map(|(key, _)| key);
        let expected = self.expects.iter().map(|(key, _)| key);
        let mut keys = written.chain(expected).map(String::as_str);
        keys.find(|key| !key.starts_with(prefix))
    }

    /// Adds everything of `other` after what is here.
    pub fn append(&mut self, other: Self) {
        self.expects.extend(other.expects);
        self.writes.extend(other.writes);
        self.told.extend(other.told);
        self.background |= other.background;
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The sealed batch, and the keys it touches.
    pub(super) fn seal(
        self,
        keyring: &Keyring,
        entropy: &dyn Entropy,
        fence: Option<Term>,
    ) -> Result<(Batch, Vec<String>), BadRecord> {
        let mut batch = Batch::new();
        let mut touched = Vec::with_capacity(self.writes.len());
        for (key, expected) in self.expects {
            batch = batch.expect(key, expected);
        }
        for (key, write) in self.writes {
            touched.push(key.clone());
            batch = match write {
                Write::Seal(plaintext) => {
                    let sealed = record::seal(keyring, entropy, &key, plaintext.expose())?;
                    batch.put(key, sealed)
                }
                Write::Store(value) => batch.put(key, value),
                Write::Delete => batch.delete(key),
            };
        }
        for key in self.told {
            batch = batch.delete(key);
        }
        if let Some(term) = fence {
            batch = batch.fenced_by(term);
        }
        Ok((batch, touched))
    }
}
