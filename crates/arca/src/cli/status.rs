//! `status`, and the seal status other commands print too.

use arca_api::endpoint::Nothing;
use arca_api::sys;
use arca_client::Client;
use arca_client::system::{Leader, SealStatus};
use clap::Args;
use serde::Serialize;

use super::failure::{DONE, Failure, LOCAL, Outcome, REMOTE};
use super::session::Session;
use crate::term::headed;

const EXAMPLES: &str = "\
The exit code is 0 when the server is unsealed, 2 when it is sealed, and 1 when it cannot be asked.";

/// Shows whether the server is sealed, and which node is active. The exit code is 0 when it is unsealed, 2 when it is
/// sealed, 1 when it cannot be asked.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let client = session
            .client()
            .map_err(|failure| failure.with_exit(LOCAL))?
            .with_namespace("");
        let status: SealStatus = client
            .call_bare::<sys::seal::ReadSealStatus, _>("sys", &Nothing)
            .await
            .map_err(|error| Failure::remote("Error checking seal status", error).with_exit(LOCAL))?;
        let sealed = status.sealed;
        show(&client, status, session).await?;
        Ok(if sealed { REMOTE } else { DONE })
    }
}

/// Seal status and leader, as one answer.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    seal: SealStatus,
    #[serde(flatten)]
    leader: Leader,
}

/// Prints a seal status together with what the server says about its leader.
pub(super) async fn show(client: &Client, seal: SealStatus, session: &mut Session) -> Result<(), Failure> {
    let leader = match client
        .call_bare::<sys::status::ReadLeader, _>("sys", &Nothing)
        .await
    {
        // A sealed node of a cluster does not know who leads.
        Err(error) if error.to_string().contains("Vault is sealed") => Leader {
            ha_enabled: true,
            ..Leader::default()
        },
        Err(error) => return Err(Failure::remote("Error checking leader status", error).with_exit(LOCAL)),
        Ok(leader) => leader,
    };
    let shown = Shown { seal, leader };
    let table = headed(&["Key", "Value"], &rows(&shown));
    session.screen.data(&shown, &table)?;
    Ok(())
}

fn rows(shown: &Shown) -> Vec<Vec<String>> {
    let mut rows = seal_rows(&shown.seal);
    rows.extend(leader_rows(&shown.leader, shown.seal.sealed));
    rows.into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect()
}

type Row = (&'static str, String);

fn seal_rows(seal: &SealStatus) -> Vec<Row> {
    let mut rows = vec![("Seal Type", seal.kind.clone())];
    if seal.recovery_seal && !seal.recovery_seal_type.is_empty() {
        rows.push(("Recovery Seal Type", seal.recovery_seal_type.clone()));
    }
    let shares = if seal.recovery_seal {
        "Total Recovery Shares"
    } else {
        "Total Shares"
    };
    rows.extend([
        ("Initialized", seal.initialized.to_string()),
        ("Sealed", seal.sealed.to_string()),
        (shares, seal.n.to_string()),
        ("Threshold", seal.t.to_string()),
    ]);
    if seal.sealed {
        rows.push(("Unseal Progress", format!("{}/{}", seal.progress, seal.t)));
        rows.push(("Unseal Nonce", seal.nonce.clone()));
    }
    if seal.migration {
        rows.push(("Seal Migration in Progress", "true".to_owned()));
    }
    for (name, value) in [
        ("Version", &seal.version),
        ("Build Date", &seal.build_date),
        ("Commit Date", &seal.commit_date),
        ("Storage Type", &seal.storage_type),
        ("Cluster Name", &seal.cluster_name),
        ("Cluster ID", &seal.cluster_id),
    ] {
        if !value.is_empty() {
            rows.push((name, value.clone()));
        }
    }
    rows
}

fn leader_rows(leader: &Leader, sealed: bool) -> Vec<Row> {
    let mut rows = vec![("HA Enabled", leader.ha_enabled.to_string())];
    if leader.ha_enabled && !sealed {
        let mode = if leader.is_self { "active" } else { "standby" };
        rows.push(("HA Cluster", leader.leader_cluster_address.clone()));
        rows.push(("HA Mode", mode.to_owned()));
        match leader.active_time {
            Some(time) if leader.is_self => rows.push(("Active Since", time.to_string())),
            _ if !leader.is_self && !leader.leader_address.is_empty() => {
                rows.push(("Active Node Address", leader.leader_address.clone()));
            }
            _ => {}
        }
    }
    for (name, index) in [
        ("Raft Committed Index", leader.raft_committed_index),
        ("Raft Applied Index", leader.raft_applied_index),
    ] {
        if index > 0 {
            rows.push((name, index.to_string()));
        }
    }
    rows
}
