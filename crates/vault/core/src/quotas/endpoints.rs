//! `sys/quotas/*`.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::Page;
use arca_api::sys::quotas as api;
use arca_base::{Json, Ttl, json_object};
use serde::Serialize;

use super::CONFIG;
use super::rule::{Aim, Rule};
use crate::active::Active;
use crate::barrier::Change;
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::fault::Fault;
use crate::system::System;

/// Most limits: each request looks at all of them.
pub(super) const MOST: usize = 256;
/// Most exempt paths.
const MOST_EXEMPT: usize = 256;
/// Longest path, in bytes.
pub(super) const LONGEST_PATH: usize = 1024;
/// Longest interval.
const LONGEST: Ttl = Ttl::from_hours(24);

pub(crate) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadQuotaConfig, _, _>(read_config)
        .reads_only()
        .on::<api::UpdateQuotaConfig, _, _>(write_config)
        .on::<api::ListQuotas, _, _>(list)
        .reads_only()
        .on::<api::ReadQuota, _, _>(read)
        .reads_only()
        .on::<api::UpdateQuota, _, _>(write)
        .on::<api::DeleteQuota, _, _>(delete)
}

/// A limit, as shown.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    path: &'a str,
    role: &'a str,
    rate: f64,
    interval: u64,
    block_interval: u64,
    inheritable: bool,
    group_by: &'static str,
}

async fn list(_: Arc<System>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let rules = &cx.active()?.quotas.rules;
    let found = rules.list("", &page.after, list_limit(page.limit)?).await?;
    Ok(Answer::names(found.names))
}

async fn read(_: Arc<System>, cx: Cx, request: api::QuotaName) -> Result<Answer, Fault> {
    let row = cx.active()?.quotas.rules.get(&request.name).await?;
    let rule = row.ok_or_else(Fault::absent)?.value;
    Answer::typed(&Shown {
        kind: "rate-limit",
        name: &request.name,
        path: &rule.aim.path,
        role: &rule.aim.role,
        rate: rule.rate,
        interval: rule.interval.seconds(),
        block_interval: rule.block_interval.seconds(),
        inheritable: rule.aim.inheritable,
        group_by: "ip",
    })
}

async fn write(_: Arc<System>, cx: Cx, request: api::WriteQuota) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let rule = parsed(active, &request).await?;
    let all = active.quotas.rules.all().await?;
    let others = all.iter().filter(|(name, _)| *name != request.name);
    for (count, (name, other)) in others.enumerate() {
        rule.aim.refuse_same(&other.aim, name)?;
        if count + 2 > MOST {
            return Err(Fault::invalid(format!("there are {MOST} quotas already")));
        }
    }
    active.quotas.rules.put(&request.name, &rule).await?;
    Ok(Answer::empty())
}

async fn parsed(active: &Arc<Active>, request: &api::WriteQuota) -> Result<Rule, Fault> {
    if !matches!(&*request.kind, "" | "rate-limit") {
        return Err(Fault::invalid("type must be rate-limit"));
    }
    let rate = match &request.rate.0 {
        Json::Number(rate) => rate.as_f64(),
        Json::String(rate) => rate.trim().parse().ok(),
        _ => None,
    };
    let rate = rate.filter(|rate: &f64| rate.is_finite() && *rate > 0.0 && *rate <= 1e9);
    let rate = rate.ok_or_else(|| Fault::invalid("'rate' must be a number greater than 0"))?;
    let interval = request.interval.unwrap_or(Ttl::from_seconds(1));
    let block_interval = request.block_interval.unwrap_or_default();
    if interval.is_zero() || interval > LONGEST || block_interval > LONGEST {
        return Err(Fault::invalid(
            "'interval' must be between one second and a day, and 'block_interval' at most a day",
        ));
    }
    Ok(Rule {
        aim: Aim::parse(active, &request.path, &request.role, request.inheritable).await?,
        rate,
        interval,
        block_interval,
    })
}

async fn delete(_: Arc<System>, cx: Cx, request: api::QuotaName) -> Result<Answer, Fault> {
    cx.active()?.quotas.rules.delete(&request.name).await?;
    Ok(Answer::empty())
}

async fn read_config(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let row = cx.active()?.quotas.config.get(CONFIG).await?;
    let config = row.map(|row| (*row.value).clone()).unwrap_or_default();
    Ok(Answer::data(&json_object! {
        "enable_rate_limit_audit_logging" => config.audit,
        "enable_rate_limit_response_headers" => config.headers,
        "rate_limit_exempt_paths" => config.exempt,
    }))
}

async fn write_config(_: Arc<System>, cx: Cx, request: api::WriteQuotaConfig) -> Result<Answer, Fault> {
    let exempt = request.rate_limit_exempt_paths.map(|paths| paths.0);
    if exempt
        .as_ref()
        .is_some_and(|paths| paths.len() > MOST_EXEMPT || paths.iter().any(|path| path.len() > LONGEST_PATH))
    {
        return Err(Fault::invalid(format!(
            "rate_limit_exempt_paths may have at most {MOST_EXEMPT} paths of {LONGEST_PATH} bytes"
        )));
    }
    cx.active()?
        .quotas
        .config
        .update(CONFIG, |found| {
            let mut config = found.cloned().unwrap_or_default();
            if let Some(paths) = &exempt {
                config.exempt = paths
                    .iter()
                    .map(|path| path.trim_start_matches('/').to_owned())
                    .collect();
            }
            config.audit = request.enable_rate_limit_audit_logging.unwrap_or(config.audit);
            config.headers = request
                .enable_rate_limit_response_headers
                .unwrap_or(config.headers);
            Ok::<_, Fault>((Change::Put(config), ()))
        })
        .await?;
    Ok(Answer::empty())
}
