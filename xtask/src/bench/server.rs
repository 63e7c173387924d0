//! `cargo xtask bench server`: each case measured between two measurements of the bare server.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::arca::{Arca, MOUNT};
use super::disk::{self, Fsync};
use super::http::Client;
use super::load::{self, Requests, Sample};
use super::report::{Outcome, Row};
use super::{Settings, build, ceiling, require_wrk};
use crate::args::Args;
use crate::process::Running;

/// One kind of request.
struct Case {
    name: &'static str,
    method: &'static str,
    path: String,
    keys: usize,
    body: Option<String>,
    has_token: bool,
}

/// How often and how long to measure.
struct Plan {
    script: PathBuf,
    seconds: u64,
    rounds: usize,
    connections: Vec<usize>,
}

/// The server that is measured.
enum Target {
    Arca(Box<Arca>),
    Ceiling(Running),
}

/// As many keys as a busy application has: more than fit in a processor cache, few enough to be warm.
const KEYS: usize = 1000;

pub(super) fn run(settings: &Settings, mut args: Args) -> Result<()> {
    let plan = Plan {
        script: settings.workspace.root.join("xtask/bench/request.lua"),
        seconds: args.number("seconds", 3)?,
        rounds: args.number("rounds", 3)?,
        connections: numbers(&args.text("connections")?.unwrap_or_else(|| "1,16,64".to_owned()))?,
    };
    let only = args.text("only")?.unwrap_or_default();
    let against = args.text("against")?;
    args.finish()?;
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.name.contains(&only))
        .collect();
    if cases.is_empty() {
        bail!("--only={only}: no case has that in its name");
    }
    require_wrk()?;
    let folder = fresh_folder(&settings.data)?;
    let (target, bare) = start(settings, against.as_deref(), &folder)?;
    let outcome = measure(&target, &bare, &cases, &plan, &folder)?;
    drop(target);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    match settings.json {
        true => println!("{:#}", outcome.json()),
        false => print!("{}", outcome.render()),
    }
    Ok(())
}

fn cases() -> Vec<Case> {
    let case = |name, method, path: &str| Case {
        name,
        method,
        path: path.to_owned(),
        keys: 1,
        body: None,
        has_token: true,
    };
    vec![
        Case {
            has_token: false,
            ..case("sys/health", "GET", "/v1/sys/health")
        },
        case("token lookup-self", "GET", "/v1/auth/token/lookup-self"),
        login("approle login", "service"),
        login("approle login, batch tokens", "batch"),
        Case {
            keys: KEYS,
            ..case("kv v2 read", "GET", &format!("/v1/{MOUNT}/data/app/{{n}}"))
        },
        Case {
            keys: KEYS,
            body: Some(secret().to_string()),
            ..case(
                "kv v2 write, durable",
                "POST",
                &format!("/v1/{MOUNT}/data/app/{{n}}"),
            )
        },
    ]
}

/// A login at the role whose tokens are of a kind.
fn login(name: &'static str, kind: &str) -> Case {
    Case {
        name,
        method: "POST",
        path: "/v1/auth/approle/login".to_owned(),
        keys: 1,
        body: Some(json!({"role_id": kind, "secret_id": kind}).to_string()),
        has_token: false,
    }
}

fn secret() -> Value {
    json!({"data": {"user": "application", "password": "correct-horse-battery-staple"}})
}

/// Builds and starts what is measured, and the bare server.
fn start(settings: &Settings, against: Option<&str>, folder: &Path) -> Result<(Target, Running)> {
    let workspace = &settings.workspace;
    let target = match against {
        None | Some("arca") => {
            let arca = Arca::start(settings.build_server(&[ceiling::PACKAGE])?, folder)?;
            seed(&mut arca.client())?;
            Target::Arca(Box::new(arca))
        }
        Some("ceiling") => {
            build(&[ceiling::PACKAGE])?;
            Target::Ceiling(ceiling::start(workspace)?)
        }
        Some(other) => bail!("--against={other}: expected arca or ceiling"),
    };
    Ok((target, ceiling::start(workspace)?))
}

/// Writes the keys that are read, and makes the roles that log in.
fn seed(client: &mut Client) -> Result<()> {
    let secret = secret();
    for n in 0..KEYS {
        client.call("POST", &format!("/v1/{MOUNT}/data/app/{n}"), Some(&secret))?;
    }
    client.call("POST", "/v1/sys/auth/approle", Some(&json!({"type": "approle"})))?;
    for kind in ["service", "batch"] {
        add_role(client, kind, kind)?;
    }
    Ok(())
}

