//! Keyed digests: HMAC-SHA256 (RFC 2104, FIPS 198-1).

use std::fmt;

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};

/// Bytes of a MAC.
pub const MAC_BYTES: usize = crate::digest::DIGEST_BYTES;

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A key for MACs, with both of its padded blocks digested once.
///
/// Wiped on drop. `Debug` prints a placeholder.
pub struct MacKey(Key);

impl MacKey {
    /// A key of any length; the security level is that of 32 random bytes at best.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA256, key))
    }

    /// The MAC of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; MAC_BYTES] {
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(hmac::sign(&self.0, message).as_ref());
        mac
    }

    /// Appends the MAC of `message` to `out` as 64 lower-case hexadecimal digits.
    ///
    /// Allocates nothing when `out` has room for them.
    pub fn sign_hex_onto(&self, message: &[u8], out: &mut String) {
        let mac = self.sign(message);
        let mut digits = [0; 2 * MAC_BYTES];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(mac) {
            *pair = [hex_digit(byte >> 4), hex_digit(byte)];
        }
        // Borrowed, never copied: hexadecimal digits are ASCII.
        out.push_str(&String::from_utf8_lossy(&digits));
    }

    /// Whether `mac` is the MAC of `message`, compared in constant time. A shortened MAC is not.
    #[must_use]
    pub fn verify(&self, message: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.0, message, mac).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(redacted)")
    }
}

fn hex_digit(nibble: u8) -> u8 {
    HEX_DIGITS
        .get(usize::from(nibble & 0x0f))
        .copied()
        .unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use arca_base::id::hex;
    use proptest::prelude::*;

    use super::*;

    // RFC 4231, sections 4.2 to 4.8 (without 4.6, which truncates).
    #[test]
    fn known_answers() {
        let cases: [(Vec<u8>, &[u8], &str); 6] = [
            (
                vec![0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                (1..=25).collect(),
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                vec![0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. \
                  The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, message, mac) in cases {
            assert_eq!(hex(&MacKey::new(&key).sign(message)), mac);
        }
    }

    proptest! {
        #[test]
        fn hex_is_the_mac_after_what_was_there(key: Vec<u8>, message: Vec<u8>, before: String) {
            let key = MacKey::new(&key);
            let mut out = before.clone();
            key.sign_hex_onto(&message, &mut out);
            prop_assert_eq!(out, before + &hex(&key.sign(&message)));
        }

        #[test]
        fn only_the_whole_mac_verifies(key: Vec<u8>, message: Vec<u8>, bit in 0_usize..256, shorter in 0_usize..32) {
            let key = MacKey::new(&key);
            let mut mac = key.sign(&message);
            prop_assert!(key.verify(&message, &mac));
            prop_assert!(!key.verify(&message, &mac[..shorter]));
            mac[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!key.verify(&message, &mac));
        }
    }

    #[test]
    fn a_buffer_with_room_is_not_reallocated() {
        let mut out = String::with_capacity(64);
        let at = out.as_ptr();
        MacKey::new(b"key").sign_hex_onto(b"message", &mut out);
        assert_eq!((out.len(), out.as_ptr()), (64, at));
    }
}
