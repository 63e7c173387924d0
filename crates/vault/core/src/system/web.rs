//! Audited request headers, CORS, and headers of what is answered outside the API.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::web as api;
use arca_base::json::Object;
use arca_base::{Json, json_object};

use super::System;
use crate::barrier::{Rows, Stored};
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::web::{AuditedHeader, CORS, Cors, MOST_HEADERS, UiHeader, is_credential, is_name};

/// Most origins, and the longest, in bytes.
const MOST_ORIGINS: usize = 256;
const LONGEST_ORIGIN: usize = 512;
/// Most values of one header, and the longest, in bytes.
const MOST_VALUES: usize = 16;
const LONGEST_VALUE: usize = 4096;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ListAuditedHeaders, _, _>(list_audited)
        .sudo()
        .injects()
        .on::<api::ReadAuditedHeader, _, _>(read_audited)
        .sudo()
        .injects()
        .on::<api::UpdateAuditedHeader, _, _>(write_audited)
        .sudo()
        .on::<api::DeleteAuditedHeader, _, _>(delete_audited)
        .sudo()
        .on::<api::ReadCors, _, _>(read_cors)
        .sudo()
        .injects()
        .on::<api::UpdateCors, _, _>(write_cors)
        .sudo()
        .on::<api::DeleteCors, _, _>(delete_cors)
        .sudo()
        .on::<api::ListUiHeaders, _, _>(list_ui)
        .sudo()
        .on::<api::ReadUiHeader, _, _>(read_ui)
        .sudo()
        .on::<api::UpdateUiHeader, _, _>(write_ui)
        .sudo()
        .on::<api::DeleteUiHeader, _, _>(delete_ui)
        .sudo()
}

/// The name of a header, as it is kept.
fn named(given: &str) -> Result<String, Fault> {
    let name = given.trim().to_ascii_lowercase();
    if is_name(&name) {
        return Ok(name);
    }
    Err(Fault::invalid(
        "the name of a header must be at most 128 letters, digits, '-', '_' and '.'",
    ))
}

/// Makes a change hold from the next request on.
async fn take_in(cx: &Cx) -> Result<Answer, Fault> {
    let active = cx.active()?;
    drop(active.web.current().await);
    Ok(Answer::empty())
}

async fn has_room<T: Stored>(rows: &Rows<T>, name: &str) -> Result<(), Fault> {
    let names = rows.list("", "", MOST_HEADERS + 1).await?.names;
    if names.len() >= MOST_HEADERS && !names.iter().any(|known| known == name) {
        return Err(Fault::invalid(format!(
            "there are {MOST_HEADERS} headers already; delete one first"
        )));
    }
    Ok(())
}

async fn list_audited(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let rows = cx.active()?.web.audited.all().await?.into_iter();
    let headers: Json = rows
        .map(|(name, row)| (name, json_object! { "hmac" => row.hmac }))
        .collect();
    Ok(Answer::data(&json_object! { "headers" => headers }))
}

async fn read_audited(_: Arc<System>, cx: Cx, request: api::HeaderName) -> Result<Answer, Fault> {
    let name = named(&request.header)?;
    let found = cx.active()?.web.audited.get(&name).await?;
    let row = found.ok_or_else(|| Fault::invalid("Could not find header in config"))?;
    let shown = json_object! { "hmac" => row.value.hmac };
    Ok(Answer::data(&[(name, shown)].into_iter().collect()))
}

async fn write_audited(_: Arc<System>, cx: Cx, request: api::AuditHeader) -> Result<Answer, Fault> {
    let name = named(&request.header)?;
    if is_credential(&name) && !request.hmac {
        return Err(Fault::invalid(format!(
            "{name} holds credentials, which are never in the audit log as they are: write hmac=true"
        )));
    }
    let rows = &cx.active()?.web.audited;
    has_room(rows, &name).await?;
    rows.put(&name, &AuditedHeader { hmac: request.hmac }).await?;
    take_in(&cx).await
}

async fn delete_audited(_: Arc<System>, cx: Cx, request: api::HeaderName) -> Result<Answer, Fault> {
    cx.active()?.web.audited.delete(&named(&request.header)?).await?;
    take_in(&cx).await
}

