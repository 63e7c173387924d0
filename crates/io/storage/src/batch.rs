//! Atomic, conditional writes.

use bytes::Bytes;

use crate::{MAX_BATCH_BYTES, MAX_VALUE_BYTES, Revision, StorageError, Term, check_key};

/// What a key must be like for a batch to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The key does not exist.
    Absent,
    /// The key exists and was last written by this revision.
    At(Revision),
}

/// Writes that happen together or not at all.
///
/// A key written twice in one batch keeps the last write.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    expects: Vec<(String, Expected)>,
    writes: Vec<(String, Option<Bytes>)>,
    fence: Option<Term>,
}

impl Batch {
    /// A batch that does nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies only if `key` is as `expected`.
    #[must_use]
    pub fn expect(mut self, key: impl Into<String>, expected: Expected) -> Self {
        self.expects.push((key.into(), expected));
        self
    }

    /// Writes `value` under `key`.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.writes.push((key.into(), Some(value.into())));
        self
    }

    /// Removes `key`; nothing happens when it does not exist.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.writes.push((key.into(), None));
        self
    }

    /// Applies only while `term` is in office.
    #[must_use]
    pub const fn fenced_by(mut self, term: Term) -> Self {
        self.fence = Some(term);
        self
    }

    /// Conditions, in the order they were added.
    #[must_use]
    pub fn expects(&self) -> &[(String, Expected)] {
        &self.expects
    }

    /// Writes in order: a value, or `None` to delete.
    #[must_use]
    pub fn writes(&self) -> &[(String, Option<Bytes>)] {
        &self.writes
    }

    /// The term that must be in office.
    #[must_use]
    pub const fn fence(&self) -> Option<Term> {
        self.fence
    }

    /// Conditions, writes and fence by value.
    #[must_use]
    #[expect(
        clippy::type_complexity,
        reason = "the parts of this type, named by its accessors"
    )]
    pub fn into_parts(
        self,
    ) -> (
        Vec<(String, Expected)>,
        Vec<(String, Option<Bytes>)>,
        Option<Term>,
    ) {
        (self.expects, self.writes, self.fence)
    }

    /// Adds everything of `other` after what is here.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.expects.extend(other.expects);
        self.writes.extend(other.writes);
        self.fence = self.fence.max(other.fence);
        self
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of all keys and values together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let expects = self.expects.iter().map(|(key, _)| key.len());
        let writes = self
            .writes
            .iter()
            .map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len));
        expects.chain(writes).sum()
    }

    /// Refuses a batch that no implementation could hold.
    ///
    /// # Errors
    /// [`StorageError::BadKey`] for the first bad key, [`StorageError::TooLarge`] for a value above
    /// [`MAX_VALUE_BYTES`] or a batch above [`MAX_BATCH_BYTES`].
    pub fn check(&self) -> Result<(), StorageError> {
        self.expects
            .iter()
            .map(|(key, _)| key)
            .chain(self.writes.iter().map(|(key, _)| key))
            .try_for_each(|key| check_key(key))?;
        for (_, value) in &self.writes {
            check_size("value", value.as_ref().map_or(0, Bytes::len), MAX_VALUE_BYTES)?;
        }
        check_size("batch", self.bytes(), MAX_BATCH_BYTES)
    }
}

const fn check_size(what: &'static str, bytes: usize, limit: usize) -> Result<(), StorageError> {
    if bytes > limit {
        return Err(StorageError::TooLarge { what, bytes, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive() {
        let value = |bytes: usize| Bytes::from(vec![0_u8; bytes]);
        assert!(Batch::new().put("k", value(MAX_VALUE_BYTES)).check().is_ok());
        let error = Batch::new()
            .put("k", value(MAX_VALUE_BYTES + 1))
            .check()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "16777217 bytes are too many for one value: the limit is 16777216"
        );

        let half = value(MAX_BATCH_BYTES / 2 - 1);
        let full = Batch::new().put("a", half.clone()).put("b", half);
        assert!(full.check().is_ok());
        assert!(matches!(
            full.delete("c").check(),
            Err(StorageError::TooLarge { what: "batch", .. })
        ));
    }
}
