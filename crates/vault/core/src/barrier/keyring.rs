//! The data keys, by term.
//!
//! A rotation adds a term; older terms stay for what they sealed. At rest the keyring is one record sealed by
//! the root key: `format (1 byte) || AES-256-GCM record`, plaintext JSON
//! `{"active":2,"terms":[{"term":1,"key":"base64","installed":"RFC 3339"}],"rotation":{...}}`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use arca_base::{Entropy, Secret, Timestamp, Ttl};
use arca_crypto::aead::AeadKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

const FORMAT: u8 = 1;
const AAD: &[u8] = b"arca.keyring\x01";

/// Encryptions after which a term is replaced when nothing else is configured: 90 % of 2^32.
pub(super) const DEFAULT_MAX_OPERATIONS: u64 = 3_865_470_566;

/// A keyring that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyring {
    /// Not sealed by this root key, or damaged.
    #[error("the keyring was refused: wrong root key, or altered")]
    Refused,
    /// A format this version does not know.
    #[error("the keyring has format {0}, which this version does not read")]
    Format(u8),
    /// It opens but does not decode.
    #[error("the keyring does not decode")]
    Malformed,
}

/// When the active term is replaced by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationPolicy {
    /// Whether it is.
    pub enabled: bool,
    /// After this many encryptions.
    pub max_operations: u64,
    /// After this long; zero for never.
    pub interval: Ttl,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            max_operations: DEFAULT_MAX_OPERATIONS,
            interval: Ttl::ZERO,
        }
    }
}

/// The data keys of a store.
pub struct Keyring {
    terms: BTreeMap<u32, TermKey>,
    active: u32,
    policy: RotationPolicy,
}

struct TermKey {
    cipher: AeadKey,
    installed: Timestamp,
    seals: AtomicU64,
}

/// What `sys/key-status` reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermStatus {
    /// The active term.
    pub term: u32,
    /// Since when.
    pub installed: Timestamp,
    /// Records sealed with it by this process.
    pub seals: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredKeyring {
    active: u32,
    terms: Vec<StoredTerm>,
    #[serde(default)]
    rotation: RotationPolicy,
}

#[derive(Serialize, Deserialize)]
struct StoredTerm {
    term: u32,
    key: String,
    installed: Timestamp,
}

impl Drop for StoredTerm {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Keyring {
    /// A new keyring with one random key, term 1.
    pub fn generate(entropy: &dyn Entropy, now: Timestamp) -> Self {
        let first = TermKey {
            cipher: AeadKey::generate(entropy),
            installed: now,
            seals: AtomicU64::new(0),
        };
        Self {
            terms: BTreeMap::from([(1, first)]),
            active: 1,
            policy: RotationPolicy::default(),
        }
    }

    /// This keyring with one more term, which becomes the active one.
    #[must_use]
    pub fn rotated(&self, entropy: &dyn Entropy, now: Timestamp) -> Self {
        let mut next = self.duplicate();
        next.active = self.active + 1;
        let key = TermKey {
            cipher: AeadKey::generate(entropy),
            installed: now,
            seals: AtomicU64::new(0),
        };
        next.terms.insert(next.active, key);
        next
    }

    /// This keyring with another rotation policy.
    #[must_use]
    pub fn with_policy(&self, policy: RotationPolicy) -> Self {
        Self {
            policy,
            ..self.duplicate()
        }
    }

    fn duplicate(&self) -> Self {
        let copy = |key: &TermKey| {
            let cipher = AeadKey::from_slice(key.cipher.bytes().expose()).ok()?;
            let seals = AtomicU64::new(key.seals.load(Ordering::Relaxed));
            Some(TermKey {
                cipher,
                installed: key.installed,
                seals,
            })
        };
        let terms = self
            .terms
            .iter()
            .filter_map(|(term, key)| Some((*term, copy(key)?)))
            .collect();
        Self {
            terms,
            active: self.active,
            policy: self.policy,
        }
    }

    /// The rotation policy.
    #[must_use]
    pub const fn policy(&self) -> RotationPolicy {
        self.policy
    }

    /// The active term.
    #[must_use]
    pub fn status(&self) -> TermStatus {
        let key = self.terms.get(&self.active);
        TermStatus {
            term: self.active,
            installed: key.map_or(Timestamp::EPOCH, |key| key.installed),
            seals: key.map_or(0, |key| key.seals.load(Ordering::Relaxed)),
        }
    }

    /// Whether the policy asks for a new term.
    #[must_use]
    pub fn is_rotation_due(&self, now: Timestamp) -> bool {
        let status = self.status();
        let old = self
            .policy
            .interval
            .nonzero()
            .is_some_and(|interval| status.installed.plus(interval) <= now);
        self.policy.enabled && (old || status.seals >= self.policy.max_operations)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "every constructor puts the active term in"
    )]
    pub(super) fn active(&self) -> (u32, &AeadKey) {
        (self.active, &self.terms[&self.active].cipher)
    }

