//! Logging in.

use std::net::IpAddr;
use std::sync::Arc;

use arca_api::auth::approle as api;
use arca_base::{Json, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Login, Site, TokenTerms, UnprovedLogin};
use arca_core::login::allows;
use arca_core::tokens::Token;
use arca_crypto::mac::MacKey;

use super::AppRole;
use super::role::{MAX_ROLE_ID_BYTES, Role, folded, name_key, role_id_row, role_ids, roles};
use super::secret_id::{SecretId, row_name, secrets, use_up};
use super::secret_ids::MAX_SECRET_ID_BYTES;

/// The member of what is kept for renewals that names the role.
const ROLE_NAME: &str = "role_name";

/// Why somebody is not let in.
enum Refused {
    /// Role id and secret id do not fit each other; counts towards a lock. Why is for the audit log only.
    Credentials(&'static str),
    /// Something else.
    For(Fault),
}

impl<E: Into<Fault>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::For(error.into())
    }
}

pub(super) async fn log_in(_: Arc<AppRole>, cx: Cx, request: api::Login) -> Result<Answer, Fault> {
    if request.role_id.is_empty() {
        return Err(Fault::invalid("missing role_id"));
    }
    if request.role_id.len() > MAX_ROLE_ID_BYTES || request.secret_id.len() > MAX_SECRET_ID_BYTES {
        return Err(wrong().because("the role id or the secret id is longer than any can be"));
    }
    let attempt = cx.login_attempt(&request.role_id)?;
    match verify(&cx, &request).await {
        Ok(login) => {
            attempt.succeeded()?;
            Ok(Answer::login(login))
        }
        Err(Refused::Credentials(reason)) => Err(attempt.failed(wrong().because(reason))),
        Err(Refused::For(fault)) => Err(fault),
    }
}

/// One text for everything that does not fit, so that nobody learns which half was right.
fn wrong() -> Fault {
    Fault::invalid("invalid role or secret ID")
}

async fn verify(cx: &Cx, request: &api::Login) -> Result<Login, Refused> {
    let site = cx.site()?;
    let key = name_key(site).await?;
    let found = role_by_id(site, &key, &request.role_id).await?;
    let reason = if found.is_some() {
        "the secret id is unknown, used up, expired or destroyed"
    } else {
        "no role has this role id"
    };
    // A role id nobody has is answered after the same steps, against a role without secret ids.
    let (name, role) = found.unwrap_or_else(|| (String::new(), Arc::new(Role::nobody())));
    if !role.bind_secret_id {
        check_address(cx, &role, None)?;
        return Ok(login(&name, &role, None));
    }
    if request.secret_id.is_empty() {
        return Err(Fault::invalid("missing secret_id").into());
    }
    let row = row_name(&key, &role, &request.secret_id);
    let secret = secrets(&site.view, &role.id).get(&row).await?;
    let secret = secret
        .map(|row| row.value)
        .filter(|secret| secret.is_good(site.now))
        .ok_or(Refused::Credentials(reason))?;
    check_address(cx, &role, Some(&secret))?;
    if !use_up(site, &role.id, &row).await? {
        return Err(Refused::Credentials(reason));
    }
    Ok(login(&name, &role, Some(&secret)))
}

async fn role_by_id(site: &Site, key: &MacKey, role_id: &str) -> Result<Option<(String, Arc<Role>)>, Fault> {
    let Some(row) = role_ids(&site.view).get(&role_id_row(key, role_id)).await? else {
        return Ok(None);
    };
    let name = row.value.role.clone();
    let found = roles(&site.view).get(&name).await?;
    Ok(found.map(|row| (name, row.value)))
}

/// The role whose role id was sent.
pub(super) async fn role_name(login: &UnprovedLogin) -> Result<Option<String>, Fault> {
    let role_id = login.text("role_id");
    if !login.is_to::<api::LogIn>() || role_id.is_empty() || role_id.len() > MAX_ROLE_ID_BYTES {
        return Ok(None);
    }
    let key = name_key(&login.site).await?;
    let found = role_by_id(&login.site, &key, &role_id).await?;
    Ok(found.map(|(name, _)| name))
}

fn check_address(cx: &Cx, role: &Role, secret: Option<&SecretId>) -> Result<(), Fault> {
    let address = cx.client.address.map(|address| address.ip());
    let shown = || {
        address
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), IpAddr::to_string)
    };
    if secret.is_some_and(|secret| !allows(&secret.cidr_list, address)) {
        return Err(Fault::invalid(format!(
            "source address {:?} unauthorized by CIDR restrictions on the secret ID",
            shown()
        )));
    }
    if !allows(&role.secret_id_bound_cidrs, address) {
        return Err(Fault::invalid(format!(
            "source address {:?} unauthorized by CIDR restrictions on the role",
            shown()
        )));
    }
    role.token.admit(&cx.client)?;
    if secret.is_some_and(|secret| !allows(&secret.token_bound_cidrs, address)) {
        return Err(Fault::denied().because("the secret id is bound to other networks (token_bound_cidrs)"));
    }
    Ok(())
}

fn login(name: &str, role: &Role, secret: Option<&SecretId>) -> Login {
    let mut metadata = secret.map(|secret| secret.metadata.clone()).unwrap_or_default();
    // Last, so that no secret id can claim another role.
    metadata.insert(ROLE_NAME.to_owned(), name.to_owned());
    let mut terms = role.token.terms();
    if let Some(secret) = secret.filter(|secret| !secret.token_bound_cidrs.is_empty()) {
        terms.bound_cidrs.clone_from(&secret.token_bound_cidrs);
    }
    Login {
        alias: role.role_id.clone(),
        role: name.to_owned(),
        alias_metadata: metadata.clone(),
        metadata,
        terms,
        internal: Some(json_object! { ROLE_NAME => name }.to_text()),
        ..Login::default()
    }
}

/// What the role says today.
pub(super) async fn renew(site: &Site, token: &Token) -> Result<TokenTerms, Fault> {
    let internal = token.internal.as_ref().map(|text| text.to_json());
    let name = internal
        .as_ref()
        .and_then(|internal| internal.get(ROLE_NAME))
        .and_then(Json::as_str)
        .map(folded)
        .unwrap_or_default();
    let row = roles(&site.view).get(&name).await?;
    let role = row.ok_or_else(|| Fault::failed(format!("role {name} does not exist during renewal")))?;
    Ok(role.value.token.terms())
}
