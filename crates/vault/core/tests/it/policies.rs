//! Policies through the pipeline.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::json;

#[tokio::test]
async fn policies_are_read_written_and_listed_under_both_paths() {
    let vault = Unsealed::start().await;
    let text = r#"path "kv/*" { capabilities = ["read"] }"#;
    vault.policy("dev", text).await;
    assert_eq!(
        vault
            .read("sys/policies/acl/dev")
            .await
            .expect(200)
            .data("policy"),
        text
    );
    let old = vault.read("sys/policy/dev").await.expect(200);
    assert_eq!(
        (old.data("rules"), &old.body["name"]),
        (&json!(text), &json!("dev"))
    );
    assert_eq!(
        vault.list("sys/policies/acl").await.expect(200).data("keys"),
        &json!(["default", "dev", "root"])
    );
    let old = vault.read("sys/policy").await.expect(200);
    assert_eq!(
        (old.data("policies"), &old.body["keys"]),
        (
            &json!(["default", "dev", "root"]),
            &json!(["default", "dev", "root"])
        )
    );
    let _ = vault.delete("sys/policies/acl/dev").await.expect(204);
    let _ = vault.read("sys/policies/acl/dev").await.expect(404);
    let _ = vault.delete("sys/policies/acl/dev").await.expect(204);
}

