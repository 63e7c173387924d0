//! Who a token is about: the alias, its metadata and groups.

use std::collections::BTreeMap;

use arca_base::{Json, json_object};
use arca_core::engine::Login;
use arca_crypto::jws::Claims;

use super::role::Role;

/// Longest name of a caller or of a group, and longest text of a claim that is kept, in bytes.
const LONGEST: usize = 4096;

/// Most groups of one caller.
const MOST_GROUPS: usize = 2000;

/// Why claims name nobody. These texts go to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAnybody {
    #[error("claim {0:?} not found in token")]
    NoUser(String),
    #[error("claim {0:?} could not be converted to string")]
    UserKind(String),
    #[error("claim {0:?} is empty")]
    EmptyUser(String),
    #[error("error converting claim {0:?} to string")]
    Metadata(String),
    #[error("{0:?} claim not found in token")]
    NoGroups(String),
    #[error("{0:?} claim could not be converted to string list")]
    GroupsKind(String),
    #[error("claim {0:?} is larger than allowed")]
    TooLarge(String),
}

/// Who logged in with a role called `name`.
pub(super) fn of(name: &str, role: &Role, claims: &Claims) -> Result<Login, NotAnybody> {
    let alias = user(role, claims)?;
    let known = metadata(role, claims)?;
    // Last, so that no claim can name another role.
    let mut metadata = known.clone();
    metadata.insert("role".to_owned(), name.to_owned());
    Ok(Login {
        groups: groups(role, claims)?,
        display_name: alias.clone(),
        alias,
        alias_metadata: known,
        metadata,
        role: name.to_owned(),
        terms: role.token.terms(),
        internal: Some(json_object! { "role" => name }.to_text()),
    })
}

fn user(role: &Role, claims: &Claims) -> Result<String, NotAnybody> {
    let claim = &role.user_claim;
    let found = match role.user_claim_is_pointer {
        true => claims.select(claim),
        false => claims.members().get(claim).filter(|value| !value.is_null()),
    };
    let found = found.ok_or_else(|| NotAnybody::NoUser(claim.clone()))?;
    match found.as_str() {
        None => Err(NotAnybody::UserKind(claim.clone())),
        Some("") => Err(NotAnybody::EmptyUser(claim.clone())),
        Some(text) => bounded(claim, text),
    }
}

/// Claims that are missing are left out.
fn metadata(role: &Role, claims: &Claims) -> Result<BTreeMap<String, String>, NotAnybody> {
    let mut metadata = BTreeMap::new();
    for (claim, key) in &role.claim_mappings {
        let Some(value) = claims.select(claim) else {
            continue;
        };
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Bool(_) | Json::Number(_) => value.to_text().into_string(),
            _ => return Err(NotAnybody::Metadata(claim.clone())),
        };
        metadata.insert(key.clone(), bounded(claim, &text)?);
    }
    Ok(metadata)
}

fn groups(role: &Role, claims: &Claims) -> Result<Vec<String>, NotAnybody> {
    let claim = &role.groups_claim;
    if claim.is_empty() {
        return Ok(Vec::new());
    }
    let found = claims
        .select(claim)
        .ok_or_else(|| NotAnybody::NoGroups(claim.clone()))?;
    let values = match found {
        Json::Array(values) => values.iter().collect(),
        one => vec![one],
    };
    if values.len() > MOST_GROUPS {
        return Err(NotAnybody::TooLarge(claim.clone()));
    }
    let text = |value: &Json| {
        let text = value
            .as_str()
            .ok_or_else(|| NotAnybody::GroupsKind(claim.clone()))?;
        bounded(claim, text)
    };
    values.into_iter().map(text).collect()
}

fn bounded(claim: &str, text: &str) -> Result<String, NotAnybody> {
    match text.len() {
        ..=LONGEST => Ok(text.to_owned()),
        _ => Err(NotAnybody::TooLarge(claim.to_owned())),
    }
}
