//! `cargo xtask kubernetes`: the tests that need a real Kubernetes control plane.

use std::process::Command;

use anyhow::Result;

use crate::args::Args;
use crate::setup::{self, Purpose, stream};
use crate::workspace::{Workspace, captured, cargo};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask kubernetes

Builds the Kubernetes control plane of the tests, unless it is in the cache of this user (~/.cache/arca), and runs the
tests that need it. The first build takes about twelve minutes of processor time and needs Go 1.21 or later, which
fetches the version that tests/fixtures/kubernetes/go.mod names. `cargo xtask test` runs these tests where the control
plane is built, or with ARCA_TEST_KUBERNETES=1.";

/// The control plane itself, and the whole product with it.
const TESTS: [[&str; 7]; 2] = [
    [
        "-p",
        "arca-fixtures",
        "--test",
        "kubernetes",
        "--",
        "--ignored",
        "",
    ],
    [
        "-p",
        "arca-tests",
        "--test",
        "product",
        "--",
        "--ignored",
        "kubernetes::",
    ],
];

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    let workspace = Workspace::read()?;
    setup::prepare(&workspace, &[Purpose::Tests])?;
    stream(cargo().args(["build", "-p", "arca"]))?;
    test(&workspace)
}

/// Builds the control plane unless it is there, and runs the tests.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    stream(control_plane().arg("build"))?;
    for arguments in TESTS {
        let mut command = cargo();
        command.arg("test").args(arguments);
        command.env("ARCA_BIN", workspace.target.join("debug/arca"));
        command.env("ARCA_PYTHON", setup::python(workspace));
        stream(&mut command)?;
    }
    Ok(())
}

/// Whether `cargo xtask test` is to run them.
pub(crate) fn is_wanted() -> bool {
    std::env::var_os("ARCA_TEST_KUBERNETES").is_some() || captured(&mut control_plane()).is_ok()
}

/// What is printed instead.
pub(crate) const LEFT_OUT: &str = "\
LEFT OUT: the tests with a real Kubernetes API server, which is not built on this machine. `cargo xtask kubernetes`
builds it, once and for about twelve minutes of processor time, and runs them.";

fn control_plane() -> Command {
    let mut command = cargo();
    command.args(["run", "-q", "-p", "arca-fixtures", "--bin", "control-plane", "--"]);
    command
}
