//! Revoking tokens.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::token as api;

use super::TokenEngine;
use crate::engine::{Answer, Cx};
use crate::fault::Fault;
use crate::tokens::TokenKind;

pub(super) async fn itself(_: Arc<TokenEngine>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let token = &cx.caller()?.token;
    if token.kind == TokenKind::Batch {
        return Err(Fault::invalid("batch tokens cannot be revoked"));
    }
    active.tokens.revoke(&token.hash, &active.leases, cx.now).await?;
    Ok(Answer::empty())
}

pub(super) async fn by_token(_: Arc<TokenEngine>, cx: Cx, request: api::Token) -> Result<Answer, Fault> {
    if request.token.is_empty() {
        return Err(Fault::invalid("missing token ID"));
    }
    let active = cx.active()?;
    if let Some(token) = active.tokens.find(&request.token, cx.now).await?
        && token.kind == TokenKind::Batch
    {
        return Err(Fault::invalid("batch tokens cannot be revoked"));
    }
    // Not only good tokens: an expired one may still have children.
    let hash = active.tokens.hash(&request.token);
    active
        .tokens
        .revoke(hash.as_str(), &active.leases, cx.now)
        .await?;
    Ok(Answer::empty())
}

pub(super) async fn by_accessor(
    _: Arc<TokenEngine>,
    cx: Cx,
    request: api::Accessor,
) -> Result<Answer, Fault> {
    if request.accessor.is_empty() {
        return Err(Fault::invalid_bare("missing accessor"));
    }
    let active = cx.active()?;
    match active.tokens.find_by_accessor(&request.accessor, cx.now).await? {
        Some(token) => {
            active.tokens.revoke(&token.hash, &active.leases, cx.now).await?;
            Ok(Answer::empty())
        }
        None => Ok(Answer::empty().warn("No token found with this accessor")),
    }
}

pub(super) async fn orphaning(_: Arc<TokenEngine>, cx: Cx, request: api::Token) -> Result<Answer, Fault> {
    if request.token.is_empty() {
        return Err(Fault::invalid("missing token ID"));
    }
    if !super::create::has_sudo(&cx).await? {
        return Err(Fault::invalid(
            "root or sudo privileges required to revoke and orphan",
        ));
    }
    let active = cx.active()?;
    let token = active.tokens.find(&request.token, cx.now).await?;
    let token = token.ok_or_else(|| Fault::invalid("token to revoke not found"))?;
    if token.kind == TokenKind::Batch {
        return Err(Fault::invalid("batch tokens cannot be revoked"));
    }
    active
        .tokens
        .revoke_orphaning(&token.hash, &active.leases, cx.now)
        .await?;
    Ok(Answer::empty())
}

/// Nothing is left over here: a token and its entries are one commit.
pub(super) async fn tidy(_: Arc<TokenEngine>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::accepted().warn(
        "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.",
    ))
}
