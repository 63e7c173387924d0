//! Putting a snapshot back: a store is the old one or the new one, whatever is interrupted when.
//!
//! 1. The parts are taken into the store beside what is there ([`stage`](stage::stage)), and everything is checked. Until
//!    then nothing has changed, and what is left of an attempt that broke off is removed by the next one.
//! 2. One commit writes [`State`]: from then on the store is that of the snapshot. Every barrier expects the row of
//!    the state as it was when the barrier was opened, so no node writes any more; nodes that see the row seal.
//! 3. Step by step what was there is removed and the rows of the parts are written ([`apply`](apply::apply)). Each step moves
//!    the state in its own commit and depends on it, so whoever comes upon it, after a crash or at the same time,
//!    goes on where it stands. No server is unsealed before the last step.

mod apply;
mod stage;

use std::sync::Arc;

use arca_storage::{Revision, Storage, StorageError};
use serde::{Deserialize, Serialize};

pub(crate) use apply::{apply, begin};
pub(crate) use stage::{new_id, stage, sweep_leftovers};

use crate::fault::Fault;
use crate::layout;

/// How far a restore is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    /// Names the parts.
    pub(crate) id: String,
    /// What is to be done next.
    pub(crate) phase: Phase,
    /// How many parts there are.
    pub(crate) parts: u64,
}

/// The steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Rows of before are being removed.
    Clear,
    /// The part with this number is next.
    Fill(u64),
    /// Nothing is left to do.
    Done,
}

/// The version written.
const STATE_VERSION: u32 = 1;

impl State {
    pub(crate) const fn new(id: String, parts: u64) -> Self {
        Self {
            version: STATE_VERSION,
            id,
            phase: Phase::Clear,
            parts,
        }
    }

    /// The state and the commit that wrote it, if a snapshot was ever restored.
    ///
    /// # Errors
    /// 503 when storage fails, 500 when the row cannot be read.
    pub(crate) async fn read(storage: &Arc<dyn Storage>) -> Result<Option<(Self, Revision)>, Fault> {
        let entry = storage.get(layout::RESTORE_STATE).await.map_err(unanswered)?;
        let Some(entry) = entry else { return Ok(None) };
        let state: Self = serde_json::from_slice(&entry.sealed).map_err(Fault::internal)?;
        if state.version != STATE_VERSION {
            return Err(Fault::internal(format!(
                "{} has version {}, which a newer server wrote",
                layout::RESTORE_STATE,
                state.version
            )));
        }
        Ok(Some((state, entry.revision)))
    }

    /// The generation a barrier is opened for.
    ///
    /// # Errors
    /// 503 while a snapshot is being restored, and as [`State::read`].
    pub(crate) async fn generation(storage: &Arc<dyn Storage>) -> Result<Option<Revision>, Fault> {
        match Self::read(storage).await? {
            None => Ok(None),
            Some((state, revision)) if state.phase == Phase::Done => Ok(Some(revision)),
            Some(_) => Err(Fault::unavailable("a snapshot is being restored; try again soon")),
        }
    }

    fn to_bytes(&self) -> Result<Vec<u8>, Fault> {
        serde_json::to_vec(self).map_err(Fault::internal)
    }
}

/// Whether a snapshot is on its way into a store: a server completes that before it is unsealed.
///
/// # Errors
/// 503 when storage fails, 500 when the state cannot be read.
pub async fn is_being_restored(storage: &Arc<dyn Storage>) -> Result<bool, Fault> {
    let state = State::read(storage).await?;
    Ok(state.is_some_and(|(state, _)| state.phase != Phase::Done))
}

fn unanswered(error: StorageError) -> Fault {
    Fault::unavailable(error.to_string())
}

/// Where a piece of a part is kept. The largest part is larger than the largest value, so a part has a few pieces.
fn piece(id: &str, part: u64, piece: usize) -> String {
    format!("{}{id}/{part:08}/{piece}", layout::RESTORE_PARTS)
}