#[tokio::test]
async fn base64_upper_case_and_old_names() {
    let vault = Unsealed::start().await;
    let answer = vault
        .write(
            "sys/policies/acl/Team/DEV",
            json!({"policy": "cGF0aCAiYSIgeyBjYXBhYmlsaXRpZXMgPSBbInJlYWQiXSB9"}),
        )
        .await
        .expect(200);
    assert_eq!(
        answer.body["warnings"],
        json!(["policy name was converted to team/dev"])
    );
    let shown = vault.read("sys/policies/acl/team/dev").await.expect(200);
    assert_eq!(shown.data("policy"), r#"path "a" { capabilities = ["read"] }"#);
    let old = vault
        .write(
            "sys/policy/x",
            json!({"rules": r#"path "a" { policy = "read" }"#}),
        )
        .await
        .expect(200);
    assert_eq!(
        old.body["warnings"],
        json!(["'rules' is deprecated, please use 'policy' instead"])
    );
}

#[tokio::test]
async fn bad_policies_are_refused() {
    let vault = Unsealed::start().await;
    for (name, policy, text) in [
        ("x", "", "'policy' parameter not supplied or empty"),
        ("root", "path \"a\" {}", "cannot update \"root\" policy"),
        (" ROOT ", "path \"a\" {}", "cannot update \"root\" policy"),
        (
            "response-wrapping",
            "path \"a\" {}",
            "cannot update \"response-wrapping\" policy",
        ),
    ] {
        let refused = vault
            .write(&format!("sys/policies/acl/{name}"), json!({"policy": policy}))
            .await
            .expect(400);
        assert_eq!(refused.error(), text);
    }
    let broken = vault
        .write(
            "sys/policies/acl/x",
            json!({"policy": "path \"a\" { capabilites = [] }"}),
        )
        .await
        .expect(400);
    assert!(
        broken.error().starts_with("failed to parse policy:"),
        "{}",
        broken.error()
    );
    assert!(
        broken.error().contains("capabilities"),
        "says what was meant: {}",
        broken.error()
    );
    assert_eq!(
        vault.delete("sys/policies/acl/default").await.expect(400).error(),
        "cannot delete default policy"
    );
    assert_eq!(
        vault.delete("sys/policies/acl/root").await.expect(400).error(),
        "cannot delete \"root\" policy"
    );
}

#[tokio::test]
async fn create_alone_allows_the_first_write_only() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    vault
        .policy("creator", r#"path "kv/*" { capabilities = ["create"] }"#)
        .await;
    let token = vault.token(&["creator"]).await;
    let _ = vault.write_as(&token, "kv/a", json!({"k": 1})).await.expect(204);
    let _ = vault.write_as(&token, "kv/a", json!({"k": 2})).await.expect(403);
    assert_eq!(vault.read("kv/a").await.expect(200).data("k"), 1);
}

#[tokio::test]
async fn a_change_counts_at_once() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": 1})).await.expect(204);
    let token = vault.token(&["dev"]).await;
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    vault
        .policy("dev", r#"path "kv/*" { capabilities = ["read"] }"#)
        .await;
    let _ = vault.read_as(&token, "kv/a").await.expect(200);
    let _ = vault.delete("sys/policies/acl/dev").await.expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
}

#[tokio::test]
async fn parameters_and_wrapping_are_enforced() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    vault
        .policy(
            "limited",
            r#"
            path "kv/limited" {
              capabilities = ["create", "update"]
              required_parameters = ["owner"]
              allowed_parameters = { "owner" = ["team-*"], "note" = [] }
              denied_parameters = { "password" = [] }
            }
            path "kv/wrapped" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "1h" }
            "#,
        )
        .await;
    let token = vault.token(&["limited"]).await;
    for (data, status) in [
        (json!({"owner": "team-a"}), 204),
        (json!({"owner": "team-a", "note": "x"}), 204),
        (json!({"owner": "other"}), 403),
        (json!({"note": "x"}), 403),
        (json!({"owner": "team-a", "password": "x"}), 403),
        (json!({"owner": "team-a", "more": "x"}), 403),
    ] {
        let _ = vault.write_as(&token, "kv/limited", data).await.expect(status);
    }
    let _ = vault.write("kv/wrapped", json!({"k": 1})).await.expect(204);
    let read = |ttl| {
        vault
            .server
            .request(Operation::Read, "kv/wrapped", Some(&token), json!({}), ttl)
    };
    let _ = read(None).await.expect(403);
    let _ = read(Some(30)).await.expect(403);
    let _ = read(Some(7200)).await.expect(403);
    let _ = read(Some(60)).await.expect(200);
}

#[tokio::test]
async fn capabilities_of_tokens_and_accessors() {
    let vault = Unsealed::start().await;
    vault
        .policy(
            "dev",
            r#"path "kv/*" { capabilities = ["read", "list"] } path "kv/no" { capabilities = ["deny"] }"#,
        )
        .await;
    let made = vault
        .write("auth/token/create", json!({"policies": ["dev"]}))
        .await
        .expect(200);
    let request = json!({"token": made.token(), "paths": ["kv/a", "kv/no", "other"]});
    let shown = vault.write("sys/capabilities", request).await.expect(200);
    assert_eq!(shown.data("kv~1a"), &json!(["list", "read"]));
    assert_eq!(
        (shown.data("kv~1no"), shown.data("other")),
        (&json!(["deny"]), &json!(["deny"]))
    );
    assert!(shown.body["data"].get("capabilities").is_none());
    let one = json!({"accessor": made.body["auth"]["accessor"], "paths": "kv/a"});
    let one = vault.write("sys/capabilities-accessor", one).await.expect(200);
    assert_eq!(
        (&one.body["capabilities"], one.data("capabilities")),
        (&json!(["list", "read"]), &json!(["list", "read"]))
    );
    let own = vault
        .write("sys/capabilities-self", json!({"path": "anything"}))
        .await
        .expect(200);
    assert_eq!(own.data("capabilities"), &json!(["root"]));
    let bad = vault
        .write("sys/capabilities", json!({"token": "x", "paths": "a"}))
        .await
        .expect(400);
    assert_eq!(bad.error(), "1 error occurred:\n\t* invalid token\n\n");
    let none = vault.write("sys/capabilities-self", json!({})).await.expect(400);
    assert_eq!(none.error(), "paths must be supplied");
}

#[tokio::test]
async fn the_default_policy_lets_a_token_look_after_itself() {
    let vault = Unsealed::start().await;
    let token = vault
        .write("auth/token/create", json!({"policies": ["default"]}))
        .await
        .token();
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(200);
    let _ = vault
        .write_as(&token, "auth/token/renew-self", json!({}))
        .await
        .expect(200);
    let _ = vault
        .write_as(&token, "sys/capabilities-self", json!({"paths": "a"}))
        .await
        .expect(200);
    let _ = vault
        .write_as(&token, "cubbyhole/a", json!({"k": "v"}))
        .await
        .expect(204);
    let _ = vault
        .read_as(&token, "sys/internal/ui/resultant-acl")
        .await
        .expect(200);
    let _ = vault
        .write_as(&token, "auth/token/revoke-self", json!({}))
        .await
        .expect(204);
}

#[tokio::test]
async fn what_cannot_be_checked_is_denied() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": 1})).await.expect(204);
    for (name, extra) in [
        ("mfa", "mfa_methods = [\"totp\"]"),
        (
            "group",
            "control_group = { factor \"x\" { identity { group_names = [\"a\"] approvals = 1 } } }",
        ),
    ] {
        vault
            .policy(
                name,
                &format!("path \"kv/*\" {{ capabilities = [\"read\"] {extra} }}"),
            )
            .await;
        let token = vault.token(&[name]).await;
        let _ = vault.read_as(&token, "kv/a").await.expect(403);
    }
}
