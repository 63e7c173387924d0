//! Response wrapping: an answer kept for whoever holds a token that is good for opening it once.
//!
//! The answer lies in the cubbyhole of that token, so it goes when the token does: `response` is the envelope as
//! one JSON string, `wrapinfo` says when, where and for how long it was made.

use std::sync::Arc;

use arca_base::{Json, JsonText, Secret, Timestamp, Ttl, json_object};
use serde::{Deserialize, Serialize};

use crate::active::Active;
use crate::barrier::{Stored, Writes};
use crate::fault::Fault;
use crate::tokens::{NewToken, Token};

/// The policy of wrapping tokens.
pub const POLICY: &str = "response-wrapping";

/// A wrapped answer.
pub struct Wrapped {
    /// Opens it, once.
    pub token: Arc<Secret<String>>,
    /// Names the token.
    pub accessor: String,
    /// How long it is kept.
    pub ttl: Ttl,
    /// When it was made.
    pub creation_time: Timestamp,
    /// What was asked for.
    pub creation_path: String,
    /// Accessor of a token inside.
    pub wrapped_accessor: String,
}

/// What is known of a wrapped answer without opening it, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WrapInfo {
    /// How long it is kept.
    pub creation_ttl: Ttl,
    /// When it was made.
    pub creation_time: Timestamp,
    /// What was asked for.
    pub creation_path: String,
}

impl Stored for WrapInfo {
    const VERSION: u8 = 1;
    const NAME: &'static str = "wrapped answer";
}

/// Keeps `envelope` and makes the token that opens it.
pub(crate) async fn keep(
    active: &Active,
    envelope: String,
    wrapped_accessor: String,
    path: &str,
    ttl: Ttl,
    now: Timestamp,
) -> Result<Wrapped, Fault> {
    let token = NewToken {
        policies: vec![POLICY.to_owned()],
        path: path.to_owned(),
        display_name: String::new(),
        num_uses: 1,
        ttl: Some(ttl),
        explicit_max_ttl: ttl,
        ..NewToken::default()
    };
    let issued = active.tokens.create(token, now).await?;
    let presented = issued
        .client_token
        .ok_or_else(|| Fault::internal("a new token without a text"))?;
    let cubbyhole = active.cubbyhole(&issued.token.hash);
    let response = json_object! { "response" => envelope };
    let info = WrapInfo {
        creation_ttl: ttl,
        creation_time: now,
        creation_path: path.to_owned(),
    };
    let mut writes = Writes::new();
    writes.put(
        cubbyhole.key("response"),
        response.to_text().into_string().into_bytes(),
    );
    writes.put(cubbyhole.key("wrapinfo"), crate::barrier::plaintext(&info)?);
    cubbyhole.commit(writes).await?;
    Ok(Wrapped {
        token: presented,
        accessor: issued.token.accessor.clone(),
        ttl,
        creation_time: now,
        creation_path: path.to_owned(),
        wrapped_accessor,
    })
}

/// Whether a token was made to open an answer.
#[must_use]
pub fn is_wrapping_token(token: &Token) -> bool {
    matches!(&*token.policies, [only] if only == POLICY)
}

/// What is known of the answer a wrapping token opens.
pub(crate) async fn info(active: &Active, token: &Token) -> Result<WrapInfo, Fault> {
    let opened = active
        .cubbyhole(&token.hash)
        .get("wrapinfo")
        .await?
        .ok_or_else(invalid)?;
    Ok(crate::barrier::parse(opened.plaintext.expose())?)
}

/// The answer a wrapping token opens; `None` when it was empty.
pub(crate) async fn open(active: &Active, token: &Token) -> Result<JsonText, Fault> {
    let opened = active
        .cubbyhole(&token.hash)
        .get("response")
        .await?
        .ok_or_else(invalid)?;
    let stored = Json::parse(opened.plaintext.expose(), &arca_base::json::Limits::UNLIMITED)
        .map_err(Fault::internal)?;
    let text = stored
        .get("response")
        .and_then(Json::as_str)
        .ok_or_else(invalid)?;
    Ok(Json::parse(text.as_bytes(), &arca_base::json::Limits::UNLIMITED)
        .map_err(Fault::internal)?
        .to_text())
}

/// 400: not a wrapping token, used, or expired.
pub(crate) fn invalid() -> Fault {
    Fault::invalid("wrapping token is not valid or does not exist")
}
