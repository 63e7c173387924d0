//! Trying again.

use std::time::Duration;

use arca_client::{ClientError, TransportError};

use crate::clock::Waits;
use crate::double::{Double, client_with, json};

#[tokio::test]
async fn a_passing_fault_is_waited_out() {
    let double = Double::answering(|number, _| match number {
        0 => json(503, r#"{"errors":["Vault is sealed"]}"#),
        1 => json(500, ""),
        _ => json(200, r#"{"data":{}}"#),
    })
    .await;
    let waits = Waits::up_to(30);
    let client = client_with(&[("VAULT_ADDR", &double.url)], waits.clone()).unwrap();
    client.read("a").await.unwrap();
    assert_eq!(double.asked().len(), 3);
    assert_eq!(
        *waits.passed.lock(),
        [Duration::from_secs(1), Duration::from_secs(2)]
    );
}

#[tokio::test]
async fn the_last_answer_counts_when_nothing_helps() {
    let double = Double::answering(|_, _| json(503, r#"{"errors":["Vault is sealed"]}"#)).await;
    let error = double.client().read("a").await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("Code: 503. Errors:\n\n* Vault is sealed"),
        "{error}"
    );
    assert_eq!(double.asked().len(), 3);
    double.client().with_retries(0).read("a").await.unwrap_err();
    assert_eq!(double.asked().len(), 4);
}

#[tokio::test]
async fn a_lasting_fault_is_told_at_once() {
    for status in [400, 403, 405, 501] {
        let double = Double::answering(move |_, _| json(status, r#"{"errors":["no"]}"#)).await;
        double.client().read("a").await.unwrap_err();
        assert_eq!(double.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn the_server_says_how_long_to_wait() {
    let double = Double::answering(|number, _| {
        let mut answer = json(if number == 0 { 429 } else { 200 }, "{}");
        answer.headers_mut().insert("retry-after", "9".parse().unwrap());
        answer
    })
    .await;
    let waits = Waits::up_to(30);
    let client = client_with(&[("VAULT_ADDR", &double.url)], waits.clone()).unwrap();
    client.read("a").await.unwrap();
    assert_eq!(*waits.passed.lock(), [Duration::from_secs(9)]);
}

#[tokio::test]
async fn a_refused_connection_is_retried_and_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let waits = Waits::up_to(30);
    let client = client_with(&[("VAULT_ADDR", &format!("http://{free}"))], waits.clone()).unwrap();
    let error = client.read("a").await.unwrap_err();
    assert_eq!(waits.passed.lock().len(), 2);
    assert_eq!(
        error.transport(),
        Some(&TransportError::Connect {
            address: format!("http://{free}"),
            reason: "connection refused".into()
        })
    );
}

#[tokio::test]
async fn a_timeout_covers_everything() {
    let double = Double::answering(|_, _| json(200, "{}")).await;
    // This clock lets the minute of the timeout pass at once.
    let client = client_with(&[("VAULT_ADDR", &double.url)], Waits::up_to(60)).unwrap();
    let error = client.read("a").await.unwrap_err();
    assert!(
        matches!(error, ClientError::TimedOut { after, .. } if after == Duration::from_secs(60)),
        "{error}"
    );
    let patient = client_with(
        &[("VAULT_ADDR", &double.url), ("VAULT_CLIENT_TIMEOUT", "0")],
        Waits::up_to(60),
    );
    patient.unwrap().read("a").await.unwrap();
}

#[tokio::test]
async fn a_pace_is_kept_by_all_clones() {
    let double = Double::answering(|_, _| json(200, "{}")).await;
    let waits = Waits::up_to(30);
    let vars = [("VAULT_ADDR", double.url.as_str()), ("VAULT_RATE_LIMIT", "2:1")];
    let client = client_with(&vars, waits.clone()).unwrap();
    for _ in 0..3 {
        client.clone().read("a").await.unwrap();
    }
    let half = Duration::from_millis(500);
    assert_eq!(*waits.passed.lock(), [half, half * 2]);
}
