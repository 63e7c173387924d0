//! `Debug` of what holds a key prints nothing of the key.

use std::fmt::Debug;

use arca_base::id::hex;
use arca_base::{Secret, Timestamp};
use arca_crypto::aead::AeadKey;
use arca_crypto::mac::MacKey;
use arca_crypto::shamir::{self, Share};
use arca_crypto::x509::{Authority, PrivateKey, Validity};
use arca_crypto::{SystemEntropy, kdf};
use proptest::prelude::*;

/// Fewer bytes could stand in a serial number or a placeholder by accident.
const RUN: usize = 6;

/// Whether any [`RUN`] bytes in a row of `key` show in either way of printing `value`: as text, in
/// hexadecimal of either case, or as a list of numbers.
fn leaks(value: &dyn Debug, key: &[u8]) -> bool {
    let shown = [format!("{value:?}"), format!("{value:#?}")];
    key.windows(RUN).any(|bytes| {
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        let digits = hex(bytes);
        let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let forms = [
            digits.to_uppercase(),
            digits,
            pairs.join(":"),
            numbers.join(", "),
            numbers.join(",\n    "),
            String::from_utf8_lossy(bytes).into_owned(),
        ];
        shown
            .iter()
            .any(|shown| forms.iter().any(|form| shown.contains(form)))
    })
}

#[test]
fn the_test_sees_a_leak() {
    let key = b"ABCDEF";
    for shown in [
        "xABCDEFx",
        "414243444546",
        "key 41:42:43:44:45:46",
        "65, 66, 67, 68, 69, 70",
    ] {
        assert!(leaks(&shown, key), "{shown}");
    }
    assert!(leaks(&key.to_vec(), key));
    assert!(leaks(&"0a0b0c0d0e0f", &[10, 11, 12, 13, 14, 15]));
    assert!(leaks(&"0A0B0C0D0E0F", &[10, 11, 12, 13, 14, 15]));
    assert!(!leaks(&"AeadKey(redacted)", key));
}

/// Keys whose bytes are no text.
fn key() -> impl Strategy<Value = [u8; 32]> {
    prop::array::uniform32(128_u8..)
}

proptest! {
    #[test]
    fn keys_print_a_placeholder(bytes in key()) {
        let aead = AeadKey::from_slice(&bytes).unwrap();
        prop_assert_eq!(format!("{aead:?} {aead:#?}"), "AeadKey(redacted) AeadKey(redacted)");
        prop_assert!(!leaks(aead.bytes(), &bytes));

        let mac = MacKey::new(&bytes);
        prop_assert_eq!(format!("{mac:?} {mac:#?}"), "MacKey(redacted) MacKey(redacted)");

        let derived = kdf::hkdf_sha256::<32>(b"salt", &bytes, b"info");
        prop_assert!(!leaks(&derived, derived.expose()));
        prop_assert!(!leaks(&derived, &bytes));
    }

    #[test]
    fn shares_print_a_placeholder(bytes in key()) {
        let share = Share::parse(Secret::new(bytes.to_vec())).unwrap();
        prop_assert_eq!(format!("{share:?}"), "Share(Secret(redacted))");
        let shares = shamir::split(&bytes, 3, 2, &SystemEntropy).unwrap();
        for share in &shares {
            prop_assert!(!leaks(share, share.bytes().expose()));
        }
        let secret = shamir::combine(&shares).unwrap();
        prop_assert!(!leaks(&secret, &bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn private_keys_print_a_placeholder(seconds in 0_i64..4_000_000_000) {
        let validity = Validity::new(Timestamp::EPOCH, Timestamp::from_unix(seconds, 0)).unwrap();
        let authority = Authority::create("root", validity, &SystemEntropy).unwrap();
        let der = authority.key().pkcs8().expose();
        // The private number: 32 bytes behind the tag and length of an octet string.
        let at = der.windows(2).position(|bytes| bytes == [0x04, 0x20]).unwrap() + 2;
        let number = &der[at..at + 32];
        prop_assert_eq!(format!("{:?}", authority.key()), "PrivateKey(redacted)");
        prop_assert!(!leaks(&authority, number));
        let loaded = PrivateKey::from_pem(authority.key().to_pem().unwrap().expose()).unwrap();
        prop_assert_eq!(format!("{loaded:#?}"), "PrivateKey(redacted)");
        prop_assert!(!leaks(&authority.key().to_pem().unwrap(), number));
    }
}
