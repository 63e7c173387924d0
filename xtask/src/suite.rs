//! `cargo xtask test`: every check of the repository, in stages with their times.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::args::Args;
use crate::setup::{self, Purpose, stream};
use crate::terminal::{Table, heading};
use crate::time::Stopwatch;
use crate::workspace::{Workspace, captured, cargo};
use crate::{kubernetes, refuse_if, tidy};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask test [--quick]

Runs every check: setup, tidy, rustfmt, clippy, the build of the programs, all tests (with cargo-nextest where it is
installed), doc tests. A failed stage does not stop the others; the table at the end names it.
Tests find the built program in ARCA_BIN and the Python interpreter with the pinned clients in ARCA_PYTHON.

  --quick   leave out setup, the whole-product tests and the doc tests";

/// How a stage ended.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// The stages that ran, in order.
#[derive(Default)]
struct Suite {
    stages: Vec<(&'static str, Outcome, Duration)>,
}

pub(crate) fn run(mut args: Args) -> Result<()> {
    let quick = args.flag("quick");
    args.finish()?;
    let workspace = Workspace::read()?;
    let mut suite = Suite::default();
    if !quick {
        suite.stage("setup", || setup::prepare(&workspace, &[Purpose::Tests]));
    }
    suite.stage("tidy", || tidy::run(Args::default()));
    suite.stage("rustfmt", || stream(cargo().args(["fmt", "--all", "--check"])));
    suite.stage("clippy", || {
        stream(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]))
    });
    let mut options = Vec::new();
    if quick {
        options = product_packages(&workspace)
            .map(|name| format!("--exclude={name}"))
            .collect();
    } else {
        suite.stage("build", || {
            stream(cargo().args(["build", "--workspace", "--bins"]))
        });
    }
    suite.after("build", "tests", || stream(&mut tests(&workspace, &options)));
    if !quick && kubernetes::is_wanted() {
        suite.after("build", "kubernetes", || kubernetes::test(&workspace));
    } else if !quick {
        heading("kubernetes");
        println!("{}", kubernetes::LEFT_OUT);
    }
    if !quick {
        suite.after("build", "doc tests", || {
            stream(cargo().args(["test", "--workspace", "--doc", "--no-fail-fast"]))
        });
    }
    suite.finish()
}

/// The packages that test the whole product.
fn product_packages(workspace: &Workspace) -> impl Iterator<Item = &str> {
    let under_tests = |folder: &str| folder == "tests" || folder.starts_with("tests/");
    workspace
        .members
        .iter()
        .filter(move |member| under_tests(&member.folder))
        .map(|member| member.name.as_str())
}

fn tests(workspace: &Workspace, options: &[String]) -> Command {
    let has_nextest = captured(cargo().args(["nextest", "--version"])).is_ok();
    let runner: &[&str] = if has_nextest {
        &["nextest", "run"]
    } else {
        &["test", "--tests"]
    };
    let mut command = cargo();
    command
        .args(runner)
        .args(["--workspace", "--no-fail-fast"])
        .args(options);
    command.env("ARCA_BIN", workspace.target.join("debug/arca"));
    command.env("ARCA_PYTHON", setup::python(workspace));
    command
}

impl Suite {
    fn stage(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        heading(name);
        let time = Stopwatch::start();
        let outcome = match work() {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                println!("{name}: {error:#}");
                Outcome::Failed
            }
        };
        self.stages.push((name, outcome, time.elapsed()));
    }

    /// Runs a stage unless the one it needs has failed.
    fn after(&mut self, needed: &str, name: &'static str, work: impl FnOnce() -> Result<()>) {
        if self
            .stages
            .iter()
            .any(|(stage, outcome, _)| *stage == needed && *outcome == Outcome::Failed)
        {
            heading(name);
            println!("skipped: {needed} failed");
            self.stages.push((name, Outcome::Skipped, Duration::ZERO));
        } else {
            self.stage(name, work);
        }
    }

    fn finish(&self) -> Result<()> {
        heading("summary");
        print!("{}", self.summary());
        let failed: Vec<&str> = self
            .stages
            .iter()
            .filter(|(_, outcome, _)| *outcome != Outcome::Passed)
            .map(|(name, ..)| *name)
            .collect();
        refuse_if(!failed.is_empty(), || {
            format!("not passed: {}", failed.join(", "))
        })
    }

    fn summary(&self) -> String {
        let mut table = Table::new(&["stage", "result", "seconds"]);
        let mut total = Duration::ZERO;
        for &(name, outcome, time) in &self.stages {
            total += time;
            table.row([name.to_owned(), outcome.word().to_owned(), seconds(time)]);
        }
        table.row(["total".to_owned(), String::new(), seconds(total)]);
        table.render()
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::workspace::Member;

    #[test]
    fn a_failed_stage_fails_the_suite_and_skips_what_needs_it() {
        let mut suite = Suite::default();
        suite.stage("one", || Ok(()));
        assert!(suite.finish().is_ok());
        suite.stage("build", || bail!("broken"));
        suite.after("build", "tests", || panic!("must not run"));
        suite.after("one", "docs", || Ok(()));
        assert_eq!(
            suite.finish().unwrap_err().to_string(),
            "not passed: build, tests"
        );
        let summary = suite.summary();
        assert!(summary.contains("build   FAILED"), "{summary}");
        assert!(summary.contains("docs    passed"), "{summary}");
    }

    #[test]
    fn quick_leaves_out_the_whole_product() {
        let member = |name: &str, folder: &str| Member {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies: Vec::new(),
        };
        let members = vec![
            member("a", "crates/arca"),
            member("b", "tests"),
            member("c", "tests/fixtures"),
        ];
        let workspace = Workspace {
            root: "/".into(),
            target: "/target".into(),
            members,
        };
        assert_eq!(product_packages(&workspace).collect::<Vec<_>>(), ["b", "c"]);
    }
}
