//! Wrapped answers.

use crate::double::Run;
use crate::transcripts;

#[test]
fn unwrap() {
    transcripts!(
        "unwrap",
        "wrapped",
        [
            "arca unwrap hvs.wrapping",
            "arca unwrap hvs.own",
            "arca unwrap",
            "arca unwrap -format=json hvs.wrapping",
            "arca unwrap -field=data hvs.wrapping",
            "arca token create -wrap-ttl=300",
            "arca token create -wrap-ttl=5m -field=wrapping_token",
            "arca token create -wrap-ttl=soon",
        ]
    );
}

#[test]
fn a_wrapping_token_alone_is_enough() {
    let run = Run::of("wrapped", "arca unwrap hvs.wrapping")
        .env("VAULT_TOKEN", "")
        .go();
    assert_eq!(
        run.asked,
        ["> PUT /v1/sys/wrapping/unwrap\n    x-vault-token: hvs.wrapping"]
    );
}

#[test]
fn the_environment_may_ask_for_wrapping_and_unwrapping_never_does() {
    let read = Run::of("wrapped", "arca kv get secret/app")
        .env("VAULT_WRAP_TTL", "60")
        .go();
    assert_eq!(read.asked[0], "> GET /v1/sys/internal/ui/mounts/secret/app");
    assert!(read.asked[1].contains("x-vault-wrap-ttl: 60"), "{:?}", read.asked);
    let opened = Run::of("wrapped", "arca unwrap").env("VAULT_WRAP_TTL", "60").go();
    assert!(!opened.asked[0].contains("wrap-ttl"), "{:?}", opened.asked);
}
