//! Identity tokens: roles, what tokens say, and whether they are good.

use std::collections::BTreeSet;

use arca_crypto::jws::{Algorithm, Jws};
use serde_json::{Value, json};

use super::{ISSUER, Setting, claim};

/// Every algorithm, each with a role of its own, proved by what anybody can read.
#[tokio::test]
async fn a_token_is_proved_by_the_published_keys() {
    let setting = Setting::start().await;
    for algorithm in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"] {
        let name = algorithm.to_lowercase();
        setting
            .key(&name, json!({"algorithm": algorithm, "allowed_client_ids": "*"}))
            .await;
        setting
            .role(
                &name,
                json!({"key": name, "ttl": "1h", "client_id": format!("for-{name}")}),
            )
            .await;
        let answer = setting.ask(&name).await.expect(200);
        assert_eq!(answer.data("client_id"), &json!(format!("for-{name}")));
        assert_eq!(answer.data("ttl"), &json!(3600));
        let token = answer.data("token").as_str().unwrap();
        assert_eq!(
            Jws::parse(token).unwrap().algorithm(),
            Algorithm::parse(algorithm).unwrap()
        );
        let claims = setting.proved(token).await;
        assert_eq!(claims.issuer(), Some(ISSUER));
        assert_eq!(claims.subject(), Some(&*setting.entity));
        assert_eq!(claims.audiences().unwrap(), [format!("for-{name}")]);
        assert_eq!(claim(&claims, "namespace"), json!("root"));
        let (issued, ends) = (
            claims.issued().unwrap().unwrap(),
            claims.expires().unwrap().unwrap(),
        );
        assert_eq!(ends - issued, 3600);
    }
    let keys = setting.published().await;
    let mut algorithms = BTreeSet::new();
    for key in keys["keys"].as_array().unwrap() {
        algorithms.insert(key["alg"].as_str().unwrap());
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key[private], Value::Null, "{private}");
        }
    }
    assert_eq!(algorithms.len(), 7);
}

#[tokio::test]
async fn roles_are_written_read_listed_and_deleted() {
    let setting = Setting::start().await;
    let vault = &setting.vault;
    let _ = vault.list("identity/oidc/role").await.expect(404);
    setting
        .role(
            "r",
            json!({"key": "default", "template": " {\"a\": {{time.now}}} "}),
        )
        .await;
    let read = vault.read("identity/oidc/role/r").await.expect(200);
    let id = read.data("client_id").as_str().unwrap().to_owned();
    assert_eq!(id.len(), 26);
    assert_eq!(read.data("template"), &json!("{\"a\": {{time.now}}}"));
    assert_eq!(
        (read.data("ttl"), read.data("key")),
        (&json!(86400), &json!("default"))
    );
    setting.role("r", json!({"ttl": "2h"})).await;
    let read = vault.read("identity/oidc/role/r").await.expect(200);
    assert_eq!(
        (read.data("ttl"), read.data("client_id")),
        (&json!(7200), &json!(id)),
        "what was not given stays"
    );
    assert_eq!(
        vault.list("identity/oidc/role").await.expect(200).data("keys"),
        &json!(["r"])
    );
    for (data, says) in [
        (json!({"key": ""}), "the key parameter is required"),
        (json!({"ttl": 0}), "ttl must be greater than 0"),
        (
            json!({"ttl": "25h"}),
            "cannot be longer than the verification_ttl of the key it references",
        ),
        (
            json!({"client_id": "a b"}),
            "client_id may have at most 128 bytes",
        ),
        (
            json!({"template": "{\"sub\": 1}"}),
            "top level key \"sub\" not allowed",
        ),
        (
            json!({"template": "x".repeat(20000)}),
            "template is longer than 16384 bytes",
        ),
    ] {
        let refused = vault.write("identity/oidc/role/r", data).await.expect(400);
        assert!(refused.error().contains(says), "{}", refused.error());
    }
    let without = vault.write("identity/oidc/role/q", json!({})).await.expect(400);
    assert_eq!(without.error(), "the key parameter is required");
    let early = vault
        .write("identity/oidc/role/early", json!({"key": "later"}))
        .await
        .expect(200);
    assert!(
        early.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("\"later\" does not exist yet")
    );
    let _ = vault.delete("identity/oidc/role/r").await.expect(204);
    let _ = vault.read("identity/oidc/role/r").await.expect(404);
}

#[tokio::test]
async fn a_token_is_refused_with_the_reason() {
    let setting = Setting::start().await;
    let vault = &setting.vault;
    let none = setting.ask("none").await.expect(400);
    assert_eq!(none.error(), "role \"none\" not found");
    let _ = vault
        .write(
            "identity/oidc/role/r",
            json!({"key": "later", "client_id": "c", "ttl": 60}),
        )
        .await;
    let early = setting.ask("r").await.expect(400);
    assert_eq!(early.error(), "key \"later\" not found");
    setting.key("later", json!({"algorithm": "EdDSA"})).await;
    let closed = setting.ask("r").await.expect(400);
    assert_eq!(
        closed.error(),
        "the key \"later\" does not list the client ID of the role \"r\" as an allowed client ID"
    );
    setting.key("later", json!({"allowed_client_ids": "b,c"})).await;
    let _ = setting.ask("r").await.expect(200);
    let root = vault.read("identity/oidc/token/r").await.expect(400);
    assert_eq!(root.error(), "no entity associated with the request's token");
    let without = vault.token(&["default"]).await;
    let _ = vault.read_as(&without, "identity/oidc/token/r").await.expect(403);
}

