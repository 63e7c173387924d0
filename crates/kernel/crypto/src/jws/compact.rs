//! Tokens in compact form: read, and proved.

use std::fmt;

use arca_base::Json;
use arca_base::json::Limits;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::{Algorithm, Algorithms};
use super::claims::Claims;
use super::error::JwsError;
use super::jwk::KeySet;

/// Longest token that is read, in bytes. The largest in use, with hundreds of groups, have about 20,000.
pub const MAX_TOKEN_BYTES: usize = 64 << 10;

/// Longest header, before decoding. One with a chain of certificates has about 6,000 bytes.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// Longest identifier of a key.
const MAX_KEY_ID_BYTES: usize = 1024;

/// What a header may cost.
const HEADER_LIMITS: Limits = Limits {
    depth: 8,
    values: 256,
};

/// A token that was read. Nothing it says is proved before [`Jws::verify`].
pub struct Jws<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    /// Header and payload as they were sent, which is what was signed.
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// [`JwsError`] when it is too large, is not in compact form, has members of the same name, asks for extensions
    /// (`crit`), or is signed with an algorithm that is not one of [`Algorithm`].
    pub fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::TooLarge {
                bytes: token.len(),
                limit: MAX_TOKEN_BYTES,
            });
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::NotCompact)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::NotCompact)?;
        if payload.contains('.') {
            return Err(JwsError::NotCompact);
        }
        if header.len() > MAX_HEADER_BYTES {
            return Err(JwsError::BadHeader { member: "size" });
        }
        let header = object(&decode(header, "header")?, "header", &HEADER_LIMITS)?;
        let (algorithm, key_id) = read_header(&header)?;
        Ok(Self {
            algorithm,
            key_id,
            signed,
            payload: decode(payload, "payload")?,
            signature: decode(signature, "signature")?,
        })
    }

    /// The algorithm the token names. Not proved.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The identifier of the key the token names. Not proved.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Proves that the holder of one of `keys` signed the token with one of the algorithms `allowed`, and reads its
    /// claims. A key with another identifier than the one the token names is not tried.
    ///
    /// # Errors
    /// [`JwsError`].
    pub fn verify(&self, keys: &KeySet, allowed: Algorithms) -> Result<Claims, JwsError> {
        Claims::parse(self.verified_payload(keys, allowed)?)
    }

    /// As [`Jws::verify`], for payloads that are not claims.
    ///
    /// # Errors
    /// [`JwsError`].
    pub fn verified_payload(&self, keys: &KeySet, allowed: Algorithms) -> Result<&[u8], JwsError> {
        if !allowed.contains(self.algorithm) {
            return Err(JwsError::AlgorithmNotAllowed(self.algorithm));
        }
        let mut named = keys.named(self.key_id()).peekable();
        if named.peek().is_none() {
            return Err(JwsError::UnknownKey);
        }
        let mut tried = 0;
        for key in named.filter(|key| key.goes_with(self.algorithm)) {
            tried += 1;
            if key
                .public
                .verifies(self.algorithm, self.signed.as_bytes(), &self.signature)
            {
                return Ok(&self.payload);
            }
        }
        Err(match tried {
            0 => JwsError::NoKeyForAlgorithm(self.algorithm),
            tried => JwsError::BadSignature {
                tried,
                names_key: self.key_id.is_some(),
            },
        })
    }

    /// The claims as anybody could have written them, for callers that have the token proved by somebody else.
    ///
    /// # Errors
    /// [`JwsError`].
    pub fn unproved_claims(&self) -> Result<Claims, JwsError> {
        Claims::parse(&self.payload)
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jws({}, redacted)", self.algorithm)
    }
}

/// Strict: other padding or stray bits in the last letter would give one token many texts.
fn decode(text: &str, part: &'static str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| JwsError::NotBase64 { part })
}

/// A part that must be an object without members of the same name.
pub(super) fn object(bytes: &[u8], part: &'static str, limits: &Limits) -> Result<Json, JwsError> {
    let json = Json::parse_unique(bytes, limits).map_err(|cause| JwsError::NotJson { part, cause })?;
    match json {
        Json::Object(_) => Ok(json),
        _ => Err(JwsError::NotAnObject { part }),
    }
}

fn read_header(header: &Json) -> Result<(Algorithm, Option<String>), JwsError> {
    let text = |member: &'static str| match header.get(member) {
        None => Ok(None),
        Some(Json::String(text)) if text.len() <= MAX_KEY_ID_BYTES => Ok(Some(text.as_str())),
        Some(_) => Err(JwsError::BadHeader { member }),
    };
    if header.get("crit").is_some() {
        return Err(JwsError::Critical);
    }
    let name = text("alg")?.ok_or(JwsError::BadHeader { member: "alg" })?;
    let algorithm = Algorithm::parse(name).ok_or(JwsError::UnknownAlgorithm)?;
    Ok((algorithm, text("kid")?.map(str::to_owned)))
}
