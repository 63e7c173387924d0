//! `operator snapshot restore`.

use std::path::PathBuf;

use arca_api::endpoint::{Endpoint, Nothing};
use arca_api::sys::storage::{
    UpdateRaftSnapshot, UpdateRaftSnapshotForce, UpdateSnapshot, UpdateSnapshotForce,
};
use arca_client::Request;
use clap::Args;

use super::file;
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;

const EXAMPLES: &str = "\
Examples:
  arca operator snapshot restore backup.snap
  arca operator snapshot restore -force backup.snap

The server checks the whole snapshot before it changes anything. A snapshot of another server, or from
before its root key was made, needs -force: the server is sealed afterwards, until the unseal keys of the
snapshot unseal it.";

/// Puts a snapshot in place of everything the server holds.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restore {
    /// The snapshot
    file: PathBuf,
    /// Restore a snapshot that is sealed by other keys than those of the server
    #[arg(long)]
    force: bool,
}

/// Under which paths the server is asked.
pub(super) trait Target {
    type Restore: Endpoint<Request = Nothing>;
    type Force: Endpoint<Request = Nothing>;
}

pub(super) struct Here;
pub(super) struct ForRaft;

impl Target for Here {
    type Restore = UpdateSnapshot;
    type Force = UpdateSnapshotForce;
}

impl Target for ForRaft {
    type Restore = UpdateRaftSnapshot;
    type Force = UpdateRaftSnapshotForce;
}

impl Restore {
    pub(super) async fn run<T: Target>(self, session: &mut Session) -> Outcome {
        let client = session.client()?;
        // A damaged file is told apart here, without sending all of it.
        let whole = file::read(&self.file, |_| Ok(()))?;
        let request = if self.force {
            Request::of::<T::Force>("sys", &Nothing)
        } else {
            Request::of::<T::Restore>("sys", &Nothing)
        };
        let body = file::chunks(file::open(&self.file)?);
        let answer = client.upload(&request, body).await;
        answer.map_err(|error| Failure::remote("Error restoring the snapshot", error))?;
        session.screen.success(&format!(
            "Success! Restored the snapshot of revision {} ({} rows) from {}",
            whole.header.revision, whole.summary.rows, whole.header.created
        ));
        Ok(DONE)
    }
}
