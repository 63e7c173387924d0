//! Files that are never on a disk, for a library that reads certificates and keys from files only.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A file in memory, which this process reaches by a path and which is gone with this value.
pub(super) struct SecretFile {
    path: PathBuf,
    _file: File,
}

impl SecretFile {
    #[cfg(target_os = "linux")]
    pub(super) fn new(name: &str, content: &str) -> io::Result<Self> {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;
        let mut file = File::from(rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)?);
        file.write_all(content.as_bytes())?;
        Ok(Self {
            path: PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
            _file: file,
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn new(_: &str, _: &str) -> io::Result<Self> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "only Linux has files that are never on a disk",
        ))
    }

    /// Where this process can open it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
