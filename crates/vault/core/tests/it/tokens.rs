//! Tokens.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

const PARENT: &str = r#"
path "auth/token/*" { capabilities = ["create", "read", "update", "list"] }
path "kv/*" { capabilities = ["read"] }
"#;

#[tokio::test]
async fn the_first_root_token_has_no_lease() {
    let vault = Unsealed::start().await;
    let shown = vault.read("auth/token/lookup-self").await.expect(200);
    for (member, value) in [
        ("id", json!(vault.root)),
        ("expire_time", Value::Null),
        ("ttl", json!(0)),
        ("policies", json!(["root"])),
        ("path", json!("auth/token/root")),
        ("display_name", json!("root")),
        ("type", json!("service")),
        ("orphan", json!(true)),
        ("meta", Value::Null),
    ] {
        assert_eq!(shown.data(member), &value, "{member}");
    }
    assert!(shown.body["data"].get("renewable").is_none() && shown.body["data"].get("issue_time").is_none());
    let refused = vault.write("auth/token/renew-self", json!({})).await.expect(400);
    assert_eq!(refused.error(), "invalid lease ID");
}

#[tokio::test]
async fn a_created_token_shows_its_terms() {
    let vault = Unsealed::start().await;
    let request = json!({"policies": "dev, Dev ,ops", "ttl": "1h", "meta": {"team": "a"}, "display_name": "ci job", "num_uses": 5});
    let made = vault.write("auth/token/create", request).await.expect(200);
    let auth = &made.body["auth"];
    assert_eq!(auth["policies"], json!(["default", "dev", "ops"]));
    assert_eq!(auth["token_policies"], json!(["default", "dev", "ops"]));
    assert_eq!(
        (&auth["lease_duration"], &auth["renewable"], &auth["orphan"]),
        (&json!(3600), &json!(true), &json!(false))
    );
    assert_eq!(auth["metadata"], json!({"team": "a"}));
    let warnings = made.body["warnings"].as_array().unwrap();
    assert_eq!(
        warnings,
        &[
            json!("Policy \"dev\" does not exist"),
            json!("Policy \"ops\" does not exist")
        ]
    );
    let accessor = auth["accessor"].as_str().unwrap();
    let shown = vault
        .write("auth/token/lookup-accessor", json!({"accessor": accessor}))
        .await
        .expect(200);
    assert_eq!(shown.data("id"), "");
    assert_eq!(shown.data("display_name"), "token-ci-job");
    assert_eq!(
        (
            shown.data("ttl"),
            shown.data("creation_ttl"),
            shown.data("num_uses")
        ),
        (&json!(3600), &json!(3600), &json!(5))
    );
    assert_eq!(shown.data("expire_time"), "2026-01-02T04:04:05Z");
}

#[tokio::test]
async fn tokens_expire_and_take_their_children_along() {
    let vault = Unsealed::start().await;
    vault.policy("parent", PARENT).await;
    let parent = vault
        .write("auth/token/create", json!({"policies": ["parent"], "ttl": "10m"}))
        .await
        .token();
    let child = vault
        .write_as(&parent, "auth/token/create", json!({"ttl": "1h"}))
        .await
        .expect(200)
        .token();
    let orphan = vault
        .write_as(&parent, "auth/token/create-orphan", json!({"ttl": "1h"}))
        .await
        .expect(200)
        .token();
    let _ = vault.read_as(&child, "auth/token/lookup-self").await.expect(200);
    vault.advance(601).await;
    let _ = vault.read_as(&parent, "auth/token/lookup-self").await.expect(403);
    let _ = vault.read_as(&child, "auth/token/lookup-self").await.expect(403);
    let _ = vault.read_as(&orphan, "auth/token/lookup-self").await.expect(200);
    // Nothing of the two is left.
    let accessors = vault.list("auth/token/accessors").await.expect(200);
    assert_eq!(
        accessors.data("keys").as_array().unwrap().len(),
        2,
        "root and the orphan"
    );
}

#[tokio::test]
async fn renewal_counts_from_now_and_is_capped() {
    let vault = Unsealed::start().await;
    let token = vault
        .write(
            "auth/token/create",
            json!({"ttl": "1h", "explicit_max_ttl": "2h"}),
        )
        .await
        .token();
    vault.advance(1800).await;
    let renewed = vault
        .write_as(&token, "auth/token/renew-self", json!({"increment": "1h"}))
        .await
        .expect(200);
    assert_eq!(renewed.body["auth"]["lease_duration"], 3600);
    assert_eq!(renewed.body["auth"]["client_token"], json!(token));
    let capped = vault
        .write_as(&token, "auth/token/renew-self", json!({"increment": "5h"}))
        .await
        .expect(200);
    assert_eq!(capped.body["auth"]["lease_duration"], 5400);
    assert!(
        capped.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("exceeded the effective max_ttl")
    );
    vault.advance(5399).await;
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(200);
    vault.advance(1).await;
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(403);
}

