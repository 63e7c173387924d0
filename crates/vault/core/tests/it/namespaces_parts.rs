//! Parts of the server in a namespace below the root namespace: events, the audit log, second factors, identity
//! tokens, logins.

use std::collections::BTreeSet;
use std::time::Duration;

use arca_base::{Operation, RequestPath, Secret};
use arca_core::events::{Message, Subscription};
use arca_core::pipeline::Incoming;
use arca_crypto::jws::{Algorithms, Claims, Jws, KeySet};
use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

use crate::mfa;
use crate::namespaces::{In, furnish};

/// The root namespace, `team`, `team/app` and `other`, each with an engine, and `ann` in each.
async fn start() -> Unsealed {
    let vault = Unsealed::start().await;
    vault.mount("secret", "kv").await;
    for path in ["team", "team/app", "other"] {
        furnish(&vault, path).await;
    }
    for path in ["", "team", "team/app", "other"] {
        let there = In::root(&vault, path);
        let _ = there
            .write("sys/auth/userpass", json!({"type": "userpass"}))
            .await
            .expect(204);
        let user = json!({"password": "right", "token_policies": "own", "token_ttl": "700h"});
        let _ = there.write("auth/userpass/users/ann", user).await.expect(204);
        there
            .policy(
                "own",
                "path \"secret/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n\
                 path \"app/secret/*\" { capabilities = [\"read\"] }\n\
                 path \"sys/events/subscribe/*\" { capabilities = [\"read\"] }\n\
                 path \"identity/oidc/*\" { capabilities = [\"read\", \"update\"] }",
            )
            .await;
        let _ = there.write("secret/x", json!({ "at": path })).await.expect(204);
    }
    vault
}

async fn log_in(vault: &Unsealed, namespace: &str, path: &str, data: Value) -> Response {
    let server = &vault.server;
    server
        .request_in(namespace, Operation::Update, path, None, data, None)
        .await
}

async fn ann(vault: &Unsealed, namespace: &str) -> Response {
    log_in(
        vault,
        namespace,
        "auth/userpass/login/ann",
        json!({"password": "right"}),
    )
    .await
}

/// Asks for the events of the secrets of a namespace.
async fn subscribe(vault: &Unsealed, namespace: &str, token: &str) -> Result<Subscription, u16> {
    let path = "sys/events/subscribe/kv-v1/*";
    let incoming = Incoming {
        namespace: namespace.to_owned(),
        token: Some(Secret::new(token.to_owned())),
        path: RequestPath::parse(path).unwrap(),
        ..mfa::incoming(Operation::Read, path, &json!({}), "127.0.0.1", &[])
    };
    let reply = vault.server.core.handle(incoming).await;
    let Some(stream) = reply.stream.and_then(|stream| stream.take()) else {
        return Err(reply.status);
    };
    let mut stream = stream;
    match stream.next().await {
        Some(Message::Ready { .. }) => Ok(stream),
        other => panic!("{other:?}"),
    }
}

/// The namespaces and paths of the events that come within a moment.
async fn told(stream: &mut Subscription) -> Vec<(String, String)> {
    let mut told = Vec::new();
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(200), stream.next()).await {
        if let Message::Event { body, .. } = message {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            told.push((
                text(&body["data"]["namespace"]),
                text(&body["data"]["event"]["metadata"]["data_path"]),
            ));
        }
    }
    told
}

#[tokio::test]
async fn events_are_told_in_their_namespace_and_in_no_other() {
    let vault = start().await;
    let own = ann(&vault, "team").await.expect(200).token();
    let stream = async |namespace, token: &str| subscribe(&vault, namespace, token).await.unwrap();
    let mut of_root = stream("", &vault.root).await;
    let mut of_team = stream("team", &own).await;
    // A token of above may follow what happens below.
    let mut from_above = stream("team/app", &vault.root).await;
    assert_eq!(subscribe(&vault, "", &own).await.err(), Some(403));
    assert_eq!(subscribe(&vault, "other", &own).await.err(), Some(403));
    for path in ["", "team", "team/app", "other"] {
        let there = In::root(&vault, path);
        let _ = there.write("secret/x", json!({"k": "canary"})).await.expect(204);
    }
    let pair = |namespace: &str| vec![(namespace.to_owned(), "secret/x".to_owned())];
    assert_eq!(told(&mut of_root).await, pair(""));
    assert_eq!(told(&mut of_team).await, pair("team/"));
    assert_eq!(told(&mut from_above).await, pair("team/app/"));
}

