//! `cargo xtask fuzz-api`: requests made up from the OpenAPI document, against a running server.

use anyhow::Result;

use crate::args::Args;
use crate::setup::{self, stream};
use crate::workspace::{Workspace, cargo};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask fuzz-api [--examples N]

Installs schemathesis, pinned, into a virtual environment under the target folder, starts a server with a mount of
every kind, and sends it requests made up from its own OpenAPI document. A server error (5xx) or a panic fails the run
and is shown with the request that made it. The same seed makes the same requests.

  --examples N   requests for each operation in the random phase, 30 by default";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let examples: u32 = args.number("examples", 30)?;
    args.finish()?;
    let workspace = Workspace::read()?;
    let python = setup::prepare_fuzzer(&workspace)?;
    stream(cargo().args(["build", "-p", "arca"]))?;
    let mut command = cargo();
    command.args(["test", "-p", "arca-tests", "--test", "product", "--"]);
    command.args(["--ignored", "--nocapture", "openapi::"]);
    command.env("ARCA_BIN", workspace.target.join("debug/arca"));
    command.env("ARCA_FUZZ_PYTHON", python);
    command.env("ARCA_FUZZ_EXAMPLES", examples.to_string());
    stream(&mut command)
}
