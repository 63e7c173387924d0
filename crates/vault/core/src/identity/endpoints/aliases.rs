//! `identity/entity-alias*`, and `identity/persona*`, its former name.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::identity as api;
use arca_api::sys::Page;
use arca_base::{Json, json_object};

use super::{IdentityEngine, check, mount, shown};
use crate::engine::{Answer, Cx, list_limit};
use crate::fault::Fault;
use crate::identity::aliases::AliasChange;

pub(super) async fn list(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let ids = identity.alias_ids(&page.after, list_limit(page.limit)?).await?;
    let mut info = BTreeMap::new();
    for id in &ids {
        if let Some(alias) = identity.alias(id).await? {
            let mut shown = shown::alias_outline(&alias);
            if let Json::Object(members) = &mut shown {
                members.insert("canonical_id".to_owned(), alias.canonical_id.as_str().into());
            }
            info.insert(id.clone(), shown);
        }
    }
    Ok(Answer::names_with_info(ids, Json::Object(info)))
}

pub(super) async fn read(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let found = identity.alias(&request.id).await?.ok_or_else(Fault::absent)?;
    Ok(Answer::data(&shown::alias(identity, &found)))
}

pub(super) async fn write(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteAlias) -> Result<Answer, Fault> {
    let active = cx.active()?;
    check::check_name(&request.name)?;
    let custom_metadata = check::texts("custom_metadata", request.custom_metadata)?;
    if request.id.is_empty() && (request.name.is_empty() || request.mount_accessor.is_empty()) {
        return Err(Fault::invalid(
            "'id' or 'mount_accessor' and 'name' must be provided",
        ));
    }
    let accessor = if request.mount_accessor.is_empty() {
        let found = active.identity.alias(&request.id).await?;
        let found = found.ok_or_else(|| Fault::invalid("invalid alias ID"))?;
        found.mount_accessor.clone()
    } else {
        request.mount_accessor
    };
    let mount = mount(&active.router, &accessor).await?;
    let owner = if request.canonical_id.is_empty() {
        request.entity_id
    } else {
        request.canonical_id
    };
    let change = AliasChange {
        id: request.id,
        name: request.name,
        mount: &mount,
        owner,
        custom_metadata,
    };
    let Some(alias) = active.identity.write_alias(&change, cx.now).await? else {
        return Ok(Answer::empty());
    };
    Ok(Answer::data(&json_object! {
        "id" => alias.id.as_str(),
        "canonical_id" => alias.canonical_id.as_str(),
    }))
}

pub(super) async fn delete(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    cx.active()?.identity.delete_alias(&request.id).await?;
    Ok(Answer::empty())
}
