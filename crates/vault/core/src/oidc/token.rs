//! `identity/oidc/token/*` and `introspect`.

use std::sync::Arc;

use arca_api::oidc as api;
use arca_base::{Json, json_object};
use arca_crypto::jws::{Claims, Expected, Jws, Leeway};

use super::config::issuer;
use super::published::Published;
use super::template::{About, Template};
use crate::active::Active;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::identity::endpoints::IdentityEngine;

/// Our own clock made the times of a token.
const EXACT: Leeway = Leeway {
    expiration: 0,
    not_before: 0,
    clock_skew: 0,
};

pub(super) fn routes() -> Table<IdentityEngine> {
    Table::new()
        .on::<api::GenerateToken, _, _>(generate)
        .on::<api::Introspect, _, _>(introspect)
        .reads_only()
}

async fn generate(_: Arc<IdentityEngine>, cx: Cx, request: api::RoleName) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let oidc = &active.oidc;
    let role = oidc.roles.get(&request.name).await?;
    let role = role.ok_or_else(|| Fault::invalid(format!("role {:?} not found", request.name)))?;
    let role = role.value;
    let key = oidc.key(&role.key, cx.now).await?;
    let key = key.ok_or_else(|| Fault::invalid(format!("key {:?} not found", role.key)))?;
    let settings = &key.value.settings;
    if !settings.allows(&role.client_id) {
        return Err(Fault::invalid(format!(
            "the key {:?} does not list the client ID of the role {:?} as an allowed client ID",
            role.key, request.name
        )));
    }
    if !cx.caller()?.is_at_home(&active.namespace) {
        return Err(Fault::invalid(
            "the entity of the request's token is not of this namespace; ask in the namespace of the token",
        ));
    }
    let entity_id = &cx.caller()?.token.entity_id;
    if entity_id.is_empty() {
        return Err(Fault::invalid("no entity associated with the request's token"));
    }
    let principal = active.identity.principal(entity_id).await?;
    let principal = principal.ok_or_else(Fault::denied)?;
    let aliases = active.identity.aliases_of(&principal.entity).await?;
    let about = About {
        principal: &principal,
        aliases: &aliases,
        now: cx.now,
    };
    let mut claims = Template::parse(&role.template)?.fill(&about);
    let ttl = role.ttl.min(settings.verification_ttl);
    let own = json_object! {
        "iss" => issuer(active).await?,
        "sub" => principal.entity.id.as_str(),
        "aud" => role.client_id.as_str(),
        "iat" => cx.now.unix_seconds(),
        "exp" => cx.now.plus(ttl).unix_seconds(),
        "namespace" => cx.site()?.namespace.as_str(),
    };
    if let Json::Object(own) = own {
        claims.extend(own);
    }
    let token = key
        .value
        .current
        .sign(settings.algorithm()?, &Json::Object(claims))?;
    Ok(Answer::data(&json_object! {
        "token" => token,
        "client_id" => role.client_id.as_str(),
        "ttl" => ttl.seconds(),
    }))
}

async fn introspect(_: Arc<IdentityEngine>, cx: Cx, request: api::Introspection) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let verdict = match claims(active, &cx, &request).await? {
        Ok(claims) => holder(active, &claims).await?,
        Err(problem) => Err(problem),
    };
    Ok(Answer::raw_json(
        200,
        &match verdict {
            Ok(()) => json_object! { "active" => true },
            Err(problem) => json_object! { "active" => false, "error" => problem },
        },
    ))
}

/// What a token says, if it is genuine and good here and now; otherwise what is wrong with it.
async fn claims(
    active: &Active,
    cx: &Cx,
    request: &api::Introspection,
) -> Result<Result<Claims, String>, Fault> {
    let token = match Jws::parse(&request.token) {
        Ok(token) => token,
        Err(error) => return Ok(Err(format!("failed to parse JWT: {error}"))),
    };
    let published = Published::current(&active.oidc, cx.now).await?;
    let Some((keys, allowed)) = published.find(token.key_id().unwrap_or_default(), cx.now) else {
        return Ok(Err(
            "unable to validate the token signature: its key is not published".to_owned(),
        ));
    };
    let claims = match token.verify(&keys, allowed) {
        Ok(claims) => claims,
        Err(error) => return Ok(Err(format!("unable to validate the token signature: {error}"))),
    };
    let issuer = issuer(active).await?;
    let audiences: Vec<String> = Some(request.client_id.clone())
        .into_iter()
        .filter(|id| !id.is_empty())
        .collect();
    let expected = Expected {
        issuer: Some(&issuer),
        subject: None,
        audiences: &audiences,
        leeway: EXACT,
        now: cx.now,
    };
    Ok(match claims.check(&expected) {
        Ok(()) => Ok(claims),
        Err(error) => Err(format!("error validating claims: {error}")),
    })
}

/// Whether the entity a token is about may still do anything.
async fn holder(active: &Active, claims: &Claims) -> Result<Result<(), String>, Fault> {
    let subject = claims.subject().unwrap_or_default();
    Ok(match active.identity.principal(subject).await? {
        Some(principal) if principal.entity.disabled => Err("entity is disabled".to_owned()),
        Some(_) => Ok(()),
        None => Err("entity was not found".to_owned()),
    })
}
