//! `policy lint`: what is wrong with policy files, without a server.

use std::path::{Path, PathBuf};

use arca_policy::{PathRule, Policy, PolicyName};
use clap::Args;
use serde::Serialize;

use crate::cli::failure::{DONE, Failure, LOCAL, Outcome};
use crate::cli::session::Session;

/// Segments that version 2 of the key-value engine puts behind the mount.
const KV_V2: [&str; 7] = [
    "config", "data", "delete", "destroy", "metadata", "subkeys", "undelete",
];

/// Looks for mistakes in policy files, without a server. Exit code 1 if there are any.
#[derive(Args)]
pub(crate) struct Lint {
    /// Files to look at
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Finding {
    file: String,
    /// 0 where the message says the line itself.
    line: u32,
    message: String,
}

impl Lint {
    pub(super) fn run(self, session: &mut Session) -> Outcome {
        let mut findings = Vec::new();
        for file in &self.files {
            let policy = read(file)?;
            let found = match policy {
                Ok(policy) => in_rules(policy.rules()),
                Err(message) => vec![(0, message)],
            };
            findings.extend(found.into_iter().map(|(line, message)| Finding {
                file: file.display().to_string(),
                line,
                message,
            }));
        }
        let lines: Vec<String> = findings.iter().map(Finding::shown).collect();
        let table = if lines.is_empty() {
            "No mistakes found".to_owned()
        } else {
            lines.join("\n")
        };
        session.screen.data(&findings, &table)?;
        Ok(if findings.is_empty() { DONE } else { LOCAL })
    }
}

impl Finding {
    fn shown(&self) -> String {
        match self.line {
            0 => format!("{}: {}", self.file, self.message.trim_end()),
            line => format!("{}:{line}: {}", self.file, self.message),
        }
    }
}

/// The policy in a file, named like the file, or why it is none.
pub(super) fn read(file: &Path) -> Result<Result<Policy, String>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::local(format!("Error reading {}: {error}", file.display())))?;
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = PolicyName::parse(&stem.unwrap_or_default());
    let name = name.map_err(|error| Failure::local(format!("{}: {error}", file.display())))?;
    Ok(Policy::parse(name, &text).map_err(|error| error.to_string()))
}

fn in_rules(rules: &[PathRule]) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let (before, rest) = rules.split_at(index);
        let others = before.iter().chain(rest.iter().skip(1));
        let all = [
            of_path(rule.path()),
            of_capabilities(rule),
            overruled(rule, others),
            unversioned(rule, rules),
        ];
        found.extend(all.into_iter().flatten().map(|message| (rule.line(), message)));
    }
    found
}

fn of_path(path: &str) -> Option<String> {
    if path == "v1" || path.starts_with("v1/") {
        return Some(format!(
            "{path:?} never matches: paths of rules begin behind /v1/"
        ));
    }
    let body = path.strip_suffix('*').unwrap_or(path);
    if body.contains('*') {
        return Some(format!(
            "{path:?} never matches as meant: * is a wildcard at the end only; write + for one whole segment"
        ));
    }
    let glued = body
        .split('/')
        .any(|segment| segment.len() > 1 && segment.contains('+'));
    glued.then(|| format!("{path:?} never matches as meant: + is a wildcard only as a whole segment"))
}

fn of_capabilities(rule: &PathRule) -> Option<String> {
    let path = rule.path();
    if rule.capabilities().is_empty() {
        return Some(format!(
            "{path:?} grants nothing; write [\"deny\"] if that is meant"
        ));
    }
    let only_list = rule
        .capabilities()
        .iter()
        .all(|one| one == arca_policy::Capability::List);
    let segments = path.split('/').nth(1);
    (only_list && segments == Some("data")).then(|| {
        format!("{path:?} lists nothing: version 2 of the key-value engine lists below metadata/, not data/")
    })
}

/// A `deny` for the same path removes everything else that is said about it.
fn overruled<'a>(rule: &PathRule, mut others: impl Iterator<Item = &'a PathRule>) -> Option<String> {
    if !rule.capabilities().grants() {
        return None;
    }
    let deny = others.find(|other| {
        other.path() == rule.path() && other.capabilities().contains(arca_policy::Capability::Deny)
    })?;
    Some(format!(
        "{:?} is unreachable: the rule for the same path on line {} denies everything",
        rule.path(),
        deny.line()
    ))
}

/// Other rules show that the mount has version 2 of the key-value engine, and this one has no `data/`.
fn unversioned(rule: &PathRule, all: &[PathRule]) -> Option<String> {
    let (mount, rest) = rule.path().split_once('/')?;
    let segment = rest.split('/').next()?;
    if matches!(segment, "" | "*" | "+") || KV_V2.contains(&segment) || !rule.capabilities().grants() {
        return None;
    }
    let versioned = |other: &PathRule| {
        let below = other
            .path()
            .strip_prefix(mount)
            .and_then(|rest| rest.strip_prefix('/'));
        below.is_some_and(|below| below.starts_with("data/") || below.starts_with("metadata/"))
    };
    all.iter().any(versioned).then(|| {
        format!(
            "{:?} lacks data/ or metadata/ behind {mount:?}, which other rules have: version 2 of the key-value \
             engine needs one",
            rule.path()
        )
    })
}