    pub(super) fn term(&self, term: u32) -> Option<&AeadKey> {
        self.terms.get(&term).map(|key| &key.cipher)
    }

    pub(super) fn count_seal(&self) {
        if let Some(key) = self.terms.get(&self.active) {
            key.seals.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Seals the keyring with the root key.
    ///
    /// # Errors
    /// [`BadKeyring::Malformed`] when it cannot be encoded.
    pub fn seal(&self, root: &AeadKey, entropy: &dyn Entropy) -> Result<Vec<u8>, BadKeyring> {
        let terms = self.terms.iter().map(|(term, key)| StoredTerm {
            term: *term,
            key: STANDARD.encode(key.cipher.bytes().expose()),
            installed: key.installed,
        });
        let stored = StoredKeyring {
            active: self.active,
            terms: terms.collect(),
            rotation: self.policy,
        };
        let plaintext = Secret::new(serde_json::to_vec(&stored).map_err(|_| BadKeyring::Malformed)?);
        let mut out = vec![FORMAT];
        root.seal_onto(entropy, AAD, plaintext.expose(), &mut out)
            .map_err(|_| BadKeyring::Malformed)?;
        Ok(out)
    }

    /// Opens a sealed keyring with the root key.
    ///
    /// # Errors
    /// [`BadKeyring`].
    pub fn open(root: &AeadKey, sealed: &[u8]) -> Result<Self, BadKeyring> {
        let (format, body) = sealed.split_first().ok_or(BadKeyring::Refused)?;
        if *format != FORMAT {
            return Err(BadKeyring::Format(*format));
        }
        let plaintext = root.open(AAD, body).map_err(|_| BadKeyring::Refused)?;
        let stored: StoredKeyring =
            serde_json::from_slice(plaintext.expose()).map_err(|_| BadKeyring::Malformed)?;
        let mut terms = BTreeMap::new();
        for term in &stored.terms {
            let bytes = Secret::new(STANDARD.decode(&term.key).map_err(|_| BadKeyring::Malformed)?);
            let cipher = AeadKey::from_slice(bytes.expose()).map_err(|_| BadKeyring::Malformed)?;
            terms.insert(
                term.term,
                TermKey {
                    cipher,
                    installed: term.installed,
                    seals: AtomicU64::new(0),
                },
            );
        }
        if !terms.contains_key(&stored.active) {
            return Err(BadKeyring::Malformed);
        }
        Ok(Self {
            terms,
            active: stored.active,
            policy: stored.rotation,
        })
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use arca_crypto::SystemEntropy;

    use super::*;

    #[test]
    fn survives_sealing_with_all_terms() {
        let root = AeadKey::generate(&SystemEntropy);
        let keyring = Keyring::generate(&SystemEntropy, Timestamp::EPOCH)
            .rotated(&SystemEntropy, Timestamp::from_unix(60, 0));
        let sealed = keyring.seal(&root, &SystemEntropy).unwrap();
        let opened = Keyring::open(&root, &sealed).unwrap();
        assert_eq!(
            opened.status(),
            TermStatus {
                term: 2,
                installed: Timestamp::from_unix(60, 0),
                seals: 0
            }
        );
        for term in [1, 2] {
            let same = |ring: &Keyring| ring.term(term).unwrap().bytes().expose().to_vec();
            assert_eq!(same(&opened), same(&keyring));
        }
        let other = AeadKey::generate(&SystemEntropy);
        assert_eq!(Keyring::open(&other, &sealed).unwrap_err(), BadKeyring::Refused);
    }

    #[test]
    fn rotation_is_due_by_age_or_by_use() {
        let policy = |max_operations, interval| RotationPolicy {
            enabled: true,
            max_operations,
            interval,
        };
        let keyring = Keyring::generate(&SystemEntropy, Timestamp::EPOCH);
        let day = Timestamp::from_unix(86_400, 0);
        assert!(!keyring.is_rotation_due(day));
        assert!(
            keyring
                .with_policy(policy(u64::MAX, Ttl::from_hours(24)))
                .is_rotation_due(day)
        );
        keyring.count_seal();
        assert!(
            keyring
                .with_policy(policy(1, Ttl::ZERO))
                .is_rotation_due(Timestamp::EPOCH)
        );
        let off = RotationPolicy {
            enabled: false,
            ..policy(1, Ttl::ZERO)
        };
        assert!(!keyring.with_policy(off).is_rotation_due(day));
    }
}
