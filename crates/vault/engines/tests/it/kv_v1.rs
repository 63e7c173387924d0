//! Key/value secrets without versions.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::json;

async fn start() -> Unsealed {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    vault
}

#[tokio::test]
async fn a_secret_comes_back_as_it_was_written() {
    let vault = start().await;
    let secret = json!({"s": "x<&>\u{2028}", "n": 123_456_789_012_345_678_u64, "f": 1.5, "l": [1, {"a": null}], "b": false});
    let _ = vault.write("kv/a/b", secret.clone()).await.expect(204);
    let read = vault.read("kv/a/b").await.expect(200);
    assert_eq!(read.body["data"], secret);
    assert_eq!(
        (
            &read.body["lease_duration"],
            &read.body["lease_id"],
            &read.body["renewable"]
        ),
        (&json!(2_764_800), &json!(""), &json!(false))
    );
    let _ = vault.write("kv/a/b", json!({"only": 1})).await.expect(204);
    assert_eq!(
        vault.read("kv/a/b").await.expect(200).body["data"],
        json!({"only": 1}),
        "replaced as a whole"
    );
}

#[tokio::test]
async fn a_secret_may_say_how_long_it_may_be_kept() {
    let vault = start().await;
    let _ = vault
        .write("kv/a", json!({"ttl": "90s", "k": "v"}))
        .await
        .expect(204);
    assert_eq!(vault.read("kv/a").await.expect(200).body["lease_duration"], 90);
    let _ = vault
        .write("sys/mounts/kv/tune", json!({"default_lease_ttl": "10m"}))
        .await
        .expect(204);
    let _ = vault.write("kv/b", json!({"k": "v"})).await.expect(204);
    assert_eq!(vault.read("kv/b").await.expect(200).body["lease_duration"], 600);
}

#[tokio::test]
async fn names_and_folders_are_listed_side_by_side() {
    let vault = start().await;
    for path in ["app", "app/db", "app/db/x", "b", "a-b"] {
        let _ = vault
            .write(&format!("kv/{path}"), json!({"k": 1}))
            .await
            .expect(204);
    }
    assert_eq!(
        vault.list("kv").await.expect(200).data("keys"),
        &json!(["a-b", "app", "app/", "b"])
    );
    assert_eq!(
        vault.list("kv/app/").await.expect(200).data("keys"),
        &json!(["db", "db/"])
    );
    assert_eq!(
        vault.list("kv/none").await.expect(404).body,
        json!({"errors": []})
    );
    let page = |after: &str, limit: i64| {
        let query = json!({"after": after, "limit": limit});
        vault
            .server
            .request(Operation::List, "kv", Some(&vault.root), query, None)
    };
    assert_eq!(page("", 2).await.expect(200).data("keys"), &json!(["a-b", "app"]));
    assert_eq!(
        page("app", 2).await.expect(200).data("keys"),
        &json!(["app/", "b"])
    );
    let _ = page("b", 2).await.expect(404);
    let bad = page("", -2).await.expect(400);
    assert_eq!(bad.error(), "limit must be zero or positive");
    let scan = vault
        .server
        .request(Operation::Scan, "kv", Some(&vault.root), json!({}), None)
        .await
        .expect(200);
    assert_eq!(
        scan.data("keys"),
        &json!(["a-b", "app", "app/db", "app/db/x", "b"])
    );
}

#[tokio::test]
async fn what_is_missing_and_what_is_refused() {
    let vault = start().await;
    assert_eq!(
        vault.read("kv/none").await.expect(404).body,
        json!({"errors": []})
    );
    let _ = vault.delete("kv/none").await.expect(204);
    assert_eq!(
        vault.write("kv/a", json!({})).await.expect(400).error(),
        "missing data fields"
    );
    let _ = vault.patch("kv/a", json!({"k": 1})).await.expect(405);
    let _ = vault.write("kv/a", json!({"k": 1})).await.expect(204);
    let _ = vault.delete("kv/a").await.expect(204);
    let _ = vault.read("kv/a").await.expect(404);
}
