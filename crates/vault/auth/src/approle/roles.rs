//! Reading and writing roles.

use std::sync::Arc;

use arca_api::auth::approle as api;
use arca_api::sys::Page;
use arca_base::Json;
use arca_core::Fault;
use arca_core::barrier::Writes;
use arca_core::engine::{Answer, Cx, list_limit};

use super::role::{Role, folded, name_key, role_id_row, role_ids, roles};
use super::{AppRole, alter, tidy};

pub(super) async fn list(_: Arc<AppRole>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let found = roles(&cx.site()?.view)
        .list("", &page.after, list_limit(page.limit)?)
        .await?;
    Ok(Answer::names(found.names))
}

pub(super) async fn exists(_: Arc<AppRole>, cx: Cx, role: api::RoleName) -> Result<bool, Fault> {
    let found = roles(&cx.site()?.view).get(&folded(&role.role_name)).await?;
    Ok(found.is_some())
}

pub(super) async fn read(_: Arc<AppRole>, cx: Cx, request: api::RoleName) -> Result<Answer, Fault> {
    let row = roles(&cx.site()?.view)
        .get(&folded(&request.role_name))
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(&Json::Object(row.value.describe())))
}

pub(super) async fn write(_: Arc<AppRole>, cx: Cx, request: api::WriteRole) -> Result<Answer, Fault> {
    let site = cx.site()?;
    alter::role(site, &folded(&request.role_name), |found| {
        let mut role = found.cloned().unwrap_or_else(|| Role::new(&*site.entropy));
        if let Some(local) = request.local_secret_ids {
            if found.is_some() {
                return Err(Fault::invalid(
                    "local_secret_ids can only be modified during role creation",
                ));
            }
            role.local_secret_ids = local;
        }
        role.change(&request)?;
        Ok(Some(role))
    })
    .await?;
    Ok(Answer::empty())
}

/// The role goes first, so that nobody logs in while its secret ids are removed.
pub(super) async fn delete(_: Arc<AppRole>, cx: Cx, request: api::RoleName) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let (name, key) = (folded(&request.role_name), name_key(site).await?);
    loop {
        let found = roles(&site.view).get(&name).await?;
        let Some(row) = &found else {
            return Ok(Answer::empty());
        };
        let mut writes = Writes::new();
        roles(&site.view).expect_in(&mut writes, &name, found.as_ref());
        roles(&site.view).delete_in(&mut writes, &name);
        role_ids(&site.view).delete_in(&mut writes, &role_id_row(&key, &row.value.role_id));
        match site.view.commit(writes).await {
            Ok(_) => {
                tidy::clear(site, &row.value.id).await?;
                return Ok(Answer::empty());
            }
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
}
