//! Limits of how often clients may ask.

use std::time::Duration;

use arca_base::json::Object;
use arca_base::{Operation, RequestPath, Secret};
use arca_core::engine::ClientInfo;
use arca_core::pipeline::{Incoming, Reply};
use arca_testkit::Unsealed;
use serde_json::{Value, json};

/// A read as root from an address.
async fn read_from(vault: &Unsealed, address: &str, path: &str) -> Reply {
    let incoming = Incoming {
        operation: Operation::Read,
        path: RequestPath::parse(path).unwrap(),
        namespace: String::new(),
        token: Some(Secret::new(vault.root.clone())),
        inline_auth: None,
        wrap_ttl: None,
        factors: Vec::new(),
        data: Object::new(),
        headers: arca_core::web::RequestHeaders::default(),
        client: ClientInfo {
            address: Some(format!("{address}:50000").parse().unwrap()),
            certificates: vec![],
        },
    };
    vault.server.core.handle(incoming).await
}

async fn quota(vault: &Unsealed, name: &str, data: Value) {
    let path = format!("sys/quotas/rate-limit/{name}");
    let _ = vault.write(&path, data).await.expect(204);
}

const CLIENT: &str = "10.0.0.1";

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": "v"})).await.expect(204);
    quota(&vault, "kv", json!({"path": "kv", "rate": 3, "interval": "1m"})).await;
    for _ in 0..3 {
        assert_eq!(read_from(&vault, CLIENT, "kv/a").await.status, 200);
    }
    let over = read_from(&vault, CLIENT, "kv/a").await;
    assert_eq!((over.status, over.retry_after), (429, Some(20)));
    assert_eq!(
        over.body.0,
        "{\"errors\":[\"request path \\\"kv/a\\\": rate limit quota exceeded\"]}\n"
    );
    assert_eq!(
        read_from(&vault, "10.0.0.2", "kv/a").await.status,
        200,
        "another client"
    );
    assert_eq!(
        read_from(&vault, CLIENT, "sys/mounts").await.status,
        200,
        "another mount"
    );
    vault.server.clock.advance(Duration::from_secs(20));
    assert_eq!(read_from(&vault, CLIENT, "kv/a").await.status, 200);
    assert_eq!(read_from(&vault, CLIENT, "kv/a").await.status, 429);
    let _ = vault.delete("sys/quotas/rate-limit/kv").await.expect(204);
    assert_eq!(read_from(&vault, CLIENT, "kv/a").await.status, 200);
}

#[tokio::test]
async fn the_most_specific_limit_holds_and_some_paths_have_none() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let paths = json!({"rate_limit_exempt_paths": ["kv/free", "sys/quotas/*"]});
    let _ = vault.write("sys/quotas/config", paths.clone()).await.expect(204);
    let all = json!({"rate": 1, "interval": "1h", "block_interval": "2h"});
    quota(&vault, "all", all).await;
    let one = json!({"path": "kv/many/*", "rate": "2.5", "interval": "1h"});
    quota(&vault, "one", one).await;
    assert_eq!(read_from(&vault, CLIENT, "kv/x").await.status, 404);
    let over = read_from(&vault, CLIENT, "kv/x").await;
    assert_eq!((over.status, over.retry_after), (429, Some(7200)));
    for _ in 0..2 {
        assert_eq!(read_from(&vault, CLIENT, "kv/many/x").await.status, 404);
    }
    for _ in 0..10 {
        assert_eq!(read_from(&vault, CLIENT, "sys/health").await.status, 200);
        assert_eq!(read_from(&vault, CLIENT, "kv/free").await.status, 404);
    }
    assert_eq!(read_from(&vault, CLIENT, "kv/y").await.status, 429);
    let config = vault.read("sys/quotas/config").await.expect(200);
    assert_eq!(
        config.data("rate_limit_exempt_paths"),
        &paths["rate_limit_exempt_paths"]
    );
}

