//! Renewing tokens.

use std::sync::Arc;

use arca_api::token as api;
use arca_base::{Secret, Ttl};

use super::{TokenEngine, by_accessor as find_by_accessor};
use crate::active::Active;
use crate::engine::{Answer, Cx, TokenTerms};
use crate::fault::Fault;
use crate::router::Class;
use crate::tokens::Token;

pub(super) async fn itself(_: Arc<TokenEngine>, cx: Cx, request: api::Renew) -> Result<Answer, Fault> {
    let caller = cx.caller()?;
    renew(
        &cx,
        &caller.token,
        Some(caller.presented.clone()),
        request.increment,
    )
    .await
}

pub(super) async fn by_token(_: Arc<TokenEngine>, cx: Cx, request: api::Renew) -> Result<Answer, Fault> {
    if request.token.is_empty() {
        return Err(Fault::invalid("missing token ID"));
    }
    let found = cx.active()?.tokens.find(&request.token, cx.now).await?;
    let token = found.ok_or_else(|| Fault::invalid("token not found"))?;
    renew(
        &cx,
        &token,
        Some(Arc::new(Secret::new(request.token))),
        request.increment,
    )
    .await
}

pub(super) async fn by_accessor(
    _: Arc<TokenEngine>,
    cx: Cx,
    request: api::RenewAccessor,
) -> Result<Answer, Fault> {
    let token = find_by_accessor(&cx, cx.active()?, &request.accessor).await?;
    renew(&cx, &token, None, request.increment).await
}

async fn renew(
    cx: &Cx,
    token: &Arc<Token>,
    presented: Option<Arc<Secret<String>>>,
    increment: Ttl,
) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let (terms, mount) = terms_today(cx, active, token).await?;
    let mut issued = active
        .tokens
        .renew(token, increment, terms.as_ref(), mount, cx.now)
        .await?;
    issued.client_token = presented;
    issued.identity_policies = active.identity.policies_of(&token.entity_id).await?;
    Ok(Answer::token(issued))
}

/// What the role or the auth method of a token says today, and the lease times of the mount.
async fn terms_today(
    cx: &Cx,
    active: &Active,
    token: &Arc<Token>,
) -> Result<(Option<TokenTerms>, (Ttl, Ttl)), Fault> {
    let defaults = (
        active.router.defaults().default_ttl,
        active.router.defaults().max_ttl,
    );
    if !token.role.is_empty() {
        return Ok((Some(role_terms(active, token).await?), defaults));
    }
    if token.mount_accessor.is_empty() {
        return Ok((None, defaults));
    }
    let path = token.path.strip_prefix("auth/").unwrap_or(&token.path);
    let found = active.router.find(&format!("auth/{path}")).await?;
    let Some((mount, _)) =
        found.filter(|(mount, _)| mount.class == Class::Auth && mount.accessor == token.mount_accessor)
    else {
        return Err(Fault::failed(
            "the auth method that issued this token no longer exists, not renewing",
        ));
    };
    let engine = active.router.engine(&mount)?;
    let renewal = engine
        .renew_login(
            active.router.site(&mount, cx.now),
            token.clone(),
            cx.client.clone(),
        )
        .await?;
    if let Some(groups) = renewal.as_ref().and_then(|renewal| renewal.groups.as_ref()) {
        active
            .identity
            .refresh_groups(&token.entity_id, &mount.accessor, groups)
            .await?;
    }
    let terms = renewal.map(|renewal| renewal.terms);
    Ok((terms, active.router.lease_times(&mount)))
}

async fn role_terms(active: &Active, token: &Token) -> Result<TokenTerms, Fault> {
    let role = active.tokens.roles().get(&token.role).await?.ok_or_else(|| {
        Fault::failed(format!(
            "original token role {:?} could not be found, not renewing",
            token.role
        ))
    })?;
    Ok(TokenTerms {
        ttl: token.creation_ttl,
        period: role.value.period,
        explicit_max_ttl: role.value.explicit_max_ttl,
        ..TokenTerms::default()
    })
}