#[tokio::test]
async fn audit_entries_name_the_namespace_by_identifier_and_path() {
    let vault = start().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let device = json!({"type": "file", "options": {"file_path": log.to_str().unwrap()}});
    let _ = vault.write("sys/audit/file", device).await.expect(204);
    let id = |shown: Response| shown.expect(200).data("id").clone();
    let team = id(vault.read("sys/namespaces/team").await);
    let app = id(vault.read("sys/namespaces/team/app").await);
    let before = std::fs::read_to_string(&log).unwrap().lines().count();
    let own = ann(&vault, "team").await.expect(200).token();
    let there = In::root(&vault, "team");
    let _ = there.with(&own).read("secret/x").await.expect(200);
    // By the path and from above; refused ones, too.
    let _ = vault.read("team/app/secret/x").await.expect(200);
    let _ = In::root(&vault, "other")
        .with(&own)
        .read("secret/x")
        .await
        .expect(403);
    let text = std::fs::read_to_string(&log).unwrap();
    let entries: Vec<Value> = text
        .lines()
        .skip(before)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), 8, "{text}");
    let other = id(vault.read("sys/namespaces/other").await);
    let expected = [
        (&team, "team/", "auth/userpass/login/ann"),
        (&team, "team/", "secret/x"),
        (&app, "team/app/", "secret/x"),
        (&other, "other/", "secret/x"),
    ];
    for (pair, (id, path, asked)) in entries.chunks(2).zip(expected) {
        for entry in pair {
            let request = &entry["request"];
            assert_eq!(request["namespace"], json!({ "id": id, "path": path }), "{entry}");
            assert_eq!(request["path"], asked, "{entry}");
        }
    }
    let granted = &entries[2]["auth"]["policy_results"]["granting_policies"][0];
    assert_eq!(
        (
            &granted["name"],
            &granted["namespace_id"],
            &granted["namespace_path"]
        ),
        (&json!("own"), &team, &json!("team/"))
    );
    // What a lock refuses is recorded where it was refused.
    let _ = vault
        .write("sys/namespaces/api-lock/lock/team", json!({}))
        .await
        .expect(200);
    let _ = In::root(&vault, "team/app").read("secret/x").await.expect(503);
    let text = std::fs::read_to_string(&log).unwrap();
    let last: Value = serde_json::from_str(text.lines().next_back().unwrap()).unwrap();
    let namespace = &last["request"]["namespace"];
    assert_eq!(namespace, &json!({"id": app, "path": "team/app/"}), "{last}");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_in_its_namespace_and_in_no_other() {
    let vault = start().await;
    let team = In::root(&vault, "team");
    let entity = ann(&vault, "team").await.expect(200).body["auth"]["entity_id"].clone();
    let method = team
        .write("identity/mfa/method/totp", json!({"issuer": "Arca"}))
        .await
        .expect(200);
    let method = method.data("method_id").as_str().unwrap().to_owned();
    let key = json!({"method_id": method, "entity_id": entity});
    let made = team
        .write("identity/mfa/method/totp/admin-generate", key)
        .await
        .expect(200);
    let key = mfa::key_of(&made);
    let rule = json!({"mfa_method_ids": [method], "auth_method_types": "userpass"});
    let _ = team
        .write("identity/mfa/login-enforcement/all", rule.clone())
        .await
        .expect(204);
    // The method of a namespace is none elsewhere.
    for elsewhere in ["", "team/app", "other"] {
        let there = In::root(&vault, elsewhere);
        let path = format!("identity/mfa/method/totp/{method}");
        let _ = there.read(&path).await.expect(404);
        let refused = there
            .write("identity/mfa/login-enforcement/all", rule.clone())
            .await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        let _ = ann(&vault, elsewhere).await.expect(200).token();
    }
    let waits = ann(&vault, "team").await.expect(200);
    let request = waits.body["auth"]["mfa_requirement"]["mfa_request_id"].clone();
    assert!(request.is_string(), "{}", waits.body);
    let proof = json!({
        "mfa_request_id": request, "mfa_payload": { &method: [mfa::passcode(&vault, &key)] },
    });
    for elsewhere in ["", "team/app", "other"] {
        let there = log_in(&vault, elsewhere, "sys/mfa/validate", proof.clone()).await;
        assert_eq!(there.status, 400, "{elsewhere}: {}", there.body);
    }
    let done = log_in(&vault, "team", "sys/mfa/validate", proof)
        .await
        .expect(200)
        .token();
    let _ = team.with(&done).read("secret/x").await.expect(200);
    let _ = In::root(&vault, "other")
        .with(&done)
        .read("secret/x")
        .await
        .expect(403);
}

/// The identifiers of the keys that a namespace publishes, and the keys.
async fn published(vault: &Unsealed, namespace: &str) -> (BTreeSet<String>, Value) {
    let path = "identity/oidc/.well-known/keys";
    let server = &vault.server;
    let answer = server
        .request_in(namespace, Operation::Read, path, None, Value::Null, None)
        .await
        .expect(200);
    let ids = answer.body["keys"].as_array().unwrap().iter();
    let ids = ids.map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    (ids, answer.body)
}

