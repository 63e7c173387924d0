//! Logging in.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::auth::userpass as api;
use arca_base::{Json, Secret, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Login, Site, TokenTerms};
use arca_core::tokens::Token;
use arca_crypto::password::PasswordHash;

use super::UserPass;
use super::hashing;
use super::user::{User, check_password, folded, users};
use crate::renewal::same_policies;

/// The member of what is kept for renewals that names the user.
const USERNAME: &str = "username";

pub(super) async fn log_in(_: Arc<UserPass>, cx: Cx, request: api::Credentials) -> Result<Answer, Fault> {
    if request.password.is_empty() {
        return Err(Fault::failed("missing password"));
    }
    check_password(&request.password)?;
    let name = folded(&request.username)?;
    let attempt = cx.login_attempt(&name)?;
    let found = users(&cx.site()?.view).get(&name).await?.map(|row| row.value);
    let hash = match &found {
        Some(user) => user.password()?,
        None => PasswordHash::of_nobody(),
    };
    let fits = hashing::verify(Secret::new(request.password), hash).await?;
    let reason = if found.is_some() {
        "the password is wrong"
    } else {
        "nobody has this name"
    };
    let Some(user) = found.filter(|_| fits) else {
        let wrong = Fault::invalid("invalid username or password");
        return Err(attempt.failed(wrong.because(reason)));
    };
    user.token.admit(&cx.client)?;
    attempt.succeeded()?;
    Ok(Answer::login(login(name, &user)))
}

fn login(name: String, user: &User) -> Login {
    Login {
        display_name: name.clone(),
        metadata: BTreeMap::from([(USERNAME.to_owned(), name.clone())]),
        terms: user.token.terms(),
        internal: Some(json_object! { USERNAME => name.as_str() }.to_text()),
        alias: name,
        ..Login::default()
    }
}

/// What the user's record says today, unless it names other policies than the token has.
pub(super) async fn renew(site: &Site, token: &Token) -> Result<TokenTerms, Fault> {
    let internal = token.internal.as_ref().map(|text| text.to_json());
    let name = internal
        .as_ref()
        .and_then(|internal| internal.get(USERNAME))
        .and_then(Json::as_str)
        .unwrap_or_default();
    let row = users(&site.view).get(name).await?;
    let row = row.ok_or_else(|| Fault::failed(format!("user {name} does not exist during renewal")))?;
    let terms = row.value.token.terms();
    if !same_policies(&terms, token) {
        return Err(Fault::failed("policies have changed, not renewing"));
    }
    Ok(terms)
}
