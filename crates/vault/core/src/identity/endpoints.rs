//! `identity/*`: entities and aliases.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::identity as api;
use arca_api::sys::Page;
use arca_base::{Json, Timestamp, id, json_object};

use super::{Alias, Entity, Identity};
use crate::active::Active;
use crate::engine::{Answer, Cx, Engine, Table, list_limit};
use crate::fault::Fault;
use crate::policies::canonical;

/// Bounds of metadata.
const MAX_KEYS: usize = 64;
const MAX_KEY_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 512;

/// `identity/*`. Holds nothing: everything comes with the request.
pub(crate) struct IdentityEngine;

impl Engine for IdentityEngine {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::UpdateEntity, _, _>(write_entity)
            .on::<api::ListEntityIds, _, _>(list_ids)
            .on::<api::ReadEntityById, _, _>(read_by_id)
            .on::<api::UpdateEntityById, _, _>(write_entity)
            .on::<api::DeleteEntityById, _, _>(delete_by_id)
            .on::<api::ListEntityNames, _, _>(list_names)
            .on::<api::ReadEntityByName, _, _>(read_by_name)
            .on::<api::UpdateEntityByName, _, _>(write_entity)
            .on::<api::DeleteEntityByName, _, _>(delete_by_name)
            .on::<api::UpdateAlias, _, _>(write_alias)
            .on::<api::ListAliases, _, _>(list_aliases)
            .on::<api::ReadAlias, _, _>(read_alias)
            .on::<api::UpdateAliasById, _, _>(write_alias)
            .on::<api::DeleteAlias, _, _>(delete_alias)
            .on::<api::LookupEntity, _, _>(lookup)
            .and(crate::mfa::routes())
    }
}

fn shown_time(time: Option<Timestamp>) -> Json {
    time.map(|time| time.to_string()).into()
}

fn shown_map(map: &BTreeMap<String, String>) -> Json {
    if map.is_empty() {
        Json::Null
    } else {
        map.clone().into_iter().collect()
    }
}

fn describe_alias(alias: &Alias) -> Json {
    json_object! {
        "id" => alias.id.as_str(),
        "canonical_id" => alias.canonical_id.as_str(),
        "mount_accessor" => alias.mount_accessor.as_str(),
        "mount_type" => alias.mount_type.as_str(),
        "mount_path" => alias.mount_path.as_str(),
        "name" => alias.name.as_str(),
        "metadata" => shown_map(&alias.metadata),
        "custom_metadata" => shown_map(&alias.custom_metadata),
        "merged_from_canonical_ids" => Json::Null,
        "local" => false,
        "creation_time" => shown_time(alias.creation_time),
        "last_update_time" => shown_time(alias.last_update_time),
    }
}

async fn describe(identity: &Identity, entity: &Entity) -> Result<Json, Fault> {
    let aliases: Vec<Json> = identity
        .aliases_of(entity)
        .await?
        .iter()
        .map(|alias| describe_alias(alias))
        .collect();
    Ok(json_object! {
        "id" => entity.id.as_str(),
        "name" => entity.name.as_str(),
        "metadata" => shown_map(&entity.metadata),
        "policies" => entity.policies.clone(),
        "disabled" => entity.disabled,
        "aliases" => aliases,
        "merged_entity_ids" => Json::Null,
        "creation_time" => shown_time(entity.creation_time),
        "last_update_time" => shown_time(entity.last_update_time),
        "direct_group_ids" => Vec::<Json>::new(),
        "inherited_group_ids" => Vec::<Json>::new(),
        "group_ids" => Vec::<Json>::new(),
        "namespace_id" => "root",
        "mfa_secrets" => Json::object(),
    })
}

async fn answer(active: &Active, entity: Option<Arc<Entity>>) -> Result<Answer, Fault> {
    let entity = entity.ok_or_else(Fault::absent)?;
    Ok(Answer::data(&describe(&active.identity, &entity).await?))
}

async fn read_by_id(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    let active = cx.active()?;
    answer(active, active.identity.entity(&request.id).await?).await
}

async fn read_by_name(_: Arc<IdentityEngine>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let active = cx.active()?;
    answer(active, active.identity.entity_by_name(&request.name).await?).await
}

