//! Logging in, and renewing what a login gave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arca_api::auth::ldap as api;
use arca_base::{Json, Secret, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Login, LoginRenewal, Site, TokenTerms};
use arca_core::tokens::{Token, TokenKind};
use tokio::sync::Semaphore;

use super::Ldap;
use super::config::Config;
use super::names::{LONGEST_NAME, folded, groups, is_name, trimmed, users};
use super::session::{Person, Refused, Session};
use crate::renewal::same_policies;

/// Longest password, in bytes.
const LONGEST_PASSWORD: usize = 1024;
/// Conversations with directories at one time, whatever the number of mounts.
static AT_WORK: Semaphore = Semaphore::const_new(256);
/// Members of what is kept for renewals.
const USERNAME: &str = "username";
const PASSWORD: &str = "password";

/// Somebody whose password fits.
struct Known {
    alias: String,
    groups: Vec<String>,
}

pub(super) async fn log_in(engine: Arc<Ldap>, cx: Cx, request: api::Credentials) -> Result<Answer, Fault> {
    let (name, password) = (trimmed(&request.username), Secret::new(request.password));
    check(&name, password.expose())?;
    let site = cx.site()?;
    let config = Config::stored(site)
        .await?
        .ok_or_else(|| Fault::invalid("auth method not configured"))?;
    config.token.admit(&cx.client)?;
    let _turn = AT_WORK
        .try_acquire()
        .map_err(|_| Fault::limited("too many logins are being tried; try again later"))?;
    let known = prove(&engine, &cx, &config, &name, &password).await?;
    let none_here = known.groups.is_empty();
    let login = login(site, &config, &name, known, &password).await?;
    let answer = Answer::login(login);
    Ok(match none_here {
        true => answer.warn(format!(
            "no LDAP groups found in groupDN {:?}; only policies from locally-defined groups available",
            config.group_dn
        )),
        false => answer,
    })
}

fn check(name: &str, password: &str) -> Result<(), Fault> {
    if !is_name(name) {
        return Err(Fault::invalid(format!(
            "username must have 1 to {LONGEST_NAME} bytes and no control characters"
        )));
    }
    if password.is_empty() {
        return Err(Fault::invalid(
            "password cannot be of zero length when passwordless binds are being denied",
        ));
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(Fault::invalid(format!(
            "password has {} bytes but may have at most {LONGEST_PASSWORD}",
            password.len()
        )));
    }
    Ok(())
}

/// Tries name and password. Failures count for the name given and for the user it stands for, who may have several.
async fn prove(
    engine: &Ldap,
    cx: &Cx,
    config: &Arc<Config>,
    name: &str,
    password: &Secret<String>,
) -> Result<Known, Fault> {
    let given = folded(name);
    let attempt = cx.login_attempt(&given)?;
    let manner = engine
        .manner(config)
        .map_err(|error| told(cx, name, &error.into()))?;
    let found = async {
        let mut session = Session::open(config, &manner).await?;
        let person = session.find(name).await?;
        Ok::<_, Refused>((session, person))
    };
    let (mut session, person) = found.await.map_err(|refused| told(cx, name, &refused))?;
    let own = person.as_ref().and_then(|person| session.name_of(person));
    let own = own.map(|own| folded(&own)).filter(|own| *own != given);
    let other = own.as_deref().map(|own| cx.login_attempt(own)).transpose()?;
    let site = cx.site()?;
    match finish(&mut session, person, name, password, site).await {
        Ok(known) => {
            attempt.succeeded()?;
            other.map(arca_core::login::Attempt::succeeded).transpose()?;
            Ok(known)
        }
        Err(refused) => {
            let mut fault = told(cx, name, &refused);
            if refused.is_wrong_credential() {
                fault = attempt.failed(fault);
                if let Some(other) = other {
                    fault = other.failed(fault);
                }
            }
            Err(fault)
        }
    }
}

