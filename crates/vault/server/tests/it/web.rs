//! What the configuration in the store says about headers, on the wire.

use arca_core::Core;
use arca_core::seal::Seal;
use arca_server::server::Options;
use arca_storage::MemoryStorage;
use serde_json::Value;
use std::sync::Arc;

use crate::client::Raw;
use crate::process::core;
use crate::running::{Running, listener, start_with};

/// A server, a connection, and the header with its root token.
async fn server() -> (Running<Core>, Raw, String) {
    let core = core(Arc::new(MemoryStorage::default()), Seal::Shamir);
    let server = start_with(vec![listener()], Options::default(), core).await;
    let mut client = server.connect().await;
    let made = client
        .ask("PUT /v1/sys/init", r#"{"secret_shares":1,"secret_threshold":1}"#)
        .await
        .json();
    let key = made["keys_base64"][0].as_str().unwrap();
    let _ = client
        .ask("PUT /v1/sys/unseal", &format!("{{\"key\":\"{key}\"}}"))
        .await;
    let token = format!("X-Vault-Token: {}", made["root_token"].as_str().unwrap());
    (server, client, token)
}

#[tokio::test]
async fn browsers_of_allowed_origins_may_use_the_api() {
    let (_server, mut client, token) = server().await;
    let origin = "Origin: https://a.example.com";
    let before = client
        .ask(&format!("GET /v1/sys/mounts\n{token}\n{origin}"), "")
        .await;
    assert_eq!(
        (before.status, before.header("access-control-allow-origin")),
        (200, None)
    );
    let cors = r#"{"allowed_origins":["https://a.example.com"],"allowed_headers":["X-Custom"]}"#;
    let written = client
        .ask(&format!("POST /v1/sys/config/cors\n{token}"), cors)
        .await;
    assert_eq!(written.status, 204, "{}", written.body);
    let after = client
        .ask(&format!("GET /v1/sys/mounts\n{token}\n{origin}"), "")
        .await;
    assert_eq!(
        after.header("access-control-allow-origin"),
        Some("https://a.example.com")
    );
    assert_eq!(after.header("vary"), Some("Origin"));
    let none = client.ask(&format!("GET /v1/sys/mounts\n{token}"), "").await;
    assert_eq!(
        (none.status, none.header("access-control-allow-origin")),
        (200, None)
    );
    let other = client
        .ask(
            &format!("GET /v1/sys/mounts\n{token}\nOrigin: https://evil.example.com"),
            "",
        )
        .await;
    assert_eq!(
        (other.status, other.error()),
        (403, "origin not allowed".to_owned())
    );
    assert_eq!(other.header("access-control-allow-origin"), None);
    let asks = |method: &str| format!("OPTIONS /v1/kv/a\n{origin}\nAccess-Control-Request-Method: {method}");
    let preflight = client.ask(&asks("PUT"), "").await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-max-age"), Some("300"));
    assert!(
        preflight
            .header("access-control-allow-methods")
            .unwrap()
            .contains("LIST")
    );
    let headers = preflight.header("access-control-allow-headers").unwrap();
    assert!(
        headers.contains("X-Vault-Token") && headers.contains("X-Custom"),
        "{headers}"
    );
    assert_eq!(client.ask(&asks("BREW"), "").await.status, 405);
    let foreign = "OPTIONS /v1/kv/a\nOrigin: https://evil.example.com\nAccess-Control-Request-Method: PUT";
    assert_eq!(client.ask(foreign, "").await.status, 403);
}

#[tokio::test]
async fn headers_of_the_interface_are_there_and_not_on_the_api() {
    let (_server, mut client, token) = server().await;
    let set = format!("POST /v1/sys/config/ui/headers/X-Shown\n{token}");
    assert_eq!(client.ask(&set, r#"{"values":["one"]}"#).await.status, 204);
    assert_eq!(client.ask("GET /ui/", "").await.header("x-shown"), Some("one"));
    let api = client.ask(&format!("GET /v1/sys/mounts\n{token}"), "").await;
    assert_eq!(api.header("x-shown"), None);
}

#[tokio::test]
async fn audited_headers_come_from_the_wire_within_limits() {
    let (_server, mut client, token) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let device = format!(
        r#"{{"type":"file","options":{{"file_path":"{}"}}}}"#,
        log.display()
    );
    let enabled = client
        .ask(&format!("PUT /v1/sys/audit/file\n{token}"), &device)
        .await;
    assert_eq!(enabled.status, 204, "{}", enabled.body);
    let name = format!("POST /v1/sys/config/auditing/request-headers/X-Trace\n{token}");
    assert_eq!(client.ask(&name, r#"{"hmac":false}"#).await.status, 204);
    let sent = format!("GET /v1/sys/mounts\n{token}\nx-tRACE: seen\nX-Other: canary");
    assert_eq!(client.ask(&sent, "").await.status, 200);
    let text = std::fs::read_to_string(&log).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["request"]["headers"]["x-trace"][0], "seen");
    assert!(!text.contains("canary"));
    let long = format!(
        "GET /v1/sys/mounts\n{token}\nX-Trace: {}",
        "a".repeat((16 << 10) + 1)
    );
    let refused = client.ask(&long, "").await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.error().contains("the x-trace header"),
        "{}",
        refused.error()
    );
}
