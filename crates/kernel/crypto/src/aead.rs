//! Sealed records: authenticated encryption with the nonce in front.
//!
//! A record is
//!
//! ```text
//! nonce (12 bytes) || ciphertext (as long as the plaintext) || tag (16 bytes)
//! ```
//!
//! under AES-256-GCM (NIST SP 800-38D; RFC 5116, `AEAD_AES_256_GCM`). The associated data is authenticated and not
//! stored: whoever opens the record must know it. Put there what the record must not be separated from (its
//! path, its format version), encoded so that two different contexts never give the same bytes.
//!
//! The record names neither its key nor its cipher; a format that has several of either says so in front of the
//! record and covers that by the associated data.

use std::fmt;

use arca_base::{Entropy, Secret};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroize;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of the nonce at the front of a record.
pub const NONCE_BYTES: usize = 12;
/// Bytes of the tag at the end of a record.
pub const TAG_BYTES: usize = 16;
/// How much longer a record is than its plaintext.
pub const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// Records one key may seal: with more, two random nonces could meet, and GCM fails when they do
/// (NIST SP 800-38D, section 8.3). Whoever counts rotates the key well before.
pub const MAX_SEALS: u64 = 1 << 32;

/// Why a record was not sealed or not opened.
///
/// Says nothing about *why* a record is rejected: a wrong key, other associated data and an altered byte
/// cannot be told apart, and must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AeadError {
    /// A key of another length.
    #[error("the encryption key has {0} bytes, not {KEY_BYTES}")]
    KeyLength(usize),
    /// More plaintext than one nonce can protect (64 GiB).
    #[error("the plaintext is too long to seal in one record")]
    TooLong,
    /// Too short to be a record.
    #[error("the sealed record is truncated")]
    Truncated,
    /// Not sealed by this key with this associated data.
    #[error("the sealed record is damaged or belongs elsewhere")]
    Rejected,
}

/// A key that seals and opens records, with its key schedule worked out once.
///
/// Wiped on drop. `Debug` prints a placeholder.
pub struct AeadKey {
    bytes: Secret<[u8; KEY_BYTES]>,
    cipher: LessSafeKey,
}

