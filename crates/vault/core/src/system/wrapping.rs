//! Opening, looking at and moving wrapped answers.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::wrapping as api;
use arca_base::{Json, json_object};

use super::System;
use crate::active::Active;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::tokens::Token;
use crate::wrapping::{self, invalid, is_wrapping_token};

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::WrapData, _, _>(wrap)
        .on::<api::Unwrap, _, _>(unwrap)
        .wrapping_token()
        .on::<api::Lookup, _, _>(lookup)
        .optional_token()
        .on::<api::LookupSelf, _, _>(lookup_self)
        .wrapping_token()
        .on::<api::Rewrap, _, _>(rewrap)
        .wrapping_token()
}

async fn wrap(_: Arc<System>, cx: Cx, request: api::Wrap) -> Result<Answer, Fault> {
    if cx.wrap_ttl.is_none_or(arca_base::Ttl::is_zero) {
        return Err(Fault::invalid("endpoint requires response wrapping to be used"));
    }
    Ok(Answer::data(&Json::Object(request.data)))
}

/// A wrapping token given in the body.
async fn named(active: &Active, text: &str, cx: &Cx) -> Result<Arc<Token>, Fault> {
    let token = active.tokens.find(text, cx.now).await?.ok_or_else(invalid)?;
    if is_wrapping_token(&token) {
        Ok(token)
    } else {
        Err(invalid())
    }
}

/// The wrapping token of a request: the one in the body, or the caller itself.
async fn token_of(cx: &Cx, body: &str) -> Result<Arc<Token>, Fault> {
    if !body.is_empty() {
        return named(cx.active()?, body, cx).await;
    }
    let token = cx
        .caller
        .as_ref()
        .map(|caller| caller.token.clone())
        .ok_or_else(invalid)?;
    if is_wrapping_token(&token) {
        Ok(token)
    } else {
        Err(invalid())
    }
}

async fn unwrap(_: Arc<System>, cx: Cx, request: api::WrappingToken) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let token = token_of(&cx, &request.token).await?;
    // A token from the body is used up here; the caller's own was when the request was authorized.
    if !request.token.is_empty() {
        active
            .tokens
            .count_use(&token, cx.now)
            .await
            .map_err(|_| invalid())?;
    }
    let text = wrapping::open(active, &token).await?;
    active.tokens.revoke(&token.hash, &active.leases, cx.now).await?;
    Ok(Answer::envelope(text))
}

async fn info(active: &Active, token: &Token) -> Result<Json, Fault> {
    let info = wrapping::info(active, token).await?;
    Ok(json_object! {
        "creation_ttl" => info.creation_ttl.seconds(),
        "creation_time" => info.creation_time.to_string(),
        "creation_path" => info.creation_path,
    })
}

/// Anybody who knows a wrapping token may look at it; the token may also be the caller.
async fn lookup(_: Arc<System>, cx: Cx, request: api::WrappingToken) -> Result<Answer, Fault> {
    if request.token.is_empty() && cx.caller.is_none() {
        return Err(Fault::invalid("missing \"token\" value in input"));
    }
    let token = token_of(&cx, &request.token).await?;
    Ok(Answer::data(&info(cx.active()?, &token).await?))
}

async fn lookup_self(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let token = token_of(&cx, "").await?;
    Ok(Answer::data(&info(cx.active()?, &token).await?))
}

async fn rewrap(_: Arc<System>, cx: Cx, request: api::WrappingToken) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let token = token_of(&cx, &request.token).await?;
    if !request.token.is_empty() {
        active
            .tokens
            .count_use(&token, cx.now)
            .await
            .map_err(|_| invalid())?;
    }
    let info = wrapping::info(active, &token).await?;
    let text = wrapping::open(active, &token).await?.into_string();
    let wrapped = wrapping::keep(
        active,
        text,
        String::new(),
        &info.creation_path,
        info.creation_ttl,
        cx.now,
    )
    .await?;
    active.tokens.revoke(&token.hash, &active.leases, cx.now).await?;
    Ok(Answer::wrapped(wrapped))
}
