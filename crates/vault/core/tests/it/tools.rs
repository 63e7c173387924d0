//! Randomness, digests, counters and the other small endpoints of the server.

use arca_testkit::Unsealed;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

#[tokio::test]
async fn random_bytes_in_every_form_of_the_path() {
    let vault = Unsealed::start().await;
    for (path, body, length) in [
        ("", json!({}), 32),
        ("", json!({"bytes": "7"}), 7),
        ("/16", json!({}), 16),
        ("/platform", json!({"bytes": 5}), 5),
        ("/all/9", json!({"bytes": 5}), 9),
        ("/seal/1", json!({}), 1),
        ("", json!({"bytes": 131_072}), 131_072),
    ] {
        let made = vault
            .write(&format!("sys/tools/random{path}"), body)
            .await
            .expect(200);
        let text = made.data("random_bytes").as_str().unwrap();
        assert_eq!(STANDARD.decode(text).unwrap().len(), length, "{path}");
    }
    let hex = vault
        .write("sys/tools/random/4", json!({"format": "hex"}))
        .await
        .expect(200);
    assert_eq!(hex.data("random_bytes").as_str().unwrap().len(), 8);
    for (path, body, reason) in [
        ("", json!({"bytes": 0}), "between 1 and 131072"),
        ("", json!({"bytes": 131_073}), "between 1 and 131072"),
        ("/-4", json!({}), ""),
        ("/hardware", json!({}), "neither a number of bytes nor a source"),
        ("/hardware/4", json!({}), "entropy source"),
        ("", json!({"format": "binary"}), "encoding format"),
    ] {
        let refused = vault.write(&format!("sys/tools/random{path}"), body).await;
        assert!(matches!(refused.status, 400 | 404), "{path}: {}", refused.status);
        assert!(refused.error().contains(reason), "{path}: {}", refused.error());
    }
}

