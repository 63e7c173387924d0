//! Rendering without writing: what would be written, and what is missing for it.

use std::collections::BTreeMap;
use std::time::Duration;

use arca_base::{Timestamp, id};
use arca_crypto::digest::sha256;
use serde::Serialize;

use super::Templates;
use super::item::{Item, Target};
use super::text::Outcome;

/// What would come of one template. Never its text.
#[derive(Clone, Debug, Serialize)]
pub struct Rehearsal {
    /// Where it would be written.
    pub destination: String,
    /// What it needs, and for each what is wrong with it, if something is.
    pub needs: BTreeMap<String, Option<String>>,
    /// Bytes of the text.
    pub bytes: Option<usize>,
    /// The first 16 hexadecimal digits of its SHA-256.
    pub digest: Option<String>,
    /// Whether the file would change.
    pub changes: Option<bool>,
    /// Why there is no text.
    pub error: Option<String>,
}

impl Templates {
    /// Fetches what templates need, for `limit` at most, and says what would come of each. Writes nothing, runs
    /// nothing; credentials that templates ask for are made all the same.
    pub async fn rehearse(mut self, limit: Duration) -> Vec<Rehearsal> {
        let mut changes = self.around.secrets.changes();
        let clock = self.around.clock.clone();
        let end = clock.monotonic() + limit;
        loop {
            changes.mark_unchanged();
            let found: Vec<Rehearsal> = self
                .items
                .iter_mut()
                .map(|item| item.rehearse(&self.around.secrets, clock.now()))
                .collect();
            let left = end.saturating_sub(clock.monotonic());
            let is_settled = self.items.iter().zip(&found).all(|(item, found)| {
                found.bytes.is_some() || self.around.secrets.outlook(item.number).trouble.is_some()
            });
            if is_settled || left.is_zero() {
                return found;
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return found },
                () = clock.sleep(left) => {}
            }
        }
    }
}

impl Item {
    fn rehearse(&mut self, secrets: &crate::secrets::Secrets, now: Timestamp) -> Rehearsal {
        let pass = self.text.pass(secrets, now);
        secrets.want(self.number, &pass.used);
        let outlook = secrets.outlook(self.number);
        let trouble = outlook.trouble.map(|trouble| trouble.message);
        let needs = pass.used.iter().map(|dependency| {
            let is_missing = pass.missing.contains(dependency);
            let reason = is_missing.then(|| trouble.clone().unwrap_or_else(|| "not fetched".to_owned()));
            (dependency.to_string(), reason)
        });
        let mut rehearsal = Rehearsal {
            destination: self.name(),
            needs: needs.collect(),
            bytes: None,
            digest: None,
            changes: None,
            error: None,
        };
        match pass.outcome {
            Outcome::Waiting => rehearsal.error = trouble,
            Outcome::Failed(message) => rehearsal.error = Some(message),
            Outcome::Complete { content, .. } => {
                let content = content.expose();
                rehearsal.bytes = Some(content.len());
                let digest = sha256(content);
                rehearsal.digest = Some(id::hex(digest.get(..8).unwrap_or_default()));
                rehearsal.changes = match &self.target {
                    Target::File(destination) => Some(!destination.holds(content)),
                    Target::Variable { .. } => None,
                };
            }
        }
        rehearsal
    }
}
