//! `cargo xtask bench scale`: what many entries and many leases cost, in time and memory.

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
    let connections: usize = args.number("connections", 64)?;
    args.finish()?;
    let program = settings.build_server(&[])?;
    let folder = fresh_folder(&settings.data)?;
    let arca = Arca::start(program, &folder)?;
    let mut figures = Figures::default();
    figures.memory(&arca, "empty")?;
    let arca = with_entries(arca, entries, connections, &mut figures)?;
    let arca = with_leases(arca, leases, connections, &mut figures)?;
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
    let mut client = arca.client();
    let mut times = Vec::with_capacity(PAGES);
    for page in 0..PAGES {
        let after = page * count.saturating_sub(PAGE) / PAGES;
        let path = format!("/v1/{MOUNT}/metadata/scale/?after={after:09}&limit={PAGE}");
        let time = Stopwatch::start();
        let answer = client.call("LIST", &path, None)?;
        times.push(time.elapsed().as_secs_f64() * 1e3);
        let names = answer
            .pointer("/data/keys")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let expected = PAGE.min(count.saturating_sub(after + 1));
        if names != expected {
            bail!("LIST {path} gave {names} names, not {expected}");
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