/// An alias as listings show it.
fn outline(alias: &Alias) -> Json {
    json_object! {
        "id" => alias.id.as_str(),
        "name" => alias.name.as_str(),
        "mount_accessor" => alias.mount_accessor.as_str(),
        "mount_type" => alias.mount_type.as_str(),
        "mount_path" => alias.mount_path.as_str(),
    }
}

async fn list_ids(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let ids = identity.entity_ids(&page.after, list_limit(page.limit)?).await?;
    let mut info = BTreeMap::new();
    for id in &ids {
        if let Some(entity) = identity.entity(id).await? {
            let aliases: Vec<Json> = identity
                .aliases_of(&entity)
                .await?
                .iter()
                .map(|alias| outline(alias))
                .collect();
            info.insert(
                id.clone(),
                json_object! { "name" => entity.name.as_str(), "aliases" => aliases },
            );
        }
    }
    Ok(Answer::names_with_info(ids, Json::Object(info)))
}

async fn list_names(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let mut names = Vec::new();
    for id in identity.entity_ids("", list_limit(0)?).await? {
        names.extend(identity.entity(&id).await?.map(|entity| entity.name.clone()));
    }
    names.sort_unstable();
    names.retain(|name| *name > page.after);
    names.truncate(list_limit(page.limit)?);
    Ok(Answer::names(names))
}

async fn list_aliases(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let ids = identity.alias_ids(&page.after, list_limit(page.limit)?).await?;
    let mut info = BTreeMap::new();
    for id in &ids {
        if let Some(alias) = identity.alias(id).await? {
            let mut shown = outline(&alias);
            if let Json::Object(members) = &mut shown {
                members.insert("canonical_id".to_owned(), alias.canonical_id.as_str().into());
            }
            info.insert(id.clone(), shown);
        }
    }
    Ok(Answer::names_with_info(ids, Json::Object(info)))
}

async fn write_entity(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteEntity) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    if let Some(metadata) = &request.metadata {
        check_metadata("metadata", &metadata.0)?;
    }
    let policies = match &request.policies {
        Some(policies) => Some(canonical(&policies.0, false)?),
        None => None,
    };
    if policies
        .as_ref()
        .is_some_and(|policies| policies.iter().any(|policy| policy == "root"))
    {
        return Err(Fault::invalid("policies cannot contain root"));
    }
    let found = match (&*request.id, &*request.name) {
        ("", "") => None,
        ("", name) => identity.entity_by_name(name).await?,
        (id, _) => {
            let found = identity.entity(id).await?;
            Some(found.ok_or_else(|| Fault::invalid("entity not found from id"))?)
        }
    };
    let before = found.as_deref();
    let mut entity = before.cloned().unwrap_or_else(|| identity.blank_entity(cx.now));
    if !request.name.is_empty() {
        entity.name.clone_from(&request.name);
    }
    entity.metadata = request.metadata.map_or(entity.metadata, |metadata| metadata.0);
    entity.policies = policies.unwrap_or(entity.policies);
    entity.disabled = request.disabled.unwrap_or(entity.disabled);
    entity.last_update_time = Some(cx.now);
    let created = before.is_none();
    identity.replace(before, &entity).await?;
    if created {
        return Ok(Answer::data(&json_object! {
            "id" => entity.id.as_str(),
            "name" => entity.name.as_str(),
            "aliases" => Json::Null,
        }));
    }
    Ok(Answer::empty())
}

fn check_metadata(field: &str, metadata: &BTreeMap<String, String>) -> Result<(), Fault> {
    if metadata.len() > MAX_KEYS {
        return Err(Fault::invalid(format!(
            "{field} must contain at most {MAX_KEYS} keys, provided {}",
            metadata.len()
        )));
    }
    for (key, value) in metadata {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(Fault::invalid(format!(
                "a key of {field} has {} bytes but must have 1 to {MAX_KEY_BYTES}",
                key.len()
            )));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(Fault::invalid(format!(
                "the value of {key:?} in {field} has {} bytes but must have at most {MAX_VALUE_BYTES}",
                value.len()
            )));
        }
    }
    Ok(())
}

async fn delete_by_id(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    if let Some(entity) = identity.entity(&request.id).await? {
        identity.delete(&entity).await?;
    }
    Ok(Answer::empty())
}

async fn delete_by_name(_: Arc<IdentityEngine>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    if let Some(entity) = identity.entity_by_name(&request.name).await? {
        identity.delete(&entity).await?;
    }
    Ok(Answer::empty())
}

