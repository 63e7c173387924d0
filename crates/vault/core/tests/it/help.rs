//! Help on paths, and the OpenAPI document that comes with it.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

async fn help(vault: &Unsealed, token: &str, path: &str) -> arca_testkit::Response {
    vault
        .server
        .request(Operation::Help, path, Some(token), json!({}), None)
        .await
}

#[tokio::test]
async fn a_path_tells_its_operations_and_parameters() {
    let vault = Unsealed::start().await;
    vault.mount("secret", "kv-v2").await;
    let token = vault.token(&["default"]).await;
    let answer = help(&vault, &token, "secret/data/app").await.expect(200);
    let text = answer.body["help"].as_str().unwrap();
    for expected in [
        "data/app",
        "data/{path*}",
        "delete",
        "patch",
        "read",
        "update",
        "PARAMETERS",
        "version (integer)",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert_eq!(answer.body["see_also"], Value::Null);
    let item = &answer.body["openapi"]["paths"]["/secret/data/{path}"];
    assert_eq!(item["parameters"][0]["name"], "path");
    assert_eq!(item["get"]["parameters"][0]["name"], "version");
    assert!(
        item["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]["data"]
            .is_object()
    );
}

#[tokio::test]
async fn a_mount_lists_its_paths() {
    let vault = Unsealed::start().await;
    vault.mount("secret", "kv-v2").await;
    let token = vault.token(&["default"]).await;
    for (path, expected) in [
        ("secret/", "metadata/{path*}"),
        ("sys/", "policies/acl/{name*}"),
        ("auth/token/", "lookup-self"),
    ] {
        let answer = help(&vault, &token, path).await.expect(200);
        let text = answer.body["help"].as_str().unwrap();
        assert!(text.contains(expected), "{expected} in {text}");
        assert_eq!(answer.body["openapi"]["openapi"], "3.0.3");
    }
}

#[tokio::test]
async fn help_needs_a_token_and_a_path_that_exists() {
    let vault = Unsealed::start().await;
    let _ = help(&vault, "", "sys/mounts").await.expect(403);
    let token = vault.token(&["default"]).await;
    let _ = help(&vault, &token, "sys/no-such-path").await.expect(404);
    let _ = help(&vault, &token, "nowhere/at/all").await.expect(404);
}