/// Makes a role for approle logins whose role id and secret id are its name.
pub(super) fn add_role(client: &mut Client, name: &str, kind: &str) -> Result<()> {
    let role = format!("/v1/auth/approle/role/{name}");
    let settings = json!({"token_policies": "default", "token_type": kind, "token_ttl": "1h"});
    client.call("POST", &role, Some(&settings))?;
    client.call(
        "POST",
        &format!("{role}/role-id"),
        Some(&json!({"role_id": name})),
    )?;
    client.call(
        "POST",
        &format!("{role}/custom-secret-id"),
        Some(&json!({"secret_id": name})),
    )?;
    Ok(())
}

fn measure(target: &Target, bare: &Running, cases: &[Case], plan: &Plan, folder: &Path) -> Result<Outcome> {
    for case in cases {
        target.probe(case)?;
    }
    let idle = target.running().process.memory()?;
    let jobs: Vec<(&Case, usize)> = cases
        .iter()
        .flat_map(|case| {
            plan.connections
                .iter()
                .map(move |&connections| (case, connections))
        })
        .collect();
    let mut rows: Vec<Row> = jobs
        .iter()
        .map(|(case, connections)| Row::new(case.name, *connections))
        .collect();
    let mut appends = Vec::new();
    for round in 1..=plan.rounds {
        appends.extend(disk::time_appends(folder)?);
        for (row, &(case, connections)) in rows.iter_mut().zip(&jobs) {
            eprintln!(
                "round {round} of {}: {}, {connections} connections",
                plan.rounds, case.name
            );
            let bare = plan.sample(bare, case, None, connections)?;
            let sample = plan.sample(target.running(), case, target.token(case), connections)?;
            row.pairs.push((sample, bare));
        }
    }
    Ok(Outcome {
        rows,
        idle,
        loaded: target.running().process.memory()?,
        fsync: Fsync::of(&appends),
    })
}

impl Plan {
    fn sample(
        &self,
        server: &Running,
        case: &Case,
        token: Option<&str>,
        connections: usize,
    ) -> Result<Sample> {
        let requests = Requests {
            method: case.method,
            path: &case.path,
            keys: case.keys,
            body: case.body.as_deref(),
            token,
        };
        load::measure(
            &self.script,
            &server.address,
            server.process,
            &requests,
            connections,
            self.seconds,
        )
        .with_context(|| format!("{} with {connections} connections", case.name))
    }
}

impl Target {
    fn running(&self) -> &Running {
        match self {
            Self::Arca(arca) => &arca.running,
            Self::Ceiling(running) => running,
        }
    }

    fn token(&self, case: &Case) -> Option<&str> {
        match self {
            Self::Arca(arca) if case.has_token => Some(&arca.token),
            _ => None,
        }
    }

    /// Sends the request of a case once: an error is better read here than counted by wrk.
    fn probe(&self, case: &Case) -> Result<()> {
        let body = case
            .body
            .as_deref()
            .map(serde_json::from_str::<Value>)
            .transpose()?;
        let mut client = Client::new(&self.running().address, self.token(case));
        client.call(case.method, &case.path.replace("{n}", "0"), body.as_ref())?;
        Ok(())
    }
}

/// `1,16,64` as numbers.
fn numbers(text: &str) -> Result<Vec<usize>> {
    let number = |word: &str| {
        let number = word.trim().parse().ok().filter(|&number| number > 0);
        number.with_context(|| format!("--connections={text}: expected numbers such as 1,16,64"))
    };
    text.split(',').map(number).collect()
}

/// An empty folder below `data` that no other run uses.
pub(super) fn fresh_folder(data: &Path) -> Result<PathBuf> {
    let folder = data.join(format!("run-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder.canonicalize()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_read_the_keys_that_are_seeded() {
        let path = format!("/v1/{MOUNT}/data/app/{{n}}");
        let on_keys: Vec<Case> = cases().into_iter().filter(|case| case.keys == KEYS).collect();
        assert_eq!(on_keys.len(), 2);
        assert!(on_keys.iter().all(|case| case.path == path && case.has_token));
    }

    #[test]
    fn reads_lists_of_numbers() {
        assert_eq!(numbers("1, 16,64").unwrap(), [1, 16, 64]);
        for wrong in ["", "0", "1,,2", "many"] {
            assert!(numbers(wrong).is_err(), "{wrong:?}");
        }
    }
}
