//! `sys/quotas/lease-count/*`.

use std::sync::Arc;

use arca_api::sys::Page;
use arca_api::sys::quotas as api;
use arca_base::json_object;

use super::endpoints::MOST;
use super::leases::{LeaseRule, check, count};
use super::rule::Aim;
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::fault::Fault;
use crate::system::System;

/// Most leases a limit may allow: they are counted one by one.
const MOST_LEASES: i64 = 1_000_000;

pub(crate) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ListLeaseQuotas, _, _>(list)
        .reads_only()
        .on::<api::ReadLeaseQuota, _, _>(read)
        .reads_only()
        .on::<api::UpdateLeaseQuota, _, _>(write)
        .on::<api::DeleteLeaseQuota, _, _>(delete)
}

async fn list(_: Arc<System>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let rules = &cx.active()?.quotas.lease_rules;
    let found = rules.list("", &page.after, list_limit(page.limit)?).await?;
    Ok(Answer::names(found.names))
}

async fn read(_: Arc<System>, cx: Cx, request: api::QuotaName) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let row = active.quotas.lease_rules.get(&request.name).await?;
    let rule = row.ok_or_else(Fault::absent)?.value;
    // It may be more than allowed: a limit may come after the leases.
    let counter = count(active, &rule, rule.max_leases.saturating_mul(2)).await?;
    Ok(Answer::data(&json_object! {
        "type" => "lease-count",
        "name" => request.name,
        "path" => rule.aim.path.as_str(),
        "role" => rule.aim.role.as_str(),
        "max_leases" => rule.max_leases,
        "counter" => counter,
        "inheritable" => rule.aim.inheritable,
    }))
}

async fn write(_: Arc<System>, cx: Cx, request: api::WriteLeaseQuota) -> Result<Answer, Fault> {
    let active = cx.active()?;
    if !matches!(&*request.kind, "" | "lease-count") {
        return Err(Fault::invalid("type must be lease-count"));
    }
    let most = u64::try_from(request.max_leases)
        .ok()
        .filter(|_| (1..=MOST_LEASES).contains(&request.max_leases));
    let max_leases =
        most.ok_or_else(|| Fault::invalid(format!("'max_leases' must be between 1 and {MOST_LEASES}")))?;
    let aim = Aim::parse(active, &request.path, &request.role, request.inheritable).await?;
    check(&aim)?;
    let rule = LeaseRule { aim, max_leases };
    let all = active.quotas.lease_rules.all().await?;
    let others: Vec<_> = all.iter().filter(|(name, _)| *name != request.name).collect();
    for (name, other) in &others {
        rule.aim.refuse_same(&other.aim, name)?;
    }
    if others.len() + 1 > MOST {
        return Err(Fault::invalid(format!("there are {MOST} quotas already")));
    }
    active.quotas.lease_rules.put(&request.name, &rule).await?;
    active.quotas.lease_counts.forget(&request.name);
    Ok(Answer::empty())
}

async fn delete(_: Arc<System>, cx: Cx, request: api::QuotaName) -> Result<Answer, Fault> {
    let quotas = &cx.active()?.quotas;
    quotas.lease_rules.delete(&request.name).await?;
    quotas.lease_counts.forget(&request.name);
    Ok(Answer::empty())
}
