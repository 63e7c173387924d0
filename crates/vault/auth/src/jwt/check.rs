//! Trying what logins need, and saying what to do about what does not work.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Site};

use super::Jwt;
use super::config::Config;
use super::role::{Role, RoleType};
use crate::finding::{Finding, checklist};
use crate::keys::KeySource;

pub(super) async fn read(engine: Arc<Jwt>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let site = cx.site()?;
    if Config::stored(site).await?.is_none() {
        let remedy = format!(
            "Write auth/{}config with oidc_discovery_url, jwks_url or jwt_validation_pubkeys",
            site.mount.path
        );
        let missing = Finding::failed("configuration", "the method is not configured", remedy);
        return Ok(checklist(&[missing]));
    }
    let (config, source) = engine.configured(site).await?;
    let mut findings = vec![keys(&source, &cx).await, issuer(&config)];
    findings.extend(roles(site, &config, &source).await?);
    Ok(checklist(&findings))
}

async fn keys(source: &KeySource, cx: &Cx) -> Finding {
    const CHECK: &str = "keys";
    match source.ready(cx.now).await {
        Ok(count) => Finding::ok(CHECK, format!("{count} keys to prove tokens with")),
        Err(error) => Finding::failed(
            CHECK,
            error.to_string(),
            "Check the address and the certificates of its authority, and that this server may connect to it",
        ),
    }
}

fn issuer(config: &Config) -> Finding {
    const CHECK: &str = "issuer";
    match config.wanted_issuer() {
        Some(issuer) => Finding::ok(CHECK, format!("tokens must be made by {issuer}")),
        None => Finding::warning(
            CHECK,
            "tokens of any issuer that is signed with these keys are accepted",
            "Set bound_issuer",
        ),
    }
}

async fn roles(site: &Site, config: &Config, source: &KeySource) -> Result<Vec<Finding>, Fault> {
    const CHECK: &str = "roles";
    let roles = Role::rows(site).all().await?;
    if roles.is_empty() {
        let detail = "there is no role, so nobody can log in";
        return Ok(vec![Finding::warning(CHECK, detail, "Write a role")]);
    }
    let mut findings = vec![Finding::ok(CHECK, format!("{} roles", roles.len()))];
    if let Some(platform) = config.platform() {
        let open = roles.iter().filter(|(_, role)| role.kind == RoleType::Jwt);
        let open = open.filter_map(|(name, role)| Some((name, platform.advice(role)?)));
        findings.extend(open.take(10).map(|(name, advice)| {
            Finding::warning("bounds", format!("the role {name} is open to strangers"), advice)
        }));
    }
    let browsers = roles.iter().any(|(_, role)| role.kind == RoleType::Oidc);
    if browsers {
        findings.push(browser(config, source));
    }
    Ok(findings)
}

fn browser(config: &Config, source: &KeySource) -> Finding {
    const CHECK: &str = "browser";
    if !config.is_for_browsers() {
        return Finding::warning(
            CHECK,
            "there are roles for the browser, and logins through it are not set up",
            "Write oidc_discovery_url, oidc_client_id and oidc_client_secret, or give the roles role_type=jwt",
        );
    }
    let found = source.provider().and_then(|provider| provider.found());
    match found.filter(|found| found.authorization.is_some() && found.token.is_some()) {
        Some(_) => Finding::ok(
            CHECK,
            "the provider names the addresses logins through the browser need",
        ),
        None => Finding::failed(
            CHECK,
            "the provider has not named authorization_endpoint and token_endpoint",
            "Check that oidc_discovery_url is a provider people can log in at",
        ),
    }
}