fn proved(token: &str, keys: &Value) -> Option<Claims> {
    let keys = KeySet::from_jwks(keys.to_string().as_bytes()).unwrap();
    Jws::parse(token).unwrap().verify(&keys, Algorithms::all()).ok()
}

/// Lets a day pass and waits until the keys of a namespace have been rotated, which takes a thread of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "a key is made on a thread, which no clock of the test moves"
)]
async fn rotated(vault: &Unsealed, namespace: &str, before: &BTreeSet<String>) -> Value {
    vault.advance(24 * 3600).await;
    for _ in 0..1000 {
        let (ids, keys) = published(vault, namespace).await;
        if ids != *before {
            return keys;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        vault.advance(1).await;
    }
    panic!("nothing was rotated");
}

#[tokio::test]
async fn keys_of_identity_tokens_are_rotated_in_each_namespace_for_itself() {
    let vault = start().await;
    for (namespace, period) in [("team", "24h"), ("other", "2400h")] {
        let there = In::root(&vault, namespace);
        let key = json!({
            "algorithm": "EdDSA", "allowed_client_ids": "*", "rotation_period": period, "verification_ttl": "36h",
        });
        let _ = there.write("identity/oidc/key/k", key).await.expect(204);
        let role = json!({"key": "k", "client_id": "c", "ttl": "24h"});
        let _ = there.write("identity/oidc/role/r", role).await.expect(204);
    }
    let own = ann(&vault, "team").await.expect(200).token();
    let team = In::root(&vault, "team");
    let token = async || {
        let answer = team.with(&own).read("identity/oidc/token/r").await.expect(200);
        answer.data("token").as_str().unwrap().to_owned()
    };
    let first = token().await;
    let (ids, keys) = published(&vault, "team").await;
    let (of_other, others) = published(&vault, "other").await;
    assert!(proved(&first, &others).is_none());
    let claims = proved(&first, &keys).unwrap();
    let claim = |name: &str| {
        claims
            .select(name)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
    };
    let id = vault.read("sys/namespaces/team").await.expect(200);
    assert_eq!(claim("namespace"), id.data("id").as_str().unwrap());
    assert!(
        claim("iss").ends_with("/v1/team/identity/oidc"),
        "{}",
        claim("iss")
    );
    let after = rotated(&vault, "team", &ids).await;
    let second = token().await;
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(kid(&first), kid(&second), "another key signs");
    assert!(proved(&second, &after).is_some() && proved(&second, &keys).is_some());
    assert!(proved(&first, &after).is_some(), "the former key is still there");
    assert_eq!(published(&vault, "other").await.0, of_other);
    assert!(published(&vault, "").await.0.is_empty());
}

#[tokio::test]
async fn a_login_gives_a_token_for_its_namespace_and_those_below() {
    let vault = start().await;
    let team = In::root(&vault, "team");
    let _ = team
        .write("sys/auth/approle", json!({"type": "approle"}))
        .await
        .expect(204);
    let role = json!({"token_policies": "own"});
    let _ = team.write("auth/approle/role/ci", role).await.expect(204);
    let role_id = team.read("auth/approle/role/ci/role-id").await.expect(200);
    let secret_id = team
        .write("auth/approle/role/ci/secret-id", json!({}))
        .await
        .expect(200);
    let machine = json!({"role_id": role_id.data("role_id"), "secret_id": secret_id.data("secret_id")});
    let login = "auth/approle/login";
    for elsewhere in ["", "team/app", "other"] {
        let there = log_in(&vault, elsewhere, login, machine.clone()).await;
        assert_eq!(there.status, 403, "{elsewhere}: {}", there.body);
    }
    let by_path = log_in(&vault, "", &format!("team/{login}"), machine).await;
    let tokens = [
        ann(&vault, "team").await.expect(200).token(),
        by_path.expect(200).token(),
    ];
    for token in tokens {
        let read = async |namespace| {
            let there = In::root(&vault, namespace).with(&token);
            there.read("secret/x").await.status
        };
        assert_eq!(read("team").await, 200);
        assert_eq!(read("team/app").await, 200);
        assert_eq!(read("").await, 403);
        assert_eq!(read("other").await, 403);
        assert_eq!(vault.read_as(&token, "team/app/secret/x").await.status, 200);
        assert_eq!(vault.read_as(&token, "other/secret/x").await.status, 403);
        let me = team.with(&token).read("auth/token/lookup-self").await.expect(200);
        assert_eq!(me.data("namespace_path"), "team/");
    }
}
