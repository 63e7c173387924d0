//! `debug`: what the server says of itself over time, for whoever looks for the cause of something.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arca_base::json::Limits;
use arca_base::{Json, Timestamp, Ttl, json_object};
use arca_client::{Client, Request};
use clap::{ArgAction, Args, ValueEnum};

use super::failure::{DONE, Failure, Outcome, REMOTE};
use super::flags;
use super::session::Session;
use crate::serve::files;

const EXAMPLES: &str = "\
Examples:
  arca debug
  arca debug -duration=10m -interval=1m -output=/tmp/for-support
  arca debug -target=server-status -target=metrics

The folder has one file for each target and index.json, which says what was asked and what failed. Nobody else on this
machine may read it. No token and no value of a secret is in it; names of hosts, paths and accessors may be.";

/// Most captures of one run.
const MOST_CAPTURES: u64 = 10_000;
/// What one answer may cost.
const LIMITS: Limits = Limits {
    depth: 64,
    values: 1_000_000,
};

/// Collects what the server says of itself over time, in a folder.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Debug {
    /// How long to collect
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = flags::ttl)]
    duration: Ttl,
    /// How often to ask for what changes
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = flags::ttl)]
    interval: Ttl,
    /// How often to ask for metrics
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = flags::ttl)]
    metrics_interval: Ttl,
    /// Folder to make; one named by the time when absent
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// What to collect; all of it when absent; may be repeated
    #[arg(long, value_enum, value_name = "TARGET", value_delimiter = ',')]
    target: Vec<Target>,
    /// Only false: the folder is left as it is
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_value = "false",
          default_missing_value = "true", action = ArgAction::Set, value_parser = flags::switch)]
    compress: bool,
}

/// Something the server says of itself.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// Its configuration, without secrets
    Config,
    /// The machine it runs on
    Host,
    /// Its metrics
    Metrics,
    /// How it stands with other clusters
    ReplicationStatus,
    /// Requests being served
    Requests,
    /// Health and seal
    ServerStatus,
}

/// One question, and the file its answers go to.
struct Question {
    target: Target,
    file: &'static str,
    paths: &'static [&'static str],
    /// Whether the answer changes while one waits.
    changes: bool,
}

static QUESTIONS: [Question; 6] = [
    Question {
        target: Target::Config,
        file: "config.json",
        paths: &["sys/config/state/sanitized"],
        changes: false,
    },
    Question {
        target: Target::Host,
        file: "host_info.json",
        paths: &["sys/host-info"],
        changes: true,
    },
    Question {
        target: Target::Metrics,
        file: "metrics.json",
        paths: &["sys/metrics"],
        changes: true,
    },
    Question {
        target: Target::ReplicationStatus,
        file: "replication_status.json",
        paths: &["sys/replication/status"],
        changes: true,
    },
    Question {
        target: Target::Requests,
        file: "requests.json",
        paths: &["sys/in-flight-req"],
        changes: true,
    },
    Question {
        target: Target::ServerStatus,
        file: "server_status.json",
        paths: &["sys/health", "sys/seal-status"],
        changes: true,
    },
];

/// What was said so far.
#[derive(Default)]
struct Collected {
    files: BTreeMap<&'static str, Vec<Json>>,
    errors: Vec<Json>,
}

