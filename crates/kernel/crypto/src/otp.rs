//! Time-based one-time passwords: TOTP (RFC 6238) over HOTP (RFC 4226), and the base32 text of their keys (RFC 4648).

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512};

/// What passcodes are made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtpAlgorithm {
    /// HMAC-SHA1: what every authenticator knows.
    #[default]
    Sha1,
    /// HMAC-SHA256
    Sha256,
    /// HMAC-SHA512
    Sha512,
}

/// The passcode of `step`, the number of periods since the epoch, as 6 to 8 decimal digits.
///
/// Fewer or more digits than that are taken as the nearest that can be.
#[must_use]
pub fn code(algorithm: OtpAlgorithm, key: &[u8], step: u64, digits: u32) -> String {
    let algorithm = match algorithm {
        OtpAlgorithm::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        OtpAlgorithm::Sha256 => HMAC_SHA256,
        OtpAlgorithm::Sha512 => HMAC_SHA512,
    };
    let mac = hmac::sign(&hmac::Key::new(algorithm, key), &step.to_be_bytes());
    let digits = digits.clamp(6, 8);
    let number = truncated(mac.as_ref()) % 10_u32.pow(digits);
    format!("{number:0width$}", width = usize::try_from(digits).unwrap_or(8))
}

/// Four bytes from where the last half byte says, without the sign (RFC 4226, section 5.3).
fn truncated(mac: &[u8]) -> u32 {
    let at = usize::from(mac.last().copied().unwrap_or(0) & 0x0f);
    let four = mac
        .get(at..at + 4)
        .and_then(|four| <[u8; 4]>::try_from(four).ok());
    u32::from_be_bytes(four.unwrap_or_default()) & 0x7fff_ffff
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The base32 text of a key, without padding, as authenticators take it.
#[must_use]
pub fn base32(key: &[u8]) -> String {
    let mut text = String::with_capacity(key.len().div_ceil(5) * 8);
    for group in key.chunks(5) {
        let mut bits = [0; 8];
        for (to, from) in bits.iter_mut().skip(3).zip(group) {
            *to = *from;
        }
        let bits = u64::from_be_bytes(bits);
        for letter in 0..(group.len() * 8).div_ceil(5) {
            let index = usize::try_from((bits >> (35 - 5 * letter)) & 31).unwrap_or(0);
            text.push(char::from(BASE32.get(index).copied().unwrap_or(b'A')));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 6238, appendix B. The keys have the length of the digest, as the reference code there does it.
    #[test]
    fn known_answers_by_time() {
        let key = |length: usize| -> Vec<u8> { b"1234567890".iter().copied().cycle().take(length).collect() };
        for (time, sha1, sha256, sha512) in [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000_u64, "65353130", "77737706", "47863826"),
        ] {
            let step = time / 30;
            assert_eq!(code(OtpAlgorithm::Sha1, &key(20), step, 8), sha1, "{time}");
            assert_eq!(code(OtpAlgorithm::Sha256, &key(32), step, 8), sha256, "{time}");
            assert_eq!(code(OtpAlgorithm::Sha512, &key(64), step, 8), sha512, "{time}");
        }
    }

    // RFC 4226, appendix D.
    #[test]
    fn known_answers_by_count() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (count, expected) in (0..).zip(expected) {
            assert_eq!(
                code(OtpAlgorithm::Sha1, b"12345678901234567890", count, 6),
                expected
            );
        }
    }

    #[test]
    fn digits_are_those_that_can_be() {
        for (digits, length) in [(0, 6), (6, 6), (7, 7), (8, 8), (99, 8)] {
            assert_eq!(code(OtpAlgorithm::Sha1, b"key", 1, digits).len(), length);
        }
    }

    // RFC 4648, section 10, without the padding.
    #[test]
    fn known_texts() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }
}
