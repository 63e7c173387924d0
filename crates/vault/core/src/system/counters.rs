//! What there is how many of.
//!
//! Tokens and entities are counted by looking at the name of each, a page at a time, when somebody asks. Clients over a time
//! are not counted at all, and these endpoints say so: nothing in the form of a number that means nothing.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::counters as api;
use arca_base::json_object;

use super::System;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;

/// Names looked at in one go.
const PAGE: usize = 5000;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadTokenCount, _, _>(tokens)
        .reads_only()
        .on::<api::ReadEntityCount, _, _>(entities)
        .reads_only()
        .on::<api::ReadRequestCount, _, _>(requests)
        .reads_only()
        .on::<api::ReadActivity, _, _>(activity)
        .reads_only()
        .on::<api::ReadMonthlyActivity, _, _>(monthly)
        .reads_only()
        .on::<api::ReadActivityConfig, _, _>(read_config)
        .reads_only()
        .on::<api::UpdateActivityConfig, _, _>(write_config)
}

async fn tokens(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let total = cx.active()?.tokens.count().await?;
    Ok(Answer::data(&json_object! {
        "counters" => json_object! { "service_tokens" => json_object! { "total" => total } },
    }))
}

async fn entities(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let (mut total, mut after) = (0_u64, String::new());
    loop {
        let names = active.identity.entity_ids(&after, PAGE).await?;
        total += u64::try_from(names.len()).unwrap_or(u64::MAX);
        match names.into_iter().next_back() {
            Some(last) => after = last,
            None => break,
        }
    }
    Ok(Answer::data(&json_object! {
        "counters" => json_object! { "entities" => json_object! { "total" => total } },
    }))
}

async fn requests(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Err(Fault::not_found_plain(
        "functionality has been removed: requests are counted in sys/metrics",
    ))
}

async fn activity(_: Arc<System>, _: Cx, _: api::Activity) -> Result<Answer, Fault> {
    Ok(Answer::nothing_to_report())
}

async fn monthly(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::nothing_to_report())
}

async fn read_config(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::data(&json_object! {
        "enabled" => "default-disabled",
        "default_report_months" => 12_i64,
        "retention_months" => 0_i64,
        "queries_available" => false,
        "reporting_enabled" => false,
    }))
}

async fn write_config(_: Arc<System>, _: Cx, request: api::WriteActivityConfig) -> Result<Answer, Fault> {
    match &*request.enabled {
        "" | "default" | "disable" => {
            Ok(Answer::empty().warn("clients are not counted; nothing was changed"))
        }
        "enable" => Err(Fault::invalid(
            "clients are not counted by this server: leave \"enabled\" out, or use \"disable\"",
        )),
        _ => Err(Fault::invalid("\"enabled\" must be \"default\" or \"disable\"")),
    }
}
