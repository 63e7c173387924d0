//! Leases, for those who look after them.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::leases as api;
use arca_base::{Json, json_object};

use super::System;
use crate::active::Active;
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::fault::Fault;
use crate::leases::Lease;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::Lookup, _, _>(lookup)
        .on::<api::List, _, _>(list)
        .sudo()
        .on::<api::RenewLease, _, _>(renew)
        .on::<api::RenewLeaseAt, _, _>(renew)
        .on::<api::RevokeLease, _, _>(revoke)
        .on::<api::RevokeLeaseAt, _, _>(revoke)
        .on::<api::RevokePrefix, _, _>(revoke_prefix)
        .sudo()
        .on::<api::RevokePrefixFolder, _, _>(revoke_prefix)
        .sudo()
        .on::<api::RevokeForce, _, _>(revoke_force)
        .sudo()
        .on::<api::RevokeForceFolder, _, _>(revoke_force)
        .sudo()
        .on::<api::Tidy, _, _>(tidy)
        .on::<api::Count, _, _>(count)
        .on::<api::ListIrrevocable, _, _>(list_irrevocable)
        .sudo()
        .on::<api::OldRenew, _, _>(renew)
        .on::<api::OldRenewAt, _, _>(renew)
        .on::<api::OldRevoke, _, _>(revoke)
        .on::<api::OldRevokeAt, _, _>(revoke)
        .on::<api::OldRevokePrefix, _, _>(revoke_prefix)
        .sudo()
        .on::<api::OldRevokeForce, _, _>(revoke_force)
        .sudo()
}

/// The identifier from the body, or from the path.
fn lease_id(body: String, path: String) -> Result<String, Fault> {
    let id = if body.is_empty() { path } else { body };
    if id.is_empty() {
        Err(Fault::invalid("lease_id must be specified"))
    } else {
        Ok(id)
    }
}

async fn lookup(_: Arc<System>, cx: Cx, request: api::LeaseId) -> Result<Answer, Fault> {
    let id = lease_id(request.lease_id, String::new())?;
    let lease = cx
        .active()?
        .leases
        .find(&id)
        .await?
        .ok_or_else(|| Fault::invalid("invalid lease"))?;
    Ok(Answer::data(&describe(&lease, &cx)))
}

fn describe(lease: &Lease, cx: &Cx) -> Json {
    let time = |time: Option<arca_base::Timestamp>| time.map(|time| time.to_string());
    json_object! {
        "id" => lease.id.as_str(),
        "issue_time" => time(lease.issued),
        "expire_time" => time(lease.expires),
        "last_renewal" => time(lease.last_renewal),
        "renewable" => lease.renewable && !lease.revoking,
        "ttl" => lease.expires.map_or(0, |expires| expires.seconds_until(cx.now)),
    }
}

async fn list(_: Arc<System>, cx: Cx, request: api::Folder) -> Result<Answer, Fault> {
    let limit = list_limit(request.limit)?;
    Ok(Answer::names(
        cx.active()?
            .leases
            .list(&request.prefix, &request.after, limit)
            .await?,
    ))
}

async fn renew(_: Arc<System>, cx: Cx, request: api::Renew) -> Result<Answer, Fault> {
    let id = lease_id(request.lease_id, request.url_lease_id)?;
    Ok(Answer::renewed(
        cx.active()?.leases.renew(&id, request.increment, cx.now).await?,
    ))
}

async fn revoke(_: Arc<System>, cx: Cx, request: api::Revoke) -> Result<Answer, Fault> {
    let id = lease_id(request.lease_id, request.url_lease_id)?;
    let now = cx.now;
    run(&cx, request.sync, move |active| async move {
        active.leases.revoke(&id, now).await
    })
    .await
}

/// Identifiers below a prefix; the prefix is a folder unless it is a lease itself.
async fn below(active: &Active, prefix: &str) -> Result<String, Fault> {
    let trimmed = prefix.trim_end_matches('/');
    if trimmed.is_empty() {
        return Err(Fault::invalid("prefix must be specified"));
    }
    if active.leases.find(trimmed).await?.is_some() {
        Ok(trimmed.to_owned())
    } else {
        Ok(format!("{trimmed}/"))
    }
}

async fn revoke_prefix(_: Arc<System>, cx: Cx, request: api::Prefix) -> Result<Answer, Fault> {
    revoke_below(&cx, request, false).await
}

async fn revoke_force(_: Arc<System>, cx: Cx, request: api::Prefix) -> Result<Answer, Fault> {
    revoke_below(&cx, request, true).await
}

async fn revoke_below(cx: &Cx, request: api::Prefix, force: bool) -> Result<Answer, Fault> {
    let prefix = below(cx.active()?, &request.prefix).await?;
    let now = cx.now;
    run(cx, request.sync, move |active| async move {
        active.leases.revoke_prefix(&prefix, force, now).await
    })
    .await
}

/// Does something now, or in the background when the caller does not want to wait.
async fn run<F, R>(cx: &Cx, sync: Option<bool>, work: F) -> Result<Answer, Fault>
where
    F: FnOnce(Arc<Active>) -> R,
    R: Future<Output = Result<Vec<String>, Fault>> + Send + 'static,
{
    let work = work(cx.active()?.clone());
    if sync.unwrap_or(true) {
        return Ok(Answer::empty().warn_all(work.await?));
    }
    tokio::spawn(async move {
        if let Err(fault) = work.await {
            tracing::warn!(%fault, "revocation in the background failed; the expiry task tries again");
        }
    });
    Ok(Answer::accepted())
}

/// Nothing is left over here: a lease and its entries are one commit.
async fn tidy(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::accepted().warn(
        "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.",
    ))
}

fn check_kind(kind: &str) -> Result<(), Fault> {
    if kind == "irrevocable" {
        Ok(())
    } else {
        Err(Fault::absent())
    }
}

async fn count(_: Arc<System>, cx: Cx, request: api::LeaseKind) -> Result<Answer, Fault> {
    check_kind(&request.kind)?;
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    let leases = cx.active()?.leases.irrevocable().await?;
    for lease in &leases {
        *counts.entry(lease.mount_uuid.clone()).or_default() += 1;
    }
    let counts: Json = counts.into_iter().collect();
    Ok(Answer::data(
        &json_object! { "lease_count" => leases.len() as u64, "counts" => counts },
    ))
}

async fn list_irrevocable(_: Arc<System>, cx: Cx, request: api::LeaseKind) -> Result<Answer, Fault> {
    check_kind(&request.kind)?;
    let leases = cx.active()?.leases.irrevocable().await?;
    let shown = leases.iter().take(list_limit(request.limit)?).map(|lease| {
        json_object! {
            "lease_id" => lease.id.as_str(),
            "mount_id" => lease.mount_uuid.as_str(),
            "error" => lease.irrevocable.clone(),
        }
    });
    let shown: Vec<Json> = shown.collect();
    Ok(Answer::data(
        &json_object! { "lease_count" => leases.len() as u64, "leases" => shown },
    ))
}
