//! `cargo xtask deny`: the dependency rules of deny.toml.

use anyhow::{Result, bail};

use crate::args::Args;
use crate::setup::{has_program, stream};
use crate::workspace::cargo;

pub(crate) const USAGE: &str = "\
Usage: cargo xtask deny [--offline]

Checks every dependency against deny.toml: licences, known vulnerabilities, crates that must not come in, copies of
the same crate, sources. Needs cargo-deny: cargo install cargo-deny --locked

  --offline   use the advisories fetched before";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let offline = args.flag("offline");
    args.finish()?;
    if !has_program("cargo-deny") {
        bail!(
            "cargo-deny is not installed; install it once (some minutes):\n  cargo install cargo-deny --locked"
        );
    }
    let options: &[&str] = if offline { &["--offline"] } else { &[] };
    // Advisories come last and alone: they are fetched, and a fetch that fails must not hide the rest.
    for checks in [&["bans", "licenses", "sources"][..], &["advisories"]] {
        stream(
            cargo()
                .args(["deny", "--workspace", "--all-features"])
                .args(options)
                .arg("check")
                .args(checks),
        )?;
    }
    Ok(())
}