#[tokio::test]
async fn a_periodic_token_lives_as_long_as_it_is_renewed() {
    let vault = Unsealed::start().await;
    let token = vault
        .write("auth/token/create", json!({"period": "24h"}))
        .await
        .token();
    for _ in 0..60 {
        vault.advance(80_000).await;
        let renewed = vault
            .write_as(&token, "auth/token/renew-self", json!({}))
            .await
            .expect(200);
        assert_eq!(renewed.body["auth"]["lease_duration"], 86_400);
    }
    vault.advance(86_400).await;
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(403);
}

#[tokio::test]
async fn uses_are_counted_even_when_denied() {
    let vault = Unsealed::start().await;
    let token = vault
        .write(
            "auth/token/create",
            json!({"num_uses": 2, "policies": ["default"]}),
        )
        .await
        .token();
    let _ = vault.read_as(&token, "sys/mounts").await.expect(403);
    let shown = vault.read_as(&token, "auth/token/lookup-self").await.expect(200);
    assert_eq!(
        shown.data("num_uses"),
        1,
        "as it was when the request was admitted"
    );
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(403);
}

#[tokio::test]
async fn a_use_is_spent_once_however_many_ask() {
    let vault = std::sync::Arc::new(Unsealed::start().await);
    let token = vault
        .write("auth/token/create", json!({"num_uses": 10}))
        .await
        .token();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (vault, token) = (vault.clone(), token.clone());
        asking.spawn(async move { vault.read_as(&token, "auth/token/lookup-self").await.status });
    }
    let statuses = asking.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
}

#[tokio::test]
async fn child_policies_are_a_subset_unless_sudo() {
    let vault = Unsealed::start().await;
    vault.policy("parent", PARENT).await;
    let parent = vault.token(&["parent"]).await;
    let refused = vault
        .write_as(&parent, "auth/token/create", json!({"policies": ["other"]}))
        .await
        .expect(400);
    assert_eq!(refused.error(), "child policies must be subset of parent");
    let refused = vault
        .write_as(&parent, "auth/token/create", json!({"policies": [" ROOT "]}))
        .await
        .expect(400);
    assert!(
        refused.error().contains("subset of parent") || refused.error().contains("root tokens may not"),
        "{}",
        refused.error()
    );
    for (request, text) in [
        (
            json!({"id": "mine"}),
            "root or sudo privileges required to specify token id",
        ),
        (
            json!({"no_parent": true}),
            "root or sudo privileges required to create orphan token",
        ),
        (
            json!({"period": "1h"}),
            "root or sudo privileges required to create periodic token",
        ),
        (json!({"num_uses": -1}), "number of uses cannot be negative"),
        (json!({"type": "x"}), "invalid 'token_type' value"),
        (
            json!({"type": "batch", "num_uses": 1}),
            "batch tokens cannot have \"num_uses\" set",
        ),
        (
            json!({"entity_alias": "x"}),
            "'entity_alias' is only allowed in combination with token role",
        ),
    ] {
        let refused = vault
            .write_as(&parent, "auth/token/create", request)
            .await
            .expect(400);
        assert_eq!(refused.error(), text);
    }
    let inherited = vault
        .write_as(&parent, "auth/token/create", json!({}))
        .await
        .expect(200);
    assert_eq!(inherited.body["auth"]["policies"], json!(["parent"]));
}

#[tokio::test]
async fn a_custom_token_is_taken_as_it_is() {
    let vault = Unsealed::start().await;
    let made = vault
        .write(
            "auth/token/create",
            json!({"id": "my-token", "policies": ["default"]}),
        )
        .await;
    assert_eq!(made.token(), "my-token");
    let _ = vault
        .read_as("my-token", "auth/token/lookup-self")
        .await
        .expect(200);
    let again = vault
        .write("auth/token/create", json!({"id": "my-token"}))
        .await
        .expect(400);
    assert_eq!(again.error(), "cannot create a token with a duplicate ID");
    for bad in ["hvs.x", "s.x", "a.b", "with space", "caf\u{e9}"] {
        let _ = vault
            .write("auth/token/create", json!({"id": bad}))
            .await
            .expect(400);
    }
}

