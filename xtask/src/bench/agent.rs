//! `cargo xtask bench agent`: what an agent with ten templates costs, and how long a write takes to its file while
//! many others are subscribed to the same server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::Settings;
use super::arca::{Arca, MOUNT};
use super::events::subscribe;
use super::figures::Figures;
use super::server::fresh_folder;
use super::statistics::percentile;
use crate::args::Args;
use crate::process::Process;
use crate::time::{Stopwatch, pause};

/// How many templates the agent has.
const TEMPLATES: usize = 10;
/// How long the agent is watched while nothing happens.
const IDLE: Duration = Duration::from_secs(20);
/// How long anything may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(settings: &Settings, mut args: Args) -> Result<()> {
    let subscribers: usize = args.number("subscribers", 1000)?;
    let writes: usize = args.number("writes", 200)?;
    args.finish()?;
    let program = settings.build_server(&[])?;
    let folder = fresh_folder(&settings.data)?;
    let arca = Arca::start(program.clone(), &folder)?;
    for n in 0..TEMPLATES {
        write(&arca, n, 0)?;
    }
    let mut figures = Figures::default();
    let agent = Agent::start(&program, &arca, &folder, &mut figures)?;
    agent.rest(&mut figures)?;
    agent.follow(&arca, writes, "alone", &mut figures)?;
    for _ in 0..subscribers {
        let stream = subscribe(&arca)?;
        let drain = move || drained(stream);
        thread::Builder::new().stack_size(128 << 10).spawn(drain)?;
    }
    let beside = format!("beside {subscribers} subscribers");
    agent.follow(&arca, writes, &beside, &mut figures)?;
    agent.memory("after the writes", &mut figures)?;
    drop((agent, arca));
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    figures.print(settings.json);
    Ok(())
}

fn drained(mut stream: BufReader<TcpStream>) {
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|length| length > 0) {
        line.clear();
    }
}

fn write(arca: &Arca, template: usize, value: usize) -> Result<()> {
    let body = json!({"data": {"value": format!("value-{value}")}});
    let path = format!("/v1/{MOUNT}/data/agent/{template}");
    arca.client().call("POST", &path, Some(&body))?;
    Ok(())
}

/// An agent that is running.
struct Agent {
    child: Child,
    process: Process,
    folder: PathBuf,
}

impl Agent {
    /// Starts one, and waits until all its files are there.
    fn start(program: &Path, arca: &Arca, folder: &Path, figures: &mut Figures) -> Result<Self> {
        let token = folder.join("token");
        fs::write(&token, &arca.token)?;
        let mut configuration = format!(
            "vault {{ address = \"http://{}\" }}\n\
             auto_auth {{ method \"token_file\" {{ config = {{ token_file_path = {token:?} }} }} }}\n",
            arca.running.address
        );
        for n in 0..TEMPLATES {
            let contents = format!(
                "{{{{ with secret \\\"{MOUNT}/data/agent/{n}\\\" }}}}{{{{ .Data.data.value }}}}{{{{ end }}}}"
            );
            let destination = folder.join(format!("out-{n}"));
            configuration +=
                &format!("template {{\n  contents = \"{contents}\"\n  destination = {destination:?}\n}}\n");
        }
        let file = folder.join("agent.hcl");
        fs::write(&file, configuration)?;
        let log = fs::File::create(folder.join("agent.log"))?;
        let time = Stopwatch::start();
        let child = Command::new(program)
            .args(["agent", &format!("-config={}", file.display())])
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start the agent")?;
        let agent = Self {
            process: Process::new(child.id())?,
            child,
            folder: folder.to_owned(),
        };
        for n in 0..TEMPLATES {
            agent.wait_for(n, 0)?;
        }
        let started = time.elapsed().as_secs_f64() * 1e3;
        figures.push(format!("start to {TEMPLATES} files"), started, "ms");
        Ok(agent)
    }

    /// Watches it while nothing happens.
    fn rest(&self, figures: &mut Figures) -> Result<()> {
        let before = self.process.cpu_micros()?;
        pause(IDLE);
        let used = self.process.cpu_micros()? - before;
        let share = used / 1e6 / IDLE.as_secs_f64() * 100.0;
        figures.push("CPU of the idle agent", share, "%");
        self.memory("idle", figures)
    }

    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 KiB")]
    fn memory(&self, when: &str, figures: &mut Figures) -> Result<()> {
        let memory = self.process.memory()?;
        figures.push(
            format!("memory of the agent, {when}"),
            memory.now as f64 / 1024.0,
            "MiB",
        );
        let own = self.process.anonymous_memory()? as f64 / 1024.0;
        figures.push(format!("of which not pages of its program, {when}"), own, "MiB");
        Ok(())
    }

    /// Writes one secret after the other, and measures how long each takes to its file.
    fn follow(&self, arca: &Arca, writes: usize, how: &str, figures: &mut Figures) -> Result<()> {
        let mut delays = Vec::with_capacity(writes);
        for value in 1..=writes {
            let template = value % TEMPLATES;
            let time = Stopwatch::start();
            write(arca, template, value)?;
            self.wait_for(template, value)?;
            delays.push(time.elapsed().as_secs_f64() * 1e3);
        }
        for percent in [50, 99] {
            let what = format!("from the start of a write to its file, {how}, p{percent}");
            figures.push(what, percentile(&delays, percent), "ms");
        }
        Ok(())
    }

    fn wait_for(&self, template: usize, value: usize) -> Result<()> {
        let (file, value) = (
            self.folder.join(format!("out-{template}")),
            format!("value-{value}"),
        );
        let time = Stopwatch::start();
        while fs::read_to_string(&file).ok().as_deref() != Some(&value) {
            if time.elapsed() > PATIENCE {
                bail!(
                    "{} does not become {value}; see agent.log beside it",
                    file.display()
                );
            }
            pause(Duration::from_micros(200));
        }
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop((self.child.kill(), self.child.wait()));
    }
}
