//! `policy lint`: what is wrong with policy files, without a server.

use std::path::{Path, PathBuf};

use arca_base::Timestamp;
use arca_policy::template::Parameter;
use arca_policy::{Acl, PathRule, Policy, PolicyName, Rule};
use clap::Args;
use serde::Serialize;

use super::diff::Placeholders;
use crate::cli::failure::{DONE, Failure, LOCAL, Outcome};
use crate::cli::flags;
use crate::cli::session::Session;

/// Segments that version 2 of the key-value engine puts behind the mount.
const KV_V2: [&str; 9] = [
    "config",
    "data",
    "delete",
    "destroy",
    "detailed-metadata",
    "metadata",
    "search",
    "subkeys",
    "undelete",
];

const EXAMPLES: &str = "\
Examples:
  arca policy lint app.hcl ops.hcl
  arca policy lint -kv-v2=secret -kv-v2=team/kv app.hcl

Which mounts have version 2 of the key-value engine is known from rules with data/ or metadata/ behind the mount, and
from -kv-v2.";

/// Looks for mistakes in policy files, without a server. Exit code 1 if there are any.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Lint {
    /// A mount with version 2 of the key-value engine; may be repeated
    #[arg(long, value_name = "MOUNT", value_parser = mount)]
    kv_v2: Vec<String>,
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
                Ok(policy) => self.in_policy(&policy, session.clock.now()),
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

    fn in_policy(&self, policy: &Policy, now: Timestamp) -> Vec<(u32, String)> {
        let mut found = in_rules(policy.rules(), &self.kv_v2, now);
        found.extend(hidden(policy, now));
        found.sort_by_key(|(line, _)| *line);
        found
    }
}

/// A mount without slashes at its ends.
fn mount(text: &str) -> Result<String, String> {
    match flags::sanitized(text) {
        mount if mount.is_empty() => Err("use the path of a mount, such as secret".to_owned()),
        mount => Ok(mount),
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

fn in_rules(rules: &[PathRule], versioned: &[String], now: Timestamp) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let (before, rest) = rules.split_at(index);
        let others = before.iter().chain(rest.iter().skip(1));
        let all = [
            of_path(rule.path()),
            of_templates(rule.path()),
            of_capabilities(rule),
            overruled(rule, others),
            expired(rule, now),
            unversioned(rule, rules, versioned),
            of_parameters(rule),
        ];
        found.extend(all.into_iter().flatten().map(|message| (rule.line(), message)));
    }
    found
}

/// A rule that another one always counts in place of.
fn hidden(policy: &Policy, now: Timestamp) -> Vec<(u32, String)> {
    let Ok(acl) = Acl::compile([&policy.render(&Placeholders)], now) else {
        return Vec::new();
    };
    let message = |rule: &Rule| {
        let counts = acl.hiding(rule)?;
        let line = |rule: &Rule| rule.sources().first().map_or(0, |source| source.line);
        let text = format!(
            "{:?} is unreachable: the rule {:?} on line {} counts wherever it matches",
            rule.path(),
            counts.path(),
            line(counts)
        );
        Some((line(rule), text))
    };
    acl.rules().iter().filter_map(message).collect()
}

fn expired(rule: &PathRule, now: Timestamp) -> Option<String> {
    let expiration = rule.expiration().filter(|at| *at <= now)?;
    Some(format!(
        "{:?} has expired on {expiration}: it grants nothing",
        rule.path()
    ))
}

/// Templates that ask for what no identity has: their rule never counts.
fn of_templates(path: &str) -> Option<String> {
    let mut templates = path.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    let (unknown, _) = templates.find(|(inside, _)| Parameter::parse(inside).is_none())?;
    Some(format!(
        "{path:?} never matches: {:?} is nothing that an identity has; known are identity.entity.id, \
         identity.entity.name, identity.entity.metadata.KEY, identity.entity.aliases.ACCESSOR.name, \
         identity.groups.ids.ID.name and identity.groups.names.NAME.id",
        unknown.trim()
    ))
}

/// Conditions about members of a secret, which version 2 of the key-value engine has one level deeper.
fn of_parameters(rule: &PathRule) -> Option<String> {
    const TOP: [&str; 3] = ["data", "options", "*"];
    let asked = rule.constraints()?;
    if rule.path().split('/').nth(1) != Some("data") {
        return None;
    }
    let named = asked
        .allowed_parameters
        .keys()
        .chain(asked.denied_parameters.keys());
    let mut named = named.chain(&asked.required_parameters);
    let deeper = named.find(|name| !TOP.contains(&name.as_str()))?;
    Some(format!(
        "{:?} asks for the parameter {deeper:?}, which no request has: version 2 of the key-value engine has all \
         members of a secret in the parameter data",
        rule.path()
    ))
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

/// Other rules, or the caller, say that the mount has version 2 of the key-value engine, and this one has no `data/`.
fn unversioned(rule: &PathRule, all: &[PathRule], versioned: &[String]) -> Option<String> {
    let named = versioned
        .iter()
        .find_map(|mount| Some((mount.as_str(), below(rule.path(), mount)?)));
    let (mount, rest) = named.or_else(|| {
        let (mount, rest) = rule.path().split_once('/')?;
        let shows = |other: &PathRule| {
            let below = below(other.path(), mount);
            below.is_some_and(|below| below.starts_with("data/") || below.starts_with("metadata/"))
        };
        all.iter().any(shows).then_some((mount, rest))
    })?;
    let segment = rest.split('/').next()?;
    if matches!(segment, "" | "*" | "+") || KV_V2.contains(&segment) || !rule.capabilities().grants() {
        return None;
    }
    Some(format!(
        "{:?} lacks data/ or metadata/ behind {mount:?}, which version 2 of the key-value engine needs",
        rule.path()
    ))
}

fn below<'a>(path: &'a str, mount: &str) -> Option<&'a str> {
    path.strip_prefix(mount)?.strip_prefix('/')
}
