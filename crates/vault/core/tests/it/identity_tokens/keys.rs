//! Keys of identity tokens: what is published, rotation, and what is kept.

use arca_crypto::jws::{Algorithm, Jws};
use serde_json::json;

use super::{DAY, ISSUER, Setting, kid};

#[tokio::test]
async fn discovery_says_where_the_keys_are() {
    let setting = Setting::start().await;
    let document = setting.anybody("openid-configuration").await.expect(200).body;
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(document["jwks_uri"], format!("{ISSUER}/.well-known/keys"));
    assert!(
        document["id_token_signing_alg_values_supported"]
            .as_array()
            .unwrap()
            .contains(&json!("EdDSA"))
    );
    assert_eq!(setting.published().await, json!({"keys": []}));
    let config = "identity/oidc/config";
    let set = setting
        .vault
        .write(config, json!({"issuer": "https://ids.example:443/"}))
        .await
        .expect(200);
    assert!(set.body["warnings"][0].as_str().unwrap().contains("api_addr"));
    assert_eq!(
        setting.vault.read(config).await.expect(200).data("issuer"),
        &json!("https://ids.example:443")
    );
    let document = setting.anybody("openid-configuration").await.expect(200).body;
    assert_eq!(document["issuer"], "https://ids.example:443/v1/identity/oidc");
    let wrong = setting
        .vault
        .write(config, json!({"issuer": "https://ids.example/path"}))
        .await
        .expect(400);
    assert!(
        wrong.error().contains("scheme, host, and optional port"),
        "{}",
        wrong.error()
    );
    let _ = setting
        .vault
        .write(config, json!({"issuer": ""}))
        .await
        .expect(204);
    let document = setting.anybody("openid-configuration").await.expect(200).body;
    assert_eq!(document["issuer"], ISSUER);
}

/// Nobody keeps an answer for longer than what it says stays true.
#[tokio::test]
async fn published_keys_may_be_kept_until_the_next_rotation() {
    let setting = Setting::start().await;
    let reply = |path: &'static str| {
        let vault = &setting.vault;
        async move {
            vault
                .reply_as(&vault.root, &format!("identity/oidc/.well-known/{path}"))
                .await
                .max_age
        }
    };
    assert_eq!(reply("keys").await, None);
    assert_eq!(reply("openid-configuration").await, Some(3600));
    setting
        .key(
            "a",
            json!({"rotation_period": "10h", "verification_ttl": "10h", "algorithm": "EdDSA"}),
        )
        .await;
    setting
        .key(
            "b",
            json!({"rotation_period": "3h", "verification_ttl": "3h", "algorithm": "EdDSA"}),
        )
        .await;
    setting.vault.advance(3600).await;
    assert_eq!(reply("keys").await, Some(2 * 3600));
}

#[tokio::test]
async fn the_next_key_is_published_early_and_former_ones_until_their_time_is_over() {
    let setting = Setting::start().await;
    let settings = json!({
        "algorithm": "EdDSA", "rotation_period": "24h", "verification_ttl": "36h", "allowed_client_ids": "*",
    });
    setting.key("k", settings).await;
    setting
        .role("r", json!({"key": "k", "ttl": "36h", "client_id": "c"}))
        .await;
    let first = setting.token("r").await;
    let at_first = setting.ids().await;
    assert_eq!(at_first.len(), 2, "what signs, and what will");
    let after_one = setting.pass(DAY, &at_first).await;
    assert_eq!(after_one.len(), 3);
    let second = setting.token("r").await;
    assert!(
        at_first.contains(&kid(&second)) && kid(&second) != kid(&first),
        "known before it signed"
    );
    // Proved by the former key.
    let _ = setting.proved(&first).await;
    assert_eq!(
        setting
            .introspect(json!({"token": first, "client_id": "c"}))
            .await,
        json!({"active": true})
    );
    let after_two = setting.pass(DAY, &after_one).await;
    assert!(after_one.contains(&kid(&setting.token("r").await)));
    assert!(
        after_two.contains(&kid(&first)),
        "36 hours are not over 24 hours after it signed last"
    );
    setting.vault.advance(13 * 3600).await;
    let later = setting.ids().await;
    assert!(!later.contains(&kid(&first)) && later.contains(&kid(&second)));
    let old = setting.introspect(json!({"token": first})).await;
    assert_eq!(old["active"], false);
    // A former key is not there for ever, whoever asks.
    assert!(old["error"].as_str().unwrap().contains("not published"), "{old}");
}

