//! The core itself behind the server.

use std::sync::Arc;

use arca_core::Core;
use arca_core::seal::Seal;
use arca_server::config::MetricsAccess;
use arca_server::server::Options;
use arca_storage::MemoryStorage;
use serde_json::Value;

use crate::client::Raw;
use crate::process::core;
use crate::running::{Running, listener, start_with};

async fn server() -> Running<Core> {
    let core = core(Arc::new(MemoryStorage::default()), Seal::Shamir);
    let mut listener = listener();
    listener.metrics = MetricsAccess {
        open: true,
        ..MetricsAccess::default()
    };
    start_with(vec![listener], Options::default(), core).await
}

/// Initializes and unseals; gives the root token.
async fn unsealed(client: &mut Raw) -> String {
    let made = client
        .ask("PUT /v1/sys/init", r#"{"secret_shares":1,"secret_threshold":1}"#)
        .await
        .json();
    let share = made["keys_base64"][0].as_str().unwrap();
    let status = client
        .ask("PUT /v1/sys/unseal", &format!("{{\"key\":\"{share}\"}}"))
        .await
        .json();
    assert_eq!(status["sealed"], false);
    made["root_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn from_nothing_to_a_policy() {
    let server = server().await;
    let mut client = server.connect().await;
    assert_eq!(client.ask("GET /v1/sys/health", "").await.status, 501);
    let sealed = client.ask("GET /v1/cubbyhole/a\nX-Vault-Token: t", "").await;
    assert_eq!(
        (sealed.status, sealed.error()),
        (503, "Vault is sealed".to_owned())
    );
    let root = unsealed(&mut client).await;
    assert_eq!(client.ask("HEAD /v1/sys/health", "").await.status, 200);
    let token = format!("X-Vault-Token: {root}");
    let policy = r#"{"policy":"path \"a\" { capabilities = [\"read\"] }"}"#;
    assert_eq!(
        client
            .ask(&format!("POST /v1/sys/policies/acl/p\n{token}"), policy)
            .await
            .status,
        204
    );
    let read = client
        .ask(
            &format!("GET /v1/sys/policies/acl/p\nAuthorization: Bearer {root}"),
            "",
        )
        .await;
    assert_eq!(read.json()["data"]["name"], "p");
    assert_eq!(client.ask("GET /v1/sys/policies/acl/p", "").await.status, 403);
    let names = client
        .ask(&format!("LIST /v1/sys/policies/acl\n{token}"), "")
        .await
        .json();
    assert!(
        names["data"]["keys"]
            .as_array()
            .unwrap()
            .contains(&Value::from("p")),
        "{names}"
    );
    assert_eq!(
        client
            .ask(&format!("GET /v1/sys/policies/acl/none\n{token}"), "")
            .await
            .error(),
        ""
    );
    let metrics = client.ask("GET /v1/sys/metrics?format=prometheus", "").await;
    assert!(
        metrics.body.contains("vault_core_in_flight_requests"),
        "{}",
        metrics.body
    );
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(client.ask("GET /v1/sys/metrics", "").await.json()["Gauges"].is_array());
    server.service.seal().await;
    assert_eq!(client.ask("GET /v1/sys/health", "").await.status, 503);
}

#[tokio::test]
async fn what_cannot_be_read_is_in_the_audit_log() {
    let server = server().await;
    let mut client = server.connect().await;
    let root = unsealed(&mut client).await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let device = format!(
        "{{\"type\":\"file\",\"options\":{{\"file_path\":\"{}\"}}}}",
        log.display()
    );
    let enabled = client
        .ask(&format!("PUT /v1/sys/audit/file\nX-Vault-Token: {root}"), &device)
        .await;
    assert_eq!(enabled.status, 204, "{}", enabled.body);
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&log).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let before = lines().len();
    assert_eq!(
        client
            .ask("POST /v1/cubbyhole/a", "{\"password\":\"canary\"")
            .await
            .status,
        400
    );
    assert_eq!(client.ask("GET /v1/cubbyhole/../sys", "").await.status, 400);
    let new = lines().split_off(before);
    let seen: Vec<String> = new
        .iter()
        .map(|line| {
            format!(
                "{} {} {}",
                line["type"].as_str().unwrap(),
                line["request"]["operation"].as_str().unwrap(),
                line["request"]["path"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            "request update cubbyhole/a",
            "response update cubbyhole/a",
            "request read cubbyhole/../sys",
            "response read cubbyhole/../sys"
        ]
    );
    assert!(
        new[1]["error"]
            .as_str()
            .unwrap()
            .contains("failed to decode JSON input"),
        "{}",
        new[1]
    );
    assert!(!std::fs::read_to_string(&log).unwrap().contains("canary"));
}
