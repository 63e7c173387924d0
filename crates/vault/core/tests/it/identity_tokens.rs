//! Identity tokens: keys, roles, tokens, what is published, and rotation.

use std::collections::BTreeSet;

use arca_base::Operation;
use arca_crypto::jws::{Algorithm, Algorithms, Claims, Jws, KeySet};
use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

const ISSUER: &str = "http://127.0.0.1:8200/v1/identity/oidc";
const DAY: u64 = 24 * 3600;

/// A server where `ann` has logged in, with a token that may ask for identity tokens.
struct Setting {
    vault: Unsealed,
    ann: String,
    entity: String,
}

impl Setting {
    async fn start() -> Self {
        let vault = Unsealed::start().await;
        vault
            .policy(
                "tokens",
                "path \"identity/oidc/*\" { capabilities = [\"read\", \"update\"] }",
            )
            .await;
        let _ = vault
            .write("sys/auth/userpass", json!({"type": "userpass"}))
            .await
            .expect(204);
        let user = json!({"password": "right", "policies": "tokens", "token_ttl": "700h"});
        let _ = vault.write("auth/userpass/users/ann", user).await.expect(204);
        let login = vault
            .server
            .request(
                Operation::Update,
                "auth/userpass/login/ann",
                None,
                json!({"password": "right"}),
                None,
            )
            .await
            .expect(200);
        let entity = login.body["auth"]["entity_id"].as_str().unwrap().to_owned();
        Self {
            ann: login.token(),
            vault,
            entity,
        }
    }

    async fn key(&self, name: &str, data: Value) {
        let _ = self
            .vault
            .write(&format!("identity/oidc/key/{name}"), data)
            .await
            .expect(204);
    }

    async fn role(&self, name: &str, data: Value) {
        let _ = self
            .vault
            .write(&format!("identity/oidc/role/{name}"), data)
            .await
            .expect(204);
    }

    async fn ask(&self, role: &str) -> Response {
        self.vault
            .read_as(&self.ann, &format!("identity/oidc/token/{role}"))
            .await
    }

    async fn token(&self, role: &str) -> String {
        let answer = self.ask(role).await.expect(200);
        answer.data("token").as_str().unwrap().to_owned()
    }

    async fn anybody(&self, path: &str) -> Response {
        let path = format!("identity/oidc/.well-known/{path}");
        self.vault
            .server
            .request(Operation::Read, &path, None, Value::Null, None)
            .await
    }

    async fn published(&self) -> Value {
        self.anybody("keys").await.expect(200).body
    }

    async fn ids(&self) -> BTreeSet<String> {
        let keys = self.published().await;
        let keys = keys["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// What a token says, proved by the published keys.
    async fn proved(&self, token: &str) -> Claims {
        let keys = KeySet::from_jwks(self.published().await.to_string().as_bytes()).unwrap();
        Jws::parse(token)
            .unwrap()
            .verify(&keys, Algorithms::all())
            .unwrap()
    }

    async fn introspect(&self, data: Value) -> Value {
        let path = "identity/oidc/introspect";
        self.vault.write_as(&self.ann, path, data).await.expect(200).body
    }

    /// Lets time pass and waits until the keys have been rotated, which takes a thread of its own.
    #[expect(
        clippy::disallowed_methods,
        reason = "a key is made on a thread, which no clock of the test moves"
    )]
    async fn pass(&self, seconds: u64, before: &BTreeSet<String>) -> BTreeSet<String> {
        self.vault.advance(seconds).await;
        for _ in 0..1000 {
            let ids = self.ids().await;
            if ids != *before {
                return ids;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            self.vault.advance(1).await;
        }
        panic!("nothing was rotated");
    }
}

fn kid(token: &str) -> String {
    Jws::parse(token).unwrap().key_id().unwrap().to_owned()
}

fn claim(claims: &Claims, name: &str) -> Value {
    claims.select(name).map_or(Value::Null, |value| {
        serde_json::from_str(value.to_text().as_str()).unwrap()
    })
}

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
