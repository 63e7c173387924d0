//! `identity/oidc/role/*`.

use std::sync::Arc;

use arca_api::oidc as api;
use arca_api::sys::Page;

use super::role::Role;
use super::{MAX_ATTEMPTS, busy, check_name};
use crate::barrier::Writes;
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::fault::Fault;
use crate::identity::endpoints::IdentityEngine;

/// Most roles: all of them are looked at when a key changes.
const MOST: usize = 4096;

pub(super) fn routes() -> Table<IdentityEngine> {
    Table::new()
        .on::<api::ListRoles, _, _>(list)
        .reads_only()
        .on::<api::ReadRole, _, _>(read)
        .reads_only()
        .on::<api::UpdateRole, _, _>(write)
        .exists::<api::RoleName, _, _>(exists)
        .on::<api::DeleteRole, _, _>(delete)
}

async fn list(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let limit = list_limit(page.limit)?;
    let roles = &cx.active()?.oidc.roles;
    Ok(Answer::names(roles.list("", &page.after, limit).await?.names))
}

async fn exists(_: Arc<IdentityEngine>, cx: Cx, request: api::RoleName) -> Result<bool, Fault> {
    Ok(cx.active()?.oidc.roles.get(&request.name).await?.is_some())
}

async fn read(_: Arc<IdentityEngine>, cx: Cx, request: api::RoleName) -> Result<Answer, Fault> {
    let found = cx.active()?.oidc.roles.get(&request.name).await?;
    Ok(Answer::data(&found.ok_or_else(Fault::absent)?.value.describe()))
}

async fn write(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteRole) -> Result<Answer, Fault> {
    check_name(&request.name)?;
    let oidc = &cx.active()?.oidc;
    for _ in 0..MAX_ATTEMPTS {
        let found = oidc.roles.get(&request.name).await?;
        let mut role = found
            .as_ref()
            .map_or_else(Role::default, |row| (*row.value).clone());
        role.change(&request, &*oidc.entropy)?;
        if found.is_none() && oidc.roles.list("", "", MOST).await?.names.len() >= MOST {
            return Err(Fault::invalid(format!("there are {MOST} roles already")));
        }
        let mut writes = Writes::new();
        // With the key, so that it is neither deleted nor changed meanwhile.
        let key = oidc.key(&role.key, cx.now).await?;
        if let Some(key) = &key {
            if role.ttl > key.value.settings.verification_ttl {
                return Err(Fault::invalid(format!(
                    "a role's token ttl cannot be longer than the verification_ttl of the key it references ({} seconds)",
                    key.value.settings.verification_ttl.seconds()
                )));
            }
            oidc.keys.put_in(&mut writes, &role.key, &key.value)?;
        }
        oidc.keys.expect_in(&mut writes, &role.key, key.as_ref());
        oidc.roles.put_in(&mut writes, &request.name, &role)?;
        oidc.roles.expect_in(&mut writes, &request.name, found.as_ref());
        if oidc.commit(&oidc.roles, &request.name, writes).await? {
            let answer = Answer::empty();
            return Ok(match key {
                Some(_) => answer,
                None => answer.warn(format!(
                    "key {:?} does not exist yet: no token of this role is made until it does",
                    role.key
                )),
            });
        }
        oidc.keys
            .view()
            .barrier()
            .forget(&[oidc.keys.view().key(&role.key)]);
    }
    Err(busy())
}

async fn delete(_: Arc<IdentityEngine>, cx: Cx, request: api::RoleName) -> Result<Answer, Fault> {
    cx.active()?.oidc.roles.delete(&request.name).await?;
    Ok(Answer::empty())
}
