//! `auth test`: has an auth method try itself, and shows what it found and what to do.

use arca_base::Json;
use clap::Args;

use super::failure::{DONE, Failure, Outcome, REMOTE};
use super::flags::{folder, sanitized};
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  arca auth test kubernetes
  arca auth test -format=json k8s-production

The exit code is 0 when logins can work, with or without warnings, and 2 when they cannot.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Test {
    /// Where the method is enabled
    path: String,
}

impl Test {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let path = folder(&sanitized(&self.path));
        let answer = session.client()?.read(&format!("auth/{path}check")).await;
        let untestable = || {
            Failure::absent(format!(
                "The auth method at {path} does not test itself, or there is none. \"{} auth list\" shows which there are.",
                session.program
            ))
        };
        let answer = match answer {
            Err(error) if error.status().is_some_and(|status| status.as_u16() == 404) => {
                return Err(untestable());
            }
            answer => answer.map_err(|error| Failure::remote(&format!("Error testing {path}"), error))?,
        };
        let data = answer.and_then(|answer| answer.data).ok_or_else(untestable)?;
        let checks = data.get("checks").and_then(Json::as_array).unwrap_or_default();
        let table = checklist(checks);
        session.screen.data(&data, &table)?;
        let works = data.get("ok").and_then(Json::as_bool).unwrap_or(false);
        Ok(if works { DONE } else { REMOTE })
    }
}

/// One line for each check, and below those that did not go well what to do.
fn checklist(checks: &[Json]) -> String {
    let names = checks.iter().map(|check| text(check, "check").len());
    let width = names.max().unwrap_or(0);
    let lines = checks.iter().flat_map(|check| {
        let word = match text(check, "outcome") {
            "warning" => "warn",
            "failed" => "fail",
            other => other,
        };
        let found = format!(
            "[{word:<4}] {:<width$}  {}",
            text(check, "check"),
            text(check, "detail")
        );
        let remedy = Some(text(check, "remedy")).filter(|remedy| !remedy.is_empty());
        [
            Some(found),
            remedy.map(|remedy| format!("       {:<width$}  -> {remedy}", "")),
        ]
    });
    lines.flatten().collect::<Vec<_>>().join("\n")
}

fn text<'a>(check: &'a Json, member: &str) -> &'a str {
    check.get(member).and_then(Json::as_str).unwrap_or_default()
}
