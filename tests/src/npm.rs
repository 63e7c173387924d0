//! Programs in Node.js, with the libraries their lock files pin.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{checked_in, installed};

/// The folder with a program of `tests/clients` and its libraries below `below`, installed unless they are there.
///
/// `files` are what belongs to it, beside `package.json` and `package-lock.json`.
#[must_use]
pub fn program(below: &Path, name: &str, files: &[&str]) -> PathBuf {
    let folder = below.join(name);
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let done = folder.join("installed");
    let source = checked_in(&format!("clients/{name}"));
    let wanted = fs::read_to_string(source.join("package-lock.json")).unwrap();
    for file in files.iter().chain(&["package.json", "package-lock.json"]) {
        fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    if fs::read_to_string(&done).is_ok_and(|found| found == wanted) {
        return folder;
    }
    let ran = Command::new(installed("npm", "npm"))
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "npm: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    fs::write(done, wanted).unwrap();
    folder
}
