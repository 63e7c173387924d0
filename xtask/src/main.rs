//! Repository tasks: `cargo xtask <task>`.
//!
//! One hand-written dispatch and two dependencies, so that a clean clone runs its first task within seconds.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program that reports to a terminal"
)]

mod args;
mod bench;
mod deny;
mod fuzz_api;
mod kubernetes;
mod link_order;
mod process;
mod setup;
mod suite;
mod terminal;
mod tidy;
mod time;
mod workspace;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::args::Args;

/// One task: what `cargo xtask` lists and runs.
struct Task {
    name: &'static str,
    summary: &'static str,
    usage: &'static str,
    run: fn(Args) -> Result<()>,
}

const TASKS: &[Task] = &[
    Task {
        name: "setup",
        summary: "install what the tests and benchmarks need",
        usage: setup::USAGE,
        run: setup::run,
    },
    Task {
        name: "test",
        summary: "run every check of the repository",
        usage: suite::USAGE,
        run: suite::run,
    },
    Task {
        name: "kubernetes",
        summary: "run the tests that need a real Kubernetes API server",
        usage: kubernetes::USAGE,
        run: kubernetes::run,
    },
    Task {
        name: "fuzz-api",
        summary: "search the API for requests that break the server",
        usage: fuzz_api::USAGE,
        run: fuzz_api::run,
    },
    Task {
        name: "tidy",
        summary: "check the rules of the tree that the compiler cannot see",
        usage: tidy::USAGE,
        run: tidy::run,
    },
    Task {
        name: "deny",
        summary: "check dependencies against deny.toml",
        usage: deny::USAGE,
        run: deny::run,
    },
    Task {
        name: "link-order",
        summary: "write down which functions the linker should put together",
        usage: link_order::USAGE,
        run: link_order::run,
    },
    Task {
        name: "bench",
        summary: "measure the server under load",
        usage: bench::USAGE,
        run: bench::run,
    },
];

fn main() -> ExitCode {
    match dispatch(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut given: Vec<String>) -> Result<()> {
    let wants_help = |word: &String| matches!(word.as_str(), "-h" | "--help" | "-help" | "help");
    if given.first().is_none_or(wants_help) {
        println!("{}", overview());
        return Ok(());
    }
    let name = given.remove(0);
    let task = TASKS
        .iter()
        .find(|task| task.name == name)
        .with_context(|| format!("no task is called {name:?}.\n\n{}", overview()))?;
    if given.iter().any(wants_help) {
        println!("{}\n\n{}", capitalized(task.summary), task.usage);
        return Ok(());
    }
    (task.run)(Args::new(given)).with_context(|| format!("{name} did not pass"))
}

fn overview() -> String {
    let tasks: String = TASKS
        .iter()
        .map(|task| format!("  {:<10} {}\n", task.name, task.summary))
        .collect();
    format!("Usage: cargo xtask <task> [options]\n\n{tasks}\n`cargo xtask <task> --help` explains one task.")
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Fails with `message` when `wrong` holds.
fn refuse_if(wrong: bool, message: impl FnOnce() -> String) -> Result<()> {
    if wrong { bail!(message()) } else { Ok(()) }
}
