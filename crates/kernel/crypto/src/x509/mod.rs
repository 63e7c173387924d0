//! A private certificate authority: P-256 keys, self-signed roots, server certificates, and their PEM text.
//!
//! Certificates follow RFC 5280 and are signed with ECDSA on P-256 with SHA-256 (RFC 5758). An [`Authority`]
//! may sign end-entity certificates only (path length 0); a server certificate is for TLS servers only.
//!
//! | extension | authority | server |
//! |---|---|---|
//! | basic constraints (critical) | CA, path length 0 | not a CA |
//! | key usage (critical) | sign certificates and CRLs | digital signature |
//! | extended key usage | - | TLS server |
//! | subject alternative name | - | as asked for |
//! | subject key identifier | first 160 bits of SHA-256 of the public key (RFC 7093, method 1) | the same |
//! | authority key identifier | its own | the authority's |
//!
//! A [`ClientIssuer`] is an authority of somebody else, with a key of any kind, that signs TLS client certificates.
//!
//! Serial numbers have 16 random bytes. Keys are stored as PKCS#8 (RFC 5958), `PRIVATE KEY` in PEM (RFC 7468).
//! ECDSA draws its nonces inside the crypto library, so signatures differ from run to run even when the entropy
//! handed in is a fixed one; everything else is determined by the arguments.

mod authority;
mod certificate;
mod client;
mod client_issuer;
mod crl;
mod error;
mod extensions;
mod key;
mod key_pair;
mod names;
pub(crate) mod pem;
mod signer;
mod validity;

pub use authority::{Authority, ServerIdentity};
pub use certificate::Certificate;
pub use client::verify_client;
pub use client_issuer::ClientIssuer;
pub use crl::RevocationList;
pub use error::X509Error;
pub use key::PrivateKey;
pub use key_pair::{KeyAlgorithm, KeyPair};
pub use names::AltName;
pub use validity::Validity;