#[tokio::test]
async fn a_key_is_rotated_by_hand_at_once() {
    let setting = Setting::start().await;
    setting
        .key("k", json!({"algorithm": "ES256", "allowed_client_ids": "c"}))
        .await;
    setting
        .role("r", json!({"key": "k", "client_id": "c", "ttl": 60}))
        .await;
    let first = setting.token("r").await;
    let rotate = "identity/oidc/key/k/rotate";
    let _ = setting.vault.write(rotate, json!({})).await.expect(204);
    let second = setting.token("r").await;
    assert_ne!(kid(&first), kid(&second));
    let _ = setting.proved(&first).await;
    // A stolen key: what it signed counts no more.
    let _ = setting
        .vault
        .write(rotate, json!({"verification_ttl": 0}))
        .await
        .expect(204);
    let ids = setting.ids().await;
    assert!(ids.contains(&kid(&first)) && !ids.contains(&kid(&second)));
    let too_long = setting
        .vault
        .write(rotate, json!({"verification_ttl": "25h"}))
        .await
        .expect(400);
    assert!(
        too_long.error().contains("that of the key"),
        "{}",
        too_long.error()
    );
    let missing = setting
        .vault
        .write("identity/oidc/key/none/rotate", json!({}))
        .await
        .expect(400);
    assert_eq!(missing.error(), "no named key found at \"none\"");
    for _ in setting.ids().await.len()..34 {
        let _ = setting.vault.write(rotate, json!({})).await.expect(204);
    }
    let many = setting.vault.write(rotate, json!({})).await.expect(400);
    assert!(many.error().contains("still published"), "{}", many.error());
}

/// After a long time under seal a key that nobody has seen must not sign.
#[tokio::test]
async fn a_server_that_was_sealed_for_long_rotates_once() {
    let setting = Setting::start().await;
    setting
        .key("k", json!({"algorithm": "EdDSA", "allowed_client_ids": "*"}))
        .await;
    setting.role("r", json!({"key": "k", "ttl": 60})).await;
    let before = setting.ids().await;
    setting.vault.server.core.seal().await;
    setting
        .vault
        .server
        .clock
        .advance(std::time::Duration::from_secs(20 * DAY));
    setting
        .vault
        .server
        .core
        .lifecycle()
        .unseal(&setting.vault.unseal_key)
        .await
        .unwrap();
    let after = setting.pass(1, &before).await;
    assert_eq!(after.intersection(&before).count(), 2, "{after:?}");
    assert!(before.contains(&kid(&setting.token("r").await)));
}

#[tokio::test]
async fn another_algorithm_takes_over_at_once() {
    let setting = Setting::start().await;
    setting
        .key("k", json!({"algorithm": "RS256", "allowed_client_ids": "*"}))
        .await;
    setting.role("r", json!({"key": "k", "ttl": 60})).await;
    let first = setting.token("r").await;
    setting.key("k", json!({"algorithm": "EdDSA"})).await;
    let second = setting.token("r").await;
    assert_eq!(Jws::parse(&second).unwrap().algorithm(), Algorithm::EdDsa);
    let _ = setting.proved(&first).await;
    let _ = setting.proved(&second).await;
    assert_eq!(setting.ids().await.len(), 3, "what signed, what does, what will");
}

