//! Keys out of keys: HKDF-SHA256 (RFC 5869).

use arca_base::Secret;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

/// The most bytes one derivation gives: 255 digests (RFC 5869, section 2.3).
pub const MAX_OUTPUT_BYTES: usize = 255 * crate::digest::DIGEST_BYTES;

/// Derives `N` bytes from `secret`, which must hold enough entropy: this is not for passwords.
///
/// `info` names the purpose; different purposes give independent keys. An empty `salt` is allowed.
/// `N` of 0 or above [`MAX_OUTPUT_BYTES`] does not compile.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "the library refuses only lengths that the assertion has ruled out at compile time"
)]
pub fn hkdf_sha256<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> Secret<[u8; N]> {
    const { assert!(N > 0 && N <= MAX_OUTPUT_BYTES, "no such output length") }
    let mut out = Secret::new([0; N]);
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], Length::<N>)
        .and_then(|okm| okm.fill(out.expose_mut()))
        .expect("a length within the limit");
    out
}

struct Length<const N: usize>;

impl<const N: usize> KeyType for Length<N> {
    fn len(&self) -> usize {
        N
    }
}

#[cfg(test)]
mod tests {
    use arca_base::id::{hex, unhex};

    use super::*;

    fn bytes(range: std::ops::RangeInclusive<u8>) -> Vec<u8> {
        range.collect()
    }

    // RFC 5869, appendix A.1.
    #[test]
    fn basic_case() {
        let key = hkdf_sha256::<42>(&bytes(0x00..=0x0c), &[0x0b; 22], &bytes(0xf0..=0xf9));
        assert_eq!(
            hex(key.expose()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }

    // RFC 5869, appendix A.2.
    #[test]
    fn longer_inputs_and_output() {
        let key = hkdf_sha256::<82>(&bytes(0x60..=0xaf), &bytes(0x00..=0x4f), &bytes(0xb0..=0xff));
        assert_eq!(
            unhex(
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
                 da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
            )
            .unwrap(),
            key.expose()
        );
    }

    // RFC 5869, appendix A.3.
    #[test]
    fn empty_salt_and_info() {
        let key = hkdf_sha256::<42>(&[], &[0x0b; 22], &[]);
        assert_eq!(
            hex(key.expose()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }

    #[test]
    fn the_largest_output_works() {
        let longest = hkdf_sha256::<MAX_OUTPUT_BYTES>(b"salt", b"secret", b"info");
        let short = hkdf_sha256::<32>(b"salt", b"secret", b"info");
        assert_eq!(&longest.expose()[..32], short.expose());
    }
}
