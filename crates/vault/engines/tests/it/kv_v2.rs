//! Key/value secrets with versions.

use std::sync::Arc;

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

async fn start() -> Unsealed {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv-v2").await;
    vault
}

async fn put(vault: &Unsealed, path: &str, data: Value) -> u64 {
    let answer = vault
        .write(&format!("kv/data/{path}"), json!({"data": data}))
        .await
        .expect(200);
    answer.data("version").as_u64().unwrap()
}

async fn version(vault: &Unsealed, path: &str, version: u64) -> arca_testkit::Response {
    vault
        .query(
            &format!("kv/data/{path}"),
            json!({"version": version.to_string()}),
        )
        .await
}

#[tokio::test]
async fn the_alias_is_kv_with_a_version() {
    let vault = start().await;
    let mounted = vault.read("sys/internal/ui/mounts/kv/data/x").await.expect(200);
    assert_eq!(
        (
            mounted.data("type"),
            mounted.data("options/version"),
            mounted.data("path")
        ),
        (&json!("kv"), &json!("2"), &json!("kv/"))
    );
}

#[tokio::test]
async fn each_write_is_a_version() {
    let vault = start().await;
    let first = vault
        .write("kv/data/app", json!({"data": {"k": "1"}, "options": {}}))
        .await
        .expect(200);
    assert_eq!(
        first.body["data"],
        json!({"version": 1, "created_time": "2026-01-02T03:04:05Z", "deletion_time": "", "destroyed": false, "custom_metadata": null})
    );
    vault.advance(10).await;
    assert_eq!(put(&vault, "app", json!({"k": "2"})).await, 2);
    let current = vault.read("kv/data/app").await.expect(200);
    assert_eq!(
        (current.data("data"), current.data("metadata/version")),
        (&json!({"k": "2"}), &json!(2))
    );
    assert_eq!(current.body["lease_duration"], 0);
    assert_eq!(
        version(&vault, "app", 1).await.expect(200).data("data"),
        &json!({"k": "1"})
    );
    let _ = version(&vault, "app", 3).await.expect(404);
    let metadata = vault.read("kv/metadata/app").await.expect(200);
    assert_eq!(
        (metadata.data("current_version"), metadata.data("oldest_version")),
        (&json!(2), &json!(0))
    );
    assert_eq!(metadata.data("versions/1/created_time"), "2026-01-02T03:04:05Z");
    assert_eq!(metadata.data("updated_time"), "2026-01-02T03:04:15Z");
    assert_eq!(
        (
            metadata.data("delete_version_after"),
            metadata.data("custom_metadata")
        ),
        (&json!("0s"), &Value::Null)
    );
}

#[tokio::test]
async fn check_and_set() {
    let vault = start().await;
    let write = |cas: Value| {
        let body = json!({"data": {"k": "v"}, "options": {"cas": cas}});
        vault
            .server
            .request(Operation::Update, "kv/data/app", Some(&vault.root), body, None)
    };
    let mismatch = "check-and-set parameter did not match the current version";
    assert_eq!(write(json!(1)).await.expect(400).error(), mismatch);
    let _ = write(json!(0)).await.expect(200);
    assert_eq!(write(json!(0)).await.expect(400).error(), mismatch);
    let _ = write(json!("1")).await.expect(200);
    assert_eq!(
        write(json!("x")).await.expect(400).error(),
        "error parsing check-and-set parameter"
    );
    let _ = vault
        .write("kv/config", json!({"cas_required": true}))
        .await
        .expect(204);
    let required = vault
        .write("kv/data/app", json!({"data": {"k": 1}}))
        .await
        .expect(400);
    assert_eq!(required.error(), "check-and-set parameter required for this call");
    let _ = vault
        .write("kv/config", json!({"cas_required": false}))
        .await
        .expect(204);
    let _ = vault
        .write("kv/metadata/strict", json!({"cas_required": true}))
        .await
        .expect(204);
    let _ = vault
        .write("kv/data/strict", json!({"data": {"k": 1}}))
        .await
        .expect(400);
    let _ = vault
        .write("kv/data/strict", json!({"data": {"k": 1}, "options": {"cas": 0}}))
        .await
        .expect(200);
}

#[tokio::test]
async fn of_many_writers_with_the_same_check_one_wins() {
    let vault = Arc::new(start().await);
    let mut writing = tokio::task::JoinSet::new();
    for number in 0..30 {
        let vault = vault.clone();
        writing.spawn(async move {
            let body = json!({"data": {"n": number}, "options": {"cas": 0}});
            vault.write("kv/data/app", body).await.status
        });
    }
    let statuses = writing.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(
        vault
            .read("kv/metadata/app")
            .await
            .expect(200)
            .data("current_version"),
        1
    );
}