#[tokio::test]
async fn digests_by_name() {
    let vault = Unsealed::start().await;
    // FIPS 180-4 and FIPS 202: the digests of "abc" begin so.
    for (name, beginning, length) in [
        ("sha2-224", "23097d22", 56),
        ("sha2-256", "ba7816bf", 64),
        ("sha2-384", "cb00753f", 96),
        ("sha2-512", "ddaf35a1", 128),
        ("sha3-256", "3a985da7", 64),
        ("sha3-384", "ec01498288516fc9", 96),
        ("sha3-512", "b751850b", 128),
    ] {
        for (path, body) in [
            (format!("sys/tools/hash/{name}"), json!({"input": "YWJj"})),
            (
                "sys/tools/hash".to_owned(),
                json!({"input": "YWJj", "algorithm": name}),
            ),
        ] {
            let made = vault.write(&path, body).await.expect(200);
            let sum = made.data("sum").as_str().unwrap();
            assert!(sum.starts_with(beginning) && sum.len() == length, "{name}: {sum}");
        }
    }
    let plain = vault
        .write("sys/tools/hash", json!({"input": "YWJj", "format": "base64"}))
        .await;
    assert_eq!(
        plain.expect(200).data("sum"),
        "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    );
    let empty = vault
        .write("sys/tools/hash", json!({"input": ""}))
        .await
        .expect(200);
    assert!(empty.data("sum").as_str().unwrap().starts_with("e3b0c442"));
    for body in [
        json!({}),
        json!({"input": "not base64"}),
        json!({"input": "YWJj", "algorithm": "md5"}),
        json!({"input": "YWJj", "algorithm": "sha3-224"}),
        json!({"input": "YWJj", "format": "binary"}),
    ] {
        let _ = vault.write("sys/tools/hash", body).await.expect(400);
    }
}

#[tokio::test]
async fn tokens_and_entities_are_counted_and_clients_are_not() {
    let vault = Unsealed::start().await;
    let counted = async |path: &str, pointer: &str| {
        let read = vault
            .read(&format!("sys/internal/counters/{path}"))
            .await
            .expect(200);
        read.data(pointer).as_u64().unwrap()
    };
    let tokens = "counters/service_tokens/total";
    let before = counted("tokens", tokens).await;
    let token = vault.token(&["default"]).await;
    let batch = json!({"type": "batch", "policies": ["default"]});
    let _ = vault.write("auth/token/create", batch).await.expect(200);
    assert_eq!(
        counted("tokens", tokens).await,
        before + 1,
        "batch tokens are stored nowhere"
    );
    let _ = vault
        .write("auth/token/revoke", json!({ "token": token }))
        .await
        .expect(204);
    vault.settle().await;
    assert_eq!(counted("tokens", tokens).await, before);
    assert_eq!(counted("entities", "counters/entities/total").await, 0);
    let _ = vault
        .write("identity/entity", json!({"name": "ann"}))
        .await
        .expect(200);
    assert_eq!(counted("entities", "counters/entities/total").await, 1);
    let gone = vault.read("sys/internal/counters/requests").await.expect(404);
    assert!(gone.error().contains("removed"), "{}", gone.body);
    for path in ["activity", "activity/monthly"] {
        let nothing = vault
            .read(&format!("sys/internal/counters/{path}"))
            .await
            .expect(204);
        assert_eq!(nothing.body, Value::Null);
    }
    let config = vault.read("sys/internal/counters/config").await.expect(200);
    assert_eq!(config.data("enabled"), "default-disabled");
    for (enabled, status) in [("disable", 200), ("default", 200), ("enable", 400), ("x", 400)] {
        let body = json!({ "enabled": enabled });
        let _ = vault
            .write("sys/internal/counters/config", body)
            .await
            .expect(status);
    }
}

#[tokio::test]
async fn plugins_are_listed_and_cannot_be_changed() {
    let vault = Unsealed::start().await;
    let all = vault.read("sys/plugins/catalog").await.expect(200);
    let databases = all.data("database").as_array().unwrap();
    assert!(
        databases.contains(&json!("postgresql-database-plugin")),
        "{databases:?}"
    );
    let one = vault
        .read("sys/plugins/catalog/database/mysql-database-plugin")
        .await
        .expect(200);
    assert_eq!(one.data("builtin"), true);
    for path in ["sys/plugins/catalog/secret/x", "sys/plugins/catalog/secret/kv"] {
        let refused = vault.write(path, json!({"sha256": "a", "command": "b"})).await;
        assert!(refused.expect(400).error().contains("built in"), "{path}");
        let _ = vault.delete(path).await.expect(400);
    }
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": "v"})).await.expect(204);
    for body in [json!({"plugin": "kv"}), json!({"mounts": "kv/"})] {
        let made = vault.write("sys/plugins/reload/backend", body).await.expect(200);
        assert_eq!(made.data("reload_id").as_str().unwrap().len(), 36);
    }
    assert_eq!(vault.read("kv/a").await.expect(200).data("k"), "v");
    for body in [
        json!({}),
        json!({"plugin": "kv", "mounts": "kv/"}),
        json!({"mounts": "none/"}),
        json!({"plugin": "kv", "scope": "x"}),
    ] {
        let _ = vault.write("sys/plugins/reload/backend", body).await.expect(400);
    }
    let experiments = vault.read("sys/experiments").await.expect(200);
    assert_eq!(experiments.data("enabled"), &json!([]));
    let _ = vault.read("sys/license/status").await.expect(404);
}

#[tokio::test]
async fn without_a_log_its_levels_are_shown_and_nobody_follows_it() {
    let vault = Unsealed::start().await;
    let all = vault.read("sys/loggers").await.expect(200);
    assert_eq!(all.data("audit"), "info");
    assert_eq!(
        vault.read("sys/loggers/core").await.expect(200).data("core"),
        "info"
    );
    let _ = vault.read("sys/loggers/none").await.expect(404);
    for (path, level, status) in [
        ("sys/loggers", "debug", 204),
        ("sys/loggers/core", "trace", 204),
        ("sys/loggers/core", "loud", 400),
        ("sys/loggers", "", 400),
        ("sys/loggers/none", "info", 400),
    ] {
        let _ = vault.write(path, json!({ "level": level })).await.expect(status);
    }
    let _ = vault.delete("sys/loggers/core").await.expect(204);
    let _ = vault.delete("sys/loggers").await.expect(204);
    let _ = vault.read("sys/monitor").await.expect(503);
    let _ = vault
        .query("sys/monitor", json!({"log_level": "loud"}))
        .await
        .expect(400);
    let _ = vault
        .query("sys/monitor", json!({"log_format": "xml"}))
        .await
        .expect(400);
}

#[tokio::test]
async fn versions_are_kept_with_the_time_they_first_ran() {
    let vault = Unsealed::start().await;
    let first = vault.list("sys/version-history").await.expect(200);
    let version = first.data("keys/0").as_str().unwrap().to_owned();
    let installed = first.body["data"]["key_info"][&version]["timestamp_installed"].clone();
    vault.advance(3600).await;
    vault.server.core.seal().await;
    vault
        .server
        .core
        .lifecycle()
        .unseal(&vault.unseal_key)
        .await
        .unwrap();
    let again = vault.list("sys/version-history").await.expect(200);
    assert_eq!(
        again.body["data"]["key_info"][&version]["timestamp_installed"],
        installed
    );
    assert_eq!(again.data("keys").as_array().unwrap().len(), 1);
}
