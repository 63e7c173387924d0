//! `read`, `write`, `patch`, `delete`, `list`, `scan` and the small commands beside them.

use crate::double::Run;
use crate::transcripts;

#[test]
fn read() {
    transcripts!(
        "read",
        "basics",
        [
            "arca read database/creds/app",
            "arca read /kv/app/",
            "arca read secret/none",
            "arca read secret/warned",
            "arca read sys/health",
            "arca read -format=raw kv/app",
            "arca read -field=lease_duration database/creds/app",
            "arca read -field=refresh_interval kv/app",
            "arca read -field=data kv/app",
            "arca read",
        ]
    );
    let spaced = Run::of_words(
        "basics",
        &["arca", "read", "sys/policies/acl", "a=1", "a=2", "b=x y"],
    )
    .go();
    assert_eq!(
        (spaced.exit, spaced.asked[0].as_str()),
        (0, "> GET /v1/sys/policies/acl?a=1&a=2&b=x+y")
    );
}

#[test]
fn write() {
    transcripts!(
        "write",
        "basics",
        [
            "arca write secret/app a=1 b=@/nonexistent",
            "arca write secret/app a=1 b=\\@x a=2",
            "arca write -f transit/keys/k",
            "arca write -force transit/keys/k",
            "arca write transit/keys/k",
            "arca write transit/encrypt/k plaintext=abc",
            "arca write -field=ciphertext transit/encrypt/k plaintext=abc",
            "arca write secret/bad a=1",
            "arca write nope/x a=1",
            "arca patch pki/roles/example allow_localhost=false",
            "arca patch pki/roles/example",
        ]
    );
}

#[test]
fn delete() {
    transcripts!(
        "delete",
        "basics",
        [
            "arca delete secret/app",
            "arca delete -format=json secret/app",
            "arca delete secret/app versions=1",
        ]
    );
}

#[test]
fn list_and_scan() {
    transcripts!(
        "list",
        "basics",
        [
            "arca list secret/",
            "arca list -format=json secret",
            "arca list -format=yaml secret",
            "arca list -detailed pki/issuers",
            "arca list -detailed -format=json pki/issuers",
            "arca list -after=a -limit=2 secret",
            "arca list -field=keys secret",
            "arca scan secret",
            "arca list empty",
            "arca list -format=json empty",
            "arca list odd",
        ]
    );
}

#[test]
fn the_small_ones() {
    transcripts!(
        "small",
        "basics",
        [
            "arca namespace list",
            "arca namespace list -format=json",
            "arca version-history",
            "arca plugin list",
            "arca plugin list -detailed auth",
            "arca plugin info database postgresql-database-plugin",
            "arca plugin info -format=json database postgresql-database-plugin",
            "arca plugin info auth none",
            "arca plugin list odd",
            "arca path-help database/roles/",
            "arca path-help -format=json database/roles",
        ]
    );
}
