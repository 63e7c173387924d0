//! Clients of the API in their own languages, as their projects publish them: each goes through a whole session, from
//! the first unseal share to the seal.
//!
//! hvac has a module of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use arca_tests::node::{configuration, folder};
use arca_tests::program::{bare, checked_in, installed};
use arca_tests::server::Launch;
use arca_tests::{Server, npm};

/// How long a client may take to be built, with nothing of it there, and to run.
const LIMIT: Duration = Duration::from_secs(600);

/// Where what was built and downloaded stays for the next run.
fn kept(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

/// A server that nobody has initialized.
fn server(home: &Path) -> Server {
    let storage = format!("\"file\" {{ path = \"{}\" }}", home.join("data").display());
    let path = home.join("arca.hcl");
    fs::write(&path, configuration(&storage, "", "")).unwrap();
    Launch::new(home, ["server", "-config", &path.display().to_string()]).start()
}

/// Builds a client with the caches this process has, for what it downloads is downloaded once.
#[track_caller]
fn build(command: &mut Command) {
    let ran = arca_tests::commands::finish(command, None, LIMIT);
    let _ = ran.expect(0);
}

/// Lets a client go through its session, which must have so many parts.
#[track_caller]
fn session(program: impl FnOnce(&Path) -> Command, parts: usize) {
    let home = folder();
    let server = server(home.path());
    let mut command = program(home.path());
    command
        .env("VAULT_ADDR", server.address().url())
        .env("AUDIT_FOLDER", home.path());
    let ran = arca_tests::commands::finish(&mut command, None, LIMIT).expect(0);
    assert_eq!(ran.out.lines().count(), parts, "{ran:?}");
}

#[test]
fn the_go_client() {
    let program = kept("go-session").join("session");
    build(
        Command::new(installed("go", "golang-go"))
            .arg("-C")
            .arg(checked_in("clients/go"))
            .args(["build", "-mod=readonly", "-o"])
            .arg(&program)
            .arg("."),
    );
    session(|home| bare(&program, home), 11);
}

#[test]
fn vaultrs() {
    let target = kept("vaultrs");
    build(
        Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--manifest-path"])
            .arg(checked_in("clients/rust/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target),
    );
    session(|home| bare(&target.join("debug/vaultrs-session"), home), 10);
}

#[test]
fn node_vault() {
    let program = npm::program(Path::new(env!("CARGO_TARGET_TMPDIR")), "node", &["session.mjs"]);
    let node = installed("node", "nodejs");
    session(
        |home| {
            let mut command = bare(&node, home);
            command.arg(program.join("session.mjs"));
            command
        },
        11,
    );
}