#[tokio::test]
async fn batch_tokens_cost_no_storage_and_die_with_their_parent() {
    let vault = Unsealed::start().await;
    vault.policy("parent", PARENT).await;
    let parent = vault.token(&["parent"]).await;
    let before = vault.server.storage.revision().await.unwrap();
    let made = vault
        .write_as(
            &parent,
            "auth/token/create",
            json!({"type": "batch", "ttl": "1h"}),
        )
        .await
        .expect(200);
    assert_eq!(vault.server.storage.revision().await.unwrap(), before);
    let batch = made.token();
    assert!(batch.starts_with("hvb."));
    assert_eq!(
        (&made.body["auth"]["accessor"], &made.body["auth"]["renewable"]),
        (&json!(""), &json!(false))
    );
    let shown = vault.read_as(&batch, "auth/token/lookup-self").await.expect(200);
    assert_eq!(shown.data("type"), "batch");
    let refused = vault
        .write_as(&batch, "auth/token/renew-self", json!({}))
        .await
        .expect(400);
    assert_eq!(refused.error(), "batch tokens cannot be renewed");
    let refused = vault
        .write_as(&batch, "auth/token/create", json!({}))
        .await
        .expect(400);
    assert_eq!(refused.error(), "batch tokens cannot create more tokens");
    let refused = vault
        .write("auth/token/revoke", json!({"token": batch}))
        .await
        .expect(400);
    assert_eq!(refused.error(), "batch tokens cannot be revoked");
    let tampered = format!("{}A", &batch[..batch.len() - 1]);
    let _ = vault
        .read_as(&tampered, "auth/token/lookup-self")
        .await
        .expect(403);
    let _ = vault
        .write("auth/token/revoke", json!({"token": parent}))
        .await
        .expect(204);
    let _ = vault.read_as(&batch, "auth/token/lookup-self").await.expect(403);
}

#[tokio::test]
async fn revoking_by_any_name() {
    let vault = Unsealed::start().await;
    let own = vault.token(&["default"]).await;
    let _ = vault
        .write_as(&own, "auth/token/revoke-self", json!({}))
        .await
        .expect(204);
    let _ = vault.read_as(&own, "auth/token/lookup-self").await.expect(403);
    let made = vault.write("auth/token/create", json!({})).await;
    let accessor = made.body["auth"]["accessor"].as_str().unwrap();
    let _ = vault
        .write("auth/token/revoke-accessor", json!({"accessor": accessor}))
        .await
        .expect(204);
    let _ = vault
        .read_as(&made.token(), "auth/token/lookup-self")
        .await
        .expect(403);
    let unknown = vault
        .write("auth/token/revoke-accessor", json!({"accessor": accessor}))
        .await
        .expect(200);
    assert_eq!(
        unknown.body["warnings"],
        json!(["No token found with this accessor"])
    );
    let _ = vault
        .write("auth/token/revoke", json!({"token": "hvs.unknown"}))
        .await
        .expect(204);
    let missing = vault
        .write("auth/token/revoke-accessor", json!({}))
        .await
        .expect(400);
    assert_eq!(missing.error(), "1 error occurred:\n\t* missing accessor\n\n");
}

#[tokio::test]
async fn revoke_orphan_leaves_children_without_a_parent() {
    let vault = Unsealed::start().await;
    vault.policy("parent", PARENT).await;
    let parent = vault.token(&["parent"]).await;
    let child = vault
        .write_as(&parent, "auth/token/create", json!({}))
        .await
        .token();
    let _ = vault
        .write("auth/token/revoke-orphan", json!({"token": parent}))
        .await
        .expect(204);
    let _ = vault.read_as(&parent, "auth/token/lookup-self").await.expect(403);
    let shown = vault.read_as(&child, "auth/token/lookup-self").await.expect(200);
    assert_eq!(shown.data("orphan"), &json!(true));
}

#[tokio::test]
async fn a_deep_tree_goes_at_once() {
    let vault = Unsealed::start().await;
    vault.policy("parent", PARENT).await;
    let mut chain = vec![vault.token(&["parent"]).await];
    for depth in 0..30 {
        chain.push(
            vault
                .write_as(&chain[depth], "auth/token/create", json!({}))
                .await
                .expect(200)
                .token(),
        );
    }
    let _ = vault
        .write("auth/token/revoke", json!({"token": chain[0]}))
        .await
        .expect(204);
    for token in chain {
        let _ = vault
            .write("auth/token/lookup", json!({"token": token}))
            .await
            .expect(403);
    }
}

