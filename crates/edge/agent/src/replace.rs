//! Replacing a file so that a reader sees the former or the new content, and nobody else sees either.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use arca_base::{Entropy, entropy, id};

use crate::config::Account;

/// What a file is like, apart from its content.
#[derive(Clone)]
pub(crate) struct Replacement {
    pub(crate) path: PathBuf,
    pub(crate) mode: u32,
    pub(crate) owner: Option<Account>,
    pub(crate) group: Option<Account>,
    /// User and group of the file that is replaced, kept where this process may and `owner` and `group` say nothing.
    pub(crate) former: Option<(u32, u32)>,
    /// The former file stays as `<path>.bak`.
    pub(crate) backup: bool,
}

impl Replacement {
    /// A name beside the file that nobody else uses.
    pub(crate) fn temporary(&self, entropy: &dyn Entropy) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".tmp.{}", id::hex(&entropy::bytes::<4>(entropy))));
        PathBuf::from(name)
    }

    /// Whether a file can be made there, with its owners: said before there is something to lose.
    pub(crate) fn probe(&self, temporary: &Path) -> io::Result<()> {
        if self.path.is_dir() {
            return Err(folder_there());
        }
        let outcome = self.fill(temporary, b"probe");
        let removed = fs::remove_file(temporary);
        outcome.and(removed)
    }

    /// Puts `content` in the place of what is there.
    pub(crate) fn write(&self, temporary: &Path, content: &[u8]) -> io::Result<()> {
        if self.path.is_dir() {
            return Err(folder_there());
        }
        let outcome = self
            .fill(temporary, content)
            .and_then(|()| self.keep_former())
            .and_then(|()| fs::rename(temporary, &self.path));
        if outcome.is_err() {
            // What is half written is of no use, and part of a secret.
            let _ = fs::remove_file(temporary);
        }
        outcome?;
        sync_folder(&self.path)
    }

    /// Owner and mode come before the content, whatever the umask.
    fn fill(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let owner = self.owner.as_ref().map(Account::user_id).transpose()?;
        let group = self.group.as_ref().map(Account::group_id).transpose()?;
        if owner.is_some() || group.is_some() {
            fchown(&file, owner, group)?;
        } else if let Some((owner, group)) = self.former {
            let _ = fchown(&file, Some(owner), Some(group));
        }
        file.set_permissions(Permissions::from_mode(self.mode))?;
        file.write_all(content)?;
        file.sync_all()
    }

    /// The former file gets a second name, so that there is always one under the first.
    fn keep_former(&self) -> io::Result<()> {
        if !self.backup || !self.path.exists() {
            return Ok(());
        }
        let mut name = self.path.clone().into_os_string();
        name.push(".bak");
        let kept = PathBuf::from(name);
        match fs::remove_file(&kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::hard_link(&self.path, &kept)
    }
}

/// What a person can do.
pub(crate) fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "; make the folder",
        io::ErrorKind::PermissionDenied => {
            "; let the agent write into that folder, and set owners only as root"
        }
        io::ErrorKind::IsADirectory => "; name a file, not a folder",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; make room on that file system"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; name a folder on a file system that can be written",
        _ => "",
    }
}

fn folder_there() -> io::Error {
    io::Error::new(io::ErrorKind::IsADirectory, "a folder is there already")
}

/// The new name survives a power cut only with its folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
