//! The programs that take part: the one under test, and those of its clients.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program under test: `ARCA_BIN`, which `cargo xtask test` sets, else the last debug build.
#[must_use]
pub fn arca() -> PathBuf {
    let built = || root().join("target/debug/arca");
    let path = std::env::var_os("ARCA_BIN").map_or_else(built, PathBuf::from);
    assert!(
        path.is_file(),
        "there is no program at {}: run `cargo xtask test`, which builds it, or `cargo build -p arca`, \
         or name it in ARCA_BIN",
        path.display()
    );
    path.canonicalize().expect("the path of the program")
}

/// The Python that has the pinned client libraries: `ARCA_PYTHON`, else the one `cargo xtask setup` makes.
#[must_use]
pub fn python() -> PathBuf {
    let installed = || root().join("target/python/bin/python");
    let path = std::env::var_os("ARCA_PYTHON").map_or_else(installed, PathBuf::from);
    assert!(
        path.is_file(),
        "there is no Python with the client libraries at {}: run `cargo xtask test`, or `cargo xtask setup`",
        path.display()
    );
    path
}

/// A program in the search path; `package` is what Debian calls it.
#[must_use]
pub fn installed(name: &str, package: &str) -> PathBuf {
    find(name).unwrap_or_else(|| {
        panic!("{name} is not installed: run `cargo xtask setup`, or `apt-get install {package}`")
    })
}

/// A program in the search path.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// The root of the repository.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package lies in the repository")
}

/// A file below `tests/`.
#[must_use]
pub fn checked_in(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder in which the program is found as `arca` and as `vault`, for a search path.
#[must_use]
pub fn names(below: &Path) -> PathBuf {
    let folder = below.join("bin");
    std::fs::create_dir_all(&folder).expect("a folder for the names of the program");
    for name in ["arca", "vault"] {
        let link = folder.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(arca(), link).expect("a link to the program");
        }
    }
    folder
}

/// A command with nothing of this process in its environment but the search path.
#[must_use]
pub fn bare(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null());
    command
}