#[tokio::test]
async fn refused_requests_are_in_the_audit_log_when_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let vault = Unsealed::start().await;
    let device = json!({"type": "file", "options": {"file_path": log.to_str().unwrap()}});
    let _ = vault.write("sys/audit/file", device).await.expect(204);
    quota(&vault, "all", json!({"rate": 1, "interval": "1h"})).await;
    let refusals = || {
        let text = std::fs::read_to_string(&log).unwrap();
        text.lines()
            .filter(|line| line.contains("rate limit quota exceeded"))
            .count()
    };
    let _ = vault
        .write("sys/quotas/config", json!({"rate_limit_exempt_paths": "sys/*"}))
        .await
        .expect(204);
    for _ in 0..3 {
        let _ = read_from(&vault, CLIENT, "cubbyhole/x").await;
    }
    assert_eq!(refusals(), 0);
    let _ = vault
        .write(
            "sys/quotas/config",
            json!({"enable_rate_limit_audit_logging": true}),
        )
        .await
        .expect(204);
    assert_eq!(read_from(&vault, CLIENT, "cubbyhole/x").await.status, 429);
    assert_eq!(refusals(), 2, "the request and its answer");
}

#[tokio::test]
async fn limits_are_written_read_listed_and_refused() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.list("sys/quotas/rate-limit").await.expect(404);
    quota(
        &vault,
        "kv",
        json!({"path": "kv", "rate": 1.5, "type": "rate-limit"}),
    )
    .await;
    let read = vault.read("sys/quotas/rate-limit/kv").await.expect(200);
    assert_eq!(
        read.body["data"],
        json!({
            "type": "rate-limit", "name": "kv", "path": "kv/", "role": "", "rate": 1.5, "interval": 1,
            "block_interval": 0, "inheritable": false, "group_by": "ip",
        })
    );
    assert_eq!(
        vault.list("sys/quotas/rate-limit").await.expect(200).data("keys"),
        &json!(["kv"])
    );
    let same = json!({"path": "kv/", "rate": 9});
    let same = vault.write("sys/quotas/rate-limit/other", same).await.expect(400);
    assert_eq!(
        same.error(),
        "quota rule with similar properties exists under the name \"kv\""
    );
    for (data, says) in [
        (json!({}), "'rate' must be a number greater than 0"),
        (json!({"rate": 0}), "'rate' must be"),
        (json!({"rate": "many"}), "'rate' must be"),
        (json!({"rate": 1, "interval": 0}), "'interval' must be"),
        (json!({"rate": 1, "block_interval": "48h"}), "'interval' must be"),
        (json!({"rate": 1, "path": "nothing/here"}), "invalid mount path"),
        (json!({"rate": 1, "path": "kv/*/x"}), "'path' may have at most"),
        (json!({"rate": 1, "role": "app"}), "'role' needs an auth method"),
        (
            json!({"rate": 1, "type": "lease-count"}),
            "type must be rate-limit",
        ),
    ] {
        let refused = vault
            .write("sys/quotas/rate-limit/x", data.clone())
            .await
            .expect(400);
        assert!(refused.error().starts_with(says), "{data}: {}", refused.error());
    }
    let _ = vault.delete("sys/quotas/rate-limit/kv").await.expect(204);
    let _ = vault.read("sys/quotas/rate-limit/kv").await.expect(404);
}

#[tokio::test]
async fn answers_tell_of_limits_when_that_is_wanted() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": "v"})).await.expect(204);
    quota(&vault, "kv", json!({"path": "kv", "rate": 2, "interval": "1m"})).await;
    assert_eq!(read_from(&vault, CLIENT, "kv/a").await.headers, []);
    let on = json!({"enable_rate_limit_response_headers": true});
    let _ = vault.write("sys/quotas/config", on).await.expect(204);
    for (status, remaining) in [(200, "0"), (429, "0")] {
        let answer = read_from(&vault, CLIENT, "kv/a").await;
        assert_eq!(answer.status, status);
        let names: Vec<&str> = answer.headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
        );
        let values: Vec<&str> = answer.headers.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values[..2], ["2", remaining]);
        assert!(values[2].ends_with(" UTC"), "{values:?}");
    }
    assert_eq!(
        read_from(&vault, CLIENT, "sys/mounts").await.headers,
        [],
        "no limit holds there"
    );
}
