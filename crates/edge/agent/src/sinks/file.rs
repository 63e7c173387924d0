//! Writing a file so that a reader sees the former or the new content, and nobody else sees either.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use arca_base::{Entropy, Secret, entropy, id};

use crate::config::{Account, Sink};

/// What a file is like, apart from its content.
#[derive(Clone)]
pub(super) struct Target {
    path: PathBuf,
    mode: u32,
    owner: Option<Account>,
    group: Option<Account>,
}

impl Target {
    pub(super) fn of(sink: &Sink) -> Self {
        Self {
            path: sink.path.clone(),
            mode: sink.mode,
            owner: sink.owner.clone(),
            group: sink.group.clone(),
        }
    }

    /// Whether a file can be made there, with its owners: said before there is a token to lose.
    pub(super) async fn probe(&self, entropy: &dyn Entropy) -> io::Result<()> {
        let (target, temporary) = (self.clone(), self.temporary(entropy));
        blocking(move || {
            if target.path.is_dir() {
                return Err(io::Error::new(
                    io::ErrorKind::IsADirectory,
                    "a folder is there already",
                ));
            }
            let outcome = target.fill(&temporary, "probe");
            let removed = fs::remove_file(&temporary);
            outcome.and(removed)
        })
        .await
    }

    /// Puts `text` in the place of what is there.
    pub(super) async fn write(&self, text: Secret<String>, entropy: &dyn Entropy) -> io::Result<()> {
        let (target, temporary) = (self.clone(), self.temporary(entropy));
        blocking(move || {
            let outcome = target
                .fill(&temporary, text.expose())
                .and_then(|()| fs::rename(&temporary, &target.path));
            if outcome.is_err() {
                // What is half written is of no use, and part of a secret.
                let _ = fs::remove_file(&temporary);
            }
            outcome?;
            sync_folder(&target.path)
        })
        .await
    }

    fn temporary(&self, entropy: &dyn Entropy) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".tmp.{}", id::hex(&entropy::bytes::<4>(entropy))));
        PathBuf::from(name)
    }

    /// Owner and mode come before the content, whatever the umask.
    fn fill(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let owner = self.owner.as_ref().map(Account::user_id).transpose()?;
        let group = self.group.as_ref().map(Account::group_id).transpose()?;
        if owner.is_some() || group.is_some() {
            fchown(&file, owner, group)?;
        }
        file.set_permissions(Permissions::from_mode(self.mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

/// The new name survives a power cut only with its folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(io::Error::other(error)),
    }
}
