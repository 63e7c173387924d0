//! Logging in with a token, and renewing what a login gave.

use std::sync::Arc;

use arca_api::auth::jwt as api;
use arca_base::{Secret, Timestamp};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Login, LoginRenewal, Site, UnprovedLogin};
use arca_core::tokens::Token;
use arca_crypto::jws::{Claims, Expected, Jws};

use super::Jwt;
use super::config::Config;
use super::identity;
use super::refused::Refused;
use super::role::{Role, RoleType};
use crate::keys::KeySource;

pub(super) async fn log_in(engine: Arc<Jwt>, cx: Cx, request: api::Login) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let token = Secret::new(request.jwt);
    let (config, source) = engine.configured(site).await?;
    let name = config.role_or_default(&request.role)?;
    let role = Role::named(site, &name).await?;
    if role.kind == RoleType::Oidc {
        return Err(Fault::invalid("role with oidc role_type is not allowed"));
    }
    if token.expose().is_empty() {
        return Err(Fault::invalid("missing token"));
    }
    role.token.admit(&cx.client)?;
    let attempt = Attempt {
        config: &config,
        source: &source,
        role: &role,
        now: cx.now,
    };
    let login = attempt.prove(&name, token.expose().trim()).await;
    login
        .map(Answer::login)
        .map_err(|refused| report(&cx, site, &name, &refused))
}

/// The role that a login says it is by, or the one that is meant by saying none. A login through a browser says it
/// where it begins.
pub(super) async fn role_name(engine: &Jwt, login: &UnprovedLogin) -> Result<Option<String>, Fault> {
    if login.is_to::<api::EndLogin>() {
        return Ok(engine.role_of_pending(login));
    }
    if !login.is_to::<api::LogIn>() && !login.is_to::<api::BeginLogin>() {
        return Ok(None);
    }
    let said = login.name("role");
    if !said.is_empty() {
        return Ok(Some(said));
    }
    let config = Config::stored(&login.site).await?;
    Ok(config.and_then(|row| row.value.role_or_default("").ok()))
}

/// Writes down why a login was refused, and gives what the caller is told.
pub(super) fn report(cx: &Cx, site: &Site, role: &str, refused: &Refused) -> Fault {
    tracing::warn!(
        request_id = %cx.request_id,
        mount = %site.mount.path,
        role,
        reason = %refused,
        "a login with a token was refused"
    );
    refused.fault()
}

/// A login that is not yet proved.
pub(super) struct Attempt<'a> {
    pub(super) config: &'a Config,
    pub(super) source: &'a KeySource,
    pub(super) role: &'a Role,
    pub(super) now: Timestamp,
}

impl Attempt<'_> {
    /// Whom the token belongs to, which is no longer only its own word.
    async fn prove(&self, name: &str, token: &str) -> Result<Login, Refused> {
        let claims = self.claims(token, self.role.audiences()).await?;
        if self.role.bound_audiences.is_empty() && !claims.audiences()?.is_empty() {
            return Err(Refused::UnboundAudience);
        }
        self.judge(name, &claims)
    }

    /// The claims of a token that was signed by whom the configuration says, for one of `audiences`, for now.
    pub(super) async fn claims(&self, token: &str, audiences: &[String]) -> Result<Claims, Refused> {
        let token = Jws::parse(token)?;
        let allowed = self.config.algorithms();
        let claims = self.source.prove(&token, allowed, self.now).await?;
        claims.check(&Expected {
            issuer: self.config.wanted_issuer(),
            subject: self.role.wanted_subject(),
            audiences,
            leeway: self.role.leeway(),
            now: self.now,
        })?;
        Ok(claims)
    }

    /// Who that is, if the role lets them in.
    pub(super) fn judge(&self, name: &str, claims: &Claims) -> Result<Login, Refused> {
        let login = identity::of(name, self.role, claims)?;
        self.role.bounds.hold(claims)?;
        Ok(login)
    }
}

/// What the role says today about a token it gave.
pub(super) async fn renew(site: &Site, token: &Token) -> Result<LoginRenewal, Fault> {
    let internal = token.internal.as_ref().map(|internal| internal.to_json());
    let name = internal
        .as_ref()
        .and_then(|internal| internal.get("role")?.as_str())
        .unwrap_or_default();
    let role = Role::stored(site, name)
        .await?
        .ok_or_else(|| Fault::failed(format!("role {name} does not exist during renewal")))?;
    Ok(role.token.terms().into())
}
