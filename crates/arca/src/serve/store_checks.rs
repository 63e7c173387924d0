//! What an opened store says about the next start of its server.

use std::sync::Arc;

use arca_core::layout;
use arca_core::seal::{Seal, SealConfig};
use arca_core::snapshot::is_being_restored;
use arca_storage::Storage;

use super::diagnose::Check;

/// Whether the seal opens what is stored, and whether anything was interrupted.
pub(super) async fn of_store(opened: &Arc<dyn Storage>, seal: &Seal, has_former: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    match opened.get(layout::RELOCATION).await {
        Ok(None) => {}
        Ok(Some(_)) => checks.push(Check::bad(
            "store",
            "is locked by a copy that was not completed: run operator migrate to its end, or with -reset",
        )),
        Err(error) => checks.push(Check::bad("store", error.to_string())),
    }
    match is_being_restored(opened).await {
        Ok(false) => {}
        Ok(true) => checks.push(Check::warning(
            "store",
            "a snapshot was not restored to its end: that is done at the next start, before anything else",
        )),
        Err(fault) => checks.push(Check::bad("store", fault.to_string())),
    }
    match config(opened).await {
        Ok(None) => {}
        Ok(Some(config)) if config.kind != seal.kind() => checks.push(moving(&config, seal, has_former)),
        Ok(Some(_)) => checks.extend(opens(opened, seal).await),
        Err(text) => checks.push(Check::bad("seal", text)),
    }
    checks
}

async fn config(opened: &Arc<dyn Storage>) -> Result<Option<SealConfig>, String> {
    let Some(entry) = opened
        .get(layout::SEAL_CONFIG)
        .await
        .map_err(|error| error.to_string())?
    else {
        return Ok(None);
    };
    serde_json::from_slice(&entry.sealed)
        .map(Some)
        .map_err(|_| format!("{} does not decode", layout::SEAL_CONFIG))
}

fn moving(config: &SealConfig, seal: &Seal, has_former: bool) -> Check {
    let (stored, wanted) = (config.kind, seal.kind());
    let can_move = has_former || stored.as_str() == "shamir";
    if can_move {
        return Check::warning(
            "seal",
            format!("the store is under {stored} and moves to {wanted}: start, and operator unseal -migrate"),
        );
    }
    Check::bad(
        "seal",
        format!(
            "the store is under {stored} and {wanted} is configured: configure seal {:?} again, with disabled = \"true\" to \
             move away from it",
            stored.as_str()
        ),
    )
}

/// Asks an automatic seal to open the root key. Shares are not at hand.
async fn opens(opened: &Arc<dyn Storage>, seal: &Seal) -> Option<Check> {
    let Seal::Automatic(automatic) = seal else {
        return None;
    };
    let stored = match opened.get(layout::ROOT_KEY).await {
        Ok(Some(stored)) => stored,
        Ok(None) => return Some(Check::bad("seal", "the root key is missing from storage")),
        Err(error) => return Some(Check::bad("seal", error.to_string())),
    };
    Some(match automatic.unwrap(&stored.sealed).await {
        Ok(_) if automatic.is_current(&stored.sealed) => Check::good("seal", "opens the stored root key"),
        Ok(_) => Check::warning(
            "seal",
            "the root key is still sealed by the previous key: keep that until the server was started once",
        ),
        Err(error) => Check::bad("seal", error.to_string()),
    })
}
