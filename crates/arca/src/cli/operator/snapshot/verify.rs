//! `operator snapshot verify`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arca_base::Secret;
use arca_core::barrier::Keyring;
use arca_core::seal::{Seal, SealKind};
use arca_core::snapshot::{Examined, Examiner};
use clap::Args;
use serde::Serialize;

use super::file;
use super::inspect::{Shown, counted};
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::serve::{self, World};

const EXAMPLES: &str = "\
Examples:
  arca operator snapshot verify backup.snap
  arca operator snapshot verify -config=arca.hcl backup.snap

You are asked for as many unseal keys as it takes, or they are read from standard input, one on each line.
Nothing is started and nothing is sent: leases and tokens in the snapshot are counted, not ended.";

/// Opens every record of a snapshot and shows what a restore would bring: names and numbers, no values. What passes can
/// be restored.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// The snapshot
    file: PathBuf,
    /// Configuration of a server, for the seal of a snapshot from a server that unseals by itself; may be repeated
    #[arg(long, value_name = "PATH")]
    config: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    snapshot: Shown<'a>,
    records_opened: u64,
    mounts: &'a BTreeMap<String, String>,
    policies: Vec<&'a String>,
    tokens: u64,
    leases: &'a BTreeMap<String, u64>,
}

impl Verify {
    pub(super) async fn run(self, session: &mut Session) -> Outcome {
        let mut first = Examiner::new();
        let whole = file::read(&self.file, |item| first.take(item))?;
        let closed = first.finish(&whole).map_err(|error| self.bad(&error))?;
        let keyring = self.open(&closed, session).await?;
        let mut second = Examiner::with_keys(keyring);
        let whole = file::read(&self.file, |item| second.take(item))?;
        let opened = second.finish(&whole).map_err(|error| self.bad(&error))?;
        let shown = Verified {
            snapshot: Shown::of(&whole, &opened),
            records_opened: opened.opened,
            mounts: &opened.holding.mounts,
            policies: opened.holding.policies.iter().collect(),
            tokens: opened.counts.get("token/id").copied().unwrap_or_default(),
            leases: &opened.holding.leases,
        };
        let table = shown.table();
        session.screen.data(&shown, &table)?;
        Ok(DONE)
    }

    fn bad(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::local(format!("{}: {error}", self.file.display()))
    }

    async fn open(&self, closed: &Examined, session: &mut Session) -> Result<Keyring, Failure> {
        let seal = closed.seal();
        let seal = seal.ok_or_else(|| self.bad(&"the snapshot has no seal configuration"))?;
        if seal.kind == SealKind::Shamir {
            let mut shares: Vec<Secret<String>> = Vec::new();
            for number in 1..=seal.threshold {
                let label = format!("Unseal Key {number} of {}", seal.threshold);
                let instead = "pipe the unseal keys in, one on each line";
                shares.push(session.ask_secret(&label, instead)?);
            }
            let opened = closed.open(&Seal::Shamir, &shares).await;
            return opened.map_err(|fault| self.bad(&fault));
        }
        if self.config.is_empty() {
            return Err(Failure::local(format!(
                "The snapshot is sealed by a {} seal: name the configuration of its server with -config.",
                seal.kind
            )));
        }
        let seal = serve::configured_seal(&self.config, &World::of_process())?;
        closed.open(&seal, &[]).await.map_err(|fault| self.bad(&fault))
    }
}

impl Verified<'_> {
    fn table(&self) -> String {
        let mounts: Vec<Vec<String>> = self
            .mounts
            .iter()
            .map(|(path, kind)| vec![path.clone(), kind.clone()])
            .collect();
        let policies: Vec<&str> = self.policies.iter().map(|name| name.as_str()).collect();
        let mut parts = vec![
            self.snapshot.table(),
            crate::term::headed(&["Mount", "Type"], &mounts),
            format!("Policies: {}\nTokens: {}", policies.join(", "), self.tokens),
        ];
        if !self.leases.is_empty() {
            parts.push(counted("Leases Of", self.leases));
        }
        parts.push(format!(
            "Success! All {} records open: the snapshot can be restored.",
            self.records_opened
        ));
        parts.join("\n\n")
    }
}
