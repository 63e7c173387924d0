//! SHA-256 (FIPS 180-4), in one call or piece by piece; SHA-2 and SHA-3 (FIPS 202) by name; digests that others ask for.

use aws_lc_rs::digest::{
    Context, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA3_256, SHA3_384, SHA3_512, SHA224, SHA256, SHA384, SHA512,
    digest,
};
use md5::Digest as _;

/// Bytes of a digest.
pub const DIGEST_BYTES: usize = 32;

/// The digest of `data`.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; DIGEST_BYTES] {
    to_array(&digest(&SHA256, data))
}

/// The SHA-1 digest of `data`, for protocols that ask for it without relying on it (RFC 6455).
#[must_use]
pub fn sha1_of_protocol(data: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, data);
    for (out, byte) in out.iter_mut().zip(digest.as_ref()) {
        *out = *byte;
    }
    out
}

/// The SHA-512 digest of `data`.
#[must_use]
pub fn sha512(data: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    out.copy_from_slice(digest(&SHA512, data).as_ref());
    out
}

/// The MD5 digest of `data` (RFC 1321), which is broken: for texts of users that ask for it, such as the password
/// digests of old programs.
#[must_use]
pub fn md5_for_legacy_use(data: &[u8]) -> [u8; 16] {
    md5::Md5::digest(data).into()
}

/// A digest, as it is named in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `sha2-224`
    Sha2_224,
    /// `sha2-256`
    Sha2_256,
    /// `sha2-384`
    Sha2_384,
    /// `sha2-512`
    Sha2_512,
    /// `sha3-256`
    Sha3_256,
    /// `sha3-384`
    Sha3_384,
    /// `sha3-512`
    Sha3_512,
}

impl Algorithm {
    /// What [`Algorithm::parse`] reads, for messages.
    pub const EXPECTED: &'static str =
        "one of sha2-224, sha2-256, sha2-384, sha2-512, sha3-256, sha3-384, sha3-512";

    /// The digest of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "sha2-224" => Some(Self::Sha2_224),
            "sha2-256" => Some(Self::Sha2_256),
            "sha2-384" => Some(Self::Sha2_384),
            "sha2-512" => Some(Self::Sha2_512),
            "sha3-256" => Some(Self::Sha3_256),
            "sha3-384" => Some(Self::Sha3_384),
            "sha3-512" => Some(Self::Sha3_512),
            _ => None,
        }
    }

    /// The digest of `data`.
    #[must_use]
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha2_224 => &SHA224,
            Self::Sha2_256 => &SHA256,
            Self::Sha2_384 => &SHA384,
            Self::Sha2_512 => &SHA512,
            Self::Sha3_256 => &SHA3_256,
            Self::Sha3_384 => &SHA3_384,
            Self::Sha3_512 => &SHA3_512,
        };
        digest(algorithm, data).as_ref().to_vec()
    }
}

/// A digest of data that arrives in pieces.
#[derive(Clone)]
pub struct Sha256(Context);

impl Sha256 {
    /// The digest of nothing so far.
    #[must_use]
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds `data` to what has been digested.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of everything added.
    #[must_use]
    pub fn finish(self) -> [u8; DIGEST_BYTES] {
        to_array(&self.0.finish())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

fn to_array(digest: &Digest) -> [u8; DIGEST_BYTES] {
    let mut out = [0; DIGEST_BYTES];
    out.copy_from_slice(digest.as_ref());
    out
}

#[cfg(test)]
mod tests {
    use arca_base::id::hex;
    use proptest::prelude::*;

    use super::*;

    // FIPS 180-4 examples, from the NIST "Examples with Intermediate Values" for SHA-256.
    #[test]
    fn known_answers() {
        for (data, digest) in [
            (
                "",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(hex(&sha256(data.as_bytes())), digest);
        }
    }

    #[test]
    fn known_answers_of_the_others() {
        // RFC 1321, A.5; FIPS 180-4 example for SHA-512.
        assert_eq!(
            hex(&md5_for_legacy_use(b"abc")),
            "900150983cd24fb0d6963f7d28e17f72"
        );
        assert_eq!(
            hex(&sha512(b"abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
    }

    proptest! {
        #[test]
        fn pieces_give_the_same_as_the_whole(pieces: Vec<Vec<u8>>) {
            let mut streaming = Sha256::default();
            pieces.iter().for_each(|piece| streaming.update(piece));
            prop_assert_eq!(streaming.finish(), sha256(&pieces.concat()));
        }
    }
}
