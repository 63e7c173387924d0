//! What can be wrong with tokens and keys. Nothing here quotes a token.

use arca_base::json::BadJson;

use super::algorithm::{Algorithm, Family};
use crate::x509::X509Error;

/// Why a token was not read, not proved, or not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Larger than any token that is read.
    #[error("the token has {bytes} bytes but may have at most {limit}")]
    TooLarge {
        /// Bytes of the token.
        bytes: usize,
        /// Most bytes accepted.
        limit: usize,
    },
    /// Not three parts between dots.
    #[error("the token does not have the three parts of a signed token")]
    NotCompact,
    /// A part that is not Base64 for URLs without padding, in the one form a sequence of bytes has.
    #[error("the {part} of the token is not base64url without padding")]
    NotBase64 {
        /// `header`, `payload` or `signature`.
        part: &'static str,
    },
    /// A part that is not a JSON document.
    #[error("the {part} of the token is not JSON: {cause}")]
    NotJson {
        /// `header` or `payload`.
        part: &'static str,
        /// Where it stops being JSON.
        cause: BadJson,
    },
    /// A part that is JSON but not an object.
    #[error("the {part} of the token is not a JSON object")]
    NotAnObject {
        /// `header` or `payload`.
        part: &'static str,
    },
    /// A member of the header of the wrong kind, or too long.
    #[error("the header of the token has no usable {member:?}")]
    BadHeader {
        /// Its name.
        member: &'static str,
    },
    /// The token insists on an extension (`crit`); none is known here.
    #[error("the header of the token has \"crit\": it asks for extensions that are not supported")]
    Critical,
    /// `none`, an algorithm with shared keys, or an unknown one.
    #[error("the token is signed with an algorithm that is never accepted")]
    UnknownAlgorithm,
    /// An algorithm that is not on the list.
    #[error("the token is signed with {0}, which is not among the algorithms allowed")]
    AlgorithmNotAllowed(Algorithm),
    /// No key has the identifier the token names.
    #[error("there is no key with the identifier (kid) that the token names")]
    UnknownKey,
    /// The keys in question are of another family, or for another algorithm.
    #[error("the token is signed with {0}, and none of the keys it may be proved with is for that")]
    NoKeyForAlgorithm(Algorithm),
    /// No key in question made the signature.
    #[error("the signature of the token was made with none of the {tried} keys it may be proved with")]
    BadSignature {
        /// Keys that were tried.
        tried: usize,
        /// Whether the token names its key.
        names_key: bool,
    },
    /// The key cannot sign with the algorithm.
    #[error("a key of the family {family} cannot sign with {algorithm}")]
    WrongSigner {
        /// The family of the key.
        family: Family,
        /// The algorithm asked for.
        algorithm: Algorithm,
    },
    /// The crypto library refused to sign.
    #[error("the crypto library did not sign")]
    NotSigned,
}

impl JwsError {
    /// Whether a newer set of keys could prove the token: its signer may have changed keys.
    #[must_use]
    pub const fn may_mend_with_new_keys(&self) -> bool {
        matches!(
            self,
            Self::UnknownKey | Self::BadSignature { names_key: false, .. }
        )
    }
}

/// Why a key, or a set of keys, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// The document is not JSON.
    #[error("the key set is not JSON: {0}")]
    NotJson(BadJson),
    /// The document is larger than allowed.
    #[error("the key set has {bytes} bytes but may have at most {limit}")]
    TooLarge {
        /// Bytes of the document.
        bytes: usize,
        /// Most bytes accepted.
        limit: usize,
    },
    /// The document has no list called `keys`.
    #[error("the key set has no list \"keys\"")]
    NoList,
    /// More keys than allowed.
    #[error("there are {count} keys but there may be at most {limit}")]
    TooMany {
        /// Keys found.
        count: usize,
        /// Most keys accepted.
        limit: usize,
    },
    /// No key of the set can be used.
    #[error("none of the {count} keys of the set can prove a signature{}", first.as_ref().map(|cause| format!("; the first: {cause}")).unwrap_or_default())]
    NoneUsable {
        /// Keys found.
        count: usize,
        /// What is wrong with the first.
        first: Option<Box<BadKey>>,
    },
    /// A member of a key that is missing or of the wrong kind.
    #[error("the key has no usable {0:?}")]
    Member(&'static str),
    /// A kind of key that cannot be used.
    #[error("keys of this type are not supported: RSA, EC (P-256, P-384, P-521) and OKP (Ed25519) are")]
    Unsupported,
    /// A key for something else than signatures.
    #[error("the key is not for signatures (use or key_ops)")]
    OtherUse,
    /// A private key where a public one belongs.
    #[error("it is a private key, which its owner must not show to anybody")]
    Private,
    /// The `alg` of a key does not go with it.
    #[error("the \"alg\" of the key does not go with a key of the family {0}")]
    AlgorithmOfOtherFamily(Family),
    /// Numbers that are no key of the family.
    #[error("the numbers are no {0} key that can be used{hint}", hint = if matches!(.0, Family::Rsa) { " (RSA keys have 2048 to 8192 bits)" } else { "" })]
    Numbers(Family),
    /// PEM text without a key.
    #[error("the PEM text has neither a PUBLIC KEY nor a CERTIFICATE")]
    NoBlock,
    /// PEM text or a certificate that cannot be read.
    #[error("{0}")]
    X509(#[from] X509Error),
    /// DER that is no public key.
    #[error("the public key cannot be read: {0}")]
    Der(String),
    /// A private key that cannot be read.
    #[error("the private key cannot be read: {0}")]
    Signer(String),
}
