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

/// A wrapping token and its namespace, whichever that is: whoever has it may open what it is for.
struct Wrapping {
    home: Arc<Active>,
    token: Arc<Token>,
}

/// The wrapping token of a request: the one in the body, or the caller itself.
async fn token_of(cx: &Cx, body: &str) -> Result<Wrapping, Fault> {
    let (home, token) = if body.is_empty() {
        let caller = cx.caller.as_ref().ok_or_else(invalid)?;
        (caller.home.clone(), caller.token.clone())
    } else {
        let home = cx.active()?.home_of(body).await?.ok_or_else(invalid)?;
        // What leads into another namespace stops at its lock, as it does for a token that is the caller.
        home.namespaces()?.refuse_locked(&home.namespace.path).await?;
        let token = home.tokens.find(body, cx.now).await?.ok_or_else(invalid)?;
        (home, token)
    };
    if is_wrapping_token(&token) {
        Ok(Wrapping { home, token })
    } else {
        Err(invalid())
    }
}

async fn unwrap(_: Arc<System>, cx: Cx, request: api::WrappingToken) -> Result<Answer, Fault> {
    let Wrapping { home, token } = token_of(&cx, &request.token).await?;
    // A token from the body is used up here; the caller's own was when the request was authorized.
    if !request.token.is_empty() {
        home.tokens
            .count_use(&token, cx.now)
            .await
            .map_err(|_| invalid())?;
    }
    let text = wrapping::open(&home, &token).await?;
    home.tokens.revoke(&token.hash, &home.leases, cx.now).await?;
    Ok(Answer::envelope(text))
}

async fn info(of: &Wrapping) -> Result<Json, Fault> {
    let info = wrapping::info(&of.home, &of.token).await?;
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
    Ok(Answer::data(&info(&token_of(&cx, &request.token).await?).await?))
}

async fn lookup_self(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::data(&info(&token_of(&cx, "").await?).await?))
}

async fn rewrap(_: Arc<System>, cx: Cx, request: api::WrappingToken) -> Result<Answer, Fault> {
    let Wrapping { home, token } = token_of(&cx, &request.token).await?;
    if !request.token.is_empty() {
        home.tokens
            .count_use(&token, cx.now)
            .await
            .map_err(|_| invalid())?;
    }
    let info = wrapping::info(&home, &token).await?;
    let text = wrapping::open(&home, &token).await?.into_string();
    let wrapped = wrapping::keep(
        &home,
        text,
        String::new(),
        &info.creation_path,
        info.creation_ttl,
        cx.now,
    )
    .await?;
    home.tokens.revoke(&token.hash, &home.leases, cx.now).await?;
    Ok(Answer::wrapped(wrapped))
}
