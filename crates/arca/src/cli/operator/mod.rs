//! `operator`.

mod ceremony;
mod diagnose;
mod generate_root;
mod init;
mod keyring;
mod migrate;
mod nodes;
mod rekey;
mod share;
mod snapshot;
mod unseal;

use clap::Subcommand;

use super::failure::Outcome;
use super::session::Session;

/// What only the operators of a server do.
#[derive(Subcommand)]
pub(crate) enum Operator {
    /// Make the keys and the first token of a new server
    Init(init::Init),
    /// Give a share of the unseal key
    Unseal(unseal::Unseal),
    /// Seal the server: it forgets its keys
    Seal,
    /// Show the data key in use
    KeyStatus,
    /// Replace the data key
    Rotate,
    /// Look at what a server needs, and say what is wrong, without starting one
    Diagnose(diagnose::Diagnose),
    /// Make a root token from enough shares
    GenerateRoot(generate_root::GenerateRoot),
    /// Change the shares of the unseal key or the recovery key
    Rekey(rekey::Rekey),
    /// Save, restore and check snapshots
    #[command(subcommand)]
    Snapshot(snapshot::Snapshot),
    /// Snapshots, under the name existing scripts use
    #[command(subcommand)]
    Raft(snapshot::Raft),
    /// Have the node give up running the timers, for another node to take over
    StepDown,
    /// Show the nodes a server knows
    Members,
    /// Copy a store to another storage while no server uses either
    Migrate(migrate::Migrate),
}

impl Operator {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Init(command) => command.run(session).await,
            Self::Unseal(command) => command.run(session).await,
            Self::Seal => unseal::seal(session).await,
            Self::KeyStatus => keyring::status(session).await,
            Self::Rotate => keyring::rotate(session).await,
            Self::Diagnose(command) => command.run(session).await,
            Self::GenerateRoot(command) => command.run(session).await,
            Self::Rekey(command) => command.run(session).await,
            Self::Snapshot(command) => command.run(session).await,
            Self::Raft(command) => command.run(session).await,
            Self::StepDown => nodes::step_down(session).await,
            Self::Members => nodes::members(session).await,
            Self::Migrate(command) => command.run(session).await,
        }
    }
}