impl AeadKey {
    /// A new random key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = Secret::new([0; KEY_BYTES]);
        entropy.fill(bytes.expose_mut());
        Self::aes_256_gcm(bytes)
    }

    /// The key made of these 32 bytes, which must be uniformly random or derived by a KDF.
    ///
    /// # Errors
    /// [`AeadError::KeyLength`] for any other number of bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, AeadError> {
        let mut own = Secret::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return Err(AeadError::KeyLength(bytes.len()));
        }
        own.expose_mut().copy_from_slice(bytes);
        Ok(Self::aes_256_gcm(own))
    }

    /// The key itself, for storing it inside a record of another key.
    #[must_use]
    pub const fn bytes(&self) -> &Secret<[u8; KEY_BYTES]> {
        &self.bytes
    }

    /// Seals `plaintext` together with `aad` under a fresh random nonce.
    ///
    /// # Errors
    /// [`AeadError::TooLong`].
    pub fn seal(&self, entropy: &dyn Entropy, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, AeadError> {
        let mut record = Vec::new();
        self.seal_onto(entropy, aad, plaintext, &mut record)?;
        Ok(record)
    }

    /// Like [`AeadKey::seal`], appending the record to `out`, which grows at most once.
    ///
    /// # Errors
    /// [`AeadError::TooLong`]; `out` is then as it was.
    pub fn seal_onto(
        &self,
        entropy: &dyn Entropy,
        aad: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), AeadError> {
        let start = out.len();
        out.reserve(plaintext.len() + OVERHEAD_BYTES);
        out.resize(start + plaintext.len() + OVERHEAD_BYTES, 0);
        let sealed = out
            .get_mut(start..)
            .and_then(Parts::of)
            .ok_or(AeadError::TooLong)
            .and_then(|parts| self.seal_parts(entropy, aad, plaintext, parts));
        if sealed.is_err() {
            out.truncate(start);
        }
        sealed
    }

    /// Opens a record into memory of its own: one allocation, no copy.
    ///
    /// # Errors
    /// [`AeadError::Truncated`] or [`AeadError::Rejected`].
    pub fn open(&self, aad: &[u8], record: &[u8]) -> Result<Secret<Vec<u8>>, AeadError> {
        let mut plaintext = Secret::new(Vec::new());
        self.open_into(aad, record, &mut plaintext)?;
        Ok(plaintext)
    }

    /// Like [`AeadKey::open`], into a buffer that is kept for many records.
    ///
    /// A shorter plaintext leaves the end of a longer one behind it in the buffer's spare room, which is wiped
    /// with the buffer.
    ///
    /// # Errors
    /// [`AeadError::Truncated`] or [`AeadError::Rejected`]; the buffer is then wiped and empty.
    pub fn open_into(
        &self,
        aad: &[u8],
        record: &[u8],
        plaintext: &mut Secret<Vec<u8>>,
    ) -> Result<(), AeadError> {
        let out = plaintext.expose_mut();
        let opened = self.open_over(aad, record, out);
        if opened.is_err() {
            out.zeroize();
        }
        opened
    }

    /// Opens a record where it lies and returns the part that now holds the plaintext. The caller owns the
    /// buffer and wipes it.
    ///
    /// # Errors
    /// [`AeadError::Truncated`] or [`AeadError::Rejected`]; a rejected record is wiped.
    pub fn open_in_place<'record>(
        &self,
        aad: &[u8],
        record: &'record mut [u8],
    ) -> Result<&'record mut [u8], AeadError> {
        let parts = Parts::of(record).ok_or(AeadError::Truncated)?;
        let nonce = Nonce::assume_unique_for_key(*parts.nonce);
        let opened = self
            .cipher
            .open_in_place_separate_tag(nonce, Aad::from(aad), parts.tag, parts.text)
            .is_ok();
        if opened {
            return Ok(parts.text);
        }
        parts.text.zeroize();
        Err(AeadError::Rejected)
    }

    #[expect(
        clippy::expect_used,
        reason = "the only documented cause is a key of another length, which the type rules out"
    )]
    fn aes_256_gcm(bytes: Secret<[u8; KEY_BYTES]>) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes.expose()).expect("a key of 32 bytes");
        Self {
            bytes,
            cipher: LessSafeKey::new(key),
        }
    }

    /// Replaces what `out` holds by the plaintext of `record`; growing wipes the memory left behind.
    fn open_over(&self, aad: &[u8], record: &[u8], out: &mut Vec<u8>) -> Result<(), AeadError> {
        let (nonce, ciphertext, tag) = split(record).ok_or(AeadError::Truncated)?;
        if out.capacity() < ciphertext.len() {
            out.zeroize();
            out.reserve_exact(ciphertext.len());
        }
        out.resize(ciphertext.len(), 0);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.cipher
            .open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, out)
            .map_err(|_| AeadError::Rejected)
    }

    fn seal_parts(
        &self,
        entropy: &dyn Entropy,
        aad: &[u8],
        plaintext: &[u8],
        parts: Parts<'_>,
    ) -> Result<(), AeadError> {
        entropy.fill(parts.nonce);
        let nonce = Nonce::assume_unique_for_key(*parts.nonce);
        self.cipher
            .seal_out_of_place_scatter(nonce, Aad::from(aad), plaintext, parts.text, &[], parts.tag)
            .map_err(|_| AeadError::TooLong)
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(redacted)")
    }
}

/// The three parts of a record, for writing.
struct Parts<'record> {
    nonce: &'record mut [u8; NONCE_BYTES],
    text: &'record mut [u8],
    tag: &'record mut [u8; TAG_BYTES],
}

impl<'record> Parts<'record> {
    fn of(record: &'record mut [u8]) -> Option<Self> {
        let (nonce, rest) = record.split_first_chunk_mut()?;
        let (text, tag) = rest.split_last_chunk_mut()?;
        Some(Self { nonce, text, tag })
    }
}

