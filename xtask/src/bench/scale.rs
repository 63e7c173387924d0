//! `cargo xtask bench scale`: what many entries, leases, mounts, policies and entities cost, in time and memory.

use std::fs;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Settings;
use super::arca::{Arca, MOUNT};
use super::figures::Figures;
use super::fill::{Fill, fill};
use super::server::fresh_folder;
use super::statistics::{median, percentile};
use crate::args::Args;
use crate::time::Stopwatch;

/// Keys of one page, and how many pages are read.
const PAGE: usize = 1000;
const PAGES: usize = 50;

pub(super) fn run(settings: &Settings, mut args: Args) -> Result<()> {
    let entries: usize = args.number("entries", 1_000_000)?;
    let leases: usize = args.number("leases", 1_000_000)?;
    let others = [
        (&MOUNTS, args.number("mounts", 100_000)?),
        (&POLICIES, args.number("policies", 100_000)?),
        (&ENTITIES, args.number("entities", 1_000_000)?),
    ];
    let connections: usize = args.number("connections", 64)?;
    args.finish()?;
    let program = settings.build_server(&[])?;
    let folder = fresh_folder(&settings.data)?;
    let arca = Arca::start(program, &folder)?;
    let mut figures = Figures::default();
    figures.memory(&arca, "empty")?;
    let mut arca = arca;
    if entries > 0 {
        arca = with_entries(arca, entries, connections, &mut figures)?;
    }
    if leases > 0 {
        arca = with_leases(arca, leases, connections, &mut figures)?;
    }
    for (what, count) in others {
        if count > 0 {
            arca = with_many(arca, what, count, connections, &mut figures)?;
        }
    }
    drop(arca);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    figures.print(settings.json);
    Ok(())
}

/// Fills one folder with secrets, restarts, and reads pages of their names.
fn with_entries(arca: Arca, count: usize, connections: usize, figures: &mut Figures) -> Result<Arca> {
    let time = Stopwatch::start();
    fill(count, connections, || arca.client(), entry)?;
    figures.push(
        format!("write {count} secrets"),
        time.elapsed().as_secs_f64(),
        "s",
    );
    figures.memory(&arca, &format!("with {count} secrets written"))?;
    let (arca, opening) = arca.restart()?;
    figures.opening(&opening, &format!("{count} secrets"));
    figures.memory(&arca, &format!("with {count} secrets, restarted"))?;
    let pages = read_pages(&arca, count)?;
    figures.push(
        format!("page of {PAGE} names of {count}, median"),
        median(&pages),
        "ms",
    );
    figures.push(
        format!("page of {PAGE} names of {count}, p99"),
        percentile(&pages, 99),
        "ms",
    );
    Ok(arca)
}

/// Creates tokens that expire, restarts, and unseals.
fn with_leases(arca: Arca, count: usize, connections: usize, figures: &mut Figures) -> Result<Arca> {
    let time = Stopwatch::start();
    fill(count, connections, || arca.client(), lease)?;
    figures.push(
        format!("create {count} leases"),
        time.elapsed().as_secs_f64(),
        "s",
    );
    let (arca, opening) = arca.restart()?;
    figures.opening(&opening, &format!("{count} leases"));
    figures.memory(&arca, &format!("with {count} leases, restarted"))?;
    Ok(arca)
}

/// A kind of record of which a server may have very many.
struct Many {
    name: &'static str,
    /// Makes the nth.
    make: fn(usize) -> Fill,
    /// What lists them by name, and the prefix of a name.
    list: (&'static str, &'static str),
    prefix: &'static str,
    /// Reads the nth.
    read: fn(usize) -> String,
}

const MOUNTS: Many = Many {
    name: "mounts",
    make: |n| {
        let body = json!({"type": "kv", "options": {"version": "1"}});
        ("POST", format!("/v1/sys/mounts/m{n:09}"), Some(body))
    },
    list: ("GET", "/v1/sys/mounts"),
    prefix: "m",
    read: |n| format!("/v1/sys/mounts/m{n:09}"),
};

const POLICIES: Many = Many {
    name: "policies",
    make: |n| {
        let policy = format!("path \"secret/data/team-{n}/*\" {{ capabilities = [\"read\", \"list\"] }}");
        let body = json!({"policy": policy});
        ("POST", format!("/v1/sys/policies/acl/p{n:09}"), Some(body))
    },
    list: ("LIST", "/v1/sys/policies/acl"),
    prefix: "p",
    read: |n| format!("/v1/sys/policies/acl/p{n:09}"),
};

