//! From unversioned to versioned.

use arca_testkit::Unsealed;
use serde_json::json;

#[tokio::test]
async fn each_secret_becomes_version_one() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    for number in 0..25 {
        let _ = vault
            .write(&format!("kv/app/{number}"), json!({"n": number}))
            .await
            .expect(204);
    }
    vault.advance(60).await;
    let tuned = vault
        .write("sys/mounts/kv/tune", json!({"options": {"version": "2"}}))
        .await
        .expect(200);
    assert!(
        tuned.body["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("Upgrading mount from version 1 to version 2.")
    );
    let shown = vault.read("kv/data/app/7").await.expect(200);
    assert_eq!(
        (shown.data("data/n"), shown.data("metadata/version")),
        (&json!(7), &json!(1))
    );
    assert_eq!(shown.data("metadata/created_time"), "2026-01-02T03:05:05Z");
    assert_eq!(
        vault
            .list("kv/metadata/app")
            .await
            .expect(200)
            .data("keys")
            .as_array()
            .unwrap()
            .len(),
        25
    );
    let left = vault
        .server
        .storage
        .scan("ns/root/data/", "", 1000)
        .await
        .unwrap()
        .names;
    assert!(
        left.iter().all(|name| !name.contains("/secret/")),
        "nothing of the old form is left"
    );
    let back = vault
        .write("sys/mounts/kv/tune", json!({"options": {"version": "1"}}))
        .await
        .expect(400);
    assert_eq!(back.error(), "cannot downgrade mount from version 2");
    let _ = vault
        .write("sys/mounts/kv/tune", json!({"options": {"version": "2"}}))
        .await
        .expect(204);
}
