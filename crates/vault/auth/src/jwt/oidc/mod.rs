//! Logging in through a browser: OpenID Connect's authorization code flow, with PKCE.
//!
//! Whoever logs in asks where to send the browser ([`begin`]); the provider sends it back with a code, which goes to
//! [`end`]. Between the two, [`Pending`] remembers what the one must find of the other.

mod exchange;
mod pending;
mod redirect;

use std::sync::Arc;

use arca_api::auth::jwt as api;
use arca_base::{Entropy, Secret, entropy, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Login, UnprovedLogin};
use arca_crypto::constant_time;
use arca_crypto::digest::sha256;
use arca_crypto::jws::Claims;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use self::exchange::Client;
pub(super) use self::pending::Pending;
use self::pending::Started;
use super::Jwt;
use super::bounds::at_most;
use super::config::{Config, ResponseMode};
use super::login::{Attempt, report};
use super::refused::Refused;
use super::role::{Role, RoleType};
use crate::keys::{KeySource, Provider};

/// Longest text of a caller that is remembered, in bytes.
const LONGEST: usize = 2048;

/// Longest nonce of a caller: each login that is on its way keeps one.
const LONGEST_NONCE: usize = 256;

const FAILED: &str = "Vault login failed.";
const UNVERIFIED: &str = "Token verification failed.";

/// Says where to send the browser; nowhere, without a reason, when the role does not allow where it would come back.
pub(super) async fn begin(engine: Arc<Jwt>, cx: Cx, request: api::AuthUrl) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let (config, source) = engine.configured(site).await?;
    let name = config.role_or_default(&request.role)?;
    let role = Role::named(site, &name).await?;
    if request.redirect_uri.is_empty() {
        return Err(Fault::invalid("missing redirect_uri"));
    }
    at_most("redirect_uri", request.redirect_uri.len(), LONGEST, "bytes")?;
    at_most("client_nonce", request.client_nonce.len(), LONGEST_NONCE, "bytes")?;
    if !config.is_for_browsers() {
        return Err(Fault::invalid("OIDC login is not configured for this mount"));
    }
    let nowhere = |reason: &str| {
        tracing::warn!(mount = %site.mount.path, role = name, reason, "a login through the browser was not begun");
        Ok(Answer::data(&json_object! { "auth_url" => "" }))
    };
    if role.kind == RoleType::Jwt {
        return nowhere("role_type of the role is jwt");
    }
    if !redirect::is_allowed(&request.redirect_uri, &role.redirects) {
        return nowhere("the role does not list the redirect_uri (allowed_redirect_uris)");
    }
    // Keys that are old because their server is down do not keep a browser from going there.
    if found(&source).is_none()
        && let Err(error) = source.ready(cx.now).await
    {
        return nowhere(&error.to_string());
    }
    let endpoint = found(&source).and_then(|provider| provider.authorization.clone());
    let Some(endpoint) = endpoint else {
        return nowhere("the provider names no authorization_endpoint");
    };
    let login = started(&cx, &name, request)?;
    let url = authorization_url(endpoint, &config, &role, &login);
    engine.pending.put(login);
    Ok(Answer::data(&json_object! { "auth_url" => url.as_str() }))
}

fn found(source: &KeySource) -> Option<Arc<Provider>> {
    source.provider()?.found()
}

fn started(cx: &Cx, role: &str, request: api::AuthUrl) -> Result<Started, Fault> {
    let randomness = &*cx.site()?.entropy;
    Ok(Started {
        state: Secret::new(format!("st_{}", random(randomness))),
        began: cx.now,
        role: role.to_owned(),
        redirect_uri: request.redirect_uri,
        nonce: Secret::new(format!("n_{}", random(randomness))),
        client_nonce: Secret::new(request.client_nonce),
        verifier: Secret::new(random(randomness)),
        code: None,
    })
}

/// 256 bits that nobody guesses.
fn random(randomness: &dyn Entropy) -> String {
    URL_SAFE_NO_PAD.encode(entropy::bytes::<32>(randomness))
}

