//! The form of a sealed record.
//!
//! ```text
//! format (1 byte, 0x01) || term (4 bytes, big endian) || nonce (12) || ciphertext || tag (16)
//! ```
//!
//! AES-256-GCM under the key of the term. Associated data: `arca.record`, the format, the term and the full storage
//! key, so that a record that was altered, moved to another key or given another term does not open.

use arca_base::{Entropy, Secret};
use arca_crypto::aead::{AeadError, OVERHEAD_BYTES};

use super::keyring::Keyring;

/// The format written.
pub const FORMAT: u8 = 1;

const HEADER_BYTES: usize = 5;
const LABEL: &[u8] = b"arca.record";

/// A record that was refused. Names the record, never its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// Shorter than any record.
    #[error("record {key:?} is truncated")]
    Truncated {
        /// Where.
        key: String,
    },
    /// Altered, moved from another key, or sealed by another store.
    #[error("record {key:?} was refused: it was altered, moved from another key or sealed by another store")]
    Refused {
        /// Where.
        key: String,
    },
    /// A format this version does not know.
    #[error("record {key:?} has format {format}, which this version does not read")]
    Format {
        /// Where.
        key: String,
        /// The format found.
        format: u8,
    },
    /// A term the keyring does not have.
    #[error("record {key:?} was sealed with key term {term}, which the keyring does not have")]
    Term {
        /// Where.
        key: String,
        /// The term found.
        term: u32,
    },
    /// A value too large to seal.
    #[error("record {key:?} is too large to seal")]
    TooLarge {
        /// Where.
        key: String,
    },
}

/// Seals `plaintext` for `key` with the active term.
pub(super) fn seal(
    keyring: &Keyring,
    entropy: &dyn Entropy,
    key: &str,
    plaintext: &[u8],
) -> Result<Vec<u8>, BadRecord> {
    let (term, cipher) = keyring.active();
    let mut out = Vec::with_capacity(HEADER_BYTES + plaintext.len() + OVERHEAD_BYTES);
    out.push(FORMAT);
    out.extend_from_slice(&term.to_be_bytes());
    cipher
        .seal_onto(entropy, &associated_data(FORMAT, term, key), plaintext, &mut out)
        .map_err(|_| BadRecord::TooLarge { key: key.to_owned() })?;
    keyring.count_seal();
    Ok(out)
}

/// Opens the record found under `key`.
pub(crate) fn open(keyring: &Keyring, key: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, BadRecord> {
    let truncated = || BadRecord::Truncated { key: key.to_owned() };
    let (header, body) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or_else(truncated)?;
    let [format, t0, t1, t2, t3] = *header;
    if format != FORMAT {
        return Err(BadRecord::Format {
            key: key.to_owned(),
            format,
        });
    }
    let term = u32::from_be_bytes([t0, t1, t2, t3]);
    let cipher = keyring.term(term).ok_or_else(|| BadRecord::Term {
        key: key.to_owned(),
        term,
    })?;
    cipher
        .open(&associated_data(format, term, key), body)
        .map_err(|error| match error {
            AeadError::Truncated => truncated(),
            _ => BadRecord::Refused { key: key.to_owned() },
        })
}

fn associated_data(format: u8, term: u32, key: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(LABEL.len() + HEADER_BYTES + key.len());
    out.extend_from_slice(LABEL);
    out.push(format);
    out.extend_from_slice(&term.to_be_bytes());
    out.extend_from_slice(key.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use arca_base::Timestamp;
    use arca_crypto::SystemEntropy;
    use proptest::prelude::*;

    use super::*;

    fn keyring() -> Keyring {
        Keyring::generate(&SystemEntropy, Timestamp::EPOCH)
    }

    #[test]
    fn a_record_opens_only_where_it_was_written() {
        let keyring = keyring();
        let sealed = seal(&keyring, &SystemEntropy, "a/b", b"secret").unwrap();
        assert_eq!(open(&keyring, "a/b", &sealed).unwrap().expose(), b"secret");
        assert_eq!(
            open(&keyring, "a/c", &sealed).unwrap_err(),
            BadRecord::Refused { key: "a/c".into() }
        );
    }

    #[test]
    fn records_of_former_terms_stay_readable() {
        let first = keyring();
        let sealed = seal(&first, &SystemEntropy, "k", b"old").unwrap();
        let second = first.rotated(&SystemEntropy, Timestamp::EPOCH);
        assert_eq!(open(&second, "k", &sealed).unwrap().expose(), b"old");
        let newer = seal(&second, &SystemEntropy, "k", b"new").unwrap();
        assert_eq!(
            open(&first, "k", &newer).unwrap_err(),
            BadRecord::Term {
                key: "k".into(),
                term: 2
            }
        );
    }

    #[test]
    fn the_oldest_format_is_refused_by_name_when_unknown() {
        let keyring = keyring();
        let mut sealed = seal(&keyring, &SystemEntropy, "k", b"x").unwrap();
        sealed[0] = 9;
        let error = open(&keyring, "k", &sealed).unwrap_err();
        assert_eq!(
            error,
            BadRecord::Format {
                key: "k".into(),
                format: 9
            }
        );
    }

    proptest! {
        #[test]
        fn any_change_is_refused(
            plaintext in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
            cut in any::<prop::sample::Index>(),
        ) {
            let keyring = keyring();
            let sealed = seal(&keyring, &SystemEntropy, "some/key", &plaintext).unwrap();
            let mut flipped = sealed.clone();
            flipped[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(open(&keyring, "some/key", &flipped).is_err());
            prop_assert!(open(&keyring, "some/key", &sealed[..cut.index(sealed.len())]).is_err());
        }
    }
}
