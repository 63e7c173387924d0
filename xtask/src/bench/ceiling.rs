//! The bare server that results are compared with.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::process::Running;
use crate::workspace::Workspace;

pub(super) const PACKAGE: &str = "xtask-ceiling";

/// Starts the bare server on a free port.
pub(super) fn start(workspace: &Workspace) -> Result<Running> {
    let program = workspace.target.join("release").join(PACKAGE);
    let mut child = Command::new(&program)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let output = child.stdout.take().context("the bare server has no output")?;
    let mut running = Running::new(child, String::new())?;
    BufReader::new(output).read_line(&mut running.address)?;
    running.address.truncate(running.address.trim_end().len());
    Ok(running)
}
