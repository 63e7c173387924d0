//! Tokens: the examples of the standards, and everything that must not pass for a token.
#![expect(clippy::too_many_lines, reason = "a table of cases reads best in one piece")]

use std::process::Command;

use arca_base::json::Limits;
use arca_base::{Json, Timestamp, json_object};
use arca_crypto::jws::{
    Algorithm, Algorithms, BadClaim, BadKey, Claims, Expected, Family, Jws, JwsError, KeySet, Leeway,
    MAX_KEYS, MAX_TOKEN_BYTES, PublicKey, SigningKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

/// An example of a standard: where it stands, key, token.
struct Example {
    standard: &'static str,
    key: &'static str,
    token: &'static str,
}

const EXAMPLES: &[Example] = &[
    Example {
        standard: "RFC 7520, 4.1: RS256",
        key: RFC_7520_RSA,
        token: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
    },
    Example {
        standard: "RFC 7520, 4.2: PS384",
        key: RFC_7520_RSA,
        token: "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
    },
    Example {
        standard: "RFC 7520, 4.3: ES512",
        key: r#"{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}"#,
        token: "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
    },
    Example {
        standard: "RFC 7515, A.3: ES256",
        key: r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        token: "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    },
    Example {
        standard: "RFC 7515, A.4: ES512",
        key: r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#,
        token: "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    },
    Example {
        standard: "RFC 8037, A.4: EdDSA",
        key: r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        token: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    },
];

const RFC_7520_RSA: &str = r#"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#;

const FAMILIES: [Family; 5] = [
    Family::Rsa,
    Family::P256,
    Family::P384,
    Family::P521,
    Family::Ed25519,
];

fn set(keys: &[&str]) -> KeySet {
    try_set(keys).unwrap()
}

fn try_set(keys: &[&str]) -> Result<KeySet, BadKey> {
    KeySet::from_jwks(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
}

fn set_of(key: &SigningKey, id: &str) -> KeySet {
    set(&[key.public_jwk(id).to_text().as_str()])
}

fn token(header: &str, payload: &str, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!(
        "{}.{}.{}",
        part(header.as_bytes()),
        part(payload.as_bytes()),
        part(signature)
    )
}

/// A token with this header and payload, signed as the algorithm says.
fn signed(key: &SigningKey, algorithm: Algorithm, header: &str, payload: &str) -> String {
    let unsigned = token(header, payload, &[]);
    let message = unsigned.trim_end_matches('.');
    let signature = key.signature(algorithm, message.as_bytes()).unwrap();
    token(header, payload, &signature)
}

fn verify(token: &str, keys: &KeySet) -> Result<Claims, JwsError> {
    Jws::parse(token)?.verify(keys, Algorithms::all())
}

#[test]
fn the_examples_of_the_standards_are_proved_and_a_changed_bit_is_not() {
    for example in EXAMPLES {
        let keys = set(&[example.key]);
        let jws = Jws::parse(example.token).unwrap();
        assert!(
            jws.verified_payload(&keys, Algorithms::all()).is_ok(),
            "{}",
            example.standard
        );
        let (signed, signature) = example.token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for at in [0, signature.len() / 2, signature.len() - 1] {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            let changed = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&changed));
            let refused = Jws::parse(&changed).unwrap();
            let refused = refused.verified_payload(&keys, Algorithms::all()).unwrap_err();
            assert!(
                matches!(refused, JwsError::BadSignature { tried: 1, .. }),
                "{refused}"
            );
        }
    }
}

#[test]
fn claims_of_an_example_are_read() {
    let example = &EXAMPLES[3];
    let claims = verify(example.token, &set(&[example.key])).unwrap();
    assert_eq!(claims.issuer(), Some("joe"));
    assert_eq!(claims.expires(), Ok(Some(1_300_819_380)));
    assert_eq!(
        claims
            .select("http://example.com/is_root")
            .and_then(Json::as_bool),
        Some(true)
    );
    assert_eq!(claims.audiences(), Ok(vec![]));
}

#[test]
fn claims_are_completed_and_never_replaced() {
    let token = token(r#"{"alg":"RS256"}"#, r#"{"sub":"a","x":null}"#, b"s");
    let claims = Jws::parse(&token).unwrap().unproved_claims().unwrap();
    let more = Json::parse(br#"{"sub":"b","x":1,"groups":["g"]}"#, &Limits::default()).unwrap();
    let Json::Object(more) = more else { panic!() };
    let claims = claims.completed_with(more);
    assert_eq!(claims.subject(), Some("a"));
    assert_eq!(claims.select("x"), None, "what is null stays so");
    assert!(claims.select("groups").is_some());
}

#[test]
fn every_algorithm_signs_and_proves_and_goes_with_its_family_only() {
    let claims = json_object! { "sub" => "x" };
    for family in FAMILIES {
        let key = SigningKey::generate(family).unwrap();
        let again = SigningKey::from_pkcs8(key.to_pkcs8().unwrap().expose()).unwrap();
        assert_eq!(again.family(), family);
        let keys = set_of(&key, "k");
        for algorithm in Algorithm::ALL {
            if algorithm.family() != family {
                assert!(matches!(
                    key.sign(algorithm, "k", &claims),
                    Err(JwsError::WrongSigner { .. })
                ));
                continue;
            }
            let token = again.sign(algorithm, "k", &claims).unwrap();
            assert_eq!(verify(&token, &keys).unwrap().subject(), Some("x"), "{algorithm}");
            let only: Algorithms = Algorithm::ALL
                .into_iter()
                .filter(|other| *other != algorithm)
                .collect();
            assert_eq!(
                Jws::parse(&token).unwrap().verify(&keys, only).unwrap_err(),
                JwsError::AlgorithmNotAllowed(algorithm)
            );
        }
    }
}

#[test]
fn a_signature_counts_only_for_the_algorithm_the_token_names() {
    let keys: Vec<SigningKey> = FAMILIES
        .map(|family| SigningKey::generate(family).unwrap())
        .into();
    for key in &keys {
        for signing in Algorithm::ALL
            .into_iter()
            .filter(|one| one.family() == key.family())
        {
            for named in Algorithm::ALL.into_iter().filter(|named| *named != signing) {
                let header = format!(r#"{{"alg":"{named}","kid":"k"}}"#);
                let token = signed(key, signing, &header, "{}");
                let refused = verify(&token, &set_of(key, "k")).unwrap_err();
                if named.family() == key.family() {
                    assert!(
                        matches!(refused, JwsError::BadSignature { .. }),
                        "{signing} as {named}: {refused}"
                    );
                } else {
                    assert_eq!(refused, JwsError::NoKeyForAlgorithm(named));
                }
            }
        }
    }
}

#[test]
fn what_is_no_token_is_refused_by_what_is_wrong_with_it() {
    let good = r#"{"alg":"RS256"}"#;
    let long_id = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(1025));
    for (header, payload, says) in [
        (r#"{"alg":"none"}"#, "{}", "algorithm that is never accepted"),
        (r#"{"alg":"None"}"#, "{}", "algorithm that is never accepted"),
        (r#"{"alg":"HS256"}"#, "{}", "algorithm that is never accepted"),
        (r#"{"alg":""}"#, "{}", "algorithm that is never accepted"),
        (r#"{"alg":["RS256"]}"#, "{}", "no usable \"alg\""),
        (r#"{"kid":"k"}"#, "{}", "no usable \"alg\""),
        (r#"{"alg":"RS256","kid":1}"#, "{}", "no usable \"kid\""),
        (&long_id, "{}", "no usable \"kid\""),
        (
            r#"{"alg":"RS256","crit":["exp"],"exp":1}"#,
            "{}",
            "extensions that are not supported",
        ),
        (
            r#"{"alg":"RS256","crit":[]}"#,
            "{}",
            "extensions that are not supported",
        ),
        (
            r#"{"alg":"none","alg":"RS256"}"#,
            "{}",
            "two members of the same name",
        ),
        (
            r#"{"alg":"RS256","x":{"a":1,"a":2}}"#,
            "{}",
            "two members of the same name",
        ),
        (r#"["RS256"]"#, "{}", "header of the token is not a JSON object"),
        ("", "{}", "header of the token is not JSON"),
        (good, "[]", "payload of the token is not a JSON object"),
        (good, r#"{"sub":"a","sub":"b"}"#, "two members of the same name"),
        (good, r#"{"a":{"b":1,"b":1}}"#, "two members of the same name"),
        (good, "{", "payload of the token is not JSON"),
        (good, "{}", ""),
    ] {
        let token = token(header, payload, b"s");
        let read = Jws::parse(&token).and_then(|jws| jws.unproved_claims().map(drop));
        let message = read.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            message.contains(says) && message.is_empty() == says.is_empty(),
            "{header} {payload}: {message}"
        );
    }
    for text in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "e30.e30",
        "e30=.e30.",
        "e30.e30.!",
        "e30 .e30.",
        "ä.ä.ä",
    ] {
        assert!(Jws::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_looked_at() {
    let huge = format!("{}.e30.", "A".repeat(MAX_TOKEN_BYTES));
    assert!(matches!(Jws::parse(&huge), Err(JwsError::TooLarge { .. })));
    let header = format!(r#"{{"alg":"RS256","x5c":"{}"}}"#, "A".repeat(16 << 10));
    assert_eq!(
        Jws::parse(&token(&header, "{}", &[])).unwrap_err(),
        JwsError::BadHeader { member: "size" }
    );
    let many = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(10_000));
    let many = token(r#"{"alg":"RS256"}"#, &many, &[]);
    let refused = Jws::parse(&many).unwrap().unproved_claims().unwrap_err();
    assert!(
        refused.to_string().contains("more than 10000 values"),
        "{refused}"
    );
}

#[test]
fn one_signature_has_one_text() {
    let key = SigningKey::generate(Family::P256).unwrap();
    let token = key.sign(Algorithm::Es256, "k", &json_object! {}).unwrap();
    let keys = set_of(&key, "k");
    assert!(verify(&token, &keys).is_ok());
    // 64 bytes leave four bits of the last letter unused.
    let last = token.chars().next_back().unwrap();
    let letters: String = ('A'..='Z').chain('a'..='z').chain('0'..='9').collect();
    let others = letters.chars().filter(|letter| *letter != last);
    for other in others {
        let changed = format!("{}{other}", &token[..token.len() - 1]);
        assert!(verify(&changed, &keys).is_err(), "{other}");
    }
    for changed in [
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}."),
    ] {
        assert!(Jws::parse(&changed).is_err());
    }
}

#[test]
fn a_public_key_is_no_shared_key() {
    // The classic confusion: HMAC with the text of the public key as the key.
    let key = SigningKey::generate(Family::Rsa).unwrap();
    let text = key.public_jwk("k").to_text();
    let header = r#"{"alg":"HS256","kid":"k"}"#;
    let unsigned = token(header, "{}", &[]);
    let mac = arca_crypto::mac::MacKey::new(text.as_str().as_bytes());
    let forged = token(header, "{}", &mac.sign(unsigned.trim_end_matches('.').as_bytes()));
    assert_eq!(
        verify(&forged, &set_of(&key, "k")).unwrap_err(),
        JwsError::UnknownAlgorithm
    );
}

#[test]
fn the_key_is_chosen_by_its_name_its_family_and_its_algorithm() {
    let (first, second) = (
        SigningKey::generate(Family::Ed25519).unwrap(),
        SigningKey::generate(Family::Ed25519).unwrap(),
    );
    let jwk = |key: &SigningKey, id: &str| key.public_jwk(id).to_text().into_string();
    let unnamed = |key: &SigningKey| jwk(key, "x").replace(r#""kid":"x","#, "");
    let both = set(&[&jwk(&first, "1"), &jwk(&second, "2")]);
    let sign = |key: &SigningKey, id: &str| key.sign(Algorithm::EdDsa, id, &json_object! {}).unwrap();
    let nameless = signed(&second, Algorithm::EdDsa, r#"{"alg":"EdDSA"}"#, "{}");
    assert!(verify(&sign(&second, "2"), &both).is_ok());
    assert!(
        verify(&nameless, &both).is_ok(),
        "a token without a name is tried with each key"
    );
    assert!(verify(&sign(&second, "other"), &set(&[&unnamed(&second)])).is_ok());
    let under_wrong_name = verify(&sign(&second, "1"), &both).unwrap_err();
    assert_eq!(
        under_wrong_name,
        JwsError::BadSignature {
            tried: 1,
            names_key: true
        }
    );
    assert!(!under_wrong_name.may_mend_with_new_keys());
    let unknown = verify(&sign(&second, "3"), &both).unwrap_err();
    assert!(unknown == JwsError::UnknownKey && unknown.may_mend_with_new_keys());
    let rotated = verify(&nameless, &set(&[&jwk(&first, "1")])).unwrap_err();
    assert!(rotated.may_mend_with_new_keys());
    // Two keys under one name, as during a change of keys.
    assert!(
        verify(
            &sign(&second, "1"),
            &set(&[&jwk(&first, "1"), &jwk(&second, "1")])
        )
        .is_ok()
    );
    let rsa = SigningKey::generate(Family::Rsa).unwrap();
    let only_ps256 = jwk(&rsa, "r").replace(r#""kty""#, r#""alg":"PS256","kty""#);
    let keys = set(&[&only_ps256]);
    let sign = |algorithm| rsa.sign(algorithm, "r", &json_object! {}).unwrap();
    assert!(verify(&sign(Algorithm::Ps256), &keys).is_ok());
    assert_eq!(
        verify(&sign(Algorithm::Rs256), &keys).unwrap_err(),
        JwsError::NoKeyForAlgorithm(Algorithm::Rs256)
    );
}

#[test]
fn keys_that_cannot_be_used_are_left_out_and_named() {
    let ed = EXAMPLES[5].key;
    let p256 = EXAMPLES[3].key;
    let small = format!(
        r#"{{"kty":"RSA","n":"{}","e":"AQAB"}}"#,
        URL_SAFE_NO_PAD.encode([0xff; 128])
    );
    let even = RFC_7520_RSA.replace("AQAB", "AQAC");
    let one = RFC_7520_RSA.replace("AQAB", "AQ");
    let off_curve = p256.replace("f83OJ3D2", "f83OJ3D3");
    let short = p256.replace(r#""x":"f83O"#, r#""x":""#);
    for (jwk, says) in [
        (r#"{"kty":"oct","k":"c2VjcmV0"}"#, "not supported"),
        (
            r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
            "not supported",
        ),
        (r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#, "not supported"),
        (r#"{"crv":"P-256"}"#, "no usable \"kty\""),
        (r#"{"kty":"RSA","e":"AQAB"}"#, "no usable \"n\""),
        (r#"{"kty":"RSA","n":"??","e":"AQAB"}"#, "no usable \"n\""),
        (r#"{"kty":"RSA","n":"","e":"AQAB"}"#, "no RSA key"),
        (&small, "2048 to 8192 bits"),
        (&even, "no RSA key"),
        (&one, "no RSA key"),
        (&off_curve, "no P-256 key"),
        (&short, "no P-256 key"),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, "no Ed25519 key"),
        (&ed.replace(r#""x""#, r#""d":"AA","x""#), "private key"),
        (&ed.replace(r#""x""#, r#""use":"enc","x""#), "not for signatures"),
        (
            &ed.replace(r#""x""#, r#""key_ops":["sign"],"x""#),
            "not for signatures",
        ),
        (&ed.replace(r#""x""#, r#""alg":"ES256","x""#), "does not go with"),
        (&ed.replace(r#""x""#, r#""alg":"HS256","x""#), "does not go with"),
        (&ed.replace(r#""x""#, r#""kid":1,"x""#), "no usable \"kid\""),
        ("1", "no usable \"kty\""),
    ] {
        let refused = try_set(&[jwk]).unwrap_err().to_string();
        assert!(
            refused.contains(says) && refused.starts_with("none of the 1 keys"),
            "{jwk}: {refused}"
        );
        let beside = set(&[jwk, ed]);
        assert_eq!((beside.len(), beside.left_out().len()), (1, 1), "{jwk}");
    }
    let used = ed.replace(r#""x""#, r#""use":"sig","key_ops":["verify"],"alg":"EdDSA","x""#);
    assert_eq!(set(&[&used]).len(), 1);
}

#[test]
fn key_sets_are_bounded() {
    let ed = EXAMPLES[5].key;
    assert_eq!(set(&vec![ed; MAX_KEYS]).len(), MAX_KEYS);
    assert_eq!(
        try_set(&vec![ed; MAX_KEYS + 1]).unwrap_err(),
        BadKey::TooMany {
            count: MAX_KEYS + 1,
            limit: MAX_KEYS
        }
    );
    let large = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(1 << 20));
    assert!(matches!(
        KeySet::from_jwks(large.as_bytes()),
        Err(BadKey::TooLarge { .. })
    ));
    for (document, says) in [
        ("", "not JSON"),
        ("<html>", "not JSON"),
        ("{}", "no list"),
        (r#"{"keys":{}}"#, "no list"),
        (r#"{"keys":[],"keys":[]}"#, "two members of the same name"),
        (r#"{"keys":[]}"#, "none of the 0 keys"),
    ] {
        let refused = KeySet::from_jwks(document.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(says), "{document}: {refused}");
    }
    assert!(KeySet::from_keys(vec![]).is_err());
}

/// What `openssl` makes of these arguments; `None` when there is none on this machine.
fn openssl(arguments: &[&str], input: Option<&str>) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input.pem");
    std::fs::write(&file, input.unwrap_or_default()).unwrap();
    let run = Command::new("openssl")
        .args(arguments)
        .current_dir(folder.path())
        .output();
    match run {
        Ok(output) => {
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("openssl: {error}"),
    }
}

#[test]
fn keys_and_certificates_of_openssl_are_read() {
    for (family, algorithm, options) in [
        (
            Family::Rsa,
            Algorithm::Ps512,
            vec!["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        ),
        (
            Family::P256,
            Algorithm::Es256,
            vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        ),
        (
            Family::P384,
            Algorithm::Es384,
            vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        ),
        (
            Family::P521,
            Algorithm::Es512,
            vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
        ),
        (Family::Ed25519, Algorithm::EdDsa, vec!["-algorithm", "ED25519"]),
    ] {
        let Some(private) = openssl(&[&["genpkey"], options.as_slice()].concat(), None) else {
            return;
        };
        let signer = SigningKey::from_pem(&private).unwrap();
        let token = signer.sign(algorithm, "k", &json_object! {}).unwrap();
        let public = openssl(&["pkey", "-in", "input.pem", "-pubout"], Some(&private)).unwrap();
        let certificate = [
            "req",
            "-x509",
            "-key",
            "input.pem",
            "-subj",
            "/CN=x",
            "-days",
            "1",
        ];
        let certificate = openssl(&certificate, Some(&private)).unwrap();
        let mut texts = vec![public, certificate];
        if family == Family::Rsa {
            let old = openssl(&["rsa", "-in", "input.pem", "-RSAPublicKey_out"], Some(&private));
            texts.push(old.unwrap());
        }
        for text in texts {
            let key = PublicKey::from_pem(&text).unwrap();
            assert_eq!(key.family(), family, "{text}");
            assert!(
                verify(&token, &KeySet::from_keys(vec![key]).unwrap()).is_ok(),
                "{text}"
            );
        }
        assert_eq!(PublicKey::from_pem(&private).unwrap_err(), BadKey::Private);
    }
}

#[test]
fn other_pem_text_is_refused_with_its_reason() {
    for (text, says) in [
        ("", "neither a PUBLIC KEY nor a CERTIFICATE"),
        (
            "-----BEGIN X-----\nAAAA\n-----END X-----\n",
            "neither a PUBLIC KEY",
        ),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "cannot be read",
        ),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n", "damaged"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "cannot be read",
        ),
    ] {
        let refused = PublicKey::from_pem(text).unwrap_err().to_string();
        assert!(refused.contains(says), "{text}: {refused}");
    }
    let weak = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
    if let Some(private) = openssl(&weak, None) {
        let public = openssl(&["pkey", "-in", "input.pem", "-pubout"], Some(&private)).unwrap();
        let refused = PublicKey::from_pem(&public).unwrap_err().to_string();
        assert!(refused.contains("2048 to 8192 bits"), "{refused}");
    }
}

const NOW: i64 = 1_800_000_000;

fn claims(text: &str) -> Claims {
    let payload = Json::parse(text.as_bytes(), &Limits::default()).unwrap();
    let token = token(r#"{"alg":"RS256"}"#, payload.to_text().as_str(), &[]);
    Jws::parse(&token).unwrap().unproved_claims().unwrap()
}

fn expected(audiences: &[String]) -> Expected<'_> {
    Expected {
        issuer: None,
        subject: None,
        audiences,
        leeway: Leeway::default(),
        now: Timestamp::from_unix(NOW, 0),
    }
}

#[test]
fn times_are_judged_with_their_leeway() {
    let none = Leeway {
        expiration: 0,
        not_before: 0,
        clock_skew: 0,
    };
    for (text, leeway, outcome) in [
        ("{}".to_owned(), Leeway::default(), Err(BadClaim::Timeless)),
        (
            r#"{"exp":null}"#.to_owned(),
            Leeway::default(),
            Err(BadClaim::Timeless),
        ),
        (format!(r#"{{"exp":{}}}"#, NOW - 60), Leeway::default(), Ok(())),
        (
            format!(r#"{{"exp":{}}}"#, NOW - 61),
            Leeway::default(),
            Err(BadClaim::Expired),
        ),
        (format!(r#"{{"exp":{NOW}}}"#), none, Ok(())),
        (format!(r#"{{"exp":{}}}"#, NOW - 1), none, Err(BadClaim::Expired)),
        (
            format!(r#"{{"exp":{}.5}}"#, NOW - 1),
            none,
            Err(BadClaim::Expired),
        ),
        (format!(r#"{{"exp":{}.0}}"#, NOW), none, Ok(())),
        // Without a beginning a token begins a while before it ends.
        (
            format!(r#"{{"exp":{}}}"#, NOW + 150 + 60),
            Leeway::default(),
            Ok(()),
        ),
        (
            format!(r#"{{"exp":{}}}"#, NOW + 150 + 61),
            Leeway::default(),
            Err(BadClaim::NotYetValid),
        ),
        (format!(r#"{{"exp":{},"iat":{NOW}}}"#, NOW + 9999), none, Ok(())),
        (
            format!(r#"{{"exp":{},"nbf":{}}}"#, NOW + 99, NOW + 60),
            Leeway::default(),
            Ok(()),
        ),
        (
            format!(r#"{{"exp":{},"nbf":{}}}"#, NOW + 99, NOW + 61),
            Leeway::default(),
            Err(BadClaim::NotYetValid),
        ),
        (
            format!(r#"{{"exp":{},"nbf":{NOW},"iat":{}}}"#, NOW + 99, NOW + 61),
            Leeway::default(),
            Err(BadClaim::IssuedInTheFuture),
        ),
        // Without an end it ends a while after it began.
        (
            format!(r#"{{"iat":{}}}"#, NOW - 150 - 60),
            Leeway::default(),
            Ok(()),
        ),
        (
            format!(r#"{{"iat":{}}}"#, NOW - 150 - 61),
            Leeway::default(),
            Err(BadClaim::Expired),
        ),
        (
            format!(r#"{{"iat":{},"nbf":{}}}"#, NOW - 900, NOW - 210),
            Leeway::default(),
            Ok(()),
        ),
        (
            format!(r#"{{"exp":"{}"}}"#, NOW + 9),
            none,
            Err(BadClaim::Kind("expiration time (exp)")),
        ),
        (
            r#"{"exp":1e99}"#.to_owned(),
            none,
            Err(BadClaim::Kind("expiration time (exp)")),
        ),
        (
            r#"{"exp":-9223372036854775808}"#.to_owned(),
            Leeway::default(),
            Err(BadClaim::Expired),
        ),
        (
            r#"{"iat":9223372036854775807}"#.to_owned(),
            Leeway::default(),
            Err(BadClaim::NotYetValid),
        ),
        (
            r#"{"nbf":true}"#.to_owned(),
            none,
            Err(BadClaim::Kind("not before (nbf)")),
        ),
    ] {
        let expected = Expected {
            leeway,
            ..expected(&[])
        };
        assert_eq!(claims(&text).check(&expected), outcome, "{text} {leeway:?}");
    }
}

#[test]
fn issuer_subject_and_audience_must_be_those_expected() {
    let audiences = ["a".to_owned(), "b".to_owned()];
    let with = |members: &str| claims(&format!(r#"{{"exp":{NOW},"iss":"i","sub":"s"{members}}}"#));
    let check = |claims: &Claims, issuer, subject, audiences: &[String]| {
        let expected = Expected {
            issuer,
            subject,
            ..expected(audiences)
        };
        claims.check(&expected)
    };
    let plain = with("");
    assert_eq!(check(&plain, Some("i"), Some("s"), &[]), Ok(()));
    assert_eq!(check(&plain, Some("i/"), None, &[]), Err(BadClaim::Issuer));
    assert_eq!(check(&plain, None, Some("S"), &[]), Err(BadClaim::Subject));
    assert_eq!(check(&plain, None, None, &audiences), Err(BadClaim::Audience));
    for (aud, outcome) in [
        (r#""b""#, Ok(())),
        (r#"["x","a"]"#, Ok(())),
        (r#"["x"]"#, Err(BadClaim::Audience)),
        (r#""ab""#, Err(BadClaim::Audience)),
        ("[]", Err(BadClaim::Audience)),
        ("null", Err(BadClaim::Audience)),
        ("1", Err(BadClaim::Kind("audience (aud)"))),
        (r#"["a",1]"#, Err(BadClaim::Kind("audience (aud)"))),
        (r#"{"a":"b"}"#, Err(BadClaim::Kind("audience (aud)"))),
    ] {
        let token = with(&format!(r#","aud":{aud}"#));
        assert_eq!(check(&token, None, None, &audiences), outcome, "{aud}");
    }
    assert_eq!(
        check(&claims(r#"{"exp":1800000000,"iss":1}"#), Some("1"), None, &[]),
        Err(BadClaim::Issuer)
    );
}

#[test]
fn claims_are_selected_by_name_or_pointer() {
    let claims = claims(r#"{"a":{"b/c":[10,{"~":1}],"":2},"/x":3,"http://n/a":4,"z":null}"#);
    for (selector, found) in [
        ("/a/b~1c/0", Some("10")),
        ("/a/b~1c/1/~0", Some("1")),
        ("/a/", Some("2")),
        ("/a/b~1c/00", None),
        ("/a/b~1c/-1", None),
        ("/a/b~1c/2", None),
        ("/a/b", None),
        ("/x", None),
        ("/~1x", Some("3")),
        ("http://n/a", Some("4")),
        ("a/b", None),
        ("z", None),
        ("", None),
        ("/", None),
    ] {
        let text = claims.select(selector).map(|value| value.to_text().into_string());
        assert_eq!(text.as_deref(), found, "{selector}");
    }
}

#[test]
fn nothing_of_a_token_or_a_key_is_printed() {
    let key = SigningKey::generate(Family::P256).unwrap();
    let token = key
        .sign(Algorithm::Es256, "k", &json_object! { "canary" => "canary" })
        .unwrap();
    let jws = Jws::parse(&token).unwrap();
    let claims = verify(&token, &set_of(&key, "k")).unwrap();
    assert_eq!(
        format!("{key:?} {jws:?} {claims:?}"),
        "SigningKey(redacted) Jws(ES256, redacted) Claims(1)"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_claims_survive(text in "\\PC{0,64}", number: i64, family in prop::sample::select(vec![Family::P256, Family::Ed25519])) {
        let key = SigningKey::generate(family).unwrap();
        let algorithm = if family == Family::P256 { Algorithm::Es256 } else { Algorithm::EdDsa };
        let payload = json_object! { "text" => text.as_str(), "number" => number };
        let token = key.sign(algorithm, "k", &payload).unwrap();
        let claims = verify(&token, &set_of(&key, "k")).unwrap();
        prop_assert_eq!(Json::Object(claims.members().clone()), payload);
    }

    #[test]
    fn any_change_of_a_letter_is_refused(at: prop::sample::Index, letter in "[A-Za-z0-9_.=-]") {
        let example = &EXAMPLES[3];
        let at = at.index(example.token.len());
        let mut changed = example.token.to_owned();
        changed.replace_range(at..=at, &letter);
        prop_assume!(changed != example.token);
        prop_assert!(verify(&changed, &set(&[example.key])).is_err());
    }

    #[test]
    fn any_text_is_read_or_refused(header in "\\PC{0,40}", payload in "\\PC{0,40}", text in "\\PC{0,60}") {
        let _outcome = (verify(&token(&header, &payload, &[]), &set(&[RFC_7520_RSA])), Jws::parse(&text).is_ok());
        let _outcome = (KeySet::from_jwks(text.as_bytes()), PublicKey::from_pem(&text));
    }
}
