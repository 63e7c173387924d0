//! Typed records: one row for each object, versioned, cached with its revision.

use std::marker::PhantomData;
use std::sync::Arc;

use arca_storage::{Page, Revision};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroize as _;

use super::view::cursor;
use super::{BarrierError, View, Writes};

/// How often a write that lost a race reads again and retries before it gives up.
const MAX_ATTEMPTS: usize = 64;

/// A type that is stored. Every stored format carries a version from day one: the first byte of the plaintext.
pub trait Stored: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The version written.
    const VERSION: u8;
    /// What it is, for errors.
    const NAME: &'static str;

    /// The bytes after the version.
    ///
    /// # Errors
    /// [`BadStored`] when the value has no such form.
    fn encode(&self) -> Result<Vec<u8>, BadStored> {
        serde_json::to_vec(self).map_err(|_| BadStored {
            name: Self::NAME,
            version: Self::VERSION,
        })
    }

    /// Reads the bytes after the version. Override to read older versions.
    ///
    /// # Errors
    /// [`BadStored`] when the version is not known or the bytes do not decode.
    fn decode(version: u8, bytes: &[u8]) -> Result<Self, BadStored> {
        let bad = || BadStored {
            name: Self::NAME,
            version,
        };
        if version != Self::VERSION {
            return Err(bad());
        }
        serde_json::from_slice(bytes).map_err(|_| bad())
    }
}

/// A record that opens but does not decode. The cause is not kept: it may quote the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored {name} of version {version} does not decode")]
pub struct BadStored {
    /// What it is.
    pub name: &'static str,
    /// The version found.
    pub version: u8,
}

/// The plaintext of a stored value.
pub(crate) fn to_plaintext<T: Stored>(value: &T) -> Result<Vec<u8>, BadStored> {
    let mut body = value.encode()?;
    let mut out = Vec::with_capacity(body.len() + 1);
    out.push(T::VERSION);
    out.extend_from_slice(&body);
    body.zeroize();
    Ok(out)
}

/// The value of a plaintext.
pub(crate) fn from_plaintext<T: Stored>(plaintext: &[u8]) -> Result<T, BadStored> {
    let (version, body) = plaintext.split_first().ok_or(BadStored {
        name: T::NAME,
        version: 0,
    })?;
    T::decode(*version, body)
}

/// A stored value with its revision.
pub struct Row<T> {
    /// The value.
    pub value: Arc<T>,
    /// The commit that wrote it.
    pub revision: Revision,
}

/// What an update does with what it found.
pub enum Change<T> {
    /// Writes this value.
    Put(T),
    /// Removes the row.
    Delete,
    /// Leaves everything as it is.
    Keep,
}

/// The rows of one type below one prefix.
pub struct Rows<T> {
    view: View,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Rows<T> {
    fn clone(&self) -> Self {
        Self {
            view: self.view.clone(),
            of: PhantomData,
        }
    }
}

impl<T: Stored> Rows<T> {
    /// Rows kept below `view`.
    #[must_use]
    pub const fn new(view: View) -> Self {
        Self {
            view,
            of: PhantomData,
        }
    }

    /// Where they are kept.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// The row called `name`.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn get(&self, name: &str) -> Result<Option<Row<T>>, BarrierError> {
        let key = self.view.key(name);
        let found = self.view.barrier().get_derived(&key, from_plaintext::<T>).await?;
        Ok(found.map(|(value, revision)| Row { value, revision }))
    }

    /// Adds the write of a row to `writes`.
    ///
    /// # Errors
    /// [`BarrierError::Stored`] when the value cannot be encoded.
    pub fn put_in(&self, writes: &mut Writes, name: &str, value: &T) -> Result<(), BarrierError> {
        writes.put(self.view.key(name), to_plaintext(value)?);
        Ok(())
    }

    /// Adds the removal of a row to `writes`.
    pub fn delete_in(&self, writes: &mut Writes, name: &str) {
        writes.delete(self.view.key(name));
    }

    /// Makes `writes` apply only if the row is as it was read.
    pub fn expect_in(&self, writes: &mut Writes, name: &str, found: Option<&Row<T>>) {
        writes.expect(self.view.key(name), found.map(|row| row.revision));
    }

    /// Writes a row, whatever was there.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn put(&self, name: &str, value: &T) -> Result<Revision, BarrierError> {
        let mut writes = Writes::new();
        self.put_in(&mut writes, name, value)?;
        self.view.commit(writes).await
    }

    /// Removes a row.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn delete(&self, name: &str) -> Result<Revision, BarrierError> {
        self.view.delete(name).await
    }

    /// Reads a row, lets `change` decide, and commits; again from the start when another writer was faster.
    ///
    /// # Errors
    /// What `change` returns, or [`BarrierError`]; a conflict after many attempts.
    pub async fn update<E, R>(
        &self,
        name: &str,
        mut change: impl FnMut(Option<&T>) -> Result<(Change<T>, R), E>,
    ) -> Result<R, E>
    where
        E: From<BarrierError>,
    {
        self.update_with(name, |found, _| change(found)).await
    }

    /// The same, with more to commit if the row changes.
    ///
    /// # Errors
    /// What `change` returns, or [`BarrierError`]; a conflict after many attempts.
    pub async fn update_with<E, R>(
        &self,
        name: &str,
        mut change: impl FnMut(Option<&T>, &mut Writes) -> Result<(Change<T>, R), E>,
    ) -> Result<R, E>
    where
        E: From<BarrierError>,
    {
        let mut attempt = 0;
        loop {
            let found = self.get(name).await?;
            let mut writes = Writes::new();
            let (decision, result) = change(found.as_ref().map(|row| &*row.value), &mut writes)?;
            match decision {
                Change::Keep => return Ok(result),
                Change::Delete => self.delete_in(&mut writes, name),
                Change::Put(value) => self.put_in(&mut writes, name, &value)?,
            }
            self.expect_in(&mut writes, name, found.as_ref());
            attempt += 1;
            match self.view.commit(writes).await {
                Ok(_) => return Ok(result),
                Err(error) if error.is_conflict() && attempt < MAX_ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// One page of names in a folder.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn list(&self, folder: &str, after: &str, limit: usize) -> Result<Page, BarrierError> {
        self.view.list(folder, after, limit).await
    }

    /// At most `limit` rows after `after`, in the order of their names, read past the cache; and whether more follow.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn page(&self, after: &str, limit: usize) -> Result<(Vec<(String, T)>, bool), BarrierError> {
        const MOST: usize = 1000;
        let prefix = self.view.prefix();
        let mut rows = Vec::new();
        let mut after = match cursor(after) {
            "" => String::new(),
            after => self.view.key(after),
        };
        let mut more = true;
        while more && rows.len() < limit {
            let step = MOST.min(limit - rows.len());
            let records;
            (records, more) = self.view.barrier().read_range(prefix, &after, step).await?;
            for (key, opened) in records {
                let name = key.strip_prefix(prefix).unwrap_or(&key).to_owned();
                rows.push((name, from_plaintext(opened.plaintext.expose())?));
                after = key;
            }
        }
        Ok((rows, more))
    }

    /// Every row, in the order of their names, read past the cache. For what is bounded by configuration, not
    /// by use.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn all(&self) -> Result<Vec<(String, T)>, BarrierError> {
        Ok(self.page("", usize::MAX).await?.0)
    }
}
