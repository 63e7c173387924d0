//! `cargo xtask bench audit`: reads recorded in a file alone, and in a file beside a collector that hangs or is away.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::arca::{Arca, MOUNT};
use super::figures::Figures;
use super::load::{self, Requests, Sample};
use super::server::fresh_folder;
use super::statistics::median;
use super::{Settings, require_wrk};
use crate::args::Args;

/// What stands beside the file.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    /// A collector that takes the connection and reads nothing.
    Hanging,
    /// A collector that has gone.
    Gone,
}

impl Beside {
    const ALL: [(Self, &str); 3] = [
        (Self::Nothing, "file alone"),
        (Self::Hanging, "beside a hanging socket"),
        (Self::Gone, "beside a dead socket"),
    ];
}

struct Plan {
    script: PathBuf,
    seconds: u64,
    connections: usize,
}

pub(super) fn run(settings: &Settings, mut args: Args) -> Result<()> {
    let plan = Plan {
        script: settings.workspace.root.join("xtask/bench/request.lua"),
        seconds: args.number("seconds", 3)?,
        connections: args.number("connections", 16)?,
    };
    let rounds: usize = args.number("rounds", 5)?;
    args.finish()?;
    require_wrk()?;
    let folder = fresh_folder(&settings.data)?;
    let arca = Arca::start(settings.build_server(&[])?, &folder)?;
    let secret = json!({"data": {"password": "correct-horse-battery-staple"}});
    arca.client()
        .call("POST", &format!("/v1/{MOUNT}/data/app"), Some(&secret))?;
    let mut samples = Beside::ALL.map(|_| Vec::new());
    for round in 1..=rounds {
        for ((beside, name), samples) in Beside::ALL.into_iter().zip(&mut samples) {
            eprintln!("round {round} of {rounds}: {name}");
            samples.push(plan.measure(&arca, beside)?);
        }
    }
    report(&samples).print(settings.json);
    drop(arca);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
}

impl Plan {
    fn measure(&self, arca: &Arca, beside: Beside) -> Result<Sample> {
        let listener = match beside {
            Beside::Nothing => return self.sample(arca),
            Beside::Hanging | Beside::Gone => TcpListener::bind("127.0.0.1:0")?,
        };
        let options = json!({"address": listener.local_addr()?.to_string(), "socket_type": "tcp"});
        let device = json!({"type": "socket", "options": options});
        arca.client()
            .call("PUT", "/v1/sys/audit/collector", Some(&device))?;
        let kept = matches!(beside, Beside::Hanging).then_some(listener);
        let sample = self.sample(arca);
        arca.client().call("DELETE", "/v1/sys/audit/collector", None)?;
        drop(kept);
        sample
    }

    fn sample(&self, arca: &Arca) -> Result<Sample> {
        let requests = Requests {
            method: "GET",
            path: &format!("/v1/{MOUNT}/data/app"),
            keys: 1,
            body: None,
            token: Some(&arca.token),
        };
        load::measure(
            &self.script,
            &arca.running.address,
            arca.running.process,
            &requests,
            self.connections,
            self.seconds,
        )
    }
}

/// Medians, and how they stand to those of the file alone.
fn report(samples: &[Vec<Sample>]) -> Figures {
    let middle =
        |samples: &[Sample], of: fn(&Sample) -> f64| median(&samples.iter().map(of).collect::<Vec<_>>());
    let alone = samples
        .first()
        .map_or(0.0, |samples| middle(samples, |sample| sample.p99));
    let mut figures = Figures::default();
    for ((_, name), samples) in Beside::ALL.into_iter().zip(samples) {
        figures.push(
            format!("reads, {name}"),
            middle(samples, |sample| sample.rate),
            "1/s",
        );
        let p99 = middle(samples, |sample| sample.p99);
        figures.push(format!("p99, {name}"), p99, "us");
        figures.push(
            format!("p99 to that of the file alone, {name}"),
            p99 / alone * 100.0,
            "%",
        );
    }
    figures
}
