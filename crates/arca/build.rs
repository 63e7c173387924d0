//! Says how the program is linked.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `0`: the program shall start on systems older than this one.
const PACKED: &str = "ARCA_PACKED_RELOCATIONS";
/// Written by `cargo xtask link-order`.
const ORDER: &str = "link-order.txt";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ORDER}");
    println!("cargo::rerun-if-env-changed={PACKED}");
    if variable("CARGO_CFG_TARGET_OS") != "linux" || variable("OPT_LEVEL") == "0" {
        return;
    }
    // The kernel maps 64 KiB around each place of the program that is run. The functions of an agent are two of some
    // thirty megabytes; scattered over all of them they would keep ten resident in each pod.
    match linker_script() {
        Ok(script) => println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display()),
        Err(error) => println!("cargo::warning=the functions of an agent stay scattered: {error}"),
    }
    if has_packed_relocations() {
        // A position-independent program has some sixty thousand addresses to adjust when it starts: 1.5 MiB of
        // records that every process would read, or 40 KiB of them packed.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Writes a script that puts the functions of the list before all others.
fn linker_script() -> std::io::Result<PathBuf> {
    let list = fs::read_to_string(Path::new(&variable("CARGO_MANIFEST_DIR")).join(ORDER))?;
    let mut script = String::from("SECTIONS {\n  .text.agent : {\n");
    for name in list.lines().filter(|line| !line.starts_with('#')) {
        // What the compiler holds for rarely run has a section of another name.
        let _ = writeln!(script, "    *(.text.{name} .text.unlikely.{name})");
    }
    script.push_str("  }\n} INSERT BEFORE .text;\n");
    let file = Path::new(&variable("OUT_DIR")).join("link-order.ld");
    fs::write(&file, script)?;
    Ok(file)
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Whether what starts the program can read packed relocations: musl can, glibc since 2.36. A program with them does not
/// start on an older glibc.
fn has_packed_relocations() -> bool {
    if variable(PACKED) == "0" {
        return false;
    }
    match variable("CARGO_CFG_TARGET_ENV").as_str() {
        "musl" => true,
        "gnu" => variable("TARGET") == variable("HOST") && glibc().is_some_and(|version| version >= (2, 36)),
        _ => false,
    }
}

/// The version of this machine's glibc.
fn glibc() -> Option<(u32, u32)> {
    let answer = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let answer = String::from_utf8(answer.stdout).ok()?;
    let (major, minor) = answer.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
