//! `secrets` and `auth`.

use crate::double::Run;
use crate::transcripts;

#[test]
fn secrets() {
    transcripts!(
        "secrets",
        "mounts",
        [
            "arca secrets list",
            "arca secrets list -detailed",
            "arca secrets list -format=json",
            "arca secrets enable kv",
            "arca secrets enable -path=/team/kv/ -version=2 -description=notes -default-lease-ttl=1h -max-lease-ttl=24h kv",
            "arca secrets enable -path=team/kv -options=version=2 -options=a=b -local -listing-visibility=unauth kv",
            "arca secrets enable -path=taken kv",
            "arca secrets enable -format=json kv",
            "arca secrets disable kv/",
            "arca secrets tune -default-lease-ttl=72h -max-lease-ttl=-1s -description= -version=2 kv/",
            "arca secrets tune -audit-non-hmac-request-keys=a -audit-non-hmac-request-keys=b,c kv",
            "arca secrets move a b/",
        ]
    );
}

#[test]
fn auth() {
    transcripts!(
        "auth",
        "mounts",
        [
            "arca auth list",
            "arca auth list -detailed",
            "arca auth enable userpass",
            "arca auth enable -path=k8s -token-type=batch -passthrough-request-headers=X-A kubernetes",
            "arca auth disable userpass",
            "arca auth tune -max-lease-ttl=1h -user-lockout-threshold=10 -user-lockout-duration=10m -user-lockout-disable=false userpass/",
            "arca auth move a b",
            "arca auth help userpass",
            "arca auth help approle",
            "arca auth help userpas",
        ]
    );
}

#[test]
fn auth_methods_test_themselves() {
    transcripts!(
        "auth_test",
        "auth_test",
        [
            "arca auth test kubernetes/",
            "arca auth test good",
            "arca auth test -format=json good",
            "arca auth test userpass",
            "arca auth test locked",
        ]
    );
}

#[test]
fn a_move_that_fails_is_a_failure() {
    let run = Run::of("move_fails", "arca secrets move a b").go();
    assert_eq!(run.exit, 2, "{}", run.transcript());
    assert!(
        run.errors.starts_with("Failure! Error encountered moving"),
        "{}",
        run.errors
    );
}
