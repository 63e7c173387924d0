//! Namespaces below that of the request.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::field::Any;
use arca_api::sys::Page;
use arca_api::sys::namespaces as api;
use arca_base::json::Object;
use arca_base::{Json, json_object};

use super::System;
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::fault::Fault;
use crate::namespaces::{CustomMetadata, Deletion, NamespaceName, NamespaceRow, Namespaces, Unlocking};

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ListNamespaces, _, _>(list)
        .reads_only()
        .on::<api::ScanNamespaces, _, _>(scan)
        .reads_only()
        .on::<api::LockHere, _, _>(lock_here)
        .injects()
        .on::<api::LockBelow, _, _>(lock_below)
        .injects()
        .on::<api::UnlockHere, _, _>(unlock_here)
        .on::<api::UnlockBelow, _, _>(unlock_below)
        .on::<api::ReadNamespace, _, _>(read)
        .reads_only()
        .on::<api::UpdateNamespace, _, _>(write)
        .on::<api::PatchNamespaceTexts, _, _>(patch)
        .on::<api::DeleteNamespace, _, _>(delete)
}

fn describe(row: &NamespaceRow) -> Json {
    let texts: Json = row.custom_metadata.clone().into_iter().collect();
    json_object! {
        "id" => row.id.as_str(),
        "uuid" => row.uuid.as_str(),
        "path" => row.path.as_str(),
        "custom_metadata" => texts,
        "tainted" => row.tainted.is_some(),
        "locked" => row.is_locked(),
    }
}

/// All namespaces, and the full path of the one named below that of the request.
fn place(cx: &Cx, path: &str) -> Result<(Arc<Namespaces>, NamespaceName), Fault> {
    let active = cx.active()?;
    let name = NamespaceName::below(&active.namespace.path, path)?;
    Ok((active.namespaces()?, name))
}

async fn list(_: Arc<System>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let (namespaces, here) = (active.namespaces()?, &active.namespace.path);
    let names = namespaces
        .names(here, &page.after, list_limit(page.limit)?)
        .await?;
    let (mut keys, mut info) = (Vec::with_capacity(names.len()), Object::new());
    for name in names {
        // Gone meanwhile.
        let Some(row) = namespaces.row(&format!("{here}{name}")).await? else {
            continue;
        };
        info.insert(format!("{name}/"), describe(&row.value));
        keys.push(format!("{name}/"));
    }
    Ok(Answer::names_with_info(keys, Json::Object(info)))
}

async fn scan(_: Arc<System>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let rows = active
        .namespaces()?
        .rows_below(&active.namespace.path, &page.after, list_limit(page.limit)?)
        .await?;
    let (mut keys, mut info) = (Vec::with_capacity(rows.len()), Object::new());
    for row in rows {
        let below = row.path.strip_prefix(&*active.namespace.path);
        let key = below.unwrap_or(&row.path).to_owned();
        info.insert(key.clone(), describe(&row));
        keys.push(key);
    }
    Ok(Answer::names_with_info(keys, Json::Object(info)))
}

async fn read(_: Arc<System>, cx: Cx, request: api::NamespacePath) -> Result<Answer, Fault> {
    let (namespaces, name) = place(&cx, &request.path)?;
    let row = namespaces.row(name.row()).await?.ok_or_else(Fault::absent)?;
    Ok(Answer::data(&describe(&row.value)))
}

async fn write(_: Arc<System>, cx: Cx, request: api::WriteNamespace) -> Result<Answer, Fault> {
    let (namespaces, name) = place(&cx, &request.path)?;
    let texts = request.custom_metadata.unwrap_or_default().0;
    let row = namespaces
        .write(&name, &CustomMetadata::Exactly(texts), cx.now)
        .await?;
    Ok(Answer::data(&describe(&row)))
}

async fn patch(_: Arc<System>, cx: Cx, request: api::PatchNamespace) -> Result<Answer, Fault> {
    let (namespaces, name) = place(&cx, &request.path)?;
    let changes = changes(request.custom_metadata)?;
    let row = namespaces.change(&name, &CustomMetadata::Merged(changes)).await?;
    Ok(Answer::data(&describe(&row)))
}

/// Texts to change; `None` takes one away.
fn changes(given: Option<Any>) -> Result<BTreeMap<String, Option<String>>, Fault> {
    let members = match given {
        None | Some(Any(Json::Null)) => return Ok(BTreeMap::new()),
        Some(Any(Json::Object(members))) => members,
        Some(Any(other)) => {
            return Err(Fault::invalid(format!(
                "custom_metadata must be an object of texts, not {}",
                other.kind()
            )));
        }
    };
    let text = |(key, value): (String, Json)| match value {
        Json::Null => Ok((key, None)),
        Json::String(text) => Ok((key, Some(text))),
        other => Err(Fault::invalid(format!(
            "custom_metadata: {key:?} must be a text, or null to take it away, not {}",
            other.kind()
        ))),
    };
    members.into_iter().map(text).collect()
}

/// The namespace of the request.
fn here(cx: &Cx) -> Result<NamespaceName, Fault> {
    let namespace = &cx.active()?.namespace;
    if namespace.is_root() {
        return Err(Fault::invalid(
            "path must be that of a namespace: the root namespace cannot be locked, but the server sealed",
        ));
    }
    NamespaceName::below("", &namespace.path)
}

async fn lock_here(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    lock(&cx, &here(&cx)?).await
}

async fn lock_below(_: Arc<System>, cx: Cx, request: api::NamespacePath) -> Result<Answer, Fault> {
    lock(&cx, &place(&cx, &request.path)?.1).await
}

async fn lock(cx: &Cx, name: &NamespaceName) -> Result<Answer, Fault> {
    let key = cx.active()?.namespaces()?.lock(name).await?;
    Ok(Answer::data(
        &json_object! { "unlock_key" => key.expose().as_str() },
    ))
}

async fn unlock_here(_: Arc<System>, cx: Cx, request: api::UnlockNamespace) -> Result<Answer, Fault> {
    unlock(&cx, &here(&cx)?, &request.unlock_key).await
}

async fn unlock_below(_: Arc<System>, cx: Cx, request: api::UnlockNamespace) -> Result<Answer, Fault> {
    unlock(&cx, &place(&cx, &request.path)?.1, &request.unlock_key).await
}

async fn unlock(cx: &Cx, name: &NamespaceName, key: &str) -> Result<Answer, Fault> {
    let with = match key {
        "" if cx.caller()?.token.is_root() => Unlocking::Root,
        key => Unlocking::Key(key),
    };
    cx.active()?.namespaces()?.unlock(name, &with).await?;
    Ok(Answer::empty())
}

async fn delete(_: Arc<System>, cx: Cx, request: api::NamespacePath) -> Result<Answer, Fault> {
    let (namespaces, name) = place(&cx, &request.path)?;
    Ok(match namespaces.delete(&name, cx.now).await? {
        Deletion::Nothing => Answer::empty(),
        Deletion::Begun => Answer::data(&json_object! { "status" => "in-progress" }),
    })
}
