//! `identity/group-alias*`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::identity as api;
use arca_api::sys::Page;
use arca_base::{Json, json_object};

use super::{IdentityEngine, check, mount, shown};
use crate::engine::{Answer, Cx, list_limit};
use crate::fault::Fault;
use crate::identity::group_aliases::GroupAliasChange;

pub(super) async fn list(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let limit = list_limit(page.limit)?;
    let ids = identity.group_alias_ids(&page.after, limit).await?;
    let mut info = BTreeMap::new();
    for id in &ids {
        if let Some(alias) = identity.group_alias(id).await? {
            let mut shown = shown::group_alias_outline(&alias);
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
    let found = identity
        .group_alias(&request.id)
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(&shown::group_alias(identity, &found)))
}

pub(super) async fn write(
    _: Arc<IdentityEngine>,
    cx: Cx,
    request: api::WriteGroupAlias,
) -> Result<Answer, Fault> {
    let active = cx.active()?;
    if request.name.is_empty() {
        return Err(Fault::invalid("missing alias name"));
    }
    check::check_name(&request.name)?;
    if request.mount_accessor.is_empty() {
        return Err(Fault::invalid("missing mount_accessor"));
    }
    let mount = mount(&active.router, &request.mount_accessor).await?;
    let change = GroupAliasChange {
        id: request.id,
        name: request.name,
        mount: &mount,
        owner: request.canonical_id,
    };
    let Some(alias) = active.identity.write_group_alias(&change, cx.now).await? else {
        return Ok(Answer::empty());
    };
    Ok(Answer::data(&json_object! {
        "id" => alias.id.as_str(),
        "canonical_id" => alias.canonical_id.as_str(),
    }))
}

pub(super) async fn delete(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    cx.active()?.identity.delete_group_alias(&request.id).await?;
    Ok(Answer::empty())
}
