//! Health, leadership and metrics.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::field::parse_flag;
use arca_api::sys::status as api;
use arca_base::{Json, json_object};

use super::System;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::lifecycle::SealStatus;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadHealth, _, _>(health)
        .anonymous()
        .while_sealed()
        .unaudited()
        .on::<api::HeadHealth, _, _>(health)
        .anonymous()
        .while_sealed()
        .unaudited()
        .on::<api::ReadLeader, _, _>(leader)
        .anonymous()
        .while_sealed()
        .unaudited()
        .in_namespaces()
        .on::<api::ReadHaStatus, _, _>(ha_status)
        .on::<api::StepDown, _, _>(step_down)
        .sudo()
        .on::<api::ReadMetrics, _, _>(metrics)
        .on::<api::ReadInFlight, _, _>(in_flight)
}

/// Status codes of a health check.
struct Codes {
    active: u16,
    sealed: u16,
    uninitialized: u16,
}

impl Codes {
    fn read(request: &api::Health) -> Result<Self, Fault> {
        for flag in [&request.standbyok, &request.perfstandbyok].into_iter().flatten() {
            parse_flag(flag).ok_or_else(|| Fault::invalid("bad value for standbyok: use true or false"))?;
        }
        code(request.standbycode.as_deref(), "standbycode", 429)?;
        Ok(Self {
            active: code(request.activecode.as_deref(), "activecode", 200)?,
            sealed: code(request.sealedcode.as_deref(), "sealedcode", 503)?,
            uninitialized: code(request.uninitcode.as_deref(), "uninitcode", 501)?,
        })
    }

    const fn of(&self, status: &SealStatus) -> u16 {
        match (status.initialized, status.sealed) {
            (false, _) => self.uninitialized,
            (true, true) => self.sealed,
            (true, false) => self.active,
        }
    }
}

fn code(text: Option<&str>, name: &str, default: u16) -> Result<u16, Fault> {
    match text {
        None => Ok(default),
        Some(text) => match text.parse() {
            Ok(code @ 200..=599) => Ok(code),
            _ => Err(Fault::invalid(format!(
                "bad status code for {name}: use a number from 200 to 599"
            ))),
        },
    }
}

async fn health(_: Arc<System>, cx: Cx, request: api::Health) -> Result<Answer, Fault> {
    let codes = Codes::read(&request)?;
    let status = cx.server.status().await?;
    let mut body = json_object! {
        "initialized" => status.initialized,
        "sealed" => status.sealed,
        "standby" => false,
        "performance_standby" => false,
        "replication_performance_mode" => "disabled",
        "replication_dr_mode" => "disabled",
        "server_time_utc" => cx.now.unix_seconds(),
        "version" => crate::version::API,
        "enterprise" => false,
        "echo_duration_ms" => 0_i64,
        "clock_skew_ms" => 0_i64,
        "replication_primary_canary_age_ms" => 0_i64,
    };
    if let (Json::Object(members), Some(cluster)) = (&mut body, &status.cluster) {
        members.insert("cluster_name".to_owned(), cluster.name.as_str().into());
        members.insert("cluster_id".to_owned(), cluster.id.as_str().into());
    }
    Ok(Answer::raw_json(codes.of(&status), &body))
}

/// Every unsealed node answers every request, so none leads another.
async fn leader(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    let body = json_object! {
        "ha_enabled" => false,
        "is_self" => false,
        "active_time" => "0001-01-01T00:00:00Z",
        "leader_address" => "",
        "leader_cluster_address" => "",
        "performance_standby" => false,
        "performance_standby_last_remote_wal" => 0_i64,
    };
    Ok(Answer::raw_json(200, &body))
}

async fn ha_status(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let node = json_object! {
        "hostname" => super::info::hostname(),
        "api_address" => cx.active()?.settings.api_address.as_str(),
        "cluster_address" => "",
        "active_node" => true,
        "last_echo" => Json::Null,
        "version" => crate::version::API,
        "upgrade_version" => crate::version::API,
    };
    Ok(Answer::data(&json_object! { "nodes" => vec![node] }))
}

/// Every unsealed node serves; what a node can give up is the office of the one that runs the timers.
async fn step_down(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    cx.active()?.step_down();
    Ok(Answer::empty())
}

async fn metrics(_: Arc<System>, cx: Cx, request: api::Metrics) -> Result<Answer, Fault> {
    match &*request.format {
        "" => Ok(Answer::raw_json(200, &cx.server.metrics().json(cx.now))),
        "prometheus" => {
            let text = cx.server.metrics().prometheus();
            Ok(Answer::raw(
                200,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                text,
            ))
        }
        _ => Err(Fault::invalid("format must be empty or \"prometheus\"")),
    }
}

async fn in_flight(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::raw_json(200, &cx.server.metrics().in_flight()))
}
