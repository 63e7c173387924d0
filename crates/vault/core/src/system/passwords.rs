//! Password policies and passwords by them.

use std::sync::Arc;

use arca_api::sys::{Page, passwords as api};
use arca_base::json_object;

use super::System;
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::fault::Fault;
use crate::policies::password::Passwords;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ListPasswordPolicies, _, _>(list)
        .on::<api::GeneratePassword, _, _>(generate)
        .on::<api::ReadPasswordPolicy, _, _>(read)
        .on::<api::UpdatePasswordPolicy, _, _>(write)
        .on::<api::DeletePasswordPolicy, _, _>(delete)
}

fn passwords(cx: &Cx) -> Result<&Passwords, Fault> {
    Ok(&cx.site()?.passwords)
}

async fn list(_: Arc<System>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let limit = list_limit(page.limit)?;
    Ok(Answer::names(passwords(&cx)?.names(&page.after, limit).await?))
}

async fn generate(_: Arc<System>, cx: Cx, request: api::PasswordPolicyName) -> Result<Answer, Fault> {
    let password = passwords(&cx)?.generate_existing(&request.name).await?;
    Ok(Answer::data(
        &json_object! { "password" => password.expose().as_str() },
    ))
}

async fn read(_: Arc<System>, cx: Cx, request: api::PasswordPolicyName) -> Result<Answer, Fault> {
    let text = passwords(&cx)?.read(&request.name).await?;
    Ok(Answer::data(&json_object! { "policy" => text }))
}

async fn write(_: Arc<System>, cx: Cx, request: api::WritePasswordPolicy) -> Result<Answer, Fault> {
    passwords(&cx)?.write(&request.name, &request.policy).await?;
    Ok(Answer::empty())
}

async fn delete(_: Arc<System>, cx: Cx, request: api::PasswordPolicyName) -> Result<Answer, Fault> {
    passwords(&cx)?.delete(&request.name).await?;
    Ok(Answer::empty())
}
