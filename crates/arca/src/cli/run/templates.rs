//! Templates of a program: rendered before it starts, and again while it runs whenever a secret changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arca_agent::board::Board;
use arca_agent::config::{Server, Template, TemplateSettings, TemplateSource, TemplateText};
use arca_agent::secrets::{Broker, Secrets};
use arca_agent::template::{Around, Progress, Templates};
use arca_agent::token::HeldToken;
use arca_base::json::Object;
use arca_base::{Clock, Json};
use arca_client::Client;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::failure::Failure;
use crate::cli::session::Session;

/// Reads `NAME=FILE`.
pub(super) fn single(text: &str) -> Result<(String, PathBuf), String> {
    const FORM: &str = "use NAME=FILE, such as db.conf=./db.conf.tmpl";
    let (name, file) = text.split_once('=').ok_or(FORM)?;
    let is_name = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    if !is_name || file.is_empty() {
        return Err(FORM.to_owned());
    }
    Ok((name.to_owned(), PathBuf::from(file)))
}

/// Templates at work.
pub(super) struct AtWork {
    secrets: Secrets,
    client: Client,
    parts: JoinSet<()>,
    progress: watch::Receiver<Progress>,
    _token: watch::Sender<Option<Arc<HeldToken>>>,
}

impl AtWork {
    /// Parses the templates and begins to fetch what they need.
    pub(super) fn start(
        given: &[(String, PathBuf)],
        folder: &Path,
        session: &mut Session,
    ) -> Result<Self, Failure> {
        let client = session.scout()?;
        let token = session.token()?;
        let clock = Arc::clone(&session.clock);
        let held = token.map(|token| held(token, &*clock));
        let (sender, feed) = watch::channel(held);
        // A person waits: the first failure of a secret is told at once.
        let (server, settings) = (
            Server {
                retries: Some(0),
                ..Server::default()
            },
            TemplateSettings::default(),
        );
        let entropy = session.shared_entropy();
        let (secrets, broker) = Secrets::new(
            client.clone(),
            feed,
            &server,
            &settings,
            Arc::clone(&clock),
            Arc::clone(&entropy),
        );
        let templates = given.iter().map(|(name, file)| template(folder.join(name), file));
        let around = Around {
            secrets: secrets.clone(),
            board: Board::default(),
            clock,
            entropy,
            exit_on_failure: true,
            reload: Arc::new(Notify::new()),
        };
        let templates = Templates::new(templates.collect(), Vec::new(), around)
            .map_err(|error| Failure::local(format!("-template {error}")))?;
        let progress = templates.progress();
        let parts = parts(broker, templates);
        Ok(Self {
            secrets,
            client,
            parts,
            progress,
            _token: sender,
        })
    }

    /// Waits until each is rendered.
    pub(super) async fn rendered(&mut self) -> Result<(), Failure> {
        let settled = |progress: &Progress| progress.is_complete || progress.failed.is_some();
        let progress = self.progress.wait_for(settled).await;
        match progress.map(|progress| progress.failed.clone()) {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(Failure::absent(format!("-template {reason}"))),
            Err(_) => Err(Failure::local("-template: the templates are no longer rendered.")),
        }
    }

    /// Ends the work and what was made for it; gives what to tell about what could not be revoked.
    pub(super) async fn give_back(mut self) -> Vec<String> {
        self.parts.shutdown().await;
        let mut problems = Vec::new();
        for lease in self.secrets.leases() {
            let request = Object::from([("lease_id".to_owned(), Json::from(lease.as_str()))]);
            if let Err(error) = self.client.write("sys/leases/revoke", &request).await {
                problems.push(format!(
                    "The lease {lease} is not revoked and lives until its time is up: {error}"
                ));
            }
        }
        problems
    }
}

fn parts(broker: Broker, templates: Templates) -> JoinSet<()> {
    let mut parts = JoinSet::new();
    parts.spawn(broker.run(CancellationToken::new()));
    parts.spawn(templates.run(CancellationToken::new()));
    parts
}

fn held(token: arca_base::Secret<String>, clock: &dyn Clock) -> Arc<HeldToken> {
    Arc::new(HeldToken {
        token,
        accessor: None,
        since: clock.now(),
        lease: None,
        generation: 1,
    })
}

fn template(destination: PathBuf, source: &Path) -> Template {
    Template {
        text: TemplateText {
            source: TemplateSource::File(source.to_owned()),
            error_on_missing_key: true,
            error_fatal: true,
            left_delimiter: "{{".to_owned(),
            right_delimiter: "}}".to_owned(),
            denied_functions: Vec::new(),
            sandbox: None,
        },
        destination,
        create_dest_dirs: false,
        perms: Some(0o600),
        user: None,
        group: None,
        backup: false,
        command: None,
        wait: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_a_name_and_a_file() {
        let (name, file) = single("db.conf=./a=b.tmpl").unwrap();
        assert_eq!((name.as_str(), file), ("db.conf", PathBuf::from("./a=b.tmpl")));
        for text in ["", "a", "=f", "a=", "../a=f", "..=f"] {
            assert!(single(text).is_err(), "{text}");
        }
    }
}