#[tokio::test]
async fn an_interrupted_revocation_is_finished_by_the_expiry_task() {
    let vault = Unsealed::start().await;
    let token = vault.token(&["default"]).await;
    // The mark alone, as a crash right after it would leave it: the last use makes the same kind of mark.
    let used_up = vault
        .write(
            "auth/token/create",
            json!({"num_uses": 1, "policies": ["default"]}),
        )
        .await
        .token();
    let _ = vault
        .read_as(&used_up, "auth/token/lookup-self")
        .await
        .expect(200);
    let _ = vault
        .read_as(&used_up, "auth/token/lookup-self")
        .await
        .expect(403);
    vault.advance(3600 * 769).await;
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(403);
    let left = vault
        .server
        .storage
        .scan("ns/root/token/id/", "", 100)
        .await
        .unwrap()
        .names;
    assert_eq!(left.len(), 1, "only the root token is left: {left:?}");
    assert!(
        vault
            .server
            .storage
            .scan("expiry/", "", 100)
            .await
            .unwrap()
            .names
            .is_empty()
    );
}

#[tokio::test]
async fn roles_decide_what_their_tokens_are_like() {
    let vault = Unsealed::start().await;
    let role = json!({
        "allowed_policies": "dev,ops", "disallowed_policies_glob": "*-admin", "orphan": true,
        "token_period": "1h", "path_suffix": "v1", "renewable": true, "token_bound_cidrs": "127.0.0.1,10.0.0.0/8",
        "token_num_uses": 3,
    });
    let _ = vault.write("auth/token/roles/ci", role).await.expect(204);
    let shown = vault.read("auth/token/roles/ci").await.expect(200);
    assert_eq!(
        shown.data("token_bound_cidrs"),
        &json!(["127.0.0.1", "10.0.0.0/8"])
    );
    assert_eq!(
        (shown.data("token_period"), shown.data("period")),
        (&json!(3600), &json!(0))
    );
    assert_eq!(shown.data("token_type"), "default-service");
    let made = vault
        .write("auth/token/create/ci", json!({"policies": ["dev"]}))
        .await
        .expect(200);
    let auth = &made.body["auth"];
    assert_eq!(
        (&auth["orphan"], &auth["policies"], &auth["num_uses"]),
        (&json!(true), &json!(["default", "dev"]), &json!(3))
    );
    let looked = vault
        .write("auth/token/lookup", json!({"token": made.token()}))
        .await
        .expect(200);
    assert_eq!(
        (looked.data("path"), looked.data("role")),
        (&json!("auth/token/create/ci/v1"), &json!("ci"))
    );
    let refused = vault
        .write("auth/token/create/ci", json!({"policies": ["other"]}))
        .await
        .expect(400);
    assert!(
        refused
            .error()
            .contains("must be subset of the role's allowed policies"),
        "{}",
        refused.error()
    );
    let refused = vault.write("auth/token/create/none", json!({})).await.expect(400);
    assert_eq!(refused.error(), "unknown role none");
    let _ = vault.delete("auth/token/roles/ci").await.expect(204);
    let renewed = vault
        .write("auth/token/renew", json!({"token": made.token()}))
        .await
        .expect(500);
    assert!(
        renewed
            .error()
            .contains("original token role \"ci\" could not be found"),
        "{}",
        renewed.error()
    );
    let _ = vault.read("auth/token/roles/ci").await.expect(404);
}

#[tokio::test]
async fn bound_networks_keep_everybody_else_out() {
    let vault = Unsealed::start().await;
    let _ = vault
        .write(
            "auth/token/roles/far",
            json!({"token_bound_cidrs": "192.168.1.0/24"}),
        )
        .await
        .expect(204);
    let token = vault
        .write("auth/token/create/far", json!({"policies": ["default"]}))
        .await
        .expect(200)
        .token();
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(403);
    let bad = vault
        .write("auth/token/roles/bad", json!({"token_bound_cidrs": "300.1.1.1"}))
        .await
        .expect(400);
    assert!(bad.error().contains("300.1.1.1"), "{}", bad.error());
}

#[tokio::test]
async fn no_token_and_bad_tokens_are_403() {
    let vault = Unsealed::start().await;
    for token in [
        None,
        Some(""),
        Some("hvs.unknown"),
        Some("garbage"),
        Some("hvb.garbage"),
    ] {
        let answer = vault
            .server
            .request(Operation::Read, "sys/mounts", token, Value::Null, None)
            .await
            .expect(403);
        assert_eq!(answer.error(), "permission denied");
    }
    let denied = vault.token(&["default"]).await;
    let answer = vault.read_as(&denied, "sys/mounts").await.expect(403);
    assert_eq!(answer.error(), "1 error occurred:\n\t* permission denied\n\n");
    let bad = vault
        .write("auth/token/lookup", json!({"token": "hvs.unknown"}))
        .await
        .expect(403);
    assert_eq!(bad.error(), "bad token");
}
