//! Removing what has expired, and what deleted roles have left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arca_api::endpoint::Nothing;
use arca_core::Fault;
use arca_core::barrier::Writes;
use arca_core::engine::{Answer, Cx, Site};

use super::AppRole;
use super::role::roles;
use super::secret_id::{remove_in, secrets};

const PAGE: usize = 500;

pub(super) async fn start(engine: Arc<AppRole>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let site = cx.site()?.clone();
    if engine.tidying.swap(true, Ordering::AcqRel) {
        return Ok(Answer::accepted().warn("Tidy operation already in progress."));
    }
    tokio::spawn(async move {
        let done = match expired(&site).await {
            Ok(()) => left_over(&site).await,
            failed => failed,
        };
        match done {
            Ok(()) => tracing::info!(mount = %site.mount.path, "secret ids are tidy"),
            Err(fault) => tracing::warn!(mount = %site.mount.path, %fault, "secret ids were not tidied"),
        }
        engine.tidying.store(false, Ordering::Release);
    });
    Ok(Answer::accepted().warn(
        "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.",
    ))
}

/// Removes secret ids that have expired, those first that expired first.
pub(super) async fn expired(site: &Site) -> Result<(), Fault> {
    let due = site.view.folder("due/");
    let now = site.now.unix_seconds();
    loop {
        let page = due.list("", "", PAGE).await?;
        let mut writes = Writes::new();
        for name in &page.names {
            let mut parts = name.splitn(3, '-');
            let (Some(seconds), Some(role), Some(row)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            if seconds.parse::<i64>().is_ok_and(|seconds| seconds > now) {
                break;
            }
            match secrets(&site.view, role).get(row).await? {
                Some(found) => remove_in(&site.view, &mut writes, role, row, &found.value),
                None => writes.delete(due.key(name)),
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        site.view.commit(writes).await?;
    }
}

/// Removes the secret ids of roles that are gone. The folders are read before the roles: a role that is made
/// between has no folder yet.
async fn left_over(site: &Site) -> Result<(), Fault> {
    let mut folders = BTreeSet::new();
    for kind in ["secret/", "accessor/"] {
        let mut after = String::new();
        loop {
            let page = site.view.list(kind, &after, PAGE).await?;
            let Some(last) = page.names.last() else {
                break;
            };
            after.clone_from(last);
            folders.extend(
                page.names
                    .iter()
                    .map(|name| name.trim_end_matches('/').to_owned()),
            );
        }
    }
    for (_, role) in roles(&site.view).all().await? {
        folders.remove(&role.id);
    }
    for gone in folders {
        clear(site, &gone).await?;
    }
    Ok(())
}

/// Removes all secret ids of a role that is gone. What is due later goes when it is due.
pub(super) async fn clear(site: &Site, role: &str) -> Result<(), Fault> {
    secrets(&site.view, role).view().clear().await?;
    super::secret_id::accessors(&site.view, role)
        .view()
        .clear()
        .await?;
    Ok(())
}