fn split(record: &[u8]) -> Option<(&[u8; NONCE_BYTES], &[u8], &[u8; TAG_BYTES])> {
    let (nonce, rest) = record.split_first_chunk()?;
    let (text, tag) = rest.split_last_chunk()?;
    Some((nonce, text, tag))
}

#[cfg(test)]
mod tests {
    use arca_base::id::unhex;
    use proptest::prelude::*;

    use super::*;
    use crate::SystemEntropy;
    use crate::fixed::Draws;

    /// What each way of opening makes of a record; all must agree.
    fn open(key: &AeadKey, aad: &[u8], record: &[u8]) -> Result<Vec<u8>, AeadError> {
        let mut own = record.to_vec();
        let in_place = key
            .open_in_place(aad, &mut own)
            .map(|plaintext| plaintext.to_vec());
        let mut buffer = Secret::new(b"what was there".to_vec());
        let into = key.open_into(aad, record, &mut buffer);
        let fresh = key.open(aad, record).map(|plaintext| plaintext.expose().clone());
        assert_eq!(in_place, fresh);
        assert_eq!(into.map(|()| buffer.expose().clone()), fresh);
        assert!(fresh.is_ok() || buffer.expose().is_empty());
        fresh
    }

    // McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13, 14 and 16; last, the first
    // vector with 128 bits of text and AAD from the NIST CAVP file gcmEncryptExtIV256.rsp.
    // Columns: key, nonce, AAD, plaintext, ciphertext, tag.
    const KNOWN: [[&str; 6]; 4] = [
        [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "000000000000000000000000",
            "",
            "",
            "",
            "530f8afbc74536b9a963b4f1c4cb738b",
        ],
        [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "000000000000000000000000",
            "",
            "00000000000000000000000000000000",
            "cea7403d4d606b6e074ec5d3baf39d18",
            "d0d1c8a799996bf0265b98b5d48ab919",
        ],
        [
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
             b16aedf5aa0de657ba637b39",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
             c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ],
        [
            "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
            "ac93a1a6145299bde902f21a",
            "1e0889016f67601c8ebea4943bc23ad6",
            "2d71bcfa914e4ac045b2aa60955fad24",
            "8995ae2e6df3dbf96fac7b7137bae67f",
            "eca5aa77d51d4a0a14d9c51e1da474ab",
        ],
    ];

    #[test]
    fn known_answers() {
        for vector in KNOWN {
            let [key, nonce, aad, plaintext, ciphertext, tag] = vector.map(|hex| unhex(hex).unwrap());
            let key = AeadKey::from_slice(&key).unwrap();
            let record = [nonce.clone(), ciphertext, tag].concat();
            assert_eq!(key.seal(&Draws::new([nonce]), &aad, &plaintext).unwrap(), record);
            assert_eq!(open(&key, &aad, &record).unwrap(), plaintext);
        }
    }

    #[test]
    fn each_record_has_a_nonce_of_its_own() {
        let key = AeadKey::generate(&SystemEntropy);
        let draws = Draws::new([[1; NONCE_BYTES], [2; NONCE_BYTES]]);
        assert_eq!(
            key.seal(&draws, b"", b"a").unwrap()[..NONCE_BYTES],
            [1; NONCE_BYTES]
        );
        assert_eq!(
            key.seal(&draws, b"", b"a").unwrap()[..NONCE_BYTES],
            [2; NONCE_BYTES]
        );
    }

    #[test]
    fn keys_have_32_bytes() {
        for length in [0, 16, 31, 33, 64] {
            let refused = AeadKey::from_slice(&vec![1; length]).unwrap_err();
            assert_eq!(refused, AeadError::KeyLength(length));
        }
        let generated = AeadKey::generate(&Draws::new([[9; KEY_BYTES]]));
        assert_eq!(generated.bytes().expose(), &[9; KEY_BYTES]);
        let record = generated.seal(&SystemEntropy, b"", b"text").unwrap();
        let same = AeadKey::from_slice(generated.bytes().expose()).unwrap();
        assert_eq!(open(&same, b"", &record).unwrap(), b"text");
    }