async fn finish(
    session: &mut Session<'_>,
    person: Option<Person>,
    name: &str,
    password: &Secret<String>,
    site: &Site,
) -> Result<Known, Refused> {
    session.prove(person.as_ref(), password, &*site.entropy).await?;
    let person = person.ok_or(Refused::Unknown("nobody has this name"))?;
    let entry = session.entry(person, name).await?;
    Ok(Known {
        alias: session.alias(&entry, name),
        groups: session.groups(&entry, name).await?,
    })
}

/// Tells the operator why, and the caller as much as they may know.
fn told(cx: &Cx, name: &str, refused: &Refused) -> Fault {
    tracing::warn!(
        request_id = %cx.request_id,
        mount = cx.site().map(|site| site.mount.path.clone()).unwrap_or_default(),
        username = name,
        reason = %refused,
        "a login with a directory was refused"
    );
    refused.fault()
}

async fn login(
    site: &Site,
    config: &Config,
    name: &str,
    known: Known,
    password: &Secret<String>,
) -> Result<Login, Fault> {
    let (terms, groups) = terms(site, config, name, &known.groups).await?;
    Ok(Login {
        alias: known.alias,
        alias_metadata: BTreeMap::from([("name".to_owned(), name.to_owned())]),
        groups,
        display_name: name.to_owned(),
        metadata: BTreeMap::from([(USERNAME.to_owned(), name.to_owned())]),
        role: String::new(),
        internal: renews(site, &terms)
            .then(|| json_object! { USERNAME => name, PASSWORD => password.expose().as_str() }.to_text()),
        terms,
    })
}

/// Whether tokens can be renewed: only then the password is kept, in the record of the token.
fn renews(site: &Site, terms: &TokenTerms) -> bool {
    terms.kind != Some(TokenKind::Batch)
        && !matches!(&*site.mount.config.token_type, "batch" | "default-batch")
}

/// What tokens of a user are like: the policies of the configuration, of the user, and of all groups; and the groups.
async fn terms(
    site: &Site,
    config: &Config,
    name: &str,
    found: &[String],
) -> Result<(TokenTerms, Vec<String>), Fault> {
    let mut terms = config.token.terms();
    let user = users(site)
        .get(&config.compared(name))
        .await?
        .map(|row| row.value);
    let mut names: BTreeSet<String> = found.iter().cloned().collect();
    if let Some(user) = &user {
        names.extend(user.groups.iter().cloned());
        terms.policies.extend(user.policies.iter().cloned());
    }
    let rows = groups(site);
    for group in &names {
        let group = config.compared(group);
        if is_name(&group)
            && let Some(row) = rows.get(&group).await?
        {
            terms.policies.extend(row.value.policies.iter().cloned());
        }
    }
    terms.policies.sort_unstable();
    terms.policies.dedup();
    Ok((terms, names.into_iter().collect()))
}

/// Logs in once more with the password that was given, compares the policies, and tells of the groups of today.
pub(super) async fn renew(engine: &Ldap, site: &Site, token: &Token) -> Result<LoginRenewal, Fault> {
    let kept = token.internal.as_ref().map(|text| text.to_json());
    let text = |member: &str| {
        let text = kept
            .as_ref()
            .and_then(|kept| kept.get(member))
            .and_then(Json::as_str);
        text.map(str::to_owned).unwrap_or_default()
    };
    let (name, password) = (text(USERNAME), Secret::new(text(PASSWORD)));
    let config = Config::stored(site)
        .await?
        .ok_or_else(|| Fault::failed("auth method not configured"))?;
    let again = async {
        let manner = engine.manner(&config)?;
        let mut session = Session::open(&config, &manner).await?;
        let person = session.find(&name).await?;
        finish(&mut session, person, &name, &password, site).await
    };
    let known = again.await.map_err(|refused: Refused| {
        tracing::warn!(username = name, reason = %refused, "a token of a directory user was not renewed");
        refused.fault()
    })?;
    let (terms, groups) = terms(site, &config, &name, &known.groups).await?;
    if !same_policies(&terms, token) {
        return Err(Fault::failed("policies have changed, not renewing"));
    }
    Ok(LoginRenewal {
        terms,
        groups: Some(groups),
    })
}