impl Debug {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        self.check()?;
        let client = session.client()?;
        let begun = session.clock.now();
        let folder = self.folder(begun);
        if folder.exists() {
            return Err(Failure::local(format!(
                "{} exists already: name another folder with -output",
                folder.display()
            )));
        }
        files::private_folder(&folder).map_err(|error| {
            Failure::local(format!("Error making the folder {}: {error}", folder.display()))
        })?;
        session.screen.hint(&format!(
            "Collecting for {} into {}; interrupt to end earlier.",
            self.duration,
            folder.display()
        ));
        let mut collected = Collected::default();
        let interrupted = tokio::select! {
            () = self.collect(&client, session, &mut collected) => false,
            _ = tokio::signal::ctrl_c() => true,
        };
        let nothing = collected.files.is_empty();
        let index = self.index(&client, begun, session.clock.now(), interrupted, &collected);
        collected.write(&folder, index)?;
        for error in &collected.errors {
            let text = |name: &str| {
                error
                    .get(name)
                    .and_then(Json::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            session
                .screen
                .warn(&format!("{}: {}", text("path"), text("error")));
        }
        if nothing {
            return Err(Failure::local("The server said nothing").with_exit(REMOTE));
        }
        session
            .screen
            .success(&format!("Success! Bundle written to: {}", folder.display()));
        Ok(DONE)
    }

    fn check(&self) -> Result<(), Failure> {
        if self.compress {
            return Err(Failure::local(
                "-compress is not supported: pack the folder with tar when it is complete",
            ));
        }
        for (flag, value) in [
            ("duration", self.duration),
            ("interval", self.interval),
            ("metrics-interval", self.metrics_interval),
        ] {
            if value.is_zero() {
                return Err(Failure::local(format!("-{flag} must be at least one second")));
            }
        }
        let shortest = self.interval.min(self.metrics_interval);
        if self.duration.seconds() / shortest.seconds() > MOST_CAPTURES {
            return Err(Failure::local(format!(
                "-duration divided by the shorter interval may be at most {MOST_CAPTURES}"
            )));
        }
        Ok(())
    }

    fn folder(&self, now: Timestamp) -> PathBuf {
        let name = || {
            let time = now.truncated_to_seconds().to_string().replace(':', "-");
            PathBuf::from(format!("vault-debug-{time}"))
        };
        self.output.clone().unwrap_or_else(name)
    }

    fn wants(&self, target: Target) -> bool {
        self.target.is_empty() || self.target.contains(&target)
    }

    /// Asks everything at once, and then what changes, until the time is over.
    async fn collect(&self, client: &Client, session: &Session, collected: &mut Collected) {
        let clock = session.clock.clone();
        let begun = clock.monotonic();
        let mut due: Vec<(&Question, Duration, Duration)> = QUESTIONS
            .iter()
            .filter(|question| self.wants(question.target))
            .map(|question| {
                let every = match question.target {
                    Target::Metrics => self.metrics_interval,
                    _ => self.interval,
                };
                (question, Duration::ZERO, every.to_duration())
            })
            .collect();
        let mut passed = Duration::ZERO;
        loop {
            for (question, at, every) in &mut due {
                if *at <= passed {
                    collected.ask(client, question, clock.now()).await;
                    *at = passed + *every;
                }
            }
            due.retain(|(question, ..)| question.changes);
            let end = self.duration.to_duration();
            let Some(next) = due.iter().map(|(_, at, _)| *at).min().filter(|next| *next <= end) else {
                return;
            };
            let since = || clock.monotonic().saturating_sub(begun);
            clock.sleep(next.saturating_sub(since().max(passed))).await;
            passed = since().max(next);
        }
    }

    fn index(
        &self,
        client: &Client,
        begun: Timestamp,
        ended: Timestamp,
        interrupted: bool,
        collected: &Collected,
    ) -> Json {
        let files = collected.files.iter();
        let captures: Json = files
            .map(|(file, all)| (*file, u64::try_from(all.len()).unwrap_or(0)))
            .collect();
        json_object! {
            "version" => 1_u64,
            "client_version" => env!("CARGO_PKG_VERSION"),
            "vault_address" => client.address().to_string(),
            "timestamp_begin" => begun.to_string(),
            "timestamp_end" => ended.to_string(),
            "interrupted" => interrupted,
            "duration_seconds" => self.duration.seconds(),
            "interval_seconds" => self.interval.seconds(),
            "metrics_interval_seconds" => self.metrics_interval.seconds(),
            "captures" => captures,
            "errors" => Json::Array(collected.errors.clone()),
        }
    }
}

impl Collected {
    /// Asks, and keeps the answer with its time; what fails is kept too and ends nothing.
    async fn ask(&mut self, client: &Client, question: &Question, now: Timestamp) {
        let mut answers = json_object! { "timestamp" => now.to_string() };
        let mut any = false;
        for path in question.paths {
            match answer(client, path).await {
                Ok(said) => {
                    any = true;
                    if let Json::Object(members) = &mut answers {
                        let name = path.rsplit('/').next().unwrap_or_default().replace('-', "_");
                        members.insert(name, said);
                    }
                }
                Err(error) => self.errors.push(json_object! {
                    "timestamp" => now.to_string(),
                    "path" => *path,
                    "error" => error,
                }),
            }
        }
        if any {
            self.files.entry(question.file).or_default().push(answers);
        }
    }

    fn write(&self, folder: &Path, index: Json) -> Result<(), Failure> {
        let captured = self
            .files
            .iter()
            .map(|(file, all)| (*file, Json::Array(all.clone())));
        for (file, content) in captured.chain([("index.json", index)]) {
            let path = folder.join(file);
            let text = crate::term::pretty(&content).map_err(|error| Failure::local(error.to_string()))?;
            files::write_private(&path, text.as_bytes())
                .map_err(|error| Failure::local(format!("Error writing {}: {error}", path.display())))?;
        }
        Ok(())
    }
}

/// What the server answers, without its envelope. A health check says something with any status.
async fn answer(client: &Client, path: &str) -> Result<Json, String> {
    let mut request = Request::read(path);
    if path == "sys/health" {
        for code in [
            "standbycode",
            "sealedcode",
            "uninitcode",
            "drsecondarycode",
            "performancestandbycode",
        ] {
            request = request.with_query(code, "299");
        }
    }
    let said = client.raw(&request).await.map_err(|error| error.to_string())?;
    let json = Json::parse(said.body(), &LIMITS).map_err(|error| error.to_string())?;
    Ok(match json.get("data") {
        Some(data) if json.get("request_id").is_some() => data.clone(),
        _ => json,
    })
}
