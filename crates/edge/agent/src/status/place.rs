//! Where an agent can be asked when its configuration has no listener: a socket that only its user can open.

use std::path::{Path, PathBuf};

const PREFIX: &str = "arca-agent-";
const SUFFIX: &str = ".sock";

/// The socket for status: beside the pid file with `.sock` behind its name, else in `$XDG_RUNTIME_DIR`; `None` without
/// either.
#[must_use]
pub fn default_socket(pid_file: Option<&Path>, runtime_dir: Option<&Path>) -> Option<PathBuf> {
    if let Some(pid_file) = pid_file {
        let mut name = pid_file.as_os_str().to_owned();
        name.push(SUFFIX);
        return Some(name.into());
    }
    let process = std::process::id();
    runtime_dir.map(|folder| folder.join(format!("{PREFIX}{process}{SUFFIX}")))
}

/// The sockets of agents in `$XDG_RUNTIME_DIR`, by name; those of agents that were killed too.
#[must_use]
pub fn sockets_in(runtime_dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(runtime_dir) else {
        return Vec::new();
    };
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_ours)
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_lies_beside_the_pid_file_or_in_the_runtime_folder() {
        let socket =
            |pid: Option<&str>, run: Option<&str>| default_socket(pid.map(Path::new), run.map(Path::new));
        assert_eq!(
            socket(Some("/run/a.pid"), Some("/run/user/1")),
            Some("/run/a.pid.sock".into())
        );
        assert_eq!(socket(None, None), None);
        let folder = tempfile::tempdir().unwrap();
        let path = default_socket(None, Some(folder.path())).unwrap();
        std::fs::write(&path, "").unwrap();
        std::fs::write(folder.path().join("other.sock"), "").unwrap();
        assert_eq!(sockets_in(folder.path()), [path]);
    }
}
