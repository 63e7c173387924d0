//! `operator` and `status`.

use crate::double::Run;
use crate::transcripts;

#[test]
fn status() {
    transcripts!(
        "status_sealed",
        "operator",
        [
            "arca status",
            "arca status -format=json",
            "arca status -field=sealed"
        ]
    );
    transcripts!(
        "status_unsealed",
        "unsealed",
        ["arca status", "arca status -format=json"]
    );
    transcripts!(
        "status_standby",
        "standby",
        ["arca status", "arca status -format=yaml"]
    );
    let elsewhere = Run::of("standby", "arca status -namespace=team").go();
    assert!(
        elsewhere.asked.iter().all(|asked| !asked.contains("namespace")),
        "{}",
        elsewhere.transcript()
    );
}

#[test]
fn init() {
    transcripts!(
        "operator_init",
        "operator",
        [
            "arca operator init",
            "arca operator init -key-shares=1 -key-threshold=1 -format=json",
            "arca operator init -n 2 -t 2 -format yaml",
            "arca operator init -status",
            "arca operator init -status -format=json",
            "arca operator init -pgp-keys=keybase:ann",
        ]
    );
    transcripts!(
        "operator_init_auto",
        "unsealed",
        ["arca operator init", "arca operator init -status"]
    );
}

#[test]
fn pgp_keys_lose_their_armor() {
    let run = Run::of("operator", "");
    let (armored, bare) = (run.file("a.asc"), run.file("b.b64"));
    std::fs::write(
        &armored,
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: 1\n\nmQEN\nBFoo\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n",
    )
    .unwrap();
    std::fs::write(&bare, "mQENBBar\n").unwrap();
    let line = format!(
        "arca operator init -n 2 -t 2 -pgp-keys={},{}",
        armored.display(),
        bare.display()
    );
    let outcome = Run::of("operator", &line).at_home_of(run.go()).go();
    assert!(
        outcome.asked[1].contains(r#""pgp_keys":["mQENBFoo","mQENBBar"]"#),
        "{:?}",
        outcome.asked
    );
}

#[test]
fn unseal() {
    transcripts!(
        "operator_unseal",
        "operator",
        [
            "arca operator unseal c2hhcmU=",
            "arca operator unseal -reset",
            "arca operator unseal -migrate -format=json c2hhcmU=",
            "arca operator unseal",
            "arca operator unseal -non-interactive",
        ]
    );
    let typed = Run::of("operator", "arca operator unseal")
        .typing(" c2hhcmU=\n")
        .go();
    assert_eq!(typed.errors, "Unseal Key (will be hidden): \n");
    let piped = Run::of("operator", "arca operator unseal")
        .input("c2hhcmU=\nmore\n")
        .go();
    for outcome in [typed, piped] {
        assert!(
            outcome.asked[0].contains(r#""key":"c2hhcmU=""#),
            "{}",
            outcome.transcript()
        );
        assert!(!outcome.output.contains("c2hhcmU"), "{}", outcome.output);
    }
}

#[test]
fn keys() {
    transcripts!(
        "operator_keys",
        "operator",
        [
            "arca operator seal",
            "arca operator key-status",
            "arca operator key-status -format=json",
            "arca operator rotate",
        ]
    );
}
