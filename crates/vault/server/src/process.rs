//! What a server asks of its process: memory that stays private, and a file with its number.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getpid, getrlimit, set_dumpable_behavior, setrlimit,
};

/// The number of `CAP_IPC_LOCK` in the capability sets of Linux.
const IPC_LOCK: u32 = 14;

/// What [`harden`] could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// A crash leaves no image of memory, and other processes of the user cannot read it.
    pub undumpable: bool,
    /// Memory is never written to a swap device.
    pub locked: Locked,
}

/// Whether memory may be swapped out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    /// Never.
    Yes,
    /// It may: not asked for.
    NotWanted,
    /// It may: the limit on locked memory is too low, and locking some of it would end in failed allocations.
    NotAllowed,
}

/// Keeps memory private. Call it first, before there are secrets or threads.
///
/// Nothing in here is needed for the server to work, so that failures are reported, not returned.
#[must_use]
pub fn harden(lock_memory: bool) -> Hardening {
    Hardening {
        undumpable: forbid_dumps().is_ok(),
        locked: if lock_memory { lock() } else { Locked::NotWanted },
    }
}

fn forbid_dumps() -> rustix::io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let cores = setrlimit(Resource::Core, none);
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    cores
}

/// Pages are locked as they are first touched: address space that is reserved and never used stays free.
fn lock() -> Locked {
    if getrlimit(Resource::Memlock).current.is_some() && !may_lock_without_limit() {
        return Locked::NotAllowed;
    }
    let everything = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    match mlockall(everything) {
        Ok(()) => Locked::Yes,
        Err(_) => Locked::NotAllowed,
    }
}

fn may_lock_without_limit() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    has_capability(&status, IPC_LOCK)
}

/// Whether the effective set in the text of `/proc/self/status` has a capability.
fn has_capability(status: &str, number: u32) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    set.is_some_and(|set| set >> number & 1 == 1)
}

/// Lets the process open as many files and connections as its hard limit allows; gives how many that are.
pub fn allow_many_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

impl Hardening {
    /// Says in the log what could not be done.
    pub fn report(self) {
        if !self.undumpable {
            tracing::warn!("a crash may write memory to disk: core dumps could not be turned off");
        }
        if self.locked == Locked::NotAllowed {
            tracing::warn!(
                "memory may be swapped to disk: raise the limit on locked memory (LimitMEMLOCK=infinity), \
                 turn swap off or encrypt it, or set disable_mlock = true to accept that"
            );
        }
    }
}

/// The file that holds the number of the process, removed with this value.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes the file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(path: &Path) -> io::Result<Self> {
        let mut file = fs::File::create(path)?;
        writeln!(file, "{}", getpid().as_raw_nonzero())?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the file with the process number stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_the_effective_set() {
        let status =
            "Name:\tarca\nCapPrm:\t0000000000000000\nCapEff:\t0000000000004000\nCapBnd:\t000001ffffffffff\n";
        assert!(has_capability(status, IPC_LOCK));
        assert!(!has_capability(status, 13));
        assert!(!has_capability("CapEff:\tnonsense\n", IPC_LOCK));
        assert!(!has_capability("", IPC_LOCK));
    }

    /// Changes this process for good, which does no harm to other tests.
    #[test]
    fn a_hardened_process_leaves_no_image_and_opens_many_files() {
        let done = harden(false);
        assert_eq!((done.undumpable, done.locked), (true, Locked::NotWanted));
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            DumpableBehavior::NotDumpable
        );
        let files = allow_many_files();
        assert_eq!(getrlimit(Resource::Nofile).current, files);
    }

    #[test]
    fn a_pid_file_goes_with_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("arca.pid");
        let file = PidFile::write(&path).unwrap();
        let number: u32 = fs::read_to_string(&path).unwrap().trim().parse().unwrap();
        assert_eq!(number, std::process::id());
        drop(file);
        assert!(!path.exists());
    }
}
