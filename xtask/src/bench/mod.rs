//! Benchmarks of the whole server under load, beside the ceiling of the same stack on the same machine.

mod agent;
mod arca;
mod audit;
mod ceiling;
mod disk;
mod events;
mod figures;
mod fill;
mod http;
mod leases;
mod load;
mod logins;
mod report;
mod scale;
mod server;
mod statistics;
mod templates;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::args::Args;
use crate::setup::has_program;
use crate::workspace::Workspace;
use crate::{refuse_if, setup};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask bench server [options]
       cargo xtask bench scale [options]
       cargo xtask bench leases [options]
       cargo xtask bench logins [options]
       cargo xtask bench events [options]
       cargo xtask bench agent [options]
       cargo xtask bench templates [options]
       cargo xtask bench audit [options]

server   requests per second, latency, CPU time per request and memory of KV reads, durable KV writes, token lookups
         and health checks, each measured between two measurements of a bare server of the same HTTP stack
scale    start, unseal, memory and listing with many entries, leases, mounts, policies and entities
leases   many users of a PostgreSQL database (started for it), and reads of secrets while very many of them end at once
logins   very many logins by a few identities, and the memory, entities and tokens they leave behind
events   how long an event takes from a write to many subscribers, and the memory of an idle one
agent    start, memory and idle CPU of an agent with ten templates, and how long a write takes to its file
templates  parsing and rendering templates, beside Go's text/template (needs Go)
audit    reads that are recorded in a file alone, and beside a collector that hangs or is away

  --data=DIR          where the server keeps its data; the disk to measure (default: target/bench)
  --format=json       print JSON instead of a table
  --program=FILE      measure this program, an older release for example, instead of building one

bench server:
  --seconds=3         length of one measurement
  --rounds=3          how often each is repeated; medians are printed
  --connections=1,16,64
  --only=TEXT         only the cases whose name contains TEXT
  --against=ceiling   measure a second bare server instead of Arca: ratios near 1 say how far to trust a run

bench scale:
  --entries=1000000 --leases=1000000 --mounts=100000 --policies=100000 --entities=1000000
  --connections=64    0 of a kind leaves it out

bench leases:
  --leases=100000     users that stay
  --due=10000         users that end in the same second
  --connections=32

bench logins:
  --logins=10000 --identities=100 --connections=64

bench events, bench agent:
  --subscribers=1000 --writes=200

bench templates:
  --milliseconds=300  least length of one measurement
  --rounds=5          how often each is repeated; medians are printed

bench audit:
  --seconds=3 --rounds=5 --connections=16";

/// What all benchmarks are told.
struct Settings {
    workspace: Workspace,
    data: PathBuf,
    json: bool,
    program: Option<PathBuf>,
}

impl Settings {
    /// Builds `packages`, and the server unless its program was given; gives the path of the server's program.
    fn build_server(&self, packages: &[&str]) -> Result<PathBuf> {
        match &self.program {
            Some(program) => {
                build(packages)?;
                Ok(program.clone())
            }
            None => {
                build(&[&[arca::PACKAGE], packages].concat())?;
                Ok(self.workspace.target.join("release").join(arca::PACKAGE))
            }
        }
    }
}

pub(crate) fn run(mut args: Args) -> Result<()> {
    let workspace = Workspace::read()?;
    let data = args
        .text("data")?
        .map_or_else(|| workspace.target.join("bench"), PathBuf::from);
    let json = match args.text("format")?.as_deref() {
        None | Some("table") => false,
        Some("json") => true,
        Some(other) => bail!("--format={other}: expected table or json"),
    };
    let program = args.text("program")?.map(PathBuf::from);
    let settings = Settings {
        workspace,
        data,
        json,
        program,
    };
    match args.word().as_deref() {
        Some("server") => server::run(&settings, args),
        Some("scale") => scale::run(&settings, args),
        Some("leases") => leases::run(&settings, args),
        Some("logins") => logins::run(&settings, args),
        Some("events") => events::run(&settings, args),
        Some("agent") => agent::run(&settings, args),
        Some("templates") => templates::run(&settings, args),
        Some("audit") => audit::run(&settings, args),
        _ => bail!(
            "say what to measure: server, scale, leases, logins, events, agent, templates or audit; `cargo xtask bench --help` explains them"
        ),
    }
}

/// Builds packages as they are shipped. One command, so that they share the features of what they share.
fn build(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let mut command = crate::workspace::cargo();
    command.args(["build", "--release", "--bins"]);
    for package in packages {
        command.args(["--package", package]);
    }
    setup::stream(&mut command).context("the release build")
}

fn require_wrk() -> Result<()> {
    refuse_if(!has_program("wrk"), || {
        "wrk is not installed: run `cargo xtask setup`".to_owned()
    })
}
