//! A window on the barrier: one prefix and nothing else.

use std::sync::Arc;

use arca_storage::{Page, Revision};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Barrier, BarrierError, Opened, Stored, Writes};

/// Access to the records below one prefix. What an engine gets instead of the barrier: every key it names is
/// relative to its prefix, so it cannot reach anything else.
#[derive(Clone)]
pub struct View {
    barrier: Arc<Barrier>,
    prefix: Arc<str>,
}

impl View {
    /// A view of everything below `prefix`, which ends in a slash.
    pub(crate) fn new(barrier: Arc<Barrier>, prefix: impl Into<Arc<str>>) -> Self {
        Self {
            barrier,
            prefix: prefix.into(),
        }
    }

    /// A narrower view. `folder` ends in a slash.
    #[must_use]
    pub fn folder(&self, folder: &str) -> Self {
        Self {
            barrier: self.barrier.clone(),
            prefix: format!("{}{folder}", self.prefix).into(),
        }
    }

    /// The full key of a relative one.
    #[must_use]
    pub fn key(&self, relative: &str) -> String {
        let mut key = String::with_capacity(self.prefix.len() + relative.len());
        key.push_str(&self.prefix);
        key.push_str(relative);
        key
    }

    /// A counter that moves whenever something below this view changes.
    #[must_use]
    pub fn generation(&self) -> super::Generation {
        self.barrier.generation(&*self.prefix)
    }

    /// The prefix itself.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The identifier of the namespace it lies in; empty outside of all.
    pub(crate) fn namespace_id(&self) -> &str {
        let id = self
            .prefix
            .strip_prefix("ns/")
            .and_then(|rest| rest.split_once('/'));
        id.map_or("", |(id, _)| id)
    }

    pub(crate) const fn barrier(&self) -> &Arc<Barrier> {
        &self.barrier
    }

    /// Opens a record.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn get(&self, relative: &str) -> Result<Option<Opened>, BarrierError> {
        self.barrier.get(&self.key(relative)).await
    }

    /// Seals a record.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn put(&self, relative: &str, plaintext: Vec<u8>) -> Result<Revision, BarrierError> {
        let mut writes = Writes::new();
        writes.put(self.key(relative), plaintext);
        self.barrier.commit(writes).await
    }

    /// Removes a record.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn delete(&self, relative: &str) -> Result<Revision, BarrierError> {
        let mut writes = Writes::new();
        writes.delete(self.key(relative));
        self.barrier.commit(writes).await
    }

    /// Commits several writes at once; their keys come from [`View::key`] of this view or of a folder of it.
    ///
    /// # Errors
    /// [`BarrierError`]; [`BarrierError::Outside`] for a key that is not below this view.
    pub async fn commit(&self, writes: Writes) -> Result<Revision, BarrierError> {
        if let Some(key) = writes.first_outside(&self.prefix) {
            let (key, prefix) = (key.to_owned(), self.prefix.to_string());
            return Err(BarrierError::Outside { key, prefix });
        }
        self.barrier.commit(writes).await
    }

    /// One page of names directly below `folder` (empty, or ending in a slash).
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn list(&self, folder: &str, after: &str, limit: usize) -> Result<Page, BarrierError> {
        self.barrier.list(&self.key(folder), cursor(after), limit).await
    }

    /// One page of keys at any depth below `folder`.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn scan(&self, folder: &str, after: &str, limit: usize) -> Result<Page, BarrierError> {
        self.barrier.scan(&self.key(folder), cursor(after), limit).await
    }

    /// Seals a value that a client keeps for a while and brings back, as text. It opens below this view only.
    ///
    /// # Errors
    /// [`BarrierError::Stored`] when the value cannot be encoded.
    pub fn seal_for_client<T: Stored>(&self, value: &T) -> Result<String, BarrierError> {
        let sealed = self.barrier.seal_detached(&self.key(T::NAME), value)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what a client brought back; `None` for what was not sealed here, or is something else.
    #[must_use]
    pub fn open_from_client<T: Stored>(&self, text: &str) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        self.barrier.open_detached(&self.key(T::NAME), &sealed).ok()
    }

    /// Removes every record below this view, page by page.
    ///
    /// # Errors
    /// [`BarrierError`]; what was removed before stays removed.
    pub async fn clear(&self) -> Result<(), BarrierError> {
        const PAGE: usize = 500;
        loop {
            let page = self.scan("", "", PAGE).await?;
            if page.names.is_empty() {
                return Ok(());
            }
            let mut writes = Writes::new();
            for name in page.names {
                writes.delete(self.key(&name));
            }
            self.barrier.commit(writes).await?;
        }
    }
}

/// A name to go on after, as a client sent it, without what no key can hold: behind a NUL byte nothing can matter, since no
/// name lies between `a` and `a\0b`.
pub(super) fn cursor(after: &str) -> &str {
    after.split('\0').next().unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use arca_base::Timestamp;
    use arca_crypto::SystemEntropy;
    use arca_storage::MemoryStorage;

    use super::*;
    use crate::barrier::{CacheLimits, Keyring};

    fn view(prefix: &str) -> View {
        let keyring = Keyring::generate(&SystemEntropy, Timestamp::EPOCH);
        let storage = Arc::new(MemoryStorage::new());
        let barrier = Barrier::new(storage, keyring, Arc::new(SystemEntropy), CacheLimits::default());
        View::new(Arc::new(barrier), prefix)
    }

    #[tokio::test]
    async fn a_view_writes_only_below_its_prefix() {
        let view = view("ns/root/data/a/");
        let attempts: [fn(&mut Writes); 3] = [
            |writes| writes.put("ns/root/data/b/x", vec![1]),
            |writes| writes.delete("ns/root/token/id/x"),
            |writes| writes.expect("core/keyring", None),
        ];
        for attempt in attempts {
            let mut writes = Writes::new();
            writes.put(view.key("mine"), vec![1]);
            attempt(&mut writes);
            assert!(matches!(
                view.commit(writes).await,
                Err(BarrierError::Outside { .. })
            ));
            assert!(
                view.get("mine").await.unwrap().is_none(),
                "nothing of it was written"
            );
        }
        let mut writes = Writes::new();
        writes.put(view.folder("deeper/").key("mine"), vec![1]);
        view.commit(writes).await.unwrap();
        assert!(view.get("deeper/mine").await.unwrap().is_some());
    }
}
