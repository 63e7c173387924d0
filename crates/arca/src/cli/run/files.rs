//! Files that only this user can read, and that go when the program has ended.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use arca_base::{Entropy, Secret, entropy};

use crate::cli::failure::Failure;

/// A folder of its own, in memory where the machine has such a place. Removed with this value.
pub(super) struct PrivateFolder(PathBuf);

impl PrivateFolder {
    pub(super) fn new(runtime: Option<&Path>, randomness: &dyn Entropy) -> Result<Self, Failure> {
        let number = u64::from_be_bytes(entropy::bytes::<8>(randomness));
        let memory = Path::new("/dev/shm");
        let parent = match runtime {
            Some(folder) if folder.is_dir() => folder.to_owned(),
            _ if memory.is_dir() => memory.to_owned(),
            _ => std::env::temp_dir(),
        };
        let path = parent.join(format!("arca-run-{number:016x}"));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Failure::local(format!("Cannot make {}: {error}.", path.display())))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn write(&self, name: &str, value: &Secret<String>) -> Result<(), Failure> {
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            return Err(Failure::local(format!(
                "-file {name:?}: use the name of a file, without folders"
            )));
        }
        let file = fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.0.join(name));
        let written = file.and_then(|mut file| file.write_all(value.expose().as_bytes()));
        written.map_err(|error| Failure::local(format!("-file {name}: cannot be written: {error}")))
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // The program may have cleaned up itself.
        let _ = fs::remove_dir_all(&self.0);
    }
}
