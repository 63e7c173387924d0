//! `identity/entity*`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::identity as api;
use arca_api::sys::Page;
use arca_base::{Json, json_object};

use super::{IdentityEngine, check, shown};
use crate::engine::{Answer, Cx, list_limit};
use crate::fault::Fault;
use crate::identity::entities::EntityChange;
use crate::identity::merge::Merge;

/// Entities one request may delete or merge.
const MAX_ENTITIES: usize = 1000;

pub(super) async fn read_by_id(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let entity = identity.entity(&request.id).await?.ok_or_else(Fault::absent)?;
    Ok(Answer::data(&shown::entity(identity, &entity).await?))
}

pub(super) async fn read_by_name(
    _: Arc<IdentityEngine>,
    cx: Cx,
    request: api::Name,
) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let found = identity.entity_by_name(&request.name).await?;
    let entity = found.ok_or_else(Fault::absent)?;
    Ok(Answer::data(&shown::entity(identity, &entity).await?))
}

pub(super) async fn list_ids(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let ids = identity.entity_ids(&page.after, list_limit(page.limit)?).await?;
    let mut info = BTreeMap::new();
    for id in &ids {
        if let Some(entity) = identity.entity(id).await? {
            let aliases = identity.aliases_of(&entity).await?;
            let aliases: Vec<Json> = aliases.iter().map(|alias| shown::alias_outline(alias)).collect();
            info.insert(
                id.clone(),
                json_object! { "name" => entity.name.as_str(), "aliases" => aliases },
            );
        }
    }
    Ok(Answer::names_with_info(ids, Json::Object(info)))
}

pub(super) async fn list_names(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let limit = list_limit(page.limit)?;
    Ok(Answer::names(identity.entity_names(&page.after, limit).await?))
}

pub(super) async fn write(
    _: Arc<IdentityEngine>,
    cx: Cx,
    request: api::WriteEntity,
) -> Result<Answer, Fault> {
    check::check_name(&request.name)?;
    let change = EntityChange {
        id: request.id,
        name: request.name,
        metadata: check::texts("metadata", request.metadata)?,
        policies: check::policies(request.policies.as_ref())?,
        disabled: request.disabled,
    };
    let (entity, created) = cx.active()?.identity.write_entity(&change, cx.now).await?;
    if created {
        return Ok(Answer::data(&json_object! {
            "id" => entity.id.as_str(),
            "name" => entity.name.as_str(),
            "aliases" => Json::Null,
        }));
    }
    Ok(Answer::empty())
}

pub(super) async fn delete_by_id(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    cx.active()?.identity.delete_entity(&request.id).await?;
    Ok(Answer::empty())
}

pub(super) async fn delete_by_name(
    _: Arc<IdentityEngine>,
    cx: Cx,
    request: api::Name,
) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    if let Some(entity) = identity.entity_by_name(&request.name).await? {
        identity.delete_entity(&entity.id).await?;
    }
    Ok(Answer::empty())
}

fn check_count(field: &str, ids: &[String]) -> Result<(), Fault> {
    if ids.len() > MAX_ENTITIES {
        return Err(Fault::invalid(format!(
            "{field} names {} entities, at most {MAX_ENTITIES} is allowed; send several requests",
            ids.len()
        )));
    }
    Ok(())
}

pub(super) async fn delete_several(
    _: Arc<IdentityEngine>,
    cx: Cx,
    request: api::DeleteEntities,
) -> Result<Answer, Fault> {
    if request.entity_ids.0.is_empty() {
        return Err(Fault::invalid("missing entity ids to delete"));
    }
    check_count("entity_ids", &request.entity_ids.0)?;
    for id in &request.entity_ids.0 {
        cx.active()?.identity.delete_entity(id).await?;
    }
    Ok(Answer::empty())
}

pub(super) async fn merge(
    _: Arc<IdentityEngine>,
    cx: Cx,
    request: api::MergeEntities,
) -> Result<Answer, Fault> {
    if request.from_entity_ids.0.is_empty() {
        return Err(Fault::invalid("missing entity ids to merge from"));
    }
    if request.to_entity_id.is_empty() {
        return Err(Fault::invalid("missing entity id to merge to"));
    }
    check_count("from_entity_ids", &request.from_entity_ids.0)?;
    let merge = Merge {
        from: request.from_entity_ids.0,
        to: request.to_entity_id,
        keep: request.conflicting_alias_ids_to_keep.0,
    };
    cx.active()?.identity.merge(&merge, cx.now).await?;
    Ok(Answer::empty())
}