async fn read_alias(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    let alias = cx
        .active()?
        .identity
        .alias(&request.id)
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(&describe_alias(&alias)))
}

async fn write_alias(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteAlias) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let identity = &active.identity;
    if let Some(metadata) = &request.custom_metadata {
        check_metadata("custom_metadata", &metadata.0)?;
    }
    let found = if request.id.is_empty() {
        if request.name.is_empty() || request.mount_accessor.is_empty() {
            return Err(Fault::invalid(
                "'id' or 'mount_accessor' and 'name' must be provided",
            ));
        }
        identity.alias_of(&request.mount_accessor, &request.name).await?
    } else {
        Some(
            identity
                .alias(&request.id)
                .await?
                .ok_or_else(|| Fault::invalid("invalid alias ID"))?,
        )
    };
    let accessor = match (&*request.mount_accessor, &found) {
        ("", Some(alias)) => alias.mount_accessor.clone(),
        (given, _) => given.to_owned(),
    };
    let mount = active.router.by_accessor(&accessor).await?;
    let mount = mount.ok_or_else(|| Fault::invalid(format!("invalid mount accessor {accessor:?}")))?;
    let owner = match (&*request.canonical_id, &*request.entity_id) {
        ("", "") => found.as_ref().map(|alias| alias.canonical_id.clone()),
        ("", id) | (id, _) => Some(id.to_owned()),
    };
    let before = found.as_deref();
    let mut alias = before.cloned().unwrap_or_else(|| Alias {
        id: id::uuid_v4(&*active.entropy),
        creation_time: Some(cx.now),
        ..Alias::default()
    });
    if !request.name.is_empty() {
        alias.name.clone_from(&request.name);
    }
    alias.mount_accessor = accessor;
    alias.mount_path = mount.full_path();
    alias.mount_type = mount.kind;
    alias.custom_metadata = request
        .custom_metadata
        .map_or(alias.custom_metadata, |metadata| metadata.0);
    let unchanged =
        before.is_some_and(|before| *before == alias && owner.as_ref() == Some(&before.canonical_id));
    if unchanged {
        return Ok(Answer::empty());
    }
    alias.last_update_time = Some(cx.now);
    let owner = identity
        .attach(before, &mut alias, owner.as_deref(), cx.now)
        .await?;
    Ok(Answer::data(
        &json_object! { "id" => alias.id.as_str(), "canonical_id" => owner },
    ))
}

async fn delete_alias(_: Arc<IdentityEngine>, cx: Cx, request: api::Id) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    if let Some(alias) = identity.alias(&request.id).await? {
        identity.detach(&alias).await?;
    }
    Ok(Answer::empty())
}

async fn lookup(_: Arc<IdentityEngine>, cx: Cx, request: api::Lookup) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let identity = &active.identity;
    let by_alias = !request.alias_name.is_empty() || !request.alias_mount_accessor.is_empty();
    let given = [
        !request.id.is_empty(),
        !request.name.is_empty(),
        !request.alias_id.is_empty(),
        by_alias,
    ];
    match given.iter().filter(|given| **given).count() {
        0 => return Err(Fault::invalid("query parameter not supplied")),
        1 => {}
        _ => {
            return Err(Fault::invalid(
                "supply exactly one of id, name, alias_id or alias_name with alias_mount_accessor",
            ));
        }
    }
    let alias = if !request.alias_id.is_empty() {
        identity.alias(&request.alias_id).await?
    } else if by_alias {
        if request.alias_name.is_empty() || request.alias_mount_accessor.is_empty() {
            return Err(Fault::invalid(
                "both 'alias_name' and 'alias_mount_accessor' needs to be set",
            ));
        }
        identity
            .alias_of(&request.alias_mount_accessor, &request.alias_name)
            .await?
    } else {
        None
    };
    let entity = match (&*request.id, &*request.name, alias) {
        ("", "", Some(alias)) => identity.entity(&alias.canonical_id).await?,
        ("", "", None) => None,
        ("", name, _) => identity.entity_by_name(name).await?,
        (id, _, _) => identity.entity(id).await?,
    };
    match entity {
        Some(entity) => answer(active, Some(entity)).await,
        None => Ok(Answer::empty()),
    }
}
