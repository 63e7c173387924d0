//! Audit devices.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::audit as api;
use arca_base::{Json, MountPath, id, json_object};

use super::System;
use crate::audit::{DeviceRow, EnableError, without_values};
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::List, _, _>(list)
        .sudo()
        .injects()
        .on::<api::EnableDevice, _, _>(enable)
        .sudo()
        .on::<api::Disable, _, _>(disable)
        .sudo()
        .on::<api::HashInput, _, _>(hash)
        .injects()
}

async fn list(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let rows = cx.active()?.auditor.rows();
    let devices: Json = rows
        .into_iter()
        .map(|row| (row.path.clone(), describe(&row)))
        .collect();
    Ok(Answer::data(&devices))
}

fn describe(row: &DeviceRow) -> Json {
    let mut options = row.options.clone();
    // Headers of requests to a collector are credentials.
    if let Some(headers) = options.get_mut("headers") {
        *headers = without_values(headers);
    }
    let options: Json = options.into_iter().collect();
    json_object! {
        "path" => row.path.as_str(),
        "type" => row.kind.as_str(),
        "description" => row.description.as_str(),
        "options" => options,
        "local" => row.local,
    }
}

async fn enable(_: Arc<System>, cx: Cx, request: api::Enable) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let row = DeviceRow {
        path: MountPath::parse(&request.path)?.as_str().to_owned(),
        kind: request.kind,
        description: request.description,
        options: request.options.unwrap_or_default().0,
        local: request.local,
        salt: id::uuid_v4(&*active.entropy),
    };
    active.auditor.enable(row, cx.now).await.map_err(refused)?;
    Ok(Answer::empty())
}

fn refused(error: EnableError) -> Fault {
    match error {
        EnableError::Barrier(error) => error.into(),
        error => Fault::invalid(error.to_string()),
    }
}

async fn disable(_: Arc<System>, cx: Cx, request: api::DevicePath) -> Result<Answer, Fault> {
    cx.active()?
        .auditor
        .disable(&MountPath::parse(&request.path)?)
        .await
        .map_err(refused)?;
    Ok(Answer::empty())
}

async fn hash(_: Arc<System>, cx: Cx, request: api::Hash) -> Result<Answer, Fault> {
    if request.input.is_empty() {
        return Err(Fault::invalid("the \"input\" parameter is empty"));
    }
    let path = MountPath::parse(&request.path)?;
    let hash = cx.active()?.auditor.hash(&path, &request.input);
    let hash = hash.ok_or_else(|| Fault::invalid(format!("unknown audit backend \"{path}\"")))?;
    Ok(Answer::data(&json_object! { "hash" => hash }))
}
