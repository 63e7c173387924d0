//! Why the folder of a store cannot be opened, and what a failing database means to a caller.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::StorageError;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store open.
    #[error(
        "the store in {} is already open in another process; stop that one first, or use a shared store",
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A store of another version of this program.
    #[error(
        "{} says {found:?}, and this version reads format {known} only; use the version that wrote the store",
        path.display()
    )]
    UnknownFormat {
        /// The file that names the format.
        path: PathBuf,
        /// What it says.
        found: String,
        /// The format this version knows.
        known: u32,
    },
    /// A folder that is used by something else.
    #[error(
        "{} holds no store, but {} is in it; name an empty folder, or one that does not exist",
        folder.display(), found.display()
    )]
    NotAStore {
        /// The folder.
        folder: PathBuf,
        /// A file that does not belong to a store.
        found: PathBuf,
    },
    /// What was once on disk is no longer there, or has changed.
    #[error("{} is damaged: {reason}; restore a snapshot into an empty folder", path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused.
    #[error("cannot use {}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path, cause: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            cause,
        }
    }

    pub(super) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn database(path: &Path, error: fjall::Error) -> Self {
        match into_io(error) {
            Ok(cause) => Self::io(path, cause),
            Err(error) => Self::damaged(path, error),
        }
    }
}

/// What a failed read of `key` means to the caller.
pub(super) fn failed_read(key: &[u8], error: fjall::Error) -> StorageError {
    match into_io(error) {
        Ok(cause) => StorageError::unavailable(cause),
        Err(error) => damaged(key, error),
    }
}

pub(super) fn damaged(key: &[u8], reason: impl ToString) -> StorageError {
    StorageError::Damaged {
        key: String::from_utf8_lossy(key).into_owned(),
        reason: reason.to_string(),
    }
}

/// The error of the operating system behind a failure of the database, or the failure when there is none.
fn into_io(error: fjall::Error) -> Result<io::Error, fjall::Error> {
    match error {
        fjall::Error::Io(cause) => Ok(cause),
        fjall::Error::Storage(ref inner) if inner.source().is_some() => Ok(io::Error::other(error)),
        other => Err(other),
    }
}