fn authorization_url(mut endpoint: Url, config: &Config, role: &Role, login: &Started) -> Url {
    let challenge = URL_SAFE_NO_PAD.encode(sha256(login.verifier.expose().as_bytes()));
    let others = role.scopes.iter().filter(|scope| *scope != "openid");
    let scopes: Vec<&str> = ["openid"].into_iter().chain(others.map(String::as_str)).collect();
    let mut query = endpoint.query_pairs_mut();
    query
        .append_pair("client_id", &config.client_id)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .append_pair("nonce", login.nonce.expose())
        .append_pair("redirect_uri", &login.redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", &scopes.join(" "))
        .append_pair("state", login.state.expose());
    if config.response_mode == ResponseMode::FormPost {
        query.append_pair("response_mode", config.response_mode.name());
    }
    if role.max_age > 0 {
        query.append_pair("max_age", &role.max_age.to_string());
    }
    drop(query);
    endpoint
}

/// Keeps the code a browser brings with a form. Who began the login gets the token, not who brings the code.
pub(super) async fn keep(engine: Arc<Jwt>, cx: Cx, request: api::Callback) -> Result<Answer, Fault> {
    const DONE: &str = "<!DOCTYPE html><title>Signed in</title><p>You may close this window.</p>\n";
    at_most("code", request.code.len(), LONGEST, "bytes")?;
    let code = Some(request.code).filter(|code| !code.is_empty());
    let kept = engine.pending.change(&request.state, cx.now, |login| {
        login.code = code.map(Secret::new);
    });
    match kept {
        true => Ok(Answer::raw(200, "text/html; charset=utf-8", DONE.to_owned())),
        false => Err(expired()),
    }
}

fn expired() -> Fault {
    Fault::invalid(format!("{FAILED} Expired or missing OAuth state."))
}

/// Ends a login: gives the code back for tokens, and lets in whom they are about.
pub(super) async fn end(engine: Arc<Jwt>, cx: Cx, request: api::Callback) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let login = engine.pending.take(&request.state, cx.now).ok_or_else(expired)?;
    let role = Role::stored(site, &login.role).await?;
    let role = role.ok_or_else(|| Fault::invalid(format!("{FAILED} Role could not be found")))?;
    role.token.admit(&cx.client)?;
    let brought = constant_time::equal(
        login.client_nonce.expose().as_bytes(),
        request.client_nonce.as_bytes(),
    );
    if !login.client_nonce.expose().is_empty() && !brought {
        return Err(Fault::invalid(format!("{FAILED} invalid client_nonce")));
    }
    let code = code(&login, &request)?;
    let (config, source) = engine.configured(site).await?;
    let attempt = Attempt {
        config: &config,
        source: &source,
        role: &role,
        now: cx.now,
    };
    let (Some(discovery), Some(provider)) = (source.provider(), found(&source)) else {
        return Err(Fault::invalid(format!("{FAILED} Could not load configuration")));
    };
    let client = Client {
        config: &config,
        discovery,
        provider,
    };
    let proved = redeem(&attempt, &client, &login, code.expose()).await;
    proved.map(Answer::login).map_err(|failure| match failure {
        Failure::Exchange(error) => Fault::invalid(format!("{FAILED} Error exchanging oidc code: {error}")),
        Failure::Refused(refused) => report(&cx, site, &login.role, &refused),
        Failure::Unverified(reason) => Fault::invalid(format!("{UNVERIFIED} {reason}")),
    })
}

impl Jwt {
    /// The role of a login that comes back from the browser.
    pub(super) fn role_of_pending(&self, login: &UnprovedLogin) -> Option<String> {
        let mut role = None;
        self.pending
            .change(&login.text("state"), login.site.now, |started| {
                role = Some(started.role.to_lowercase());
            });
        role
    }
}

fn code(login: &Started, request: &api::Callback) -> Result<Secret<String>, Fault> {
    if !request.error.is_empty() {
        let shown: String = request
            .error
            .chars()
            .filter(|letter| !letter.is_control())
            .take(100)
            .collect();
        return Err(Fault::invalid(format!("{FAILED} The provider refuses: {shown}")));
    }
    let given = Some(&request.code).filter(|code| !code.is_empty());
    let given = given.map(|code| Secret::new(code.clone()));
    let code = given.or_else(|| login.code.as_ref().map(Secret::duplicate));
    code.ok_or_else(|| Fault::invalid(format!("{FAILED} OAuth code parameter not provided")))
}

/// Why a code gave no login.
enum Failure {
    Exchange(exchange::ExchangeError),
    Refused(Refused),
    Unverified(&'static str),
}

impl<E: Into<Refused>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

async fn redeem(
    attempt: &Attempt<'_>,
    client: &Client<'_>,
    login: &Started,
    code: &str,
) -> Result<Login, Failure> {
    let tokens = client.exchange(login, code).await.map_err(Failure::Exchange)?;
    let Some(id) = &tokens.id else {
        return Err(Failure::Unverified("No id_token found in response."));
    };
    let me = [client.config.client_id.clone()];
    let claims = attempt.claims(id.expose(), &me).await?;
    check(&claims, client, login)?;
    check_age(attempt, &claims)?;
    check_bound_audiences(attempt, &claims)?;
    let claims = match (&tokens.access, claims.subject()) {
        (Some(access), Some(subject)) => match client.user_info(access, subject).await {
            Some(more) => claims.completed_with(more),
            None => claims,
        },
        _ => claims,
    };
    if attempt.role.is_verbose {
        let names: Vec<&str> = claims.members().keys().map(String::as_str).collect();
        tracing::info!(role = login.role, claims = ?names, "the provider names these claims");
    }
    Ok(attempt.judge(&login.role, &claims)?)
}

/// OpenID Connect Core, section 3.1.3.7.
fn check(claims: &Claims, client: &Client<'_>, login: &Started) -> Result<(), Failure> {
    let text = |claim| claims.select(claim).and_then(|value| value.as_str());
    let nonce = text("nonce").unwrap_or_default();
    if !constant_time::equal(nonce.as_bytes(), login.nonce.expose().as_bytes()) {
        return Err(Failure::Unverified("invalid id_token nonce"));
    }
    if text("azp").is_some_and(|party| party != client.config.client_id) {
        return Err(Failure::Unverified("invalid authorized party (azp) claim"));
    }
    Ok(())
}

fn check_age(attempt: &Attempt<'_>, claims: &Claims) -> Result<(), Refused> {
    let role = attempt.role;
    if role.max_age == 0 {
        return Ok(());
    }
    let proved = claims
        .select("auth_time")
        .and_then(|time| time.as_i64())
        .unwrap_or(0);
    let most = i64::try_from(role.max_age.saturating_add(role.leeway().clock_skew)).unwrap_or(i64::MAX);
    match proved.saturating_add(most) < attempt.now.unix_seconds() {
        true => Err(Refused::TooLongAgo),
        false => Ok(()),
    }
}

/// The token is for this client in any case; the role may ask for one of its audiences besides.
fn check_bound_audiences(attempt: &Attempt<'_>, claims: &Claims) -> Result<(), Refused> {
    let bound = attempt.role.audiences();
    let named = claims.audiences()?;
    if bound.is_empty() || bound.iter().any(|bound| named.contains(&bound.as_str())) {
        return Ok(());
    }
    Err(arca_crypto::jws::BadClaim::Audience.into())
}
