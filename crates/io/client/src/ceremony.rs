//! Answers of `sys/generate-root/*` and `sys/rekey*`.

use serde::{Deserialize, Serialize};

/// How the generation of a root token proceeds. No `Debug`: it may hold the token.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RootGeneration {
    /// Names the ceremony.
    pub nonce: String,
    /// Whether there is one.
    pub started: bool,
    /// Shares given so far.
    pub progress: u64,
    /// Shares needed.
    pub required: u64,
    /// Whether the token was made.
    pub complete: bool,
    /// The token combined with the one-time password, in base64.
    pub encoded_token: String,
    /// The same under its older name.
    pub encoded_root_token: String,
    /// Fingerprint of the PGP key the token is encrypted with.
    pub pgp_fingerprint: String,
    /// The one-time password, where the server made it.
    pub otp: String,
    /// Characters a one-time password has.
    pub otp_length: usize,
}

/// How a change of shares proceeds.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RekeyStatus {
    /// Names the ceremony.
    pub nonce: String,
    /// Whether there is one.
    pub started: bool,
    /// Shares of the new key that will be needed.
    pub t: u64,
    /// Shares the new key is split into.
    pub n: u64,
    /// Shares given so far.
    pub progress: u64,
    /// Shares needed.
    pub required: u64,
    /// Fingerprints of the PGP keys the new shares are encrypted with.
    pub pgp_fingerprints: Option<Vec<String>>,
    /// Whether the server keeps the encrypted shares.
    pub backup: bool,
    /// Whether new shares are to be given back before they count.
    pub verification_required: bool,
    /// Names the verification, once it can begin.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub verification_nonce: String,
}

/// What a share given to a change of shares led to.
pub enum RekeyAnswer {
    /// More are needed.
    More(RekeyStatus),
    /// The new shares, shown once.
    Done(NewShares),
}

/// New shares. No `Debug`: this is everything there is to protect.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewShares {
    /// Names the ceremony.
    pub nonce: String,
    /// Whether the new shares are in force, or would be after their verification.
    pub complete: bool,
    /// The shares, in hexadecimal.
    pub keys: Vec<String>,
    /// The shares, in base64.
    pub keys_base64: Vec<String>,
    /// Fingerprints of the PGP keys they are encrypted with.
    pub pgp_fingerprints: Option<Vec<String>>,
    /// Whether the server keeps them, encrypted.
    pub backup: bool,
    /// Whether they are to be given back before they count.
    pub verification_required: bool,
    /// Names the verification.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub verification_nonce: String,
}

/// Both forms of an answer in one; `complete` tells which.
#[derive(Deserialize)]
struct Either {
    #[serde(default)]
    complete: bool,
    #[serde(flatten)]
    members: serde_json::Map<String, serde_json::Value>,
}

impl<'de> Deserialize<'de> for RekeyAnswer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Either { complete, members } = Either::deserialize(deserializer)?;
        let members = serde_json::Value::Object(members);
        if complete {
            let shares: NewShares = serde_json::from_value(members).map_err(serde::de::Error::custom)?;
            return Ok(Self::Done(NewShares { complete, ..shares }));
        }
        serde_json::from_value(members)
            .map(Self::More)
            .map_err(serde::de::Error::custom)
    }
}

/// How the verification of new shares proceeds.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Verification {
    /// Names the verification.
    pub nonce: String,
    /// Whether there is one.
    #[serde(skip_serializing_if = "is_false")]
    pub started: bool,
    /// New shares needed.
    #[serde(skip_serializing_if = "is_zero")]
    pub t: u64,
    /// New shares there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub n: u64,
    /// New shares given back so far.
    #[serde(skip_serializing_if = "is_zero")]
    pub progress: u64,
    /// Whether the new shares are in force.
    #[serde(skip_serializing_if = "is_false")]
    pub complete: bool,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

const fn is_zero(value: &u64) -> bool {
    *value == 0
}
