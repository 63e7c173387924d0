//! The folder of an embedded store: who may open it, and what is in it.
//!
//! ```text
//! <folder>/lock             held by the process that has the store open
//! <folder>/store/VERSION    the format of everything below, one number
//! <folder>/store/db/        the database
//! <folder>/store.new/       a store that was being created when the power went; deleted at the next start
//! ```
//!
//! A store is created beside its place and moved there when it is complete and on disk, so that a power cut
//! leaves either no store or a whole one.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::OpenError;

/// The format this program reads and writes.
const FORMAT: u32 = 1;

/// The folder of a store, locked against every other process.
pub(super) struct Layout {
    folder: PathBuf,
    /// Released by the operating system when this is closed.
    _lock: File,
}

impl Layout {
    /// Takes possession of `folder`, which is created when it does not exist.
    pub(super) fn lock(folder: &Path) -> Result<Self, OpenError> {
        make_folder(folder)?;
        let path = folder.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| OpenError::io(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: folder.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                folder: folder.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(OpenError::io(&path, error)),
        }
    }

    /// The database of the store, if the folder holds one.
    pub(super) fn database(&self) -> Result<Option<PathBuf>, OpenError> {
        let store = self.folder.join("store");
        if !exists(&store)? {
            return Ok(None);
        }
        check_format(&store.join("VERSION"))?;
        Ok(Some(store.join("db")))
    }

    /// Creates the store: `make` fills the folder of its database, and has closed it when it returns.
    pub(super) fn create(
        &self,
        make: impl FnOnce(&Path) -> Result<(), OpenError>,
    ) -> Result<PathBuf, OpenError> {
        self.refuse_strangers()?;
        let draft = self.folder.join("store.new");
        if exists(&draft)? {
            fs::remove_dir_all(&draft).map_err(|error| OpenError::io(&draft, error))?;
        }
        make_folder(&draft)?;
        make(&draft.join("db"))?;
        write_format(&draft)?;
        sync_folders(&draft)?;
        let store = self.folder.join("store");
        fs::rename(&draft, &store).map_err(|error| OpenError::io(&store, error))?;
        sync_folder(&self.folder)?;
        Ok(store.join("db"))
    }

    /// Refuses to create a store among files of something else.
    fn refuse_strangers(&self) -> Result<(), OpenError> {
        let read = || -> io::Result<Option<PathBuf>> {
            for entry in fs::read_dir(&self.folder)? {
                let entry = entry?;
                let name = entry.file_name();
                if !["lock", "store.new", "lost+found"]
                    .iter()
                    .any(|ours| name == *ours)
                {
                    return Ok(Some(entry.path()));
                }
            }
            Ok(None)
        };
        match read().map_err(|error| OpenError::io(&self.folder, error))? {
            None => Ok(()),
            Some(found) => Err(OpenError::NotAStore {
                folder: self.folder.clone(),
                found,
            }),
        }
    }
}

fn exists(path: &Path) -> Result<bool, OpenError> {
    path.try_exists().map_err(|error| OpenError::io(path, error))
}

/// Creates `folder` and those above it, for the eyes of this user only, and makes them last.
fn make_folder(folder: &Path) -> Result<(), OpenError> {
    if folder.as_os_str().is_empty() || exists(folder)? {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("/"));
    make_folder(parent)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| OpenError::io(folder, error))?;
    sync_folder(parent)
}

/// Makes the names in `folder` last.
fn sync_folder(folder: &Path) -> Result<(), OpenError> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| OpenError::io(folder, error))
}

/// Makes the names in `folder` and in every folder below it last. The database syncs what is in the folders of its
/// keyspaces, but not the names of these folders.
fn sync_folders(folder: &Path) -> Result<(), OpenError> {
    for entry in fs::read_dir(folder).map_err(|error| OpenError::io(folder, error))? {
        let path = entry.map_err(|error| OpenError::io(folder, error))?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    sync_folder(folder)
}

fn write_format(store: &Path) -> Result<(), OpenError> {
    let path = store.join("VERSION");
    let write = || -> io::Result<()> {
        let mut file = File::create_new(&path)?;
        writeln!(file, "{FORMAT}")?;
        file.sync_all()
    };
    write().map_err(|error| OpenError::io(&path, error))
}

fn check_format(path: &Path) -> Result<(), OpenError> {
    let text = fs::read_to_string(path).map_err(|error| OpenError::io(path, error))?;
    match text.trim().parse::<u32>() {
        Ok(FORMAT) => Ok(()),
        _ => Err(OpenError::UnknownFormat {
            path: path.to_owned(),
            found: text.trim().chars().take(40).collect(),
            known: FORMAT,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(folder: &Path) -> Result<PathBuf, OpenError> {
        Layout::lock(folder)?.create(|db| {
            fs::create_dir(db).unwrap();
            Ok(())
        })
    }

    #[test]
    fn a_store_is_found_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b/c");
        assert_eq!(Layout::lock(&folder).unwrap().database().unwrap(), None);
        let db = create(&folder).unwrap();
        assert!(db.is_dir());
        assert_eq!(Layout::lock(&folder).unwrap().database().unwrap(), Some(db));
    }

    #[test]
    fn a_draft_is_thrown_away() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("store.new/db/half")).unwrap();
        let layout = Layout::lock(home.path()).unwrap();
        assert_eq!(layout.database().unwrap(), None);
        drop(layout);
        let db = create(home.path()).unwrap();
        assert!(!db.join("half").exists());
    }

    #[test]
    fn the_second_opener_is_told() {
        let home = tempfile::tempdir().unwrap();
        let _first = Layout::lock(home.path()).unwrap();
        let Err(second) = Layout::lock(home.path()) else {
            panic!("the folder is in use");
        };
        assert!(second.to_string().contains("already open"), "{second}");
    }

    #[test]
    fn files_of_something_else_are_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.txt"), "text").unwrap();
        let refused = create(home.path()).unwrap_err();
        assert!(refused.to_string().contains("thesis.txt"), "{refused}");
        assert!(home.path().join("thesis.txt").exists());
    }

    #[test]
    fn an_unknown_format_is_refused() {
        let home = tempfile::tempdir().unwrap();
        create(home.path()).unwrap();
        for text in ["2", "", "one"] {
            fs::write(home.path().join("store/VERSION"), text).unwrap();
            let refused = Layout::lock(home.path()).unwrap().database().unwrap_err();
            assert!(
                matches!(refused, OpenError::UnknownFormat { .. }),
                "{text:?}: {refused}"
            );
        }
        fs::remove_file(home.path().join("store/VERSION")).unwrap();
        assert!(Layout::lock(home.path()).unwrap().database().is_err());
    }
}
