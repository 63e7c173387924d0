//! What can go wrong with keys and certificates.

use arca_base::Timestamp;

/// Why a key or certificate was not made or not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum X509Error {
    /// PEM text without the block asked for.
    #[error("the PEM text has no {0} block")]
    NoBlock(&'static str),
    /// PEM text that is cut off or not Base64.
    #[error("the PEM text is damaged: {0}")]
    Pem(String),
    /// DER that is no certificate.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// DER that is no certificate revocation list.
    #[error("the certificate revocation list cannot be read: {0}")]
    RevocationList(String),
    /// A private key in another encoding.
    #[error(
        "the private key is in {0:?} form: convert it to PKCS#8 with `openssl pkcs8 -topk8 -nocrypt -in key.pem`"
    )]
    KeyForm(String),
    /// A private key of another kind, or damaged.
    #[error("the private key is not a usable P-256 key in PKCS#8 form: {0}")]
    Key(String),
    /// A private key that is damaged, encrypted, or of a kind that is not known.
    #[error(
        "the private key is not a usable RSA, EC (P-256, P-384, P-521) or Ed25519 key without a passphrase"
    )]
    UnknownKey,
    /// A kind or size of keys there is none of.
    #[error("keys are rsa of 2048, 3072 or 4096 bits, ec of 256, 384 or 521 bits, or ed25519")]
    KeyAlgorithm,
    /// A hash that a key does not sign.
    #[error("signature_bits are 256, 384 or 512 with an RSA key, and those of the curve (or 0) with another")]
    SignatureBits,
    /// The random source gave no number that is a key.
    #[error("no private key could be made: the random source repeats itself")]
    KeyGeneration,
    /// A certificate with somebody else's key.
    #[error("the private key does not belong to the certificate of {0:?}")]
    KeyMismatch(String),
    /// A certificate that may not sign others.
    #[error("the certificate of {0:?} is not one of a certificate authority")]
    NotAnAuthority(String),
    /// A name that cannot stand in a certificate.
    #[error("{name:?} cannot be a name in a certificate: {reason}")]
    Name {
        /// The name given.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// A server certificate that no client would accept.
    #[error("a server certificate needs at least one DNS name or IP address")]
    NoAltNames,
    /// A period that X.509 cannot express, or that ends before it begins.
    #[error("a certificate cannot be valid from {from} to {to}")]
    Validity {
        /// First instant.
        from: Timestamp,
        /// Last instant.
        to: Timestamp,
    },
    /// A period beyond the one of the authority.
    #[error("the certificate would be valid to {asked}, but its authority ends on {authority}")]
    OutlivesAuthority {
        /// The end asked for.
        asked: Timestamp,
        /// The end of the authority.
        authority: Timestamp,
    },
    /// A certificate nobody vouches for.
    #[error("the certificate is not trusted: {0}")]
    Untrusted(String),
    /// The encoder or signer refused.
    #[error("the certificate cannot be made: {0}")]
    Encoding(String),
}

impl X509Error {
    pub(super) fn encoding(cause: impl std::fmt::Display) -> Self {
        Self::Encoding(cause.to_string())
    }

    pub(super) fn certificate(cause: impl std::fmt::Display) -> Self {
        Self::Certificate(cause.to_string())
    }
}