async fn read_cors(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let row = cx.active()?.web.cors.get(CORS).await?;
    let mut shown = Object::from([("enabled".to_owned(), Json::from(row.is_some()))]);
    if let Some(row) = row {
        shown.insert(
            "allowed_origins".to_owned(),
            row.value.allowed_origins.clone().into(),
        );
        shown.insert(
            "allowed_headers".to_owned(),
            row.value.allowed_headers.clone().into(),
        );
    }
    Ok(Answer::data(&Json::Object(shown)))
}

async fn write_cors(_: Arc<System>, cx: Cx, request: api::WriteCors) -> Result<Answer, Fault> {
    let cors = Cors {
        allowed_origins: origins(request.allowed_origins.unwrap_or_default().into_vec())?,
        allowed_headers: cors_headers(request.allowed_headers.unwrap_or_default().into_vec())?,
    };
    cx.active()?.web.cors.put(CORS, &cors).await?;
    take_in(&cx).await
}

fn origins(given: Vec<String>) -> Result<Vec<String>, Fault> {
    if given.is_empty() {
        return Err(Fault::invalid(
            "at least one origin or the wildcard must be provided",
        ));
    }
    if given.len() > 1 && given.iter().any(|origin| origin == "*") {
        return Err(Fault::invalid(
            "to allow all origins the '*' must be the only value for allowed_origins",
        ));
    }
    let fits = |origin: &String| {
        let scheme_and_host = origin.split_once("://");
        let looks_so = scheme_and_host.is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty());
        let clean = origin.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        origin.len() <= LONGEST_ORIGIN && clean && (looks_so && !origin.ends_with('/') || origin == "*")
    };
    if given.len() > MOST_ORIGINS || !given.iter().all(fits) {
        return Err(Fault::invalid(format!(
            "allowed_origins must be at most {MOST_ORIGINS} origins such as https://ui.example.com, without a path, or '*'"
        )));
    }
    Ok(given)
}

fn cors_headers(given: Vec<String>) -> Result<Vec<String>, Fault> {
    if given.len() > MOST_HEADERS {
        return Err(Fault::invalid(format!(
            "allowed_headers may have at most {MOST_HEADERS} names"
        )));
    }
    // Shown as they were given: case has no meaning.
    for name in &given {
        named(name)
            .map_err(|_| Fault::invalid(format!("allowed_headers: {name:?} is no name of a header")))?;
    }
    Ok(given)
}

async fn delete_cors(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    cx.active()?.web.cors.delete(CORS).await?;
    take_in(&cx).await
}

async fn list_ui(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let rows = &cx.active()?.web.ui_headers;
    Ok(Answer::names(rows.list("", "", MOST_HEADERS).await?.names))
}

async fn read_ui(_: Arc<System>, cx: Cx, request: api::UiHeaderForm) -> Result<Answer, Fault> {
    let name = named(&request.header)?;
    let row = cx.active()?.web.ui_headers.get(&name).await?;
    let values = &row.ok_or_else(Fault::absent)?.value.values;
    Ok(Answer::data(&if request.multivalue {
        json_object! { "values" => values.clone() }
    } else {
        json_object! { "value" => values.first().cloned().unwrap_or_default() }
    }))
}

/// Headers the server sets itself, or that say how an answer is framed.
const OWN: [&str; 7] = [
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "location",
    "transfer-encoding",
    "upgrade",
];

async fn write_ui(_: Arc<System>, cx: Cx, request: api::WriteUiHeader) -> Result<Answer, Fault> {
    let name = named(&request.header)?;
    if name.starts_with("x-vault-") {
        return Err(Fault::invalid("X-Vault headers cannot be set"));
    }
    if OWN.contains(&&*name) {
        return Err(Fault::invalid(format!("{name} is set by the server itself")));
    }
    let values = request.values.unwrap_or_default().0;
    let fits = |value: &String| {
        !value.is_empty()
            && value.len() <= LONGEST_VALUE
            && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    if values.is_empty() || values.len() > MOST_VALUES || !values.iter().all(fits) {
        return Err(Fault::invalid(format!(
            "values must be one to {MOST_VALUES} texts of printable ASCII, of at most {LONGEST_VALUE} bytes"
        )));
    }
    let rows = &cx.active()?.web.ui_headers;
    has_room(rows, &name).await?;
    rows.put(&name, &UiHeader { values }).await?;
    take_in(&cx).await
}

async fn delete_ui(_: Arc<System>, cx: Cx, request: api::HeaderName) -> Result<Answer, Fault> {
    cx.active()?
        .web
        .ui_headers
        .delete(&named(&request.header)?)
        .await?;
    take_in(&cx).await
}
