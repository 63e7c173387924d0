//! Policies, and what tokens may do at paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::Page;
use arca_api::sys::policies as api;
use arca_base::{Json, RequestPath, json_object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::System;
use crate::active::Active;
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::fault::Fault;
use crate::tokens::Token;

/// Most paths one request may ask about.
const MAX_PATHS: usize = 10_000;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadPolicies, _, _>(read_all)
        .injects()
        .on::<api::ListPolicies, _, _>(list_old)
        .injects()
        .on::<api::ReadPolicy, _, _>(read_old)
        .injects()
        .on::<api::UpdatePolicy, _, _>(write)
        .on::<api::DeletePolicy, _, _>(delete)
        .on::<api::ListAclPolicies, _, _>(list)
        .on::<api::ReadAclPolicy, _, _>(read)
        .on::<api::UpdateAclPolicy, _, _>(write)
        .on::<api::DeleteAclPolicy, _, _>(delete)
        .on::<api::ExplainVerdict, _, _>(super::explain::explain)
        .reads_only()
        .on::<api::ReadCapabilities, _, _>(capabilities)
        .injects()
        .on::<api::ReadCapabilitiesAccessor, _, _>(capabilities_accessor)
        .injects()
        .on::<api::ReadCapabilitiesSelf, _, _>(capabilities_self)
        .injects()
}

async fn names(cx: &Cx, after: &str, limit: i64) -> Result<Vec<String>, Fault> {
    cx.active()?.policies.names(after, list_limit(limit)?).await
}

async fn read_all(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let names = names(&cx, "", 0).await?;
    Ok(Answer::data(
        &json_object! { "keys" => names.clone(), "policies" => names },
    ))
}

async fn list_old(_: Arc<System>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let names = names(&cx, &page.after, page.limit).await?;
    Ok(Answer::data(
        &json_object! { "keys" => names.clone(), "policies" => names },
    ))
}

async fn list(_: Arc<System>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    Ok(Answer::names(names(&cx, &page.after, page.limit).await?))
}

/// The former endpoint calls the text `rules`.
async fn read_old(_: Arc<System>, cx: Cx, request: api::PolicyName) -> Result<Answer, Fault> {
    let policy = cx
        .active()?
        .policies
        .read(&request.name)
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(
        &json_object! { "name" => policy.name.as_str(), "rules" => policy.text.as_str() },
    ))
}

async fn read(_: Arc<System>, cx: Cx, request: api::PolicyName) -> Result<Answer, Fault> {
    let policy = cx
        .active()?
        .policies
        .read(&request.name)
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(
        &json_object! { "name" => policy.name.as_str(), "policy" => policy.text.as_str() },
    ))
}

async fn write(_: Arc<System>, cx: Cx, request: api::WritePolicy) -> Result<Answer, Fault> {
    let mut answer = Answer::empty();
    let text = if request.policy.is_empty() {
        if !request.rules.is_empty() {
            answer = answer.warn("'rules' is deprecated, please use 'policy' instead");
        }
        request.rules
    } else {
        request.policy
    };
    if text.is_empty() {
        return Err(Fault::invalid("'policy' parameter not supplied or empty"));
    }
    let warnings = cx
        .active()?
        .policies
        .write(&request.name, &decoded(text), cx.now)
        .await?;
    Ok(answer.warn_all(warnings))
}

/// A policy may be sent in base64; whatever decodes is taken as that.
fn decoded(text: String) -> String {
    let bytes = STANDARD.decode(text.trim()).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or(text)
}

async fn delete(_: Arc<System>, cx: Cx, request: api::PolicyName) -> Result<Answer, Fault> {
    cx.active()?.policies.delete(&request.name, cx.now).await?;
    Ok(Answer::empty())
}

async fn capabilities(_: Arc<System>, cx: Cx, request: api::Capabilities) -> Result<Answer, Fault> {
    if request.token.is_empty() {
        return Err(Fault::failed("no token found"));
    }
    let found = cx.active()?.tokens.find(&request.token, cx.now).await?;
    let token = found.ok_or_else(|| Fault::invalid_bare("invalid token"))?;
    answer(&cx, cx.active()?, &token, request).await
}

async fn capabilities_accessor(_: Arc<System>, cx: Cx, request: api::Capabilities) -> Result<Answer, Fault> {
    if request.accessor.is_empty() {
        return Err(Fault::invalid_bare("missing accessor"));
    }
    let found = cx
        .active()?
        .tokens
        .find_by_accessor(&request.accessor, cx.now)
        .await?;
    let token = found.ok_or_else(|| Fault::invalid_bare("invalid accessor"))?;
    answer(&cx, cx.active()?, &token, request).await
}

async fn capabilities_self(_: Arc<System>, cx: Cx, request: api::Capabilities) -> Result<Answer, Fault> {
    let caller = cx.caller()?;
    answer(&cx, &caller.home, &caller.token, request).await
}

/// `home` is the namespace of the token, that of the request or one above it.
async fn answer(cx: &Cx, home: &Active, token: &Token, request: api::Capabilities) -> Result<Answer, Fault> {
    let paths = if request.paths.0.is_empty() {
        request.path.0
    } else {
        request.paths.0
    };
    if paths.is_empty() {
        return Err(Fault::invalid("paths must be supplied"));
    }
    if paths.len() > MAX_PATHS {
        return Err(Fault::invalid(format!(
            "at most {MAX_PATHS} paths can be asked about at once"
        )));
    }
    let principal = match &*token.entity_id {
        "" => None,
        id => home.identity.principal(id).await?,
    };
    let acl = home
        .policies
        .acl(token, principal.as_ref(), &home.identity, cx.now)
        .await?;
    let namespace = &cx.active()?.namespace;
    let below = namespace.path_below(&home.namespace).unwrap_or_default();
    let mut found: BTreeMap<String, Json> = BTreeMap::new();
    for path in &paths {
        let at_home = RequestPath::parse(&format!("{below}{}", path.strip_prefix('/').unwrap_or(path)))?;
        found.insert(path.clone(), acl.capabilities(&at_home).into());
    }
    if let [only] = &*paths {
        let same = found.get(only).cloned();
        found.insert("capabilities".to_owned(), same.unwrap_or(Json::Null));
    }
    Ok(Answer::data(&Json::Object(found)))
}
