//! Reading and writing users.

use std::sync::Arc;

use arca_api::auth::TokenParameters;
use arca_api::auth::parameters::Given;
use arca_api::auth::userpass as api;
use arca_api::sys::Page;
use arca_base::json::Object;
use arca_base::{Json, Secret};
use arca_core::Fault;
use arca_core::barrier::Change;
use arca_core::engine::{Answer, Cx, Site, list_limit};

use super::UserPass;
use super::hashing;
use super::user::{User, check_password, folded, users};

pub(super) async fn list(_: Arc<UserPass>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let found = users(&cx.site()?.view)
        .list("", &page.after, list_limit(page.limit)?)
        .await?;
    Ok(Answer::names(found.names))
}

pub(super) async fn exists(_: Arc<UserPass>, cx: Cx, user: api::UserName) -> Result<bool, Fault> {
    let found = users(&cx.site()?.view).get(&folded(&user.username)?).await?;
    Ok(found.is_some())
}

pub(super) async fn read(_: Arc<UserPass>, cx: Cx, request: api::UserName) -> Result<Answer, Fault> {
    let row = users(&cx.site()?.view)
        .get(&folded(&request.username)?)
        .await?
        .ok_or_else(Fault::absent)?;
    let mut members = Object::new();
    row.value.token.describe_in(&mut members);
    Ok(Answer::data(&Json::Object(members)))
}

pub(super) async fn write(_: Arc<UserPass>, cx: Cx, request: api::WriteUser) -> Result<Answer, Fault> {
    refuse_hash(request.password_hash.as_ref())?;
    let (site, name) = (cx.site()?, folded(&request.username)?);
    let given = request.token_parameters();
    let password = request.password.filter(|password| !password.is_empty());
    let hash = match password {
        Some(password) => Some(hash(site, password).await?),
        None => None,
    };
    users(&site.view)
        .update(&name, |found| {
            let mut user = match (found, &hash) {
                (Some(user), _) => user.clone(),
                (None, Some(_)) => User::default(),
                (None, None) => return Err(Fault::invalid("missing password")),
            };
            if let Some(hash) = &hash {
                user.hash.clone_from(hash);
            }
            user.token.change(&given)?;
            Ok((Change::Put(user), ()))
        })
        .await?;
    Ok(Answer::empty())
}

pub(super) async fn write_password(
    _: Arc<UserPass>,
    cx: Cx,
    request: api::Password,
) -> Result<Answer, Fault> {
    refuse_hash(request.password_hash.as_ref())?;
    let (site, name) = (cx.site()?, folded(&request.username)?);
    if users(&site.view).get(&name).await?.is_none() {
        return Err(no_user());
    }
    if request.password.is_empty() {
        return Err(Fault::invalid("missing password"));
    }
    let hash = hash(site, request.password).await?;
    change(site, &name, |user| {
        user.hash.clone_from(&hash);
        Ok(())
    })
    .await
}

pub(super) async fn write_policies(
    _: Arc<UserPass>,
    cx: Cx,
    request: api::WritePolicies,
) -> Result<Answer, Fault> {
    let given = TokenParameters {
        policies: Given::of(request.token_policies, request.policies),
        ..TokenParameters::default()
    };
    change(cx.site()?, &folded(&request.username)?, |user| {
        user.token.change(&given)
    })
    .await
}

pub(super) async fn delete(_: Arc<UserPass>, cx: Cx, request: api::UserName) -> Result<Answer, Fault> {
    users(&cx.site()?.view)
        .delete(&folded(&request.username)?)
        .await?;
    Ok(Answer::empty())
}

/// Changes a user who must exist.
async fn change(
    site: &Site,
    name: &str,
    change: impl Fn(&mut User) -> Result<(), Fault>,
) -> Result<Answer, Fault> {
    users(&site.view)
        .update(name, |found| {
            let mut user = found.ok_or_else(no_user)?.clone();
            change(&mut user)?;
            Ok::<_, Fault>((Change::Put(user), ()))
        })
        .await?;
    Ok(Answer::empty())
}

fn no_user() -> Fault {
    Fault::failed("username does not exist")
}

async fn hash(site: &Site, password: String) -> Result<String, Fault> {
    check_password(&password)?;
    let hash = hashing::hash(Secret::new(password), site.entropy.clone()).await?;
    Ok(hash.to_text())
}

/// Better than to leave the old password in place without a word.
fn refuse_hash(given: Option<&String>) -> Result<(), Fault> {
    match given {
        None => Ok(()),
        Some(_) => Err(Fault::invalid(
            "password_hash is not taken: hashes made elsewhere are weaker than those made here; give the password",
        )),
    }
}
