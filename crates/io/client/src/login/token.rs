//! Logging in with a token one already has.

use arca_api::endpoint::Nothing;
use arca_api::token::LookupSelf;
use arca_api::{AuthBlock, Envelope};
use arca_base::{Json, Secret};

use crate::client::Client;
use crate::error::ClientError;

/// Looks the token up and describes it the way a login answers.
///
/// # Errors
/// [`ClientError`], with status 403 when the token is not valid.
pub async fn with(client: &Client, token: Secret<String>) -> Result<Envelope, ClientError> {
    let secret = token.expose().clone();
    let client = client.clone().with_token(Some(token));
    let answer = client
        .call::<LookupSelf>("auth/token", &Nothing)
        .await?
        .unwrap_or_default();
    let data = answer.data.unwrap_or(Json::Null);
    Ok(Envelope {
        auth: Some(described(secret, &data)),
        data: None,
        ..answer
    })
}

/// A token that was not looked up: nothing is known but the token.
#[must_use]
pub fn unverified(token: &Secret<String>) -> Envelope {
    Envelope {
        auth: Some(AuthBlock {
            client_token: token.expose().clone(),
            ..AuthBlock::default()
        }),
        ..Envelope::default()
    }
}

/// What a lookup says of a token, in the shape of a login's answer.
fn described(client_token: String, data: &Json) -> AuthBlock {
    let text = |name| {
        data.get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let texts = |name| -> Vec<String> {
        let elements = data.get(name).and_then(Json::as_array).unwrap_or_default();
        elements
            .iter()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect()
    };
    let flag = |name| data.get(name).and_then(Json::as_bool).unwrap_or(false);
    let token_policies = texts("policies");
    let identity_policies = texts("identity_policies");
    let policies = token_policies.iter().chain(&identity_policies).cloned().collect();
    let lease = data.get("ttl").and_then(Json::as_i64).unwrap_or(0);
    let metadata = data.get("meta").and_then(Json::as_object).map(|members| {
        let texts = members
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        texts.collect()
    });
    AuthBlock {
        client_token,
        accessor: text("accessor"),
        policies,
        token_policies,
        identity_policies,
        metadata,
        lease_duration: u64::try_from(lease).unwrap_or(0),
        renewable: flag("renewable"),
        entity_id: text("entity_id"),
        token_type: text("type"),
        orphan: flag("orphan"),
        mfa_requirement: None,
        num_uses: data.get("num_uses").and_then(Json::as_i64).unwrap_or(0),
    }
}
