//! Makes the store that of the snapshot, step by step; each step is one commit that also says what the next one is.

use std::sync::Arc;
use std::time::Duration;

use arca_base::Clock;
use arca_storage::{Batch, Expected, Revision, Storage, StorageError};

use super::{Phase, State, piece, stage, unanswered};
use crate::fault::Fault;
use crate::layout;
use crate::snapshot::RowsOf;

/// Rows removed in one step.
const AT_ONCE: usize = 1000;
/// Steps that may fail one after the other before this is given up; what is left is done by whoever comes next.
const ATTEMPTS: u32 = 5;
/// Between a step that failed and the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// Does what is left of a restore; nothing if there is none.
///
/// # Errors
/// 503 when storage fails again and again. The restore goes on with the next call.
pub(crate) async fn apply(storage: &Arc<dyn Storage>, clock: &dyn Clock) -> Result<(), Fault> {
    let mut failed = 0;
    loop {
        match step(storage).await {
            Ok(true) => return Ok(()),
            Ok(false) => failed = 0,
            Err(fault) => {
                failed += 1;
                if failed == ATTEMPTS {
                    return Err(fault);
                }
                clock.sleep(PAUSE).await;
            }
        }
    }
}

/// One step; `true` when there is none left.
async fn step(storage: &Arc<dyn Storage>) -> Result<bool, Fault> {
    let Some((state, revision)) = State::read(storage).await? else {
        return Ok(true);
    };
    match state.phase {
        Phase::Done => Ok(true),
        Phase::Clear => clear(storage, state, revision).await.map(|()| false),
        Phase::Fill(part) => fill(storage, state, revision, part).await.map(|()| false),
    }
}

async fn clear(storage: &Arc<dyn Storage>, mut state: State, revision: Revision) -> Result<(), Fault> {
    let (keys, more) = former_rows(storage).await.map_err(unanswered)?;
    if !more {
        state.phase = Phase::Fill(1);
    }
    let batch = keys.into_iter().fold(Batch::new(), Batch::delete);
    advance(storage, batch, &state, revision).await
}

/// Some of the rows from before, and whether there are more.
async fn former_rows(storage: &Arc<dyn Storage>) -> Result<(Vec<String>, bool), StorageError> {
    let page = storage.scan("", "", AT_ONCE).await?;
    let mut keys: Vec<String> = page
        .names
        .into_iter()
        .filter(|key| !layout::is_of_restore(key))
        .collect();
    if !page.more || !keys.is_empty() {
        return Ok((keys, page.more));
    }
    // Nothing is left before the rows of the restore, which fill a page by themselves: look behind them.
    let behind = format!("{}{}", layout::RESTORE_STATE.trim_end_matches("state"), char::MAX);
    let page = storage.scan("", &behind, AT_ONCE).await?;
    keys.extend(page.names);
    Ok((keys, page.more))
}

async fn fill(
    storage: &Arc<dyn Storage>,
    mut state: State,
    revision: Revision,
    part: u64,
) -> Result<(), Fault> {
    if part > state.parts {
        state.phase = Phase::Done;
        advance(
            storage,
            Batch::new().delete(layout::RESTORE_UPLOAD),
            &state,
            revision,
        )
        .await?;
        tracing::warn!(id = %state.id, parts = state.parts, "a snapshot was restored");
        // What fails now is removed before the next upload.
        if let Err(fault) = stage::sweep(storage, Expected::Absent).await {
            tracing::warn!(%fault, "parts of the restored snapshot are left in the store");
        }
        return Ok(());
    }
    let bytes = read_part(storage, &state.id, part).await?;
    let mut batch = Batch::new();
    for row in RowsOf::new(part, &bytes) {
        let (key, value) = row.map_err(Fault::internal)?;
        batch = batch.put(key, value.to_vec());
    }
    state.phase = Phase::Fill(part + 1);
    advance(storage, batch, &state, revision).await
}

async fn read_part(storage: &Arc<dyn Storage>, id: &str, part: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    for number in 0.. {
        let key = piece(id, part, number);
        match storage.get(&key).await.map_err(unanswered)? {
            Some(entry) => bytes.extend_from_slice(&entry.sealed),
            None if number == 0 => return Err(Fault::internal(format!("{key} is missing from storage"))),
            None => break,
        }
    }
    Ok(bytes)
}

/// Commits a step, unless somebody else has moved on meanwhile.
async fn advance(
    storage: &Arc<dyn Storage>,
    batch: Batch,
    state: &State,
    revision: Revision,
) -> Result<(), Fault> {
    let batch = batch
        .expect(layout::RESTORE_STATE, Expected::At(revision))
        .put(layout::RESTORE_STATE, state.to_bytes()?);
    match storage.commit(batch).await {
        // Another node does the same; what it did is read next.
        Ok(_) | Err(StorageError::Conflict(_)) => Ok(()),
        Err(error) => Err(unanswered(error)),
    }
}

/// Makes the store that of a staged snapshot from now on. `generation` is that of the server that staged it.
///
/// # Errors
/// 503 when another node was faster or storage fails without having done it.
pub(crate) async fn begin(
    storage: &Arc<dyn Storage>,
    staged: &stage::Staged,
    generation: Option<Revision>,
) -> Result<(), Fault> {
    let state = State::new(staged.id.clone(), staged.parts);
    let expected = generation.map_or(Expected::Absent, Expected::At);
    let batch = Batch::new()
        .expect(layout::RESTORE_STATE, expected)
        .expect(layout::RESTORE_UPLOAD, Expected::At(staged.claim))
        .put(layout::RESTORE_STATE, state.to_bytes()?);
    let Err(error) = storage.commit(batch).await else {
        return Ok(());
    };
    // The answer of storage may have been lost after the commit.
    match State::read(storage).await {
        Ok(Some((stored, _))) if stored.id == state.id => Ok(()),
        _ => Err(unanswered(error)),
    }
}