const ENTITIES: Many = Many {
    name: "entities",
    make: |n| {
        let body = json!({"name": format!("e{n:09}"), "policies": ["default"]});
        ("POST", "/v1/identity/entity".to_owned(), Some(body))
    },
    list: ("LIST", "/v1/identity/entity/name"),
    prefix: "e",
    read: |n| format!("/v1/identity/entity/name/e{n:09}"),
};

/// Makes many records of a kind, restarts, reads some of them, and pages of their names.
fn with_many(
    arca: Arca,
    what: &Many,
    count: usize,
    connections: usize,
    figures: &mut Figures,
) -> Result<Arca> {
    let Many { name, .. } = what;
    let time = Stopwatch::start();
    fill(count, connections, || arca.client(), what.make)?;
    figures.push(format!("make {count} {name}"), time.elapsed().as_secs_f64(), "s");
    let (arca, opening) = arca.restart()?;
    figures.opening(&opening, &format!("{count} {name}"));
    figures.memory(&arca, &format!("with {count} {name}, restarted"))?;
    let mut client = arca.client();
    let mut reads = Vec::with_capacity(PAGES);
    for page in 0..PAGES {
        let path = (what.read)(page * count / PAGES);
        let time = Stopwatch::start();
        client.call("GET", &path, None)?;
        reads.push(time.elapsed().as_secs_f64() * 1e3);
    }
    figures.push(
        format!("read one of {count} {name}, median"),
        median(&reads),
        "ms",
    );
    let after = |n: usize| format!("{}{n:09}", what.prefix);
    let pages = pages_of(&arca, what.list, &after, count)?;
    figures.push(
        format!("page of {PAGE} of {count} {name}, median"),
        median(&pages),
        "ms",
    );
    figures.memory(&arca, &format!("with {count} {name}, after reading and listing"))?;
    Ok(arca)
}

fn entry(n: usize) -> Fill {
    let value = format!("{n:0>600}");
    (
        "POST",
        format!("/v1/{MOUNT}/data/scale/{n:09}"),
        Some(json!({"data": {"value": value}})),
    )
}

fn lease(_: usize) -> Fill {
    (
        "POST",
        "/v1/auth/token/create".to_owned(),
        Some(json!({"ttl": "24h", "policies": ["default"]})),
    )
}

/// The milliseconds that pages of names take, from places all over the folder.
fn read_pages(arca: &Arca, count: usize) -> Result<Vec<f64>> {
    let folder = format!("/v1/{MOUNT}/metadata/scale/");
    pages_of(arca, ("LIST", &folder), &|n| format!("{n:09}"), count)
}

/// The milliseconds that pages of a listing take; `name` is the name of the nth of `count`.
fn pages_of(
    arca: &Arca,
    (method, list): (&'static str, &str),
    name: &dyn Fn(usize) -> String,
    count: usize,
) -> Result<Vec<f64>> {
    let mut client = arca.client();
    let mut times = Vec::with_capacity(PAGES);
    for page in 0..PAGES {
        let after = page * count.saturating_sub(PAGE) / PAGES;
        let path = format!("{list}?after={}&limit={PAGE}", name(after));
        let time = Stopwatch::start();
        let answer = client.call(method, &path, None)?;
        times.push(time.elapsed().as_secs_f64() * 1e3);
        let names = match (answer.pointer("/data/keys"), answer.get("data")) {
            (Some(keys), _) => keys.as_array().map_or(0, Vec::len),
            (None, data) => data.and_then(Value::as_object).map_or(0, serde_json::Map::len),
        };
        let expected = PAGE.min(count.saturating_sub(after + 1));
        if names < expected {
            bail!("{method} {path} gave {names} names, not {expected}");
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_numbers_do() {
        assert!(entry(9).1 < entry(10).1);
        assert!(entry(999_999).1 < entry(1_000_000).1);
        assert_eq!(
            entry(7)
                .2
                .unwrap()
                .pointer("/data/value")
                .and_then(Value::as_str)
                .map(str::len),
            Some(600)
        );
    }
}