#[tokio::test]
async fn keys_are_written_read_listed_and_deleted() {
    let setting = Setting::start().await;
    let vault = &setting.vault;
    assert_eq!(
        vault.list("identity/oidc/key").await.expect(200).data("keys"),
        &json!(["default"])
    );
    let default = vault.read("identity/oidc/key/default").await.expect(200);
    let expected = json!({
        "algorithm": "RS256", "allowed_client_ids": [], "rotation_period": 86400, "verification_ttl": 86400,
    });
    assert_eq!(default.body["data"], expected);
    setting
        .key(
            "k",
            json!({"algorithm": "EdDSA", "rotation_period": "1h", "verification_ttl": "10h"}),
        )
        .await;
    setting.key("k", json!({"allowed_client_ids": "b,a,b"})).await;
    let read = vault.read("identity/oidc/key/k").await.expect(200);
    let expected = json!({
        "algorithm": "EdDSA", "allowed_client_ids": ["a", "b"], "rotation_period": 3600, "verification_ttl": 36000,
    });
    assert_eq!(read.body["data"], expected);
    assert_eq!(
        vault.list("identity/oidc/key").await.expect(200).data("keys"),
        &json!(["default", "k"])
    );
    for (data, says) in [
        (
            json!({"rotation_period": 59}),
            "rotation_period must be at least one minute",
        ),
        (
            json!({"rotation_period": "100000h"}),
            "rotation_period must be at most ten years",
        ),
        (
            json!({"verification_ttl": "601m"}),
            "verification_ttl cannot be longer than 10x rotation_period",
        ),
        (
            json!({"verification_ttl": 0}),
            "verification_ttl must be greater than 0",
        ),
        (
            json!({"algorithm": "HS256"}),
            "unknown signing algorithm \"HS256\"",
        ),
        (json!({"algorithm": "none"}), "unknown signing algorithm"),
        (
            json!({"allowed_client_ids": "x".repeat(200)}),
            "allowed_client_ids may have",
        ),
    ] {
        let refused = vault.write("identity/oidc/key/k", data).await.expect(400);
        assert!(refused.error().contains(says), "{}", refused.error());
    }
    let long = vault
        .write(&format!("identity/oidc/key/{}", "x".repeat(129)), json!({}))
        .await
        .expect(400);
    assert!(long.error().contains("name is longer"), "{}", long.error());
    let default = vault.delete("identity/oidc/key/default").await.expect(400);
    assert_eq!(default.error(), "deletion of key \"default\" not allowed");
    setting.role("r", json!({"key": "k", "ttl": "5h"})).await;
    let used = vault.delete("identity/oidc/key/k").await.expect(400);
    assert!(
        used.error().ends_with("referenced by these roles: r"),
        "{}",
        used.error()
    );
    let shorter = vault
        .write("identity/oidc/key/k", json!({"verification_ttl": "4h"}))
        .await
        .expect(400);
    assert!(
        shorter.error().contains("greater than 14400 seconds"),
        "{}",
        shorter.error()
    );
    let _ = vault.delete("identity/oidc/role/r").await.expect(204);
    let _ = vault.delete("identity/oidc/key/k").await.expect(204);
    let _ = vault.delete("identity/oidc/key/k").await.expect(204);
    let _ = vault.read("identity/oidc/key/k").await.expect(404);
    assert_eq!(setting.published().await, json!({"keys": []}));
}

/// Another node, or this one after a restart, goes on with the same keys; private ones are never readable.
#[tokio::test]
async fn keys_are_kept_behind_the_barrier() {
    let setting = Setting::start().await;
    setting
        .key("k", json!({"algorithm": "EdDSA", "allowed_client_ids": "*"}))
        .await;
    setting.role("r", json!({"key": "k", "ttl": 60})).await;
    let before = setting.ids().await;
    setting.vault.server.core.seal().await;
    let sealed = setting.anybody("keys").await;
    assert_eq!(sealed.status, 503);
    setting
        .vault
        .server
        .core
        .lifecycle()
        .unseal(&setting.vault.unseal_key)
        .await
        .unwrap();
    assert_eq!(setting.ids().await, before);
    let shown = setting
        .vault
        .read("identity/oidc/key/k")
        .await
        .expect(200)
        .body
        .to_string();
    assert!(
        !shown.contains("private") && !before.iter().any(|id| shown.contains(id)),
        "{shown}"
    );
}
