//! What is said when something goes wrong, and what to do next.

use arca_client::TransportError;

use crate::double::Run;
use crate::transcripts;

#[test]
fn of_the_server() {
    transcripts!(
        "errors_of_the_server",
        "errors",
        [
            "arca read secret/denied",
            "arca read secret/sealed",
            "arca read secret/page",
            "arca read secret/foreign",
            "arca read secret/many",
            "arca read secret/../sys",
        ]
    );
    let anonymous = Run::of("errors", "arca read secret/denied")
        .env("VAULT_TOKEN", "")
        .go();
    insta::assert_snapshot!("errors_without_token", anonymous.transcript());
}

fn faults() -> Vec<TransportError> {
    let address = "http://127.0.0.1:8200".to_owned();
    vec![
        TransportError::Connect {
            address: address.clone(),
            reason: "connection refused".to_owned(),
        },
        TransportError::NotTls {
            address: address.clone(),
        },
        TransportError::NotPlain {
            address: address.clone(),
        },
        TransportError::Tls {
            address: address.clone(),
            reason: "its certificate has expired".to_owned(),
        },
        TransportError::Broken {
            address,
            reason: "connection reset".to_owned(),
        },
        TransportError::TooLarge { limit: 67_108_864 },
    ]
}

#[test]
fn of_the_way_there() {
    let mut all = String::new();
    for fault in faults() {
        all.push_str(
            &Run::of("errors", "arca read secret/a")
                .failing(fault)
                .go()
                .transcript(),
        );
        all.push('\n');
    }
    let nowhere = Run::of("errors", "arca status")
        .env("VAULT_ADDR", "")
        .failing(faults().remove(0))
        .go();
    all.push_str(&nowhere.transcript());
    let default = Run::of("errors", "arca status")
        .env("VAULT_ADDR", "")
        .failing(faults().remove(1))
        .go();
    all.push_str(&default.transcript());
    insta::assert_snapshot!("errors_of_the_way_there", all);
}

#[test]
fn one_failure_is_told_at_once_unless_retries_are_asked_for() {
    let once = Run::of("errors", "arca read secret/sealed").go();
    assert_eq!(once.asked.len(), 1);
    let retried = Run::of("errors", "arca read secret/sealed")
        .env("VAULT_MAX_RETRIES", "3")
        .go();
    assert_eq!(retried.asked.len(), 4);
}

#[test]
fn of_settings() {
    let runs = [
        Run::of("errors", "arca read a").env("VAULT_ADDR", "127.0.0.1:8200"),
        Run::of("errors", "arca read a").env("VAULT_CLIENT_TIMEOUT", "soon"),
        Run::of("errors", "arca read a").env("VAULT_FORMAT", "xml"),
        Run::of("errors", "arca read -format=toml a"),
        Run::of("errors", "arca list -format=raw a"),
        Run::of("errors", "arca read -header=X-Vault-Token=t a"),
        Run::of("errors", "arca read -header=nothing a"),
        Run::of("errors", "arca read -address=ftp://h a"),
        Run::of("errors", "arca print token").env("VAULT_TOKEN", ""),
    ];
    let all: Vec<String> = runs.into_iter().map(|run| run.go().transcript()).collect();
    insta::assert_snapshot!("errors_of_settings", all.join("\n"));
}

#[test]
fn of_arguments() {
    transcripts!(
        "errors_of_arguments",
        "errors",
        [
            "arca reed a",
            "arca kv gett a",
            "arca read -fromat=json a",
            "arca list a b",
            "arca -format=json",
            "arca token create -use-limit=many",
        ]
    );
}

#[test]
fn errors_are_red_on_a_terminal_unless_told_otherwise() {
    let red = |run: Run| run.go().errors.starts_with("\u{1b}[31m");
    let run = || Run::of("errors", "arca read secret/many");
    assert!(red(run().on_terminal()));
    assert!(!red(run()));
    for (name, value) in [
        ("NO_COLOR", "1"),
        ("VAULT_CLI_NO_COLOR", "1"),
        ("VAULT_FORMAT", "json"),
    ] {
        assert!(!red(run().on_terminal().env(name, value)), "{name}");
    }
}
