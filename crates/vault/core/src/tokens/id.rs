//! The token itself: its text, its hash, and the sealed form of batch tokens.

use arca_base::{Entropy, Secret, id};
use arca_crypto::mac::MacKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::token::Token;
use crate::barrier::Barrier;
use crate::fault::Fault;

/// How service tokens begin.
pub const SERVICE_PREFIX: &str = "hvs.";
/// How batch tokens begin.
pub const BATCH_PREFIX: &str = "hvb.";

/// Characters after the prefix of a service token: 24 of base 62, 142 bits.
const SERVICE_BODY: usize = 24;
/// Characters of a service token.
pub const SERVICE_LENGTH: usize = SERVICE_PREFIX.len() + SERVICE_BODY;
/// Characters of an accessor.
const ACCESSOR: usize = 24;
/// What a batch token is bound to instead of a storage key.
const BATCH_LABEL: &str = "batch-token";

/// The name of a token's row: HMAC-SHA-256 of the token in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    pub(super) fn of(hasher: &MacKey, presented: &str) -> Self {
        let mut hex = String::with_capacity(64);
        hasher.sign_hex_onto(presented.as_bytes(), &mut hex);
        Self(hex)
    }

    /// The hexadecimal text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A new random service token; `suffix` is that of its namespace.
pub(super) fn service(entropy: &dyn Entropy, suffix: &str) -> Secret<String> {
    let body = Secret::new(id::base62(entropy, SERVICE_BODY));
    Secret::new(format!("{SERVICE_PREFIX}{}{suffix}", body.expose()))
}

/// A new random accessor.
pub(super) fn accessor(entropy: &dyn Entropy, suffix: &str) -> String {
    let mut accessor = id::base62(entropy, ACCESSOR);
    accessor.push_str(suffix);
    accessor
}

/// The batch token that holds `token`.
pub(super) fn seal_batch(barrier: &Barrier, token: &Token, suffix: &str) -> Result<Secret<String>, Fault> {
    let sealed = barrier.seal_detached(BATCH_LABEL, token).map_err(Fault::from)?;
    Ok(Secret::new(format!(
        "{BATCH_PREFIX}{}{suffix}",
        URL_SAFE_NO_PAD.encode(sealed)
    )))
}

/// The token inside a batch token; `None` when this store did not make it.
pub(super) fn open_batch(barrier: &Barrier, body: &str) -> Option<Token> {
    let sealed = URL_SAFE_NO_PAD.decode(body).ok()?;
    barrier.open_detached(BATCH_LABEL, &sealed).ok()
}
