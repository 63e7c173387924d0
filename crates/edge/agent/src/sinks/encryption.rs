//! Encrypting a token for the one reader that holds a private key.
//!
//! `{"curve25519_public_key": ..., "nonce": ..., "encrypted_payload": ...}`, each in base64: AES-256-GCM under the
//! shared secret of X25519, or under HKDF-SHA256 of it with the smaller of the two public keys as salt and the
//! larger one as info.

use arca_base::{Entropy, Secret};
use arca_crypto::aead::{AeadKey, NONCE_BYTES};
use arca_crypto::kdf::hkdf_sha256;
use arca_crypto::x25519::X25519Key;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::SinkError;
use crate::auth::file;
use crate::config::SinkEncryption;

#[derive(Deserialize)]
struct PublicKey {
    curve25519_public_key: String,
}

#[derive(Serialize)]
struct Encrypted {
    curve25519_public_key: String,
    nonce: String,
    encrypted_payload: String,
}

/// `text` for the reader whose key is in the file now.
pub(super) async fn encrypt(
    text: &Secret<String>,
    how: &SinkEncryption,
    entropy: &dyn Entropy,
) -> Result<Secret<String>, SinkError> {
    let unusable = |reason: &str| SinkError::PublicKey {
        path: how.public_key.clone(),
        reason: reason.to_owned(),
    };
    let written = file::read(&how.public_key).await?;
    let theirs: PublicKey = serde_json::from_str(written.expose())
        .map_err(|_| unusable("expected {\"curve25519_public_key\": \"<base64>\"}"))?;
    let theirs = STANDARD
        .decode(theirs.curve25519_public_key.trim())
        .map_err(|_| unusable("the key is not base64"))?;
    let own = X25519Key::generate(entropy).map_err(|error| unusable(&error.to_string()))?;
    let shared = own.agree(&theirs).map_err(|error| unusable(&error.to_string()))?;
    let key = if how.derive_key {
        let own = own.public().as_slice();
        let (smaller, larger) = if own < theirs.as_slice() {
            (own, theirs.as_slice())
        } else {
            (theirs.as_slice(), own)
        };
        hkdf_sha256::<32>(smaller, shared.expose(), larger)
    } else {
        shared
    };
    let key = AeadKey::from_slice(key.expose()).map_err(|error| unusable(&error.to_string()))?;
    let record = key
        .seal(entropy, how.aad.expose().as_bytes(), text.expose().as_bytes())
        .map_err(|error| unusable(&error.to_string()))?;
    let (nonce, payload) = record.split_at_checked(NONCE_BYTES).unwrap_or((&[], &record));
    let encrypted = Encrypted {
        curve25519_public_key: STANDARD.encode(own.public()),
        nonce: STANDARD.encode(nonce),
        encrypted_payload: STANDARD.encode(payload),
    };
    let text = serde_json::to_string(&encrypted).map_err(|error| unusable(&error.to_string()))?;
    Ok(Secret::new(text))
}
