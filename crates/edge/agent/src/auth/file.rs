//! Files that hold a credential.

use std::io;
use std::path::{Path, PathBuf};

use arca_base::Secret;
use tokio::fs;
use tokio::io::AsyncReadExt;

/// Most bytes of a file with a credential.
pub(crate) const MOST_BYTES: u64 = 64 * 1024;

/// Why a file gave no credential. Never quotes what is in it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("{0} is empty: write the credential into it")]
    Empty(PathBuf),
    /// It is no credential.
    #[error("{0} is longer than {MOST_BYTES} bytes: is it the right file?")]
    TooLong(PathBuf),
    /// It is no text.
    #[error("{0} holds something else than text: is it the right file?")]
    NotText(PathBuf),
}

/// Reads the whole file, or as much of it as is allowed.
///
/// # Errors
/// [`FileError`]
pub(crate) async fn read(path: &Path) -> Result<Secret<String>, FileError> {
    let unreadable = |source| FileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).await.map_err(unreadable)?;
    let mut bytes = Secret::new(Vec::new());
    file.take(MOST_BYTES + 1)
        .read_to_end(bytes.expose_mut())
        .await
        .map_err(unreadable)?;
    if u64::try_from(bytes.expose().len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(FileError::TooLong(path.to_owned()));
    }
    match std::str::from_utf8(bytes.expose()) {
        Ok(text) if text.trim().is_empty() => Err(FileError::Empty(path.to_owned())),
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(_) => Err(FileError::NotText(path.to_owned())),
    }
}

/// A file with a credential that may go away after it was read: what was read last counts until there is more.
pub(super) struct CredentialFile {
    path: PathBuf,
    remove: Option<Links>,
    last: Option<Secret<String>>,
}

/// What is removed where the path is a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// The link.
    Kept,
    /// The file it leads to.
    Followed,
}

impl CredentialFile {
    pub(super) const fn kept(path: PathBuf) -> Self {
        Self {
            path,
            remove: None,
            last: None,
        }
    }

    pub(super) fn removed_if(path: PathBuf, remove: bool, follows_links: bool) -> Self {
        let links = if follows_links {
            Links::Followed
        } else {
            Links::Kept
        };
        Self {
            path,
            remove: remove.then_some(links),
            last: None,
        }
    }

    /// What the file holds now or held last, as it is.
    pub(super) async fn read(&mut self) -> Result<&Secret<String>, FileError> {
        match read(&self.path).await {
            Ok(text) => {
                self.last = Some(text);
                self.remove().await;
            }
            Err(error) if self.last.is_none() => return Err(error),
            Err(_) => {}
        }
        self.last
            .as_ref()
            .ok_or_else(|| FileError::Empty(self.path.clone()))
    }

    /// A file that stays is no reason not to log in, but a person should know.
    async fn remove(&self) {
        let outcome = match self.remove {
            None => Ok(()),
            Some(Links::Kept) => fs::remove_file(&self.path).await,
            Some(Links::Followed) => match fs::canonicalize(&self.path).await {
                Ok(target) => fs::remove_file(target).await,
                Err(error) => Err(error),
            },
        };
        if let Err(error) = outcome {
            tracing::warn!(
                "cannot remove {} after reading: {error}; remove it, it holds a credential",
                self.path.display()
            );
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
