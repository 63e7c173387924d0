//! Looking at tokens.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::Page;
use arca_api::token as api;
use arca_base::{Json, json_object};

use super::{TokenEngine, by_accessor as find_by_accessor};
use crate::engine::{Answer, Cx, list_limit};
use crate::fault::Fault;
use crate::login::shown_network;
use crate::tokens::Token;

pub(super) async fn itself(_: Arc<TokenEngine>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let caller = cx.caller()?;
    describe(&cx, &caller.token, caller.presented.expose()).await
}

pub(super) async fn by_token(_: Arc<TokenEngine>, cx: Cx, request: api::Token) -> Result<Answer, Fault> {
    if request.token.is_empty() {
        let caller = cx.caller()?;
        return describe(&cx, &caller.token, caller.presented.expose()).await;
    }
    let found = cx.active()?.tokens.find(&request.token, cx.now).await?;
    let token = found.ok_or_else(|| Fault::denied_with("bad token"))?;
    describe(&cx, &token, &request.token).await
}

pub(super) async fn by_accessor(
    _: Arc<TokenEngine>,
    cx: Cx,
    request: api::Accessor,
) -> Result<Answer, Fault> {
    let token = find_by_accessor(&cx, cx.active()?, &request.accessor).await?;
    describe(&cx, &token, "").await
}

pub(super) async fn accessors(_: Arc<TokenEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    Ok(Answer::names(
        cx.active()?
            .tokens
            .accessors(&page.after, list_limit(page.limit)?)
            .await?,
    ))
}

/// What a lookup shows. `id` is the token as the caller sent it, so the caller learns nothing new.
async fn describe(cx: &Cx, token: &Token, id: &str) -> Result<Answer, Fault> {
    let created = token.created.unwrap_or(cx.now);
    let meta = if token.meta.is_empty() {
        Json::Null
    } else {
        token.meta.clone().into_iter().collect()
    };
    let mut shown = json_object! {
        "id" => id,
        "accessor" => token.accessor.as_str(),
        "policies" => token.policies.clone(),
        "path" => token.path.as_str(),
        "meta" => meta,
        "display_name" => token.display_name.as_str(),
        "num_uses" => token.num_uses.max(0),
        "orphan" => token.is_orphan(),
        "creation_time" => created.unix_seconds(),
        "creation_ttl" => token.creation_ttl.seconds(),
        "expire_time" => token.expires.map(|time| time.to_string()),
        "ttl" => token.seconds_left(cx.now),
        "explicit_max_ttl" => token.explicit_max_ttl.seconds(),
        "entity_id" => token.entity_id.as_str(),
        "type" => token.kind.as_str(),
    };
    if let Json::Object(members) = &mut shown {
        let mut add = |name: &str, value: Json| members.insert(name.to_owned(), value);
        if token.leased {
            add("renewable", token.renewable.into());
            add("issue_time", created.to_string().into());
        }
        let namespace = &cx.active()?.namespace;
        if !namespace.is_root() {
            add("namespace_path", Json::from(&*namespace.path));
        }
        if !token.role.is_empty() {
            add("role", token.role.as_str().into());
        }
        if !token.period.is_zero() {
            add("period", token.period.seconds().into());
        }
        if !token.bound_cidrs.is_empty() {
            let networks: Vec<String> = token.bound_cidrs.iter().map(shown_network).collect();
            add("bound_cidrs", networks.into());
        }
        if let Some(renewed) = token.last_renewal {
            add("last_renewal", renewed.to_string().into());
            add("last_renewal_time", renewed.unix_seconds().into());
        }
        let identity_policies = cx.active()?.identity.policies_of(&token.entity_id).await?;
        if !identity_policies.is_empty() {
            add("identity_policies", identity_policies.into());
            add("external_namespace_policies", Json::object());
        }
    }
    Ok(Answer::data(&shown))
}
