//! The seal: what protects the root key.
//!
//! The root key opens the keyring, the keyring opens everything. A Shamir seal splits the key that protects the
//! root key among people; an automatic seal asks something outside to open it, and then the shares handed out
//! are those of a recovery key, which authorizes but opens nothing.

mod config;
mod guard;
mod shares;
pub mod static_key;
pub mod transit;

use std::sync::Arc;

use arca_base::{Entropy, Secret};
use arca_crypto::aead::AeadKey;
use async_trait::async_trait;

pub use config::{BadSealConfig, SealConfig, SealKind};
pub(crate) use guard::{Guard, Guards, Proof, rows as guard_rows};
pub use shares::{BadShares, combine, decode_share, split};

/// A seal that opens by itself.
#[async_trait]
pub trait AutoSeal: Send + Sync + 'static {
    /// Its name in `seal-status`: `static`, `transit`.
    fn kind(&self) -> SealKind;

    /// Seals `plaintext` so that only the outside key opens it.
    ///
    /// # Errors
    /// [`SealError`].
    async fn wrap(&self, plaintext: &Secret<Vec<u8>>) -> Result<Vec<u8>, SealError>;

    /// Whether `wrapped` was sealed by the key that [`AutoSeal::wrap`] uses now; if not, it is wrapped again
    /// after it was opened, so that the former key can be taken away.
    fn is_current(&self, wrapped: &[u8]) -> bool {
        let _ = wrapped;
        true
    }

    /// Opens what [`AutoSeal::wrap`] sealed.
    ///
    /// # Errors
    /// [`SealError`].
    async fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<Vec<u8>>, SealError>;
}

/// Why a seal did not open or close.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It was sealed by another key.
    #[error("the stored root key was not sealed by this seal's key{hint}")]
    WrongKey {
        /// What to check.
        hint: String,
    },
    /// What is outside does not answer; trying again may help.
    #[error("the seal cannot be reached: {0}")]
    Unreachable(String),
    /// The configuration of the seal is wrong.
    #[error("seal configuration: {0}")]
    Config(String),
}

/// How this server is sealed.
#[derive(Clone)]
pub enum Seal {
    /// By shares that people hold.
    Shamir,
    /// By itself.
    Automatic(Arc<dyn AutoSeal>),
}

impl Seal {
    /// Its name in `seal-status`.
    #[must_use]
    pub fn kind(&self) -> SealKind {
        match self {
            Self::Shamir => SealKind::Shamir,
            Self::Automatic(seal) => seal.kind(),
        }
    }

    /// Whether it opens by itself.
    #[must_use]
    pub const fn is_automatic(&self) -> bool {
        matches!(self, Self::Automatic(_))
    }
}

const ROOT_KEY_FORMAT: u8 = 1;
const ROOT_KEY_AAD: &[u8] = b"arca.root-key\x01";

/// Seals the root key with the key the shares combine to.
pub(crate) fn close_root_key(
    kek: &AeadKey,
    root: &AeadKey,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, arca_crypto::aead::AeadError> {
    let mut out = vec![ROOT_KEY_FORMAT];
    kek.seal_onto(entropy, ROOT_KEY_AAD, root.bytes().expose(), &mut out)?;
    Ok(out)
}

/// Opens the root key with the key the shares combine to; `None` when the shares are wrong.
pub(crate) fn open_root_key(kek: &AeadKey, stored: &[u8]) -> Option<AeadKey> {
    let (format, sealed) = stored.split_first()?;
    if *format != ROOT_KEY_FORMAT {
        return None;
    }
    let plaintext = kek.open(ROOT_KEY_AAD, sealed).ok()?;
    AeadKey::from_slice(plaintext.expose()).ok()
}

#[cfg(test)]
mod tests {
    use arca_crypto::SystemEntropy;

    use super::*;

    #[test]
    fn only_the_right_key_opens_the_root_key() {
        let (kek, root) = (
            AeadKey::generate(&SystemEntropy),
            AeadKey::generate(&SystemEntropy),
        );
        let stored = close_root_key(&kek, &root, &SystemEntropy).unwrap();
        assert_eq!(
            open_root_key(&kek, &stored).unwrap().bytes().expose(),
            root.bytes().expose()
        );
        assert!(open_root_key(&AeadKey::generate(&SystemEntropy), &stored).is_none());
        assert!(open_root_key(&kek, &[]).is_none());
    }
}
