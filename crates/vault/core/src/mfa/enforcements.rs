//! `identity/mfa/login-enforcement/*`.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::mfa as api;
use arca_base::json::Object;
use arca_base::{Json, id};

use super::endpoints::methods;
use super::enforcement::Enforcement;
use crate::active::Active;
use crate::barrier::Change;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::identity::endpoints::IdentityEngine;

/// Most enforcements: each login looks at all of them.
const MOST: usize = 256;
/// Most entries of one list.
const MOST_ENTRIES: usize = 1024;
/// Longest name, in bytes.
const LONGEST_NAME: usize = 128;

pub(super) fn routes() -> Table<IdentityEngine> {
    Table::new()
        .on::<api::ListEnforcements, _, _>(list)
        .on::<api::ReadEnforcement, _, _>(read)
        .on::<api::UpdateEnforcement, _, _>(write)
        .on::<api::DeleteEnforcement, _, _>(delete)
}

async fn list(_: Arc<IdentityEngine>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let all = cx.active()?.mfa.all_enforcements().await?;
    let names = all.iter().map(|one| one.name.clone()).collect();
    let namespace = &cx.active()?.namespace;
    let described = all.iter().map(|one| (one.name.clone(), one.describe(namespace)));
    let info: Object = described.collect();
    Ok(Answer::names_with_info(names, Json::Object(info)))
}

async fn read(_: Arc<IdentityEngine>, cx: Cx, request: api::Enforcement) -> Result<Answer, Fault> {
    let row = cx.active()?.mfa.enforcements.get(&request.name).await?;
    let row = row.ok_or_else(Fault::absent)?;
    Ok(Answer::data(&row.value.describe(&cx.active()?.namespace)))
}

async fn write(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteEnforcement) -> Result<Answer, Fault> {
    let active = cx.active()?;
    if request.name.len() > LONGEST_NAME {
        return Err(Fault::invalid(format!(
            "name is longer than {LONGEST_NAME} bytes"
        )));
    }
    let enforcement = Enforcement {
        id: id::uuid_v4(&*active.entropy),
        name: request.name,
        methods: list_of("mfa_method_ids", request.mfa_method_ids.into_vec())?,
        accessors: list_of("auth_method_accessors", request.auth_method_accessors.into_vec())?,
        types: list_of("auth_method_types", request.auth_method_types.into_vec())?,
        groups: list_of("identity_group_ids", request.identity_group_ids.into_vec())?,
        entities: list_of("identity_entity_ids", request.identity_entity_ids.into_vec())?,
    };
    check(active, &enforcement).await?;
    let full = active.mfa.all_enforcements().await?.len() >= MOST;
    let enforcements = &active.mfa.enforcements;
    enforcements
        .update(&enforcement.name, |found| {
            if full && found.is_none() {
                return Err(Fault::invalid(format!("there are {MOST} enforcements already")));
            }
            let id = found.map_or(&enforcement.id, |found| &found.id).clone();
            let changed = Enforcement {
                id,
                ..enforcement.clone()
            };
            Ok((Change::Put(changed), ()))
        })
        .await?;
    Ok(Answer::empty())
}

fn list_of(field: &str, mut given: Vec<String>) -> Result<Vec<String>, Fault> {
    if given.len() > MOST_ENTRIES {
        return Err(Fault::invalid(format!(
            "{field} may have at most {MOST_ENTRIES} entries"
        )));
    }
    given.sort_unstable();
    given.dedup();
    Ok(given)
}

/// Refuses what would never apply: a mistake there lets people in without a second factor.
async fn check(active: &Active, enforcement: &Enforcement) -> Result<(), Fault> {
    if enforcement.methods.is_empty() {
        return Err(Fault::invalid("missing method ids"));
    }
    let known = methods(active).await?;
    for id in &enforcement.methods {
        if !known.iter().any(|method| method.id == *id) {
            return Err(Fault::invalid(format!(
                "one of the provided method ids doesn't exist: {id:?}"
            )));
        }
    }
    let conditions = [
        &enforcement.accessors,
        &enforcement.types,
        &enforcement.groups,
        &enforcement.entities,
    ];
    if conditions.iter().all(|condition| condition.is_empty()) {
        return Err(Fault::invalid(
            "One of auth_method_accessors, auth_method_types, identity_group_ids, identity_entity_ids must be specified",
        ));
    }
    for accessor in &enforcement.accessors {
        if active.router.by_accessor(accessor).await?.is_none() {
            return Err(Fault::invalid(format!(
                "one of the provided mount accessors doesn't exist: {accessor:?}"
            )));
        }
    }
    for entity in &enforcement.entities {
        if active.identity.entity(entity).await?.is_none() {
            return Err(Fault::invalid(format!(
                "one of the provided entity ids doesn't exist: {entity:?}"
            )));
        }
    }
    for group in &enforcement.groups {
        if active.identity.group(group).await?.is_none() {
            return Err(Fault::invalid(format!(
                "one of the provided group ids doesn't exist: {group:?}"
            )));
        }
    }
    Ok(())
}

async fn delete(_: Arc<IdentityEngine>, cx: Cx, request: api::Enforcement) -> Result<Answer, Fault> {
    cx.active()?.mfa.enforcements.delete(&request.name).await?;
    Ok(Answer::empty())
}