#[tokio::test]
async fn writers_without_a_check_all_get_a_version() {
    let vault = Arc::new(start().await);
    let _ = vault
        .write("kv/config", json!({"max_versions": 100}))
        .await
        .expect(204);
    let mut writing = tokio::task::JoinSet::new();
    for number in 0..50 {
        let vault = vault.clone();
        writing.spawn(async move { put(&vault, "app", json!({"n": number})).await });
    }
    let mut versions = writing.join_all().await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn deleted_versions_answer_404_with_their_metadata() {
    let vault = start().await;
    put(&vault, "app", json!({"k": "1"})).await;
    put(&vault, "app", json!({"k": "2"})).await;
    let _ = vault.delete("kv/data/app").await.expect(204);
    let gone = vault.read("kv/data/app").await.expect(404);
    assert_eq!(
        (gone.data("data"), gone.data("metadata/version")),
        (&Value::Null, &json!(2))
    );
    assert_eq!(gone.data("metadata/deletion_time"), "2026-01-02T03:04:05Z");
    assert!(gone.body.get("errors").is_none());
    let _ = version(&vault, "app", 1).await.expect(200);
    let _ = vault
        .write("kv/undelete/app", json!({"versions": [2]}))
        .await
        .expect(204);
    assert_eq!(
        vault.read("kv/data/app").await.expect(200).data("data"),
        &json!({"k": "2"})
    );
    let _ = vault
        .write("kv/delete/app", json!({"versions": "1,2"}))
        .await
        .expect(204);
    let _ = version(&vault, "app", 1).await.expect(404);
    let _ = vault
        .write("kv/destroy/app", json!({"versions": ["1"]}))
        .await
        .expect(204);
    let destroyed = version(&vault, "app", 1).await.expect(404);
    assert_eq!(destroyed.data("metadata/destroyed"), &json!(true));
    let _ = vault
        .write("kv/undelete/app", json!({"versions": [1, 2, 99, -1]}))
        .await
        .expect(204);
    let _ = version(&vault, "app", 1).await.expect(404);
    let _ = version(&vault, "app", 2).await.expect(200);
    for (path, text) in [
        ("delete", "No version number provided"),
        ("undelete", "No version number provided"),
        ("destroy", "no version number provided"),
    ] {
        assert_eq!(
            vault
                .write(&format!("kv/{path}/app"), json!({}))
                .await
                .expect(400)
                .error(),
            text
        );
        let _ = vault
            .write(&format!("kv/{path}/none"), json!({"versions": [1]}))
            .await
            .expect(204);
    }
    let _ = vault.delete("kv/data/none").await.expect(204);
}

#[tokio::test]
async fn old_versions_go_with_their_content() {
    let vault = start().await;
    let _ = vault
        .write("kv/config", json!({"max_versions": 3}))
        .await
        .expect(204);
    for number in 1..=5 {
        put(&vault, "app", json!({"n": number})).await;
    }
    let _ = version(&vault, "app", 2).await.expect(404);
    assert_eq!(version(&vault, "app", 3).await.expect(200).data("data/n"), 3);
    let metadata = vault.read("kv/metadata/app").await.expect(200);
    assert_eq!(metadata.data("oldest_version"), 3);
    let contents = vault
        .server
        .storage
        .scan("ns/root/data/", "", 100)
        .await
        .unwrap()
        .names;
    assert_eq!(
        contents.iter().filter(|name| name.contains("/data/app/")).count(),
        3
    );
    let _ = vault.delete("kv/metadata/app").await.expect(204);
    let contents = vault
        .server
        .storage
        .scan("ns/root/data/", "", 100)
        .await
        .unwrap()
        .names;
    assert!(
        contents.iter().all(|name| name.ends_with("/config")),
        "{contents:?}"
    );
    let _ = vault.read("kv/metadata/app").await.expect(404);
    assert_eq!(put(&vault, "app", json!({"n": 1})).await, 1, "starts over");
}

#[tokio::test]
async fn versions_can_delete_themselves() {
    let vault = start().await;
    let _ = vault
        .write("kv/config", json!({"delete_version_after": "1h"}))
        .await
        .expect(204);
    assert_eq!(
        vault
            .read("kv/config")
            .await
            .expect(200)
            .data("delete_version_after"),
        "1h0m0s"
    );
    put(&vault, "app", json!({"k": 1})).await;
    let read = vault.read("kv/data/app").await.expect(200);
    assert_eq!(read.data("metadata/deletion_time"), "2026-01-02T04:04:05Z");
    vault.advance(3600).await;
    let _ = vault.read("kv/data/app").await.expect(404);
    let _ = vault
        .write("kv/undelete/app", json!({"versions": [1]}))
        .await
        .expect(204);
    let again = vault.read("kv/data/app").await.expect(200);
    assert_eq!(again.data("metadata/deletion_time"), "2026-01-02T05:04:05Z");
    let _ = vault
        .write("kv/config", json!({"delete_version_after": "-1s"}))
        .await
        .expect(204);
    put(&vault, "app", json!({"k": 2})).await;
    assert_eq!(
        vault
            .read("kv/data/app")
            .await
            .expect(200)
            .data("metadata/deletion_time"),
        ""
    );
}

#[tokio::test]
async fn patching_changes_some_members() {
    let vault = start().await;
    let _ = vault
        .patch("kv/data/app", json!({"data": {"a": 1}}))
        .await
        .expect(404);
    put(&vault, "app", json!({"a": 1, "b": {"c": 2, "d": 3}})).await;
    let patched = vault
        .patch(
            "kv/data/app",
            json!({"data": {"a": null, "b": {"c": 9}}, "options": {"cas": 1}}),
        )
        .await;
    assert_eq!(patched.expect(200).data("version"), 2);
    assert_eq!(
        vault.read("kv/data/app").await.expect(200).data("data"),
        &json!({"b": {"c": 9, "d": 3}})
    );
    let stale = vault
        .patch("kv/data/app", json!({"data": {"a": 1}, "options": {"cas": 1}}))
        .await
        .expect(400);
    assert_eq!(
        stale.error(),
        "check-and-set parameter did not match the current version"
    );
    assert_eq!(
        vault.patch("kv/data/app", json!({})).await.expect(400).error(),
        "no data provided"
    );
    let _ = vault.delete("kv/data/app").await.expect(204);
    let deleted = vault
        .patch("kv/data/app", json!({"data": {"a": 1}}))
        .await
        .expect(404);
    assert_eq!(
        (deleted.data("version"), deleted.data("destroyed")),
        (&json!(2), &json!(false)),
        "flat metadata"
    );
}

#[tokio::test]
async fn metadata_stands_by_itself() {
    let vault = start().await;
    let _ = vault.write("kv/metadata/app", json!({})).await.expect(204);
    let _ = vault.read("kv/metadata/app").await.expect(404);
    let settings = json!({"max_versions": 5, "delete_version_after": "3h25m19s", "custom_metadata": {"owner": "a", "n": 1}});
    let _ = vault.write("kv/metadata/app", settings).await.expect(204);
    let shown = vault.read("kv/metadata/app").await.expect(200);
    assert_eq!(
        (shown.data("current_version"), shown.data("max_versions")),
        (&json!(0), &json!(5))
    );
    assert_eq!(
        (shown.data("delete_version_after"), shown.data("custom_metadata")),
        (&json!("3h25m19s"), &json!({"owner": "a", "n": "1"}))
    );
    let _ = vault.read("kv/data/app").await.expect(404);
    let _ = vault
        .write("kv/data/app", json!({"data": {"k": 1}, "options": {"cas": 0}}))
        .await
        .expect(200);
    assert_eq!(
        vault
            .read("kv/data/app")
            .await
            .expect(200)
            .data("metadata/custom_metadata"),
        &json!({"owner": "a", "n": "1"})
    );
    let _ = vault
        .patch(
            "kv/metadata/app",
            json!({"custom_metadata": {"owner": null, "more": "x"}}),
        )
        .await
        .expect(204);
    let shown = vault.read("kv/metadata/app").await.expect(200);
    assert_eq!(
        (shown.data("custom_metadata"), shown.data("max_versions")),
        (&json!({"n": "1", "more": "x"}), &json!(5))
    );
    let _ = vault
        .patch("kv/metadata/app", json!({"max_versions": null}))
        .await
        .expect(204);
    assert_eq!(
        vault
            .read("kv/metadata/app")
            .await
            .expect(200)
            .data("max_versions"),
        0
    );
    let _ = vault
        .patch("kv/metadata/none", json!({"max_versions": 1}))
        .await
        .expect(404);
    let _ = vault
        .write("kv/config", json!({"cas_required": true}))
        .await
        .expect(204);
    let warned = vault
        .write("kv/metadata/app", json!({"cas_required": false}))
        .await
        .expect(200);
    assert!(
        warned.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("mandated by backend config")
    );
}

#[tokio::test]
async fn refuses_what_is_no_secret() {
    let vault = start().await;
    for (body, text) in [
        (json!({}), "no data provided"),
        (json!({"data": null}), "no data provided"),
        (json!({"k": "v"}), "no data provided"),
        (json!({"data": "x"}), "data must be an object, not a string"),
    ] {
        assert_eq!(vault.write("kv/data/app", body).await.expect(400).error(), text);
    }
    let _ = vault
        .write("kv/data/empty", json!({"data": {}}))
        .await
        .expect(200);
    assert_eq!(
        vault.read("kv/data/empty").await.expect(200).data("data"),
        &json!({})
    );
    let bad = vault
        .write("kv/metadata/app", json!({"max_versions": "many"}))
        .await
        .expect(400);
    assert!(
        bad.error()
            .starts_with("Field validation failed: error converting input for field \"max_versions\""),
        "{}",
        bad.error()
    );
    let bad = vault
        .write("kv/metadata/app", json!({"delete_version_after": "-1s"}))
        .await
        .expect(400);
    assert!(
        bad.error().contains("cannot provide negative value"),
        "{}",
        bad.error()
    );
    let bad = vault
        .write("kv/config", json!({"max_versions": -1}))
        .await
        .expect(400);
    assert!(
        bad.error().contains("max_versions must be from 0"),
        "{}",
        bad.error()
    );
}

#[tokio::test]
async fn wrong_paths_say_so() {
    let vault = start().await;
    let wrong = vault.read("kv/app").await.expect(404);
    assert!(wrong.body.get("errors").is_none());
    assert!(
        wrong.body["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("Invalid path for a versioned K/V secrets engine.")
    );
    assert!(
        wrong.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("'vault kv get'")
    );
    let wrong = vault.write("kv/app", json!({"k": 1})).await.expect(404);
    assert!(
        wrong.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("'vault kv put'")
    );
    let root = vault.read("kv/data").await.expect(404);
    assert_eq!(
        root.body["warnings"],
        json!(["Non-listing operations on the root of a K/V v2 mount are not supported."])
    );
}

#[tokio::test]
async fn listings_go_by_folder_or_all_the_way_down() {
    let vault = start().await;
    for path in ["a", "a/b", "c/d/e"] {
        put(&vault, path, json!({"k": 1})).await;
    }
    assert_eq!(
        vault.list("kv/metadata").await.expect(200).data("keys"),
        &json!(["a", "a/", "c/"])
    );
    assert_eq!(
        vault.list("kv/metadata/c").await.expect(200).data("keys"),
        &json!(["d/"])
    );
    let scan = vault
        .server
        .request(Operation::Scan, "kv/metadata", Some(&vault.root), json!({}), None)
        .await
        .expect(200);
    assert_eq!(scan.data("keys"), &json!(["a", "a/b", "c/d/e"]));
    let detailed = vault.list("kv/detailed-metadata").await.expect(200);
    assert_eq!(detailed.data("key_info/a/current_version"), 1);
    let _ = vault.list("kv/data").await.expect(404);
}

#[tokio::test]
async fn subkeys_show_the_structure_only() {
    let vault = start().await;
    put(&vault, "app", json!({"a": {"b": "secret"}, "c": [1]})).await;
    let shown = vault.read("kv/subkeys/app").await.expect(200);
    assert_eq!(shown.data("subkeys"), &json!({"a": {"b": null}, "c": null}));
    let shallow = vault
        .query("kv/subkeys/app", json!({"depth": "1"}))
        .await
        .expect(200);
    assert_eq!(shallow.data("subkeys"), &json!({"a": null, "c": null}));
    let _ = vault.delete("kv/data/app").await.expect(204);
    let gone = vault.read("kv/subkeys/app").await.expect(404);
    assert_eq!(
        (gone.data("subkeys"), gone.data("metadata/version")),
        (&Value::Null, &json!(1))
    );
}

#[tokio::test]
async fn policies_name_the_inner_paths() {
    let vault = start().await;
    put(&vault, "app", json!({"k": 1})).await;
    vault
        .policy(
            "app",
            r#"
            path "kv/data/app" { capabilities = ["read", "patch"] }
            path "kv/data/new" { capabilities = ["create"] }
            "#,
        )
        .await;
    let token = vault.token(&["app"]).await;
    let _ = vault.read_as(&token, "kv/data/app").await.expect(200);
    let _ = vault.read_as(&token, "kv/metadata/app").await.expect(403);
    let _ = vault
        .write_as(&token, "kv/data/app", json!({"data": {"k": 2}}))
        .await
        .expect(403);
    let _ = vault
        .write_as(&token, "kv/data/new", json!({"data": {"k": 2}}))
        .await
        .expect(200);
    let _ = vault
        .write_as(&token, "kv/data/new", json!({"data": {"k": 3}}))
        .await
        .expect(403);
    let patch = json!({"data": {"k": 2}});
    let patched = vault
        .server
        .request(Operation::Patch, "kv/data/app", Some(&token), patch, None)
        .await;
    let _ = patched.expect(200);
}