/// What an entity is called cannot become anything but a value.
#[tokio::test]
async fn templates_add_what_is_known_of_the_entity() {
    let setting = Setting::start().await;
    let vault = &setting.vault;
    let accessor = vault
        .read("sys/auth/userpass")
        .await
        .expect(200)
        .data("accessor")
        .clone();
    let accessor = accessor.as_str().unwrap();
    let hostile = "x\", \"admin\": \"true";
    let change = json!({"name": "Ann", "metadata": {"team": hostile, "color": "blue"}});
    let _ = vault
        .write(&format!("identity/entity/id/{}", setting.entity), change)
        .await
        .expect(204);
    for name in ["ops", "dev"] {
        let group = json!({"name": name, "member_entity_ids": [setting.entity]});
        let _ = vault.write("identity/group", group).await.expect(200);
    }
    let template = format!(
        r#"{{"name": {{{{identity.entity.name}}}}, "meta": {{{{identity.entity.metadata}}}},
            "deep": {{"team": [{{{{identity.entity.metadata.team}}}}, 1, true]}},
            "groups": {{{{identity.entity.groups.names}}}},
            "login": {{{{identity.entity.aliases.{accessor}.name}}}},
            "none": {{{{identity.entity.aliases.auth_none.metadata}}}},
            "nbf": {{{{time.now.minus.10s}}}}, "plain": "{{x}}"}}"#
    );
    setting
        .key("k", json!({"algorithm": "EdDSA", "allowed_client_ids": "*"}))
        .await;
    setting.role("r", json!({"key": "k", "template": template})).await;
    let claims = setting.proved(&setting.token("r").await).await;
    let expected = [
        ("name", json!("Ann")),
        ("meta", json!({"team": hostile, "color": "blue"})),
        ("deep", json!({"team": [hostile, 1, true]})),
        ("login", json!("ann")),
        ("none", json!({})),
        ("plain", json!("{x}")),
        ("admin", Value::Null),
        ("nbf", json!(claims.issued().unwrap().unwrap() - 10)),
    ];
    for (name, value) in expected {
        assert_eq!(claim(&claims, name), value, "{name}");
    }
    let groups: BTreeSet<String> = serde_json::from_value(claim(&claims, "groups")).unwrap();
    assert_eq!(groups, BTreeSet::from(["dev".to_owned(), "ops".to_owned()]));
}

#[tokio::test]
async fn introspection_says_whether_a_token_is_good_now() {
    let setting = Setting::start().await;
    setting
        .key("k", json!({"algorithm": "EdDSA", "allowed_client_ids": "*"}))
        .await;
    setting
        .role("r", json!({"key": "k", "ttl": 60, "client_id": "c"}))
        .await;
    let token = setting.token("r").await;
    assert_eq!(
        setting.introspect(json!({"token": token})).await,
        json!({"active": true})
    );
    let says = |answer: Value, text: &str| {
        assert_eq!(answer["active"], false, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(text), "{answer}");
    };
    says(
        setting
            .introspect(json!({"token": token, "client_id": "d"}))
            .await,
        "audience",
    );
    says(
        setting.introspect(json!({"token": "x.y"})).await,
        "failed to parse JWT",
    );
    says(setting.introspect(json!({})).await, "failed to parse JWT");
    let (signed, _) = token.rsplit_once('.').unwrap();
    let other = setting.token("r").await;
    setting.vault.advance(1).await;
    let later = setting.token("r").await;
    assert_eq!(other, token, "Ed25519 signs the same in the same way");
    let forged = format!("{signed}.{}", later.rsplit_once('.').unwrap().1);
    says(
        setting.introspect(json!({"token": forged})).await,
        "unable to validate the token signature",
    );
    let path = format!("identity/entity/id/{}", setting.entity);
    let root = |data: Value| {
        let vault = &setting.vault;
        async move {
            vault
                .write("identity/oidc/introspect", data)
                .await
                .expect(200)
                .body
        }
    };
    let _ = setting
        .vault
        .write(&path, json!({"disabled": true}))
        .await
        .expect(204);
    says(root(json!({"token": token})).await, "entity is disabled");
    let _ = setting
        .vault
        .write(&path, json!({"disabled": false}))
        .await
        .expect(204);
    setting.vault.advance(61).await;
    says(setting.introspect(json!({"token": token})).await, "expired");
    let late = setting.token("r").await;
    let _ = setting.vault.delete(&path).await.expect(204);
    says(root(json!({"token": late})).await, "entity was not found");
}
