//! Entities, groups and aliases as answers show them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::{Json, Timestamp, json_object};

use crate::fault::Fault;
use crate::identity::{Alias, Entity, Group, GroupAlias, Identity};

fn time(time: Option<Timestamp>) -> Json {
    time.map(|time| time.to_string()).into()
}

fn texts(map: &BTreeMap<String, String>) -> Json {
    if map.is_empty() {
        Json::Null
    } else {
        map.clone().into_iter().collect()
    }
}

/// Nothing is `null`.
fn list(texts: &[String]) -> Json {
    if texts.is_empty() {
        Json::Null
    } else {
        texts.to_vec().into()
    }
}

fn ids<'a>(groups: impl Iterator<Item = &'a Arc<Group>>) -> Json {
    groups.map(|group| group.id.clone()).collect::<Vec<_>>().into()
}

pub(super) fn alias(identity: &Identity, alias: &Alias) -> Json {
    json_object! {
        "id" => alias.id.as_str(),
        "canonical_id" => alias.canonical_id.as_str(),
        "mount_accessor" => alias.mount_accessor.as_str(),
        "mount_type" => alias.mount_type.as_str(),
        "mount_path" => alias.mount_path.as_str(),
        "name" => alias.name.as_str(),
        "metadata" => texts(&alias.metadata),
        "custom_metadata" => texts(&alias.custom_metadata),
        "merged_from_canonical_ids" => list(&alias.merged_from),
        "local" => false,
        "creation_time" => time(alias.creation_time),
        "last_update_time" => time(alias.last_update_time),
        "namespace_id" => identity.namespace_id(),
    }
}

/// An alias as listings show it.
pub(super) fn alias_outline(alias: &Alias) -> Json {
    json_object! {
        "id" => alias.id.as_str(),
        "name" => alias.name.as_str(),
        "mount_accessor" => alias.mount_accessor.as_str(),
        "mount_type" => alias.mount_type.as_str(),
        "mount_path" => alias.mount_path.as_str(),
    }
}

pub(super) async fn entity(identity: &Identity, entity: &Entity) -> Result<Json, Fault> {
    let aliases = identity.aliases_of(entity).await?;
    let aliases: Vec<Json> = aliases.iter().map(|one| alias(identity, one)).collect();
    let principal = identity.principal(&entity.id).await?.ok_or_else(Fault::absent)?;
    Ok(json_object! {
        "id" => entity.id.as_str(),
        "name" => entity.name.as_str(),
        "metadata" => texts(&entity.metadata),
        "policies" => entity.policies.clone(),
        "disabled" => entity.disabled,
        "aliases" => aliases,
        "merged_entity_ids" => list(&entity.merged),
        "creation_time" => time(entity.creation_time),
        "last_update_time" => time(entity.last_update_time),
        "direct_group_ids" => ids(principal.direct().iter()),
        "inherited_group_ids" => ids(principal.inherited().iter()),
        "group_ids" => ids(principal.groups()),
        "namespace_id" => identity.namespace_id(),
        "mfa_secrets" => Json::object(),
    })
}

pub(super) fn group_alias(identity: &Identity, alias: &GroupAlias) -> Json {
    json_object! {
        "id" => alias.id.as_str(),
        "canonical_id" => alias.canonical_id.as_str(),
        "mount_accessor" => alias.mount_accessor.as_str(),
        "mount_type" => alias.mount_type.as_str(),
        "mount_path" => alias.mount_path.as_str(),
        "name" => alias.name.as_str(),
        "metadata" => Json::Null,
        "custom_metadata" => Json::Null,
        "merged_from_canonical_ids" => Json::Null,
        "local" => false,
        "creation_time" => time(alias.creation_time),
        "last_update_time" => time(alias.last_update_time),
        "namespace_id" => identity.namespace_id(),
    }
}

/// The alias of a group as listings show it.
pub(super) fn group_alias_outline(alias: &GroupAlias) -> Json {
    json_object! {
        "id" => alias.id.as_str(),
        "name" => alias.name.as_str(),
        "mount_accessor" => alias.mount_accessor.as_str(),
        "mount_type" => alias.mount_type.as_str(),
        "mount_path" => alias.mount_path.as_str(),
    }
}

/// The groups a group is in that were not deleted.
async fn parents(identity: &Identity, group: &Group) -> Result<Vec<String>, Fault> {
    let mut parents = Vec::with_capacity(group.parents.len());
    for id in &group.parents {
        if identity.group(id).await?.is_some() {
            parents.push(id.clone());
        }
    }
    Ok(parents)
}

pub(super) async fn group(identity: &Identity, group: &Group) -> Result<Json, Fault> {
    let alias = identity.group_alias(&group.alias).await?;
    Ok(json_object! {
        "id" => group.id.as_str(),
        "name" => group.name.as_str(),
        "type" => group.kind.as_str(),
        "policies" => group.policies.clone(),
        "metadata" => texts(&group.metadata),
        "member_entity_ids" => identity.member_entities(&group.id).await?,
        "member_group_ids" => list(&identity.member_groups(&group.id).await?),
        "parent_group_ids" => list(&parents(identity, group).await?),
        "alias" => alias.map_or_else(Json::object, |alias| group_alias(identity, &alias)),
        "creation_time" => time(group.creation_time),
        "last_update_time" => time(group.last_update_time),
        "modify_index" => group.modify_index,
        "namespace_id" => identity.namespace_id(),
    })
}

/// A group as listings show it.
pub(super) async fn group_outline(identity: &Identity, group: &Group) -> Result<Json, Fault> {
    let mut shown = json_object! {
        "name" => group.name.as_str(),
        "num_member_entities" => identity.member_entities(&group.id).await?.len() as u64,
        "num_parent_groups" => parents(identity, group).await?.len() as u64,
    };
    if let (Some(alias), Json::Object(members)) = (identity.group_alias(&group.alias).await?, &mut shown) {
        members.insert("alias".to_owned(), group_alias_outline(&alias));
    }
    Ok(shown)
}
