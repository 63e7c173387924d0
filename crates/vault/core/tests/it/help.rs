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
    let body = &item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let body = body.as_str().unwrap().trim_start_matches('#');
    let body = answer.body["openapi"].pointer(body).unwrap();
    assert!(body["properties"]["data"].is_object(), "{body}");
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

const DOCUMENT: &str = "sys/internal/specs/openapi";

/// Every operation as `method path id`, in the order of the document.
fn operations(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "patch", "delete", "head"] {
            if let Some(operation) = item.get(method) {
                found.push(format!(
                    "{method} {path} {}",
                    operation["operationId"].as_str().unwrap()
                ));
            }
        }
    }
    found
}

fn paths(document: &Value) -> Vec<&str> {
    let paths = document["paths"].as_object().unwrap();
    paths.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn the_document_has_every_operation_of_every_mount() {
    let vault = Unsealed::start().await;
    vault.mount("secret", "kv-v2").await;
    vault.mount("old", "kv").await;
    let document = vault.read(DOCUMENT).await.expect(200).body;
    insta::assert_snapshot!(operations(&document).join("\n"));
}

#[tokio::test]
async fn the_document_is_told_apart_and_refers_to_what_it_has() {
    let vault = Unsealed::start().await;
    vault.mount("secret", "kv-v2").await;
    vault.mount("a-b", "kv-v2").await;
    vault.mount("a/b", "kv-v2").await;
    let document = vault.read(DOCUMENT).await.expect(200).body;
    let ids: Vec<String> = operations(&document)
        .iter()
        .map(|line| line.rsplit_once(' ').unwrap().1.to_owned())
        .collect();
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    // Two templates that differ only in names are the same path to a reader of the document.
    let shapes: Vec<String> = paths(&document).iter().map(|path| shape(path)).collect();
    let distinct: std::collections::BTreeSet<&String> = shapes.iter().collect();
    assert_eq!(distinct.len(), shapes.len(), "{shapes:#?}");
    for (path, item) in document["paths"].as_object().unwrap() {
        let count = item["parameters"].as_array().map_or(0, Vec::len);
        assert_eq!(count, path.matches('{').count(), "{path}");
    }
    for reference in references(&document) {
        assert!(
            document.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference}"
        );
    }
    let again = vault.read(DOCUMENT).await.expect(200).body;
    assert_eq!(again.to_string(), document.to_string());
}

fn shape(path: &str) -> String {
    let part = |segment: &str| if segment.starts_with('{') { "{}" } else { segment }.to_owned();
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(text) if name == "$ref" => vec![text.clone()],
                other => references(other),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_document_says_who_may_and_whether_a_write_creates() {
    let vault = Unsealed::start().await;
    vault.mount("secret", "kv-v2").await;
    let document = vault.read(DOCUMENT).await.expect(200).body;
    let paths = &document["paths"];
    assert_eq!(paths["/sys/audit"]["x-vault-sudo"], json!(true));
    assert_eq!(paths["/sys/health"]["x-vault-unauthenticated"], json!(true));
    assert_eq!(paths["/sys/health"]["get"]["security"], json!([{}]));
    assert_eq!(paths["/sys/mounts"]["x-vault-sudo"], Value::Null);
    assert_eq!(paths["/sys/mounts"]["x-vault-unauthenticated"], Value::Null);
    let data = &paths["/secret/data/{path}"];
    assert_eq!(data["x-vault-createSupported"], json!(true));
    assert_eq!(data["get"]["tags"], json!(["secrets"]));
    assert_eq!(document["info"]["version"], json!("1.16.3"));
}

#[tokio::test]
async fn the_document_has_what_the_caller_can_see() {
    let vault = Unsealed::start().await;
    vault.mount("open", "kv").await;
    vault.mount("closed", "kv").await;
    let tune = json!({"listing_visibility": "unauth"});
    let _ = vault.write("sys/mounts/open/tune", tune).await.expect(204);
    let ask = |token: Option<String>| {
        let server = &vault.server;
        async move {
            server
                .request(Operation::Read, DOCUMENT, token.as_deref(), json!({}), None)
                .await
        }
    };
    let anonymous = ask(None).await.expect(200).body;
    assert_eq!(paths(&anonymous), ["/open/", "/open/{folder}/", "/open/{path}"]);
    vault
        .policy("reader", r#"path "closed/app/*" { capabilities = ["read"] }"#)
        .await;
    let reader = ask(Some(vault.token(&["reader"]).await)).await.expect(200).body;
    assert!(paths(&reader).contains(&"/closed/{path}"));
    assert!(
        paths(&reader)
            .iter()
            .all(|path| !path.starts_with("/identity/entity")),
        "{reader}"
    );
    let _ = ask(Some("bad".to_owned())).await.expect(403);
}

#[tokio::test]
async fn the_document_can_name_kinds_instead_of_mounts() {
    let vault = Unsealed::start().await;
    vault.mount("one", "kv-v2").await;
    vault.mount("two", "kv-v2").await;
    let request = json!({"generic_mount_paths": "true", "context": "mine"});
    let document = vault.write(DOCUMENT, request).await.expect(200).body;
    let item = &document["paths"]["/{kv_v2_mount_path}/data/{path}"];
    assert_eq!(item["parameters"][0]["name"], "kv_v2_mount_path");
    assert_eq!(item["get"]["operationId"], "read-kv-v2-data-path-mine");
    assert!(paths(&document).iter().all(|path| !path.starts_with("/one/")));
    assert!(paths(&document).contains(&"/auth/token/create"));
    let refused = vault.write(DOCUMENT, json!({"context": "a b"})).await.expect(400);
    assert!(refused.error().starts_with("context: "), "{}", refused.error());
}
