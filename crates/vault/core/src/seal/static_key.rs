//! A seal whose key is given: from a file or the environment, kept apart from the data.
//!
//! A wrapped key is `format (1) || length of the key's name (1) || name || AES-256-GCM record`, bound to its name.

use arca_base::{Entropy, Secret, id};
use arca_crypto::aead::AeadKey;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

use super::{AutoSeal, SealError, SealKind};

const FORMAT: u8 = 1;
const LABEL: &[u8] = b"arca.static-seal\x01";

/// A named key of 32 bytes.
pub struct NamedKey {
    name: String,
    key: AeadKey,
}

impl NamedKey {
    /// Takes 32 bytes as they are, in hexadecimal or in base64.
    ///
    /// # Errors
    /// [`SealError::Config`] for a name or key of the wrong size.
    pub fn new(name: &str, material: &Secret<Vec<u8>>) -> Result<Self, SealError> {
        if name.is_empty() || name.len() > 255 {
            return Err(SealError::Config(
                "the key's id must have 1 to 255 characters".to_owned(),
            ));
        }
        let key = decode_key(material.expose()).ok_or_else(|| {
            SealError::Config(format!(
                "key {name:?} is not 32 bytes, as they are, in hex or in base64"
            ))
        })?;
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }
}

fn decode_key(material: &[u8]) -> Option<AeadKey> {
    if let Ok(key) = AeadKey::from_slice(material) {
        return Some(key);
    }
    let text = std::str::from_utf8(material).ok()?.trim();
    let bytes = id::unhex(text)
        .or_else(|| STANDARD.decode(text).ok())
        .map(Secret::new)?;
    AeadKey::from_slice(bytes.expose()).ok()
}

/// The seal: a current key, and for a while after changing it the previous one.
pub struct StaticSeal {
    current: NamedKey,
    previous: Option<NamedKey>,
    entropy: Arc<dyn Entropy>,
}

impl StaticSeal {
    /// A seal that wraps with `current` and opens with either.
    #[must_use]
    pub fn new(current: NamedKey, previous: Option<NamedKey>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            current,
            previous,
            entropy,
        }
    }
}

fn associated_data(name: &str) -> Vec<u8> {
    let mut aad = LABEL.to_vec();
    aad.extend_from_slice(name.as_bytes());
    aad
}

#[async_trait]
impl AutoSeal for StaticSeal {
    fn kind(&self) -> SealKind {
        SealKind::Static
    }

    async fn wrap(&self, plaintext: &Secret<Vec<u8>>) -> Result<Vec<u8>, SealError> {
        let name = self.current.name.as_bytes();
        let mut out = vec![FORMAT, u8::try_from(name.len()).unwrap_or(u8::MAX)];
        out.extend_from_slice(name);
        self.current
            .key
            .seal_onto(
                &*self.entropy,
                &associated_data(&self.current.name),
                plaintext.expose(),
                &mut out,
            )
            .map_err(|error| SealError::Config(error.to_string()))?;
        Ok(out)
    }

    fn is_current(&self, wrapped: &[u8]) -> bool {
        parse(wrapped).is_some_and(|(name, _)| name == self.current.name)
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let (name, sealed) = parse(wrapped).ok_or_else(|| SealError::WrongKey {
            hint: ": the stored key is damaged".to_owned(),
        })?;
        let known = [Some(&self.current), self.previous.as_ref()];
        let key = known.into_iter().flatten().find(|key| key.name == name).ok_or_else(|| SealError::WrongKey {
            hint: format!(": it was sealed by the key with id {name:?}; give that key as current_key or previous_key"),
        })?;
        key.key
            .open(&associated_data(name), sealed)
            .map_err(|_| SealError::WrongKey {
                hint: format!(": the key with id {name:?} is not the one it was sealed by"),
            })
    }
}

/// The name of the key and the record it sealed.
fn parse(wrapped: &[u8]) -> Option<(&str, &[u8])> {
    let ([format, length], rest) = wrapped.split_first_chunk::<2>()?;
    let (name, sealed) = rest.split_at_checked(usize::from(*length))?;
    let name = std::str::from_utf8(name).ok()?;
    (*format == FORMAT).then_some((name, sealed))
}

#[cfg(test)]
mod tests {
    use arca_crypto::SystemEntropy;

    use super::*;

    fn key(name: &str, byte: u8) -> NamedKey {
        NamedKey::new(name, &Secret::new(vec![byte; 32])).unwrap()
    }

    fn seal(current: NamedKey, previous: Option<NamedKey>) -> StaticSeal {
        StaticSeal::new(current, previous, Arc::new(SystemEntropy))
    }

    #[tokio::test]
    async fn opens_with_the_current_and_the_previous_key() {
        let secret = Secret::new(b"root key".to_vec());
        let wrapped = seal(key("a", 1), None).wrap(&secret).await.unwrap();
        let rotated = seal(key("b", 2), Some(key("a", 1)));
        assert_eq!(rotated.unwrap(&wrapped).await.unwrap().expose(), secret.expose());
    }

    #[tokio::test]
    async fn refuses_by_name() {
        let wrapped = seal(key("a", 1), None).wrap(&Secret::new(vec![1])).await.unwrap();
        let missing = seal(key("b", 2), None)
            .unwrap(&wrapped)
            .await
            .unwrap_err()
            .to_string();
        assert!(missing.contains("id \"a\"; give that key"), "{missing}");
        let wrong = seal(key("a", 3), None)
            .unwrap(&wrapped)
            .await
            .unwrap_err()
            .to_string();
        assert!(wrong.contains("is not the one"), "{wrong}");
        for cut in 0..wrapped.len() {
            assert!(seal(key("a", 1), None).unwrap(&wrapped[..cut]).await.is_err());
        }
    }

    #[test]
    fn keys_come_raw_in_hex_or_in_base64() {
        let raw = [7_u8; 32];
        for material in [
            raw.to_vec(),
            id::hex(&raw).into_bytes(),
            format!("{}\n", STANDARD.encode(raw)).into_bytes(),
        ] {
            assert!(NamedKey::new("k", &Secret::new(material)).is_ok());
        }
        assert!(NamedKey::new("k", &Secret::new(vec![1; 31])).is_err());
        assert!(NamedKey::new("", &Secret::new(vec![1; 32])).is_err());
    }
}
