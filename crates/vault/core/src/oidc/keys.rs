//! `identity/oidc/key/*`.

use std::sync::Arc;

use arca_api::oidc as api;
use arca_api::sys::Page;

use super::key::{KeySettings, MANY_FORMER, NamedKey, Signer};
use super::{DEFAULT_KEY, MAX_ATTEMPTS, Oidc, busy, check_name};
use crate::barrier::{Row, Writes};
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::fault::Fault;
use crate::identity::endpoints::IdentityEngine;

/// Most keys: all of them are published in one document.
const MOST: usize = 256;

pub(super) fn routes() -> Table<IdentityEngine> {
    Table::new()
        .on::<api::ListKeys, _, _>(list)
        .reads_only()
        .on::<api::ReadKey, _, _>(read)
        .reads_only()
        .on::<api::UpdateKey, _, _>(write)
        .exists::<api::KeyName, _, _>(exists)
        .on::<api::DeleteKey, _, _>(delete)
        .on::<api::Rotate, _, _>(rotate)
}

async fn list(_: Arc<IdentityEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let limit = list_limit(page.limit)?;
    let mut names = cx.active()?.oidc.keys.list("", &page.after, limit).await?.names;
    if *DEFAULT_KEY > *page.after && !names.iter().any(|name| name == DEFAULT_KEY) {
        names.push(DEFAULT_KEY.to_owned());
        names.sort_unstable();
        names.truncate(limit);
    }
    Ok(Answer::names(names))
}

async fn exists(_: Arc<IdentityEngine>, cx: Cx, request: api::KeyName) -> Result<bool, Fault> {
    Ok(request.name == DEFAULT_KEY || cx.active()?.oidc.keys.get(&request.name).await?.is_some())
}

async fn read(_: Arc<IdentityEngine>, cx: Cx, request: api::KeyName) -> Result<Answer, Fault> {
    match cx.active()?.oidc.keys.get(&request.name).await? {
        Some(row) => Ok(Answer::data(&row.value.settings.describe())),
        None if request.name == DEFAULT_KEY => Ok(Answer::data(&KeySettings::default().describe())),
        None => Err(Fault::absent()),
    }
}

async fn write(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteKey) -> Result<Answer, Fault> {
    check_name(&request.name)?;
    let oidc = &cx.active()?.oidc;
    for _ in 0..MAX_ATTEMPTS {
        let found = oidc.keys.get(&request.name).await?;
        let key = match &found {
            Some(row) => changed(oidc, row, &request, &cx).await?,
            None => made(oidc, &request, &cx).await?,
        };
        let mut writes = Writes::new();
        oidc.keys.put_in(&mut writes, &request.name, &key)?;
        oidc.keys.expect_in(&mut writes, &request.name, found.as_ref());
        if oidc.commit(&oidc.keys, &request.name, writes).await? {
            return Ok(Answer::empty());
        }
    }
    Err(busy())
}

async fn made(oidc: &Oidc, request: &api::WriteKey, cx: &Cx) -> Result<NamedKey, Fault> {
    let mut settings = KeySettings::default();
    settings.change(request)?;
    if oidc.keys.list("", "", MOST).await?.names.len() >= MOST {
        return Err(Fault::invalid(format!("there are {MOST} keys already")));
    }
    check_roles(oidc, &request.name, &settings).await?;
    NamedKey::generate(settings, &oidc.entropy, cx.now).await
}

async fn changed(
    oidc: &Oidc,
    row: &Row<NamedKey>,
    request: &api::WriteKey,
    cx: &Cx,
) -> Result<NamedKey, Fault> {
    let mut settings = row.value.settings.clone();
    settings.change(request)?;
    check_roles(oidc, &request.name, &settings).await?;
    let mut key = row.value.duplicate();
    let fresh = if settings.algorithm == row.value.settings.algorithm {
        None
    } else {
        check_former(&key, cx)?;
        let algorithm = settings.algorithm()?;
        Some([
            Signer::generate(algorithm, &oidc.entropy).await?,
            Signer::generate(algorithm, &oidc.entropy).await?,
        ])
    };
    key.reset(settings, fresh, cx.now);
    Ok(key)
}

/// Refuses settings under which tokens of a role would live on when their key is published no more.
async fn check_roles(oidc: &Oidc, name: &str, settings: &KeySettings) -> Result<(), Fault> {
    let roles = oidc.roles_of(name).await?;
    let longest = settings.verification_ttl;
    if roles.iter().any(|(_, role)| role.ttl > longest) {
        return Err(Fault::invalid(format!(
            "unable to update key {name:?} because it is currently referenced by one or more roles with a token ttl \
             greater than {} seconds",
            longest.seconds()
        )));
    }
    Ok(())
}

fn check_former(key: &NamedKey, cx: &Cx) -> Result<(), Fault> {
    if key.published_former(cx.now) >= MANY_FORMER {
        return Err(Fault::invalid(format!(
            "{MANY_FORMER} former keys are still published: wait until verification_ttl is over for some of them"
        )));
    }
    Ok(())
}

async fn delete(_: Arc<IdentityEngine>, cx: Cx, request: api::KeyName) -> Result<Answer, Fault> {
    let (oidc, name) = (&cx.active()?.oidc, &request.name);
    if name == DEFAULT_KEY {
        return Err(Fault::invalid("deletion of key \"default\" not allowed"));
    }
    for _ in 0..MAX_ATTEMPTS {
        let Some(found) = oidc.keys.get(name).await? else {
            return Ok(Answer::empty());
        };
        let roles = oidc.roles_of(name).await?;
        if !roles.is_empty() {
            let names: Vec<&str> = roles.iter().map(|(name, _)| &**name).take(16).collect();
            return Err(Fault::invalid(format!(
                "unable to delete key {name:?} because it is currently referenced by these roles: {}",
                names.join(", ")
            )));
        }
        let mut writes = Writes::new();
        oidc.keys.delete_in(&mut writes, name);
        oidc.keys.expect_in(&mut writes, name, Some(&found));
        if oidc.commit(&oidc.keys, name, writes).await? {
            return Ok(Answer::empty());
        }
    }
    Err(busy())
}

async fn rotate(_: Arc<IdentityEngine>, cx: Cx, request: api::RotateKey) -> Result<Answer, Fault> {
    let (oidc, name) = (&cx.active()?.oidc, &request.name);
    for _ in 0..MAX_ATTEMPTS {
        let Some(found) = oidc.key(name, cx.now).await? else {
            return Err(Fault::invalid(format!("no named key found at {name:?}")));
        };
        let mut key = found.value.duplicate();
        let ttl = request.verification_ttl.unwrap_or(key.settings.verification_ttl);
        if ttl > key.settings.verification_ttl {
            return Err(Fault::invalid(
                "verification_ttl cannot be longer than that of the key; change the key first",
            ));
        }
        if !ttl.is_zero() {
            check_former(&key, &cx)?;
        }
        let fresh = Signer::generate(key.settings.algorithm()?, &oidc.entropy).await?;
        key.rotate(fresh, ttl, cx.now);
        let mut writes = Writes::new();
        oidc.keys.put_in(&mut writes, name, &key)?;
        oidc.keys.expect_in(&mut writes, name, Some(&found));
        if oidc.commit(&oidc.keys, name, writes).await? {
            return Ok(Answer::empty());
        }
    }
    Err(busy())
}
