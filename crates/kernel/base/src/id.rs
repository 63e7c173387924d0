//! Random identifiers.

use crate::entropy::{self, Entropy};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `length` characters of base 62, each with equal probability (5.95 bits).
pub fn base62(entropy: &dyn Entropy, length: usize) -> String {
    let mut out = String::with_capacity(length);
    let mut pool = [0_u8; 32];
    while out.len() < length {
        entropy.fill(&mut pool);
        for byte in pool {
            // 248 is the largest multiple of 62 in a byte: values above it would favor some characters.
            if byte < 248 && out.len() < length {
                out.push(char::from(
                    BASE62.get(usize::from(byte % 62)).copied().unwrap_or(b'0'),
                ));
            }
        }
    }
    out
}

/// A version 4 UUID (RFC 9562) in lower-case hyphenated form.
pub fn uuid_v4(entropy: &dyn Entropy) -> String {
    let mut bytes = entropy::bytes::<16>(entropy);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut out = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        push_hex(&mut out, *byte);
    }
    out
}

/// Lower-case hexadecimal of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_hex(&mut out, *byte);
    }
    out
}

/// Bytes of a hexadecimal text of either case; `None` for an odd length or any other character.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect()
}

fn push_hex(out: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 0x0f] {
        out.push(char::from(if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + nibble - 10
        }));
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Same(u8);

    impl Entropy for Same {
        fn fill(&self, out: &mut [u8]) {
            for (index, byte) in out.iter_mut().enumerate() {
                *byte = self.0.wrapping_add(u8::try_from(index).unwrap_or(0));
            }
        }
    }

    #[test]
    fn base62_has_the_length_asked_for() {
        for length in [0, 1, 24, 100] {
            let id = base62(&Same(3), length);
            assert_eq!(id.len(), length);
            assert!(id.bytes().all(|b| b.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn uuid_has_version_and_variant() {
        assert_eq!(uuid_v4(&Same(0)), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }

    #[test]
    fn hex_goes_both_ways() {
        assert_eq!(hex(&[0, 15, 255]), "000fff");
        assert_eq!(unhex("000FfF"), Some(vec![0, 15, 255]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
        assert_eq!(unhex("\u{e9}"), None);
    }
}
