//! The role id of a role.

use std::sync::Arc;

use arca_api::auth::approle as api;
use arca_base::json_object;
use arca_core::Fault;
use arca_core::engine::{Answer, Cx};

use super::role::{Role, check_role_id, folded, roles};
use super::{AppRole, alter};

pub(super) async fn read(_: Arc<AppRole>, cx: Cx, request: api::RoleName) -> Result<Answer, Fault> {
    let row = roles(&cx.site()?.view)
        .get(&folded(&request.role_name))
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(
        &json_object! { "role_id" => row.value.role_id.as_str() },
    ))
}

pub(super) async fn write(_: Arc<AppRole>, cx: Cx, request: api::WriteRoleId) -> Result<Answer, Fault> {
    check_role_id(&request.role_id)?;
    alter::role(cx.site()?, &folded(&request.role_name), |found| {
        let found = found.ok_or_else(Fault::unsupported_path)?;
        Ok(Some(Role {
            role_id: request.role_id.clone(),
            ..found.clone()
        }))
    })
    .await?;
    Ok(Answer::empty())
}
