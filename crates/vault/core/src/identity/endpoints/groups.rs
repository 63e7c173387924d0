//! `identity/group*`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::identity as api;
use arca_api::sys::Page;
use arca_base::{Json, json_object};

use super::{IdentityEngine, check, shown};
use crate::engine::{Answer, Cx, list_limit};
use crate::fault::Fault;
use crate::identity::GroupKind;
use crate::identity::groups::GroupChange;

pub(super) async fn read_by_id(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let group = identity.group(&request.id).await?.ok_or_else(Fault::absent)?;
    Ok(Answer::data(&shown::group(identity, &group).await?))
}

pub(super) async fn read_by_name(
    _: Arc<IdentityEngine>,
    cx: Cx,
    request: api::Name,
) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let found = identity.group_by_name(&request.name).await?;
    let group = found.ok_or_else(Fault::absent)?;
    Ok(Answer::data(&shown::group(identity, &group).await?))
}

pub(super) async fn list_ids(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let ids = identity.group_ids(&page.after, list_limit(page.limit)?).await?;
    let mut info = BTreeMap::new();
    for id in &ids {
        if let Some(group) = identity.group(id).await? {
            info.insert(id.clone(), shown::group_outline(identity, &group).await?);
        }
    }
    Ok(Answer::names_with_info(ids, Json::Object(info)))
}

pub(super) async fn list_names(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let limit = list_limit(page.limit)?;
    Ok(Answer::names(identity.group_names(&page.after, limit).await?))
}

pub(super) async fn write(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteGroup) -> Result<Answer, Fault> {
    check::check_name(&request.name)?;
    let kind = match &*request.kind {
        "" => None,
        text => {
            let kind = GroupKind::parse(text);
            Some(kind.ok_or_else(|| Fault::invalid(format!("invalid group type {text:?}")))?)
        }
    };
    let change = GroupChange {
        id: request.id,
        name: request.name,
        kind,
        metadata: check::texts("metadata", request.metadata)?,
        policies: check::policies(request.policies.as_ref())?,
        member_entities: request.member_entity_ids.map(|ids| ids.0),
        member_groups: request.member_group_ids.map(|ids| ids.0),
    };
    let (group, created) = cx.active()?.identity.write_group(&change, cx.now).await?;
    if created {
        return Ok(Answer::data(&json_object! {
            "id" => group.id.as_str(),
            "name" => group.name.as_str(),
        }));
    }
    Ok(Answer::empty())
}

pub(super) async fn delete_by_id(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    cx.active()?.identity.delete_group(&request.id).await?;
    Ok(Answer::empty())
}

pub(super) async fn delete_by_name(
    _: Arc<IdentityEngine>,
    cx: Cx,
    request: api::Name,
) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    if let Some(group) = identity.group_by_name(&request.name).await? {
        identity.delete_group(&group.id).await?;
    }
    Ok(Answer::empty())
}
