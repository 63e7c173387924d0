//! Explained verdicts: the endpoint, and what a denial says to those who may ask.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

const DEV: &str = r#"
path "kv/data/team/*" { capabilities = ["read", "create"] }
path "kv/data/team/no" { capabilities = ["deny"] }
path "old/app" { capabilities = ["read"] }
path "kv/limited" { capabilities = ["update"] denied_parameters = { "password" = [] } }
path "kv/wrapped" { capabilities = ["read"] max_wrapping_ttl = "1h" }
path "sys/audit" { capabilities = ["read"] }
"#;

async fn explain(vault: &Unsealed, request: Value) -> Value {
    let answer = vault.write("sys/policies/explain", request).await.expect(200);
    answer.body["data"].clone()
}

#[tokio::test]
async fn says_which_rule_decides_and_what_is_missing() {
    let vault = Unsealed::start().await;
    vault.policy("dev", DEV).await;
    let token = vault.token(&["dev"]).await;
    for (operation, path, allowed, reason) in [
        (
            "read",
            "kv/data/team/x",
            true,
            "rule \"kv/data/team/*\" (policy \"dev\", line 2) allows it",
        ),
        (
            "delete",
            "kv/data/team/x",
            false,
            "rule \"kv/data/team/*\" (policy \"dev\", line 2) does not grant \"delete\"; it grants create, read",
        ),
        (
            "read",
            "kv/data/team/no",
            false,
            "rule \"kv/data/team/no\" (policy \"dev\", line 3) denies everything",
        ),
        ("read", "nothing/here", false, "no rule matches the path"),
        (
            "read",
            "kv/wrapped",
            false,
            "rule \"kv/wrapped\" (policy \"dev\", line 6) requires the response to be wrapped",
        ),
        (
            "read",
            "sys/audit",
            false,
            "rule \"sys/audit\" (policy \"dev\", line 7) does not grant \"sudo\"; it grants read",
        ),
        ("read", "sys/health", true, "the path needs no policy"),
    ] {
        let request = json!({"token": token, "operation": operation, "path": path});
        let data = explain(&vault, request).await;
        assert_eq!(
            (&data["allowed"], &data["reason"]),
            (&json!(allowed), &json!(reason)),
            "{operation} {path}"
        );
    }
    let data = explain(
        &vault,
        json!({"token": token, "operation": "delete", "path": "kv/data/team/x"}),
    )
    .await;
    assert_eq!(data["missing_capability"], "delete");
    assert_eq!(
        (&data["rule"]["policy"], &data["rule"]["path"]),
        (&json!("dev"), &json!("kv/data/team/*"))
    );
    assert_eq!(data["rule"]["capabilities"], json!(["create", "read"]));
    let data = explain(
        &vault,
        json!({"token": token, "operation": "read", "path": "kv/team/x"}),
    )
    .await;
    assert!(
        data["hints"][0].as_str().unwrap().contains("lacks data/"),
        "{data}"
    );
    assert_eq!(data["nearest"][0]["path"], "kv/limited");
    let data = explain(
        &vault,
        json!({"token": token, "operation": "read", "path": "old/data/app"}),
    )
    .await;
    assert!(data["hints"][0].as_str().unwrap().contains("version 1"), "{data}");
    let request = json!({"token": token, "operation": "update", "path": "kv/limited", "parameters": {"password": "canary"}});
    let data = explain(&vault, request).await;
    assert!(
        data["reason"].as_str().unwrap().contains("\"password\""),
        "{data}"
    );
    assert!(!data.to_string().contains("canary"), "{data}");
    let request = json!({"token": token, "operation": "read", "path": "kv/wrapped", "wrap_ttl": "30m"});
    assert_eq!(explain(&vault, request).await["allowed"], true);
}

#[tokio::test]
async fn asks_for_tokens_accessors_policies_and_oneself() {
    let vault = Unsealed::start().await;
    vault.policy("dev", DEV).await;
    let made = vault
        .write(
            "auth/token/create",
            json!({"policies": ["dev", "gone"], "no_default_policy": true}),
        )
        .await
        .expect(200);
    let ask = |who: &str, value: Value| json!({"operation": "read", "path": "kv/data/team/x", who: value});
    let data = explain(&vault, ask("accessor", made.body["auth"]["accessor"].clone())).await;
    assert_eq!(data["allowed"], true, "{data}");
    assert_eq!(
        data["policies"],
        json!([
            {"name": "dev", "source": "token", "exists": true},
            {"name": "gone", "source": "token", "exists": false}
        ])
    );
    assert_eq!(
        data["hints"],
        json!(["there is no policy \"gone\": it allows nothing until it is written"])
    );
    assert_eq!(
        explain(&vault, ask("policies", json!("dev"))).await["allowed"],
        true
    );
    assert_eq!(
        explain(&vault, ask("policies", json!(["default"]))).await["allowed"],
        false
    );
    let own = explain(&vault, json!({"operation": "read", "path": "a"})).await;
    assert_eq!(own["reason"], "the root policy allows everything");
    let data = explain(&vault, ask("token", json!("hvs.unknown"))).await;
    assert_eq!((&data["allowed"], &data["policies"]), (&json!(false), &json!([])));
    for bad in [
        json!({"operation": "read", "path": "a", "token": "x", "accessor": "y"}),
        json!({"operation": "fly", "path": "a"}),
        json!({"operation": "read"}),
        json!({"operation": "read", "path": "a", "parameters": [1]}),
    ] {
        let _ = vault.write("sys/policies/explain", bad).await.expect(400);
    }
}

