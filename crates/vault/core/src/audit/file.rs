//! A log file that is appended to.
//!
//! A file that was deleted is noticed at the next entry, which is then written again into a new one. A file that
//! was renamed away keeps receiving entries, as log rotation expects, until it is reopened; so that a
//! forgotten signal does not go on for ever, the path is looked at once a second.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// A file, or standard output.
pub(super) struct LogFile {
    target: Target,
    open: Mutex<Option<Open>>,
    /// Set once a second by the task that watches over the devices.
    look_again: AtomicBool,
    /// Close the file before the next entry.
    reopen: AtomicBool,
}

enum Target {
    Stdout,
    Discard,
    Path { path: PathBuf, mode: Option<u32> },
}

struct Open {
    file: File,
    /// The last write stopped in the middle of a line.
    torn: bool,
}

impl LogFile {
    /// `stdout`, `discard`, or a path; `mode` for a new file, `None` to leave an existing one as it is.
    pub(super) fn new(path: &str, mode: Option<u32>) -> Self {
        let target = match path {
            "stdout" => Target::Stdout,
            "discard" => Target::Discard,
            path => Target::Path {
                path: path.into(),
                mode,
            },
        };
        Self {
            target,
            open: Mutex::new(None),
            look_again: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
        }
    }

    /// Whether entries go nowhere.
    pub(super) const fn discards(&self) -> bool {
        matches!(self.target, Target::Discard)
    }

    /// Opens the file now rather than at the first entry.
    pub(super) fn open(&self) -> io::Result<()> {
        let mut open = self.open.lock();
        *open = self.target.open()?;
        Ok(())
    }

    /// Whether this is standard output.
    pub(super) const fn is_stdout(&self) -> bool {
        matches!(self.target, Target::Stdout)
    }

    /// Closes the file; the next entry opens it again. Does not wait for a write that hangs.
    pub(super) fn reopen(&self) {
        match self.open.try_lock() {
            Some(mut open) => *open = None,
            None => self.reopen.store(true, Ordering::Relaxed),
        }
    }

    /// Asks for a look at the path before the next entry.
    pub(super) fn look_again(&self) {
        self.look_again.store(true, Ordering::Relaxed);
    }

    /// Appends whole lines, from byte `done` on. One retry with a reopened file, from the beginning.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] for a pipe that is full; `done` then says how far it went.
    pub(super) fn append(&self, lines: &[u8], done: &mut usize) -> io::Result<()> {
        let Target::Path { path, .. } = &self.target else {
            return self.append_elsewhere(lines);
        };
        let mut open = self.open.lock();
        if self.look_again.swap(false, Ordering::Relaxed)
            && open.as_ref().is_some_and(|open| !open.is_at(path))
            || self.reopen.swap(false, Ordering::Relaxed)
        {
            *open = None;
        }
        if let Some(current) = open.as_mut() {
            match current.write(lines, done) {
                Ok(()) if !current.is_deleted() => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        let torn = open.as_ref().is_some_and(|open| open.torn && open.is_at(path));
        *open = None;
        *done = 0;
        let mut fresh = self
            .target
            .open()?
            .ok_or_else(|| io::Error::other("not a file"))?;
        fresh.torn = torn;
        let written = fresh.write(lines, done);
        *open = Some(fresh);
        written
    }

    fn append_elsewhere(&self, lines: &[u8]) -> io::Result<()> {
        match self.target {
            Target::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(lines)?;
                out.flush()
            }
            _ => Ok(()),
        }
    }
}

impl Target {
    fn open(&self) -> io::Result<Option<Open>> {
        let Self::Path { path, mode } = self else {
            return Ok(None);
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(mode.unwrap_or(0o600))
            // Says so when a pipe is full or has no reader, rather than waiting; nothing else takes notice.
            .custom_flags(nonblocking())
            .open(path)?;
        if let Some(mode) = mode {
            file.set_permissions(std::fs::Permissions::from_mode(*mode))?;
        }
        Ok(Some(Open { file, torn: false }))
    }
}

fn nonblocking() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default()
}

impl Open {
    fn write(&mut self, lines: &[u8], done: &mut usize) -> io::Result<()> {
        if self.torn && *done == 0 {
            self.file.write_all(b"\n")?;
            self.torn = false;
        }
        // Lines go out in one call where that is possible: other processes may append to the same file.
        while let Some(rest) = lines.get(*done..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => *done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.torn = *done < lines.len();
        }
        Ok(())
    }

    fn is_deleted(&self) -> bool {
        self.file
            .metadata()
            .map_or(true, |metadata| metadata.nlink() == 0)
    }

    fn is_at(&self, path: &Path) -> bool {
        let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        match (self.file.metadata(), std::fs::metadata(path)) {
            (Ok(open), Ok(there)) => id(open) == id(there),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    fn log_in(folder: &tempfile::TempDir) -> (PathBuf, LogFile) {
        let path = folder.path().join("logs/audit.log");
        let log = LogFile::new(path.to_str().unwrap(), Some(0o600));
        (path, log)
    }

    #[test]
    fn appends_to_a_file_only_its_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = log_in(&folder);
        log.open().unwrap();
        log.append(b"one\n", &mut 0).unwrap();
        log.append(b"two\n", &mut 0).unwrap();
        assert_eq!(read(&path), "one\ntwo\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_deleted_file_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = log_in(&folder);
        log.append(b"one\n", &mut 0).unwrap();
        std::fs::remove_file(&path).unwrap();
        log.append(b"two\n", &mut 0).unwrap();
        assert_eq!(read(&path), "two\n");
    }

    #[test]
    fn a_renamed_file_is_followed_until_reopened_or_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = log_in(&folder);
        let rotated = folder.path().join("audit.log.1");
        log.append(b"one\n", &mut 0).unwrap();
        std::fs::rename(&path, &rotated).unwrap();
        log.append(b"two\n", &mut 0).unwrap();
        assert_eq!(read(&rotated), "one\ntwo\n");
        log.reopen();
        log.append(b"three\n", &mut 0).unwrap();
        assert_eq!(read(&path), "three\n");
        std::fs::rename(&path, &rotated).unwrap();
        log.look_again();
        log.append(b"four\n", &mut 0).unwrap();
        assert_eq!(read(&path), "four\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = log_in(&folder);
        std::fs::write(folder.path().join("logs"), "in the way").unwrap();
        assert!(log.append(b"one\n", &mut 0).is_err());
        std::fs::remove_file(folder.path().join("logs")).unwrap();
        log.append(b"two\n", &mut 0).unwrap();
        assert_eq!(read(&path), "two\n");
    }
}
