//! Tokens, key sets and PEM text: what is read is small and has one text, and nothing passes for signed.
#![no_main]

use arca_crypto::jws::{Algorithms, Jws, KeySet, MAX_KEYS, MAX_TOKEN_BYTES, PublicKey};
use libfuzzer_sys::fuzz_target;

/// The key of RFC 8037, appendix A.2, whose one published signature is not of a token with claims.
const KEY: &[u8] =
    br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(keys) = KeySet::from_jwks(bytes) {
        assert!((1..=MAX_KEYS).contains(&keys.len()));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = PublicKey::from_pem(text) {
        assert_eq!(KeySet::from_keys(vec![key]).expect("one key").len(), 1);
    }
    match Jws::parse(text) {
        Ok(token) => {
            assert!(text.len() <= MAX_TOKEN_BYTES && text.is_ascii());
            let keys = KeySet::from_jwks(KEY).expect("a key set");
            assert!(token.verify(&keys, Algorithms::all()).is_err(), "a forged token");
            if let Ok(claims) = token.unproved_claims() {
                let _outcome = (claims.audiences(), claims.expires(), claims.select(text));
            }
        }
        Err(error) => assert!(error.to_string().len() < 200, "{error}"),
    }
});