    #[test]
    fn every_truncation_is_refused() {
        let key = AeadKey::generate(&SystemEntropy);
        for size in [0, 1, 16, 40] {
            let record = key.seal(&SystemEntropy, b"aad", &vec![7; size]).unwrap();
            assert_eq!(record.len(), size + OVERHEAD_BYTES);
            for length in 0..record.len() {
                let expected = if length < OVERHEAD_BYTES {
                    AeadError::Truncated
                } else {
                    AeadError::Rejected
                };
                assert_eq!(open(&key, b"aad", &record[..length]), Err(expected), "{length}");
                if length > 0 {
                    assert!(
                        open(&key, b"aad", &record[length..]).is_err(),
                        "{length} cut off the front"
                    );
                }
            }
        }
    }

    #[test]
    fn a_rejected_record_is_wiped_in_place() {
        let key = AeadKey::generate(&SystemEntropy);
        let mut record = key.seal(&SystemEntropy, b"", &[7; 40]).unwrap();
        record[NONCE_BYTES] ^= 1;
        assert_eq!(key.open_in_place(b"", &mut record), Err(AeadError::Rejected));
        assert_eq!(record[NONCE_BYTES..NONCE_BYTES + 40], [0; 40]);
    }

    #[test]
    fn a_kept_buffer_is_not_reallocated() {
        let key = AeadKey::generate(&SystemEntropy);
        let mut buffer = Secret::new(Vec::with_capacity(100));
        let at = buffer.expose().as_ptr();
        for size in [100, 3, 0, 100] {
            let record = key.seal(&SystemEntropy, b"", &vec![5; size]).unwrap();
            key.open_into(b"", &record, &mut buffer).unwrap();
            assert_eq!(*buffer.expose(), vec![5; size]);
            assert_eq!(buffer.expose().as_ptr(), at);
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..300)
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(key: [u8; 32], aad in text(), plaintext in text(), before in text()) {
            let key = AeadKey::from_slice(&key).unwrap();
            let mut out = before.clone();
            key.seal_onto(&SystemEntropy, &aad, &plaintext, &mut out).unwrap();
            let (kept, record) = out.split_at(before.len());
            prop_assert_eq!(kept, before);
            prop_assert_eq!(open(&key, &aad, record), Ok(plaintext));
        }

        #[test]
        fn any_flipped_bit_is_refused(aad in text(), plaintext in text(), bit: prop::sample::Index) {
            let key = AeadKey::generate(&SystemEntropy);
            let mut record = key.seal(&SystemEntropy, &aad, &plaintext).unwrap();
            let bit = bit.index(record.len() * 8);
            record[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(open(&key, &aad, &record), Err(AeadError::Rejected));
        }

        #[test]
        fn other_associated_data_is_refused(aad in text(), other in text(), plaintext in text()) {
            prop_assume!(aad != other);
            let key = AeadKey::generate(&SystemEntropy);
            let record = key.seal(&SystemEntropy, &aad, &plaintext).unwrap();
            prop_assert_eq!(open(&key, &other, &record), Err(AeadError::Rejected));
        }

        #[test]
        fn a_flipped_bit_of_associated_data_or_key_is_refused(
            key: [u8; 32],
            aad in prop::collection::vec(any::<u8>(), 1..100),
            bit: prop::sample::Index,
        ) {
            let record = AeadKey::from_slice(&key).unwrap().seal(&SystemEntropy, &aad, b"text").unwrap();
            let flip = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                let bit = bit.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            };
            let other_key = AeadKey::from_slice(&flip(&key)).unwrap();
            prop_assert_eq!(open(&other_key, &aad, &record), Err(AeadError::Rejected));
            let key = AeadKey::from_slice(&key).unwrap();
            prop_assert_eq!(open(&key, &flip(&aad), &record), Err(AeadError::Rejected));
        }

        #[test]
        fn any_bytes_are_refused(record in text()) {
            let key = AeadKey::from_slice(&[0x5a; 32]).unwrap();
            prop_assert!(open(&key, b"", &record).is_err());
        }
    }
}
