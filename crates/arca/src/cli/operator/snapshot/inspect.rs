//! `operator snapshot inspect`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arca_core::snapshot::{Examined, Examiner, Whole};
use clap::Args;
use serde::Serialize;

use super::file;
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::{aligned, headed};

/// Shows what a snapshot is of, checks its digests and counts its rows. Takes no key and no server.
#[derive(Args)]
pub(crate) struct Inspect {
    /// The snapshot
    file: PathBuf,
}

/// What is known of a snapshot, for programs.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    version: u32,
    created: String,
    revision: u64,
    cluster_name: &'a str,
    cluster_id: &'a str,
    storage: &'a str,
    seal: &'a str,
    seal_shares: u8,
    seal_threshold: u8,
    arca_version: &'a str,
    rows: u64,
    parts: u64,
    bytes: u64,
    counts: &'a BTreeMap<String, u64>,
}

impl<'a> Shown<'a> {
    pub(super) fn of(whole: &'a Whole, examined: &'a Examined) -> Self {
        let header = &whole.header;
        let seal = examined.seal();
        Self {
            version: header.version,
            created: header.created.to_string(),
            revision: header.revision,
            cluster_name: &header.cluster_name,
            cluster_id: &header.cluster_id,
            storage: &header.storage,
            seal: &header.seal,
            seal_shares: seal.as_ref().map_or(0, |seal| seal.shares),
            seal_threshold: seal.as_ref().map_or(0, |seal| seal.threshold),
            arca_version: &header.arca_version,
            rows: whole.summary.rows,
            parts: whole.summary.parts,
            bytes: whole.summary.bytes,
            counts: &examined.counts,
        }
    }

    pub(super) fn table(&self) -> String {
        let row = |name: &str, value: &dyn ToString| vec![name.to_owned(), value.to_string()];
        let rows = [
            row("Format Version", &self.version),
            row("Created", &self.created),
            row("Revision", &self.revision),
            row("Cluster Name", &self.cluster_name),
            row("Cluster ID", &self.cluster_id),
            row("Storage Type", &self.storage),
            row("Seal Type", &self.seal),
            row(
                "Shares",
                &format!("{} of {}", self.seal_threshold, self.seal_shares),
            ),
            row("Server Version", &self.arca_version),
            row("Rows", &self.rows),
            row("Parts", &self.parts),
            row("Bytes", &self.bytes),
        ];
        format!("{}\n\n{}", aligned(&rows), counted("Rows", self.counts))
    }
}

/// Counts below a header.
pub(super) fn counted(title: &str, counts: &BTreeMap<String, u64>) -> String {
    let rows: Vec<Vec<String>> = counts
        .iter()
        .map(|(name, count)| vec![name.clone(), count.to_string()])
        .collect();
    headed(&[title, "Count"], &rows)
}

impl Inspect {
    pub(super) async fn run(self, session: &mut Session) -> Outcome {
        let mut examiner = Examiner::new();
        let whole = file::read(&self.file, |item| examiner.take(item))?;
        let examined = examiner
            .finish(&whole)
            .map_err(|error| Failure::local(error.to_string()))?;
        let shown = Shown::of(&whole, &examined);
        session.screen.data(&shown, &shown.table())?;
        Ok(DONE)
    }
}
