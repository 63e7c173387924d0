//! Entities and aliases.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

async fn token_accessor(vault: &Unsealed) -> String {
    vault.read("sys/auth").await.expect(200).body["data"]["token/"]["accessor"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn names_of_entities_come_in_pages() {
    let vault = Unsealed::start().await;
    for name in ["Echo", "alpha", "delta", "Bravo", "charlie"] {
        let _ = vault
            .write("identity/entity", json!({"name": name}))
            .await
            .expect(200);
    }
    let _ = vault.delete("identity/entity/name/delta").await.expect(204);
    let mut seen = Vec::new();
    loop {
        let after = seen.last().cloned().unwrap_or_default();
        let page = json!({"after": after, "limit": 2});
        let page = vault
            .server
            .request(
                Operation::List,
                "identity/entity/name",
                Some(&vault.root),
                page,
                None,
            )
            .await;
        if page.status == 404 {
            break;
        }
        let keys = page.expect(200).data("keys").clone();
        seen.extend(serde_json::from_value::<Vec<String>>(keys).unwrap());
    }
    assert_eq!(seen, ["alpha", "Bravo", "charlie", "Echo"]);
}

#[tokio::test]
async fn entities_are_made_changed_and_found() {
    let vault = Unsealed::start().await;
    let made = vault
        .write(
            "identity/entity",
            json!({"name": "Bob", "metadata": {"team": "a"}, "policies": "dev"}),
        )
        .await;
    let made = made.expect(200);
    let id = made.data("id").as_str().unwrap().to_owned();
    let shown = vault.read(&format!("identity/entity/id/{id}")).await.expect(200);
    assert_eq!(
        (shown.data("name"), shown.data("policies")),
        (&json!("Bob"), &json!(["dev"]))
    );
    let _ = vault
        .write(&format!("identity/entity/id/{id}"), json!({"name": "Robert"}))
        .await
        .expect(204);
    let shown = vault.read("identity/entity/name/ROBERT").await.expect(200);
    assert_eq!(
        (shown.data("id"), shown.data("metadata/team")),
        (&json!(id), &json!("a"))
    );
    let _ = vault.read("identity/entity/name/bob").await.expect(404);
    let _ = vault
        .write("identity/entity", json!({"name": "alice"}))
        .await
        .expect(200);
    let clash = vault
        .write(&format!("identity/entity/id/{id}"), json!({"name": "Alice"}))
        .await
        .expect(400);
    assert_eq!(clash.error(), "entity name is already in use");
    let root = vault
        .write("identity/entity", json!({"name": "r", "policies": " Root"}))
        .await
        .expect(400);
    assert_eq!(root.error(), "policies cannot contain root");
    let missing = vault
        .write("identity/entity", json!({"id": "none"}))
        .await
        .expect(400);
    assert_eq!(missing.error(), "entity not found from id");
    assert_eq!(
        vault.list("identity/entity/name").await.expect(200).data("keys"),
        &json!(["alice", "Robert"]),
        "in the order of their lower case, and without the former name"
    );
    let _ = vault
        .write("identity/lookup/entity", json!({"name": "nobody"}))
        .await
        .expect(204);
    let none = vault.write("identity/lookup/entity", json!({})).await.expect(400);
    assert_eq!(none.error(), "query parameter not supplied");
    let _ = vault
        .delete(&format!("identity/entity/id/{id}"))
        .await
        .expect(204);
    let _ = vault.read("identity/entity/name/robert").await.expect(404);
}

#[tokio::test]
async fn aliases_name_an_entity_at_a_mount() {
    let vault = Unsealed::start().await;
    let accessor = token_accessor(&vault).await;
    let made = vault
        .write(
            "identity/entity-alias",
            json!({"name": "App", "mount_accessor": accessor}),
        )
        .await
        .expect(200);
    let (alias, entity) = (
        made.data("id").as_str().unwrap().to_owned(),
        made.data("canonical_id").as_str().unwrap().to_owned(),
    );
    let lookup = json!({"alias_name": "app", "alias_mount_accessor": accessor});
    let found = vault.write("identity/lookup/entity", lookup).await.expect(200);
    assert_eq!(
        (found.data("id"), found.data("aliases/0/name")),
        (&json!(entity), &json!("App"))
    );
    let second = json!({"name": "other", "mount_accessor": accessor, "canonical_id": entity});
    let second = vault.write("identity/entity-alias", second).await.expect(400);
    assert_eq!(
        second.error(),
        "Alias already exists for requested entity and mount accessor"
    );
    let bad = vault
        .write(
            "identity/entity-alias",
            json!({"name": "x", "mount_accessor": "none"}),
        )
        .await
        .expect(400);
    assert_eq!(bad.error(), "invalid mount accessor \"none\"");
    let _ = vault
        .delete(&format!("identity/entity-alias/id/{alias}"))
        .await
        .expect(204);
    let shown = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(shown.data("aliases"), &json!([]));
}

#[tokio::test]
async fn identity_policies_count_on_each_request_and_stop_at_once() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": "v"})).await.expect(204);
    vault
        .policy("reader", r#"path "kv/*" { capabilities = ["read"] }"#)
        .await;
    let role = json!({"allowed_entity_aliases": "app-*", "orphan": true});
    let _ = vault.write("auth/token/roles/app", role).await.expect(204);
    let made = vault
        .write(
            "auth/token/create/app",
            json!({"entity_alias": "APP-1", "policies": ["default"]}),
        )
        .await
        .expect(200);
    let (token, entity) = (
        made.token(),
        made.body["auth"]["entity_id"].as_str().unwrap().to_owned(),
    );
    assert!(!entity.is_empty());
    let refused = vault
        .write(
            "auth/token/create/app",
            json!({"entity_alias": "web", "policies": ["default"]}),
        )
        .await
        .expect(400);
    assert_eq!(refused.error(), "invalid 'entity_alias' value");
    let path = format!("identity/entity/id/{entity}");
    let _ = vault
        .write_as(&vault.root, "auth/token/lookup", json!({"token": token}))
        .await
        .expect(200);
    vault
        .policy(
            "self",
            r#"path "auth/token/lookup-self" { capabilities = ["read"] }"#,
        )
        .await;
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    let _ = vault
        .write(&path, json!({"policies": ["reader", "self"]}))
        .await
        .expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(200);
    let shown = vault.read_as(&token, "auth/token/lookup-self").await.expect(200);
    assert_eq!(shown.data("identity_policies"), &json!(["reader", "self"]));
    let _ = vault.write(&path, json!({"disabled": true})).await.expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    let _ = vault.write(&path, json!({"disabled": false})).await.expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(200);
    let _ = vault.delete(&path).await.expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
}

#[tokio::test]
async fn templated_policies_follow_the_entity() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    vault
        .policy(
            "own",
            r#"path "kv/{{identity.entity.metadata.team}}/*" { capabilities = ["create", "read"] }"#,
        )
        .await;
    let _ = vault
        .write(
            "auth/token/roles/app",
            json!({"allowed_entity_aliases": "*", "allowed_policies": "own"}),
        )
        .await
        .expect(204);
    let made = vault
        .write(
            "auth/token/create/app",
            json!({"entity_alias": "a", "policies": ["own"]}),
        )
        .await
        .expect(200);
    let entity = made.body["auth"]["entity_id"].as_str().unwrap();
    let path = format!("identity/entity/id/{entity}");
    let write = |to: &'static str| vault.write_as("", to, Value::Null);
    let _ = write("kv/red/x").await.expect(403);
    let _ = vault
        .write(&path, json!({"metadata": {"team": "red"}}))
        .await
        .expect(204);
    let _ = vault
        .write_as(&made.token(), "kv/red/x", json!({"k": 1}))
        .await
        .expect(204);
    let _ = vault
        .write_as(&made.token(), "kv/blue/x", json!({"k": 1}))
        .await
        .expect(403);
    let _ = vault
        .write(&path, json!({"metadata": {"team": "blue"}}))
        .await
        .expect(204);
    let _ = vault
        .write_as(&made.token(), "kv/blue/x", json!({"k": 1}))
        .await
        .expect(204);
    // A value that would widen the rule drops it.
    for wide in ["*", "+", "a/b"] {
        let _ = vault
            .write(&path, json!({"metadata": {"team": wide}}))
            .await
            .expect(204);
        let _ = vault
            .write_as(&made.token(), "kv/a/b/x", json!({"k": 1}))
            .await
            .expect(403);
    }
}
