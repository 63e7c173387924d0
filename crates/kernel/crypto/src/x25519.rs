//! A secret shared by two holders of a key: X25519 (RFC 7748).

use arca_base::{Entropy, Secret};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};

/// Bytes of a private key, a public key and a shared secret.
pub const KEY_BYTES: usize = 32;

/// Why there is no shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// The other public key has another length, or gives the same secret for every private key.
    #[error("the public key of the other side is not a usable X25519 key of {KEY_BYTES} bytes")]
    PublicKey,
    /// The private key is of no use.
    #[error("the private key is not a usable X25519 key")]
    PrivateKey,
}

/// A private key, for one agreement or many. `Debug` shows nothing of it.
pub struct X25519Key {
    key: PrivateKey,
    public: [u8; KEY_BYTES],
}

impl X25519Key {
    /// A new random key.
    ///
    /// # Errors
    /// [`AgreementError::PrivateKey`] when the library refuses the bytes, which it does for none.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, AgreementError> {
        let mut bytes = Secret::new([0; KEY_BYTES]);
        entropy.fill(bytes.expose_mut());
        Self::from_bytes(&bytes)
    }

    /// The key made of these bytes, clamped as RFC 7748 asks for.
    ///
    /// # Errors
    /// [`AgreementError::PrivateKey`] when the library refuses the bytes, which it does for none.
    pub fn from_bytes(bytes: &Secret<[u8; KEY_BYTES]>) -> Result<Self, AgreementError> {
        let key =
            PrivateKey::from_private_key(&X25519, bytes.expose()).map_err(|_| AgreementError::PrivateKey)?;
        let computed = key.compute_public_key().map_err(|_| AgreementError::PrivateKey)?;
        let public = computed
            .as_ref()
            .try_into()
            .map_err(|_| AgreementError::PrivateKey)?;
        Ok(Self { key, public })
    }

    /// What the other side needs.
    #[must_use]
    pub const fn public(&self) -> &[u8; KEY_BYTES] {
        &self.public
    }

    /// The secret shared with the holder of the private key of `other`. It is not uniform: derive keys from it.
    ///
    /// # Errors
    /// [`AgreementError::PublicKey`], also for the points of low order (RFC 7748, section 6.1).
    pub fn agree(&self, other: &[u8]) -> Result<Secret<[u8; KEY_BYTES]>, AgreementError> {
        let mut shared = Secret::new([0; KEY_BYTES]);
        agree(
            &self.key,
            UnparsedPublicKey::new(&X25519, other),
            AgreementError::PublicKey,
            |secret| {
                let out = shared.expose_mut();
                if secret.len() != out.len() {
                    return Err(AgreementError::PublicKey);
                }
                out.copy_from_slice(secret);
                Ok(())
            },
        )?;
        Ok(shared)
    }
}

impl std::fmt::Debug for X25519Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("X25519Key")
    }
}

#[cfg(test)]
mod tests {
    use arca_base::id::{hex, unhex};

    use super::*;

    fn key(text: &str) -> X25519Key {
        let bytes: [u8; 32] = unhex(text).unwrap().try_into().unwrap();
        X25519Key::from_bytes(&Secret::new(bytes)).unwrap()
    }

    // RFC 7748, section 6.1.
    #[test]
    fn two_sides_agree() {
        let alice = key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let bob = key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        assert_eq!(
            hex(alice.public()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
        );
        assert_eq!(
            hex(bob.public()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
        );
        let shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
        assert_eq!(hex(alice.agree(bob.public()).unwrap().expose()), shared);
        assert_eq!(hex(bob.agree(alice.public()).unwrap().expose()), shared);
    }

    #[test]
    fn useless_public_keys_are_refused() {
        let key = X25519Key::generate(&crate::SystemEntropy).unwrap();
        for other in [&[0_u8; 32][..], &[1; 31], &[]] {
            assert_eq!(key.agree(other).unwrap_err(), AgreementError::PublicKey);
        }
        assert_eq!(format!("{key:?}"), "X25519Key");
    }
}