#[tokio::test]
async fn counts_identities_networks_and_disabled_entities() {
    let vault = Unsealed::start().await;
    vault.policy("dev", DEV).await;
    vault
        .policy("team", r#"path "team/*" { capabilities = ["list"] }"#)
        .await;
    let entity = vault
        .write("identity/entity", json!({"name": "ann", "policies": ["dev"]}))
        .await
        .expect(200);
    let id = entity.data("id").clone();
    let _ = vault
        .write(
            "identity/group",
            json!({"name": "g", "policies": ["team"], "member_entity_ids": [id]}),
        )
        .await
        .expect(200);
    let data = explain(
        &vault,
        json!({"entity_id": id, "operation": "list", "path": "team/a"}),
    )
    .await;
    assert_eq!(data["allowed"], true, "{data}");
    assert_eq!(
        data["policies"],
        json!([
            {"name": "dev", "source": "entity", "exists": true},
            {"name": "team", "source": "group", "exists": true}
        ])
    );
    let _ = vault
        .write(
            &format!("identity/entity/id/{}", id.as_str().unwrap()),
            json!({"disabled": true}),
        )
        .await;
    let data = explain(
        &vault,
        json!({"entity_id": id, "operation": "list", "path": "team/a"}),
    )
    .await;
    assert_eq!(data["reason"], "the entity of the token is disabled");
    let _ = vault
        .write(
            "auth/token/roles/bound",
            json!({"token_bound_cidrs": ["203.0.113.0/24"], "allowed_policies": ["dev"]}),
        )
        .await;
    let bound = vault
        .write("auth/token/create/bound", json!({"policies": ["dev"]}))
        .await
        .token();
    let data = explain(
        &vault,
        json!({"token": bound, "operation": "read", "path": "old/app"}),
    )
    .await;
    assert!(
        data["reason"]
            .as_str()
            .unwrap()
            .starts_with("the token is bound to other networks"),
        "{data}"
    );
    assert!(!data.to_string().contains("203.0.113"), "{data}");
}

#[tokio::test]
async fn a_denial_tells_its_reason_only_to_those_who_may_ask() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    vault
        .policy(
            "asks",
            r#"path "sys/policies/explain" { capabilities = ["update"] }"#,
        )
        .await;
    let plain = vault.token(&["default"]).await;
    let asking = vault.token(&["default", "asks"]).await;
    let denied = "1 error occurred:\n\t* permission denied\n\n";
    let answer = vault.read_as(&plain, "kv/a").await.expect(403);
    assert_eq!(answer.body, json!({"errors": [denied]}));
    let answer = vault.read_as(&asking, "kv/a").await.expect(403);
    assert_eq!(
        answer.body,
        json!({"errors": [denied], "data": {"reason": "no rule matches the path"}})
    );
    let request = json!({"operation": "read", "path": "kv/a"});
    let _ = vault
        .write_as(&plain, "sys/policies/explain", request.clone())
        .await
        .expect(403);
    let answer = vault
        .write_as(&asking, "sys/policies/explain", request)
        .await
        .expect(200);
    assert_eq!(answer.body["data"]["allowed"], false);
}

#[tokio::test]
async fn agrees_with_what_happens() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    vault
        .policy(
            "mixed",
            r#"path "kv/*" { capabilities = ["read", "list"] }
               path "kv/+/x" { capabilities = ["update", "create"] }
               path "kv/no" { capabilities = ["deny"] }
               path "kv/mfa" { capabilities = ["read"] mfa_methods = ["totp"] }
               path "sys/*" { capabilities = ["read", "list"] }"#,
        )
        .await;
    let token = vault.token(&["mixed"]).await;
    for path in [
        "kv/a",
        "kv/a/x",
        "kv/no",
        "kv/mfa",
        "sys/audit",
        "sys/mounts",
        "sys/raw/a",
        "other",
        "sys/health",
    ] {
        for operation in [Operation::Read, Operation::Delete, Operation::List] {
            let at = if operation == Operation::List {
                format!("{path}/")
            } else {
                path.to_owned()
            };
            let done = vault
                .server
                .request(operation, &at, Some(&token), json!({}), None)
                .await;
            if done.status == 405 && done.body == json!({"errors": []}) {
                // Told to anybody, before policies are asked.
                continue;
            }
            let request = json!({"token": token, "operation": operation.as_str(), "path": at});
            let data = explain(&vault, request).await;
            assert_eq!(
                data["allowed"],
                json!(done.status != 403),
                "{operation} {at}: {data} {}",
                done.body
            );
        }
    }
}
