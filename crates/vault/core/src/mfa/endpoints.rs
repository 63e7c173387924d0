//! `identity/mfa/method/*`: methods, and the keys of entities.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::mfa as api;
use arca_base::json::Object;
use arca_base::{Json, Secret, id, json_object};

use super::barcode;
use super::enforcements;
use super::method::Method;
use super::totp::TotpKey;
use crate::active::Active;
use crate::barrier::Change;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::identity::endpoints::IdentityEngine;

/// Most methods.
const MOST: usize = 256;

pub(crate) fn routes() -> Table<IdentityEngine> {
    Table::new()
        .on::<api::ListTotp, _, _>(list)
        .on::<api::CreateTotp, _, _>(create)
        .on::<api::Generate, _, _>(generate)
        .on::<api::GenerateFor, _, _>(generate_for)
        .on::<api::DestroyFor, _, _>(destroy_for)
        .on::<api::ReadTotp, _, _>(read)
        .on::<api::UpdateTotp, _, _>(update)
        .on::<api::DeleteTotp, _, _>(delete)
        .on::<api::ListMethods, _, _>(list)
        .on::<api::ReadMethod, _, _>(read)
        .and(enforcements::routes())
}

pub(super) async fn methods(active: &Active) -> Result<Vec<Method>, Fault> {
    let rows = active.mfa.methods.all().await?;
    Ok(rows.into_iter().map(|(_, method)| method).collect())
}

async fn list(_: Arc<IdentityEngine>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let namespace = &cx.active()?.namespace;
    let methods = methods(cx.active()?).await?;
    let names = methods.iter().map(|method| method.id.clone()).collect();
    let info: Object = methods
        .iter()
        .map(|method| (method.id.clone(), method.describe(namespace)))
        .collect();
    Ok(Answer::names_with_info(names, Json::Object(info)))
}

async fn read(_: Arc<IdentityEngine>, cx: Cx, request: api::Method) -> Result<Answer, Fault> {
    let method = cx.active()?.mfa.method(&request.method_id).await?;
    Ok(Answer::data(
        &method
            .ok_or_else(Fault::absent)?
            .describe(&cx.active()?.namespace),
    ))
}

async fn create(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteTotp) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let known = methods(active).await?;
    if known.len() >= MOST {
        return Err(Fault::invalid(format!("there are {MOST} methods already")));
    }
    let mut method = Method {
        id: id::uuid_v4(&*active.entropy),
        ..Method::default()
    };
    method.change(&request)?;
    check_name(&known, &method)?;
    active.mfa.methods.put(&method.id, &method).await?;
    Ok(Answer::data(&json_object! { "method_id" => method.id.as_str() }))
}

async fn update(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteTotp) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let known = methods(active).await?;
    if !super::is_id(&request.method_id) {
        return Err(unknown(&request.method_id));
    }
    active
        .mfa
        .methods
        .update(&request.method_id, |found| {
            let mut method = found.ok_or_else(|| unknown(&request.method_id))?.clone();
            method.change(&request)?;
            check_name(&known, &method)?;
            Ok::<_, Fault>((Change::Put(method), ()))
        })
        .await?;
    Ok(Answer::empty())
}

/// Logins name methods by name as well as by identifier: neither may be that of another.
fn check_name(known: &[Method], method: &Method) -> Result<(), Fault> {
    let taken = known.iter().any(|other| {
        other.id != method.id && !method.name.is_empty() && [&other.name, &other.id].contains(&&method.name)
    });
    match taken {
        true => Err(Fault::invalid("method_name is already in use")),
        false => Ok(()),
    }
}

/// Only what no enforcement needs: a login would else wait for what nobody can give.
async fn delete(_: Arc<IdentityEngine>, cx: Cx, request: api::Method) -> Result<Answer, Fault> {
    let mfa = &cx.active()?.mfa;
    let Some(method) = mfa.method(&request.method_id).await? else {
        return Ok(Answer::empty());
    };
    let enforcements = mfa.all_enforcements().await?;
    if let Some(user) = enforcements.iter().find(|one| one.methods.contains(&method.id)) {
        return Err(Fault::invalid(format!(
            "methodID is still used by an enforcement configuration with name {:?}",
            user.name
        )));
    }
    mfa.methods.delete(&method.id).await?;
    mfa.keys.view().folder(&format!("{}/", method.id)).clear().await?;
    Ok(Answer::empty())
}

async fn generate(_: Arc<IdentityEngine>, cx: Cx, request: api::Method) -> Result<Answer, Fault> {
    let entity = cx.caller()?.token.entity_id.clone();
    if entity.is_empty() {
        return Err(Fault::invalid(
            "the token belongs to no entity, and keys belong to entities",
        ));
    }
    make(cx.active()?, &request.method_id, &entity).await
}

async fn generate_for(_: Arc<IdentityEngine>, cx: Cx, request: api::EntityKey) -> Result<Answer, Fault> {
    make(cx.active()?, &request.method_id, &request.entity_id).await
}

/// A key is shown when it is made and never again.
async fn make(active: &Active, method_id: &str, entity_id: &str) -> Result<Answer, Fault> {
    let method = known_method(active, method_id).await?;
    let entity = known_entity(active, entity_id).await?;
    let mut key = Secret::new(vec![0; usize::from(method.key_size)]);
    active.entropy.fill(key.expose_mut());
    let row = format!("{}/{entity}", method.id);
    let made = active
        .mfa
        .keys
        .update(&row, |found| {
            Ok::<_, Fault>(match found {
                Some(_) => (Change::Keep, false),
                None => (Change::Put(TotpKey::new(key.expose())), true),
            })
        })
        .await?;
    if !made {
        return Ok(Answer::empty().warn(format!(
            "Entity already has a secret for MFA method {:?}",
            method.id
        )));
    }
    let url = method.url(&entity, key.expose());
    let mut shown = Object::new();
    if method.qr_size > 0 {
        shown.insert("barcode".to_owned(), barcode::png(&url, method.qr_size)?.into());
    }
    shown.insert("url".to_owned(), url.into());
    Ok(Answer::data(&Json::Object(shown)))
}

async fn destroy_for(_: Arc<IdentityEngine>, cx: Cx, request: api::EntityKey) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let method = known_method(active, &request.method_id).await?;
    if !super::is_id(&request.entity_id) {
        return Err(Fault::invalid("missing or invalid entity ID"));
    }
    let row = format!("{}/{}", method.id, request.entity_id);
    active.mfa.keys.delete(&row).await?;
    Ok(Answer::empty())
}

async fn known_method(active: &Active, id: &str) -> Result<Arc<Method>, Fault> {
    if id.is_empty() {
        return Err(Fault::invalid("missing method ID"));
    }
    active.mfa.method(id).await?.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Fault {
    Fault::invalid(format!("configuration for method ID {id:?} does not exist"))
}

async fn known_entity(active: &Active, id: &str) -> Result<String, Fault> {
    if id.is_empty() {
        return Err(Fault::invalid("missing entity ID"));
    }
    let entity = active.identity.entity(id).await?;
    let entity = entity.ok_or_else(|| Fault::invalid("invalid entity ID"))?;
    Ok(entity.id.clone())
}
