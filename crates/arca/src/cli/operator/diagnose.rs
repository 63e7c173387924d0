//! `operator diagnose`: looks at what a server needs, without starting one.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{DONE, LOCAL, Outcome, REMOTE};
use crate::cli::session::Session;
use crate::serve::{Check, Verdict, World, diagnose};

/// Look at configuration, certificates, seal, storage and limits, and say what is wrong.
#[derive(Args, Debug)]
pub(crate) struct Diagnose {
    /// Configuration file or folder; may be repeated
    #[arg(long, value_name = "PATH", required = true)]
    config: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Shown<'a> {
    subject: &'a str,
    verdict: &'static str,
    finding: &'a str,
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "ok",
        Verdict::Warning => "warn",
        Verdict::Bad => "fail",
    }
}

impl Diagnose {
    /// Exit code 0 when all is well, 2 with warnings, 1 when the server would not start.
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let checks = diagnose(&self.config, &World::of_process()).await;
        let shown: Vec<Shown<'_>> = checks
            .iter()
            .map(|check| Shown {
                subject: &check.subject,
                verdict: word(check.verdict),
                finding: &check.finding,
            })
            .collect();
        session.screen.data(&shown, &table(&checks))?;
        let worst = |verdict| checks.iter().any(|check| check.verdict == verdict);
        Ok(match (worst(Verdict::Bad), worst(Verdict::Warning)) {
            (true, _) => LOCAL,
            (false, true) => REMOTE,
            (false, false) => DONE,
        })
    }
}

fn table(checks: &[Check]) -> String {
    let width = checks
        .iter()
        .map(|check| check.subject.len())
        .max()
        .unwrap_or_default();
    let lines = checks.iter().map(|check| {
        format!(
            "[{:<4}] {:<width$}  {}",
            word(check.verdict),
            check.subject,
            check.finding
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
