//! Rows as values of the store.

use bytes::Bytes;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::{Entry, Revision, StorageError};

/// A column of a row.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, StorageError> {
    row.try_get(name).map_err(|error| StorageError::Damaged {
        key: name.to_owned(),
        reason: super::error::explain(&error),
    })
}

/// A column that holds a revision.
pub(super) fn revision(row: &Row, name: &str) -> Result<Revision, StorageError> {
    let number: i64 = column(row, name)?;
    u64::try_from(number)
        .map(Revision)
        .map_err(|_| StorageError::Damaged {
            key: name.to_owned(),
            reason: format!("{number} is not a revision"),
        })
}

/// The columns `revision` and `sealed`.
pub(super) fn entry(row: &Row) -> Result<Entry, StorageError> {
    Ok(Entry {
        sealed: Bytes::from(column::<Vec<u8>>(row, "sealed")?),
        revision: revision(row, "revision")?,
    })
}

/// The columns `key`, `revision` and `sealed`.
pub(super) fn record(row: &Row) -> Result<(String, Entry), StorageError> {
    Ok((column(row, "key")?, entry(row)?))
}

/// A number of this program as the database holds it.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A size of this program as the database holds it.
pub(super) fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
