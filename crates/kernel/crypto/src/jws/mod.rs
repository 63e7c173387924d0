//! Signed tokens: JSON Web Signature in compact form (RFC 7515) with the claims of JSON Web Token (RFC 7519), and the
//! keys they are proved with (RFC 7517, RFC 8037).
//!
//! | step | type | what may be done with the result |
//! |---|---|---|
//! | read | [`Jws`] | look at the header; nothing is proved |
//! | prove | [`Jws::verify`] with a [`KeySet`] | [`Claims`] that the holder of a key made |
//! | judge | [`Claims::check`] against what is [`Expected`] | trust them, here and now |
//!
//! An [`Algorithm`] belongs to one family of keys, and a key is never used outside of its family. There is no `none`
//! and no algorithm with shared keys, so a public key cannot be taken for one.
//!
//! Keys found inside of a token (`jwk`, `x5c`) or named by one (`jku`, `x5u`) are never used.

mod algorithm;
mod claims;
mod compact;
mod error;
mod jwk;
mod key;
mod signer;

pub use algorithm::{Algorithm, Algorithms, Family};
pub use claims::{BadClaim, Claims, Expected, Leeway};
pub use compact::{Jws, MAX_TOKEN_BYTES};
pub use error::{BadKey, JwsError};
pub use jwk::{KeySet, MAX_KEYS};
pub use key::PublicKey;
pub use signer::SigningKey;
