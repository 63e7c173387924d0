//! `operator snapshot`, and `operator raft snapshot` under its older name.

mod file;
mod inspect;
mod restore;
mod save;
mod verify;

use clap::Subcommand;

use crate::cli::failure::Outcome;
use crate::cli::session::Session;

/// Snapshots: everything a server holds, sealed, as one file.
#[derive(Subcommand)]
pub(crate) enum Snapshot {
    /// Take a snapshot of a server while it serves
    Save(save::Save),
    /// Put a snapshot in place of everything a server holds
    Restore(restore::Restore),
    /// Show what a snapshot is of, without any key
    Inspect(inspect::Inspect),
    /// Open every record of a snapshot, without a server, and show what a restore would bring
    Verify(verify::Verify),
}

/// The same for existing scripts.
#[derive(Subcommand)]
pub(crate) enum Raft {
    /// Snapshots of a server
    #[command(subcommand)]
    Snapshot(RaftSnapshot),
}

/// Snapshots of a server.
#[derive(Subcommand)]
pub(crate) enum RaftSnapshot {
    /// Take a snapshot of a server while it serves
    Save(save::Save),
    /// Put a snapshot in place of everything a server holds
    Restore(restore::Restore),
    /// Show what a snapshot is of, without any key
    Inspect(inspect::Inspect),
}

impl Snapshot {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Save(command) => command.run::<save::Here>(session).await,
            Self::Restore(command) => command.run::<restore::Here>(session).await,
            Self::Inspect(command) => command.run(session).await,
            Self::Verify(command) => command.run(session).await,
        }
    }
}

impl Raft {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let Self::Snapshot(snapshot) = self;
        match snapshot {
            RaftSnapshot::Save(command) => command.run::<save::ForRaft>(session).await,
            RaftSnapshot::Restore(command) => command.run::<restore::ForRaft>(session).await,
            RaftSnapshot::Inspect(command) => command.run(session).await,
        }
    }
}
