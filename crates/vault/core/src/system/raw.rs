//! `sys/raw/*`: rows of the store, opened, for repairs. Only where the configuration allows it.

use std::sync::Arc;

use arca_api::sys::storage as api;
use arca_base::{Json, json_object};
use arca_storage::check_key;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::System;
use crate::active::Active;
use crate::barrier::Writes;
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::fault::Fault;
use crate::layout;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ListRaw, _, _>(list)
        .sudo()
        .on::<api::ReadRaw, _, _>(read)
        .sudo()
        .on::<api::UpdateRaw, _, _>(write)
        .sudo()
        .on::<api::DeleteRaw, _, _>(delete)
        .sudo()
}

/// The server, if its configuration allows to reach below its engines.
fn allowed(cx: &Cx) -> Result<&Arc<Active>, Fault> {
    let active = cx.active()?;
    if active.settings.raw_storage {
        Ok(active)
    } else {
        Err(Fault::unsupported_path())
    }
}

/// Refuses rows that protect all others: the keyring, what seals the root key, and a restore on its way.
fn check(key: &str) -> Result<(), Fault> {
    check_key(key).map_err(|error| Fault::invalid(error.to_string()))?;
    if layout::is_clear(key) {
        return Err(Fault::denied_with(format!(
            "cannot access {key:?}: it protects the store"
        )));
    }
    Ok(())
}

/// How values are written in requests and answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Text,
    Base64,
}

impl Encoding {
    fn parse(name: &str) -> Result<Self, Fault> {
        match name {
            "" => Ok(Self::Text),
            "base64" => Ok(Self::Base64),
            _ => Err(Fault::invalid("encoding must be empty or \"base64\"")),
        }
    }
}

async fn read(_: Arc<System>, cx: Cx, request: api::RawRow) -> Result<Answer, Fault> {
    let active = allowed(&cx)?;
    check(&request.path)?;
    let encoding = Encoding::parse(&request.encoding)?;
    let Some(row) = active.barrier.get(&request.path).await? else {
        return Err(Fault::absent());
    };
    let bytes = row.plaintext.expose();
    let value = match encoding {
        Encoding::Base64 => STANDARD.encode(bytes),
        Encoding::Text => std::str::from_utf8(bytes)
            .map_err(|_| Fault::invalid("the value is not text: ask with encoding=base64"))?
            .to_owned(),
    };
    Ok(Answer::data(&json_object! { "value" => Json::from(value) }))
}

async fn write(_: Arc<System>, cx: Cx, request: api::WriteRaw) -> Result<Answer, Fault> {
    let active = allowed(&cx)?;
    check(&request.path)?;
    if !request.compression_type.is_empty() || request.compressed == Some(true) {
        return Err(Fault::invalid(
            "rows are not compressed: leave compression_type and compressed out",
        ));
    }
    let value = match Encoding::parse(&request.encoding)? {
        Encoding::Text => request.value.into_bytes(),
        Encoding::Base64 => STANDARD
            .decode(&request.value)
            .map_err(|_| Fault::invalid("value is not base64"))?,
    };
    let mut writes = Writes::new();
    writes.put(request.path, value);
    active.barrier.commit(writes).await?;
    Ok(Answer::empty())
}

async fn delete(_: Arc<System>, cx: Cx, request: api::RawRow) -> Result<Answer, Fault> {
    let active = allowed(&cx)?;
    check(&request.path)?;
    let mut writes = Writes::new();
    writes.delete(request.path);
    active.barrier.commit(writes).await?;
    Ok(Answer::empty())
}

async fn list(_: Arc<System>, cx: Cx, request: api::RawFolder) -> Result<Answer, Fault> {
    let active = allowed(&cx)?;
    let folder = request.path.trim_end_matches('/');
    if layout::is_clear(&format!("{folder}/")) {
        return Err(Fault::denied_with(format!(
            "cannot list {folder:?}: it protects the store"
        )));
    }
    let prefix = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    let limit = list_limit(request.limit)?;
    let page = active.barrier.list(&prefix, &request.after, limit).await;
    let page = page.map_err(|error| match error {
        crate::barrier::BarrierError::Storage(arca_storage::StorageError::BadKey { .. }) => {
            Fault::invalid("the path is not that of a folder")
        }
        error => error.into(),
    })?;
    Ok(Answer::names(page.names))
}
