//! The only crate that names a crypto library: record encryption, message authentication, secret sharing, X.509.
//!
//! Pure functions over bytes. Randomness comes from an [`arca_base::Entropy`] and time as an
//! [`arca_base::Timestamp`]; [`SystemEntropy`] is the one adapter to the machine's generator.
//!
//! | module | what | standard |
//! |---|---|---|
//! | [`aead`] | sealed records | AES-256-GCM, NIST SP 800-38D |
//! | [`mac`] | keyed digests | HMAC-SHA256, RFC 2104 |
//! | [`otp`] | one-time passcodes | TOTP, RFC 6238 |
//! | [`digest`] | digests | SHA-256, FIPS 180-4 |
//! | [`kdf`] | keys out of keys | HKDF-SHA256, RFC 5869 |
//! | [`password`] | hashes of passwords | Argon2id, RFC 9106 |
//! | [`constant_time`] | comparing secrets | |
//! | [`jws`] | signed tokens and their keys | RFC 7515, 7517, 7518, 7519, 8037 |
//! | [`shamir`] | unseal key shares | Shamir over GF(2^8) |
//! | [`x25519`] | a secret shared by two keys | X25519, RFC 7748 |
//! | [`x509`] | a private certificate authority | RFC 5280 |
#![warn(missing_docs)]

pub mod aead;
pub mod constant_time;
pub mod digest;
#[cfg(test)]
mod fixed;
pub mod jws;
pub mod kdf;
pub mod mac;
pub mod otp;
pub mod password;
pub mod random;
pub mod shamir;
pub mod x25519;
pub mod x509;

pub use random::SystemEntropy;
