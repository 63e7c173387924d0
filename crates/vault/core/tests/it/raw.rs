//! Rows of the store below all engines, where the configuration allows it.

use arca_base::Operation;
use arca_testkit::{TestServer, Unsealed};
use serde_json::{Value, json};

async fn list(vault: &Unsealed, path: &str) -> Vec<String> {
    let listed = vault
        .server
        .request(Operation::List, path, Some(&vault.root), Value::Null, None)
        .await
        .expect(200);
    let names = listed.data("keys").as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn it_is_not_there_unless_configured() {
    let vault = Unsealed::start().await;
    for path in ["sys/raw/core/cluster", "sys/raw/core/keyring", "sys/raw/x"] {
        let refused = vault.read(path).await.expect(404);
        assert!(
            refused.error().contains("unsupported path"),
            "{}",
            refused.error()
        );
    }
    let _ = vault.write("sys/raw/x", json!({"value": "v"})).await.expect(404);
    let _ = vault.delete("sys/raw/x").await.expect(404);
}

#[tokio::test]
async fn rows_are_listed_read_written_and_removed() {
    let vault = TestServer::with_raw_storage().unsealed().await;
    assert_eq!(list(&vault, "sys/raw").await, ["core/", "ns/"]);
    assert!(
        list(&vault, "sys/raw/ns/root")
            .await
            .contains(&"policy/".to_owned())
    );
    let cluster = vault.read("sys/raw/core/cluster").await.expect(200);
    assert!(cluster.data("value").as_str().unwrap().contains("test"));

    let _ = vault
        .write("sys/raw/ns/root/note", json!({"value": "plain"}))
        .await
        .expect(204);
    assert_eq!(
        vault.read("sys/raw/ns/root/note").await.expect(200).data("value"),
        "plain"
    );
    let stored = vault.server.storage.get("ns/root/note").await.unwrap().unwrap();
    assert!(
        !stored.sealed.windows(5).any(|part| part == b"plain"),
        "sealed like every row"
    );
    let binary = json!({"value": "//4A", "encoding": "base64"});
    let _ = vault.write("sys/raw/ns/root/note", binary).await.expect(204);
    let refused = vault.read("sys/raw/ns/root/note").await.expect(400);
    assert!(refused.error().contains("encoding=base64"), "{}", refused.error());
    let read = vault
        .query(
            "sys/raw/ns/root/note",
            json!({"encoding": "base64", "compressed": "false"}),
        )
        .await
        .expect(200);
    assert_eq!(read.data("value"), "//4A");
    let _ = vault.delete("sys/raw/ns/root/note").await.expect(204);
    let _ = vault.read("sys/raw/ns/root/note").await.expect(404);
    for bad in [
        json!({"value": "x", "encoding": "hex"}),
        json!({"value": "!", "encoding": "base64"}),
        json!({"value": "x", "compression_type": "gzip"}),
    ] {
        let _ = vault.write("sys/raw/ns/root/note", bad).await.expect(400);
    }
}

#[tokio::test]
async fn what_protects_the_store_stays_out_of_reach() {
    let vault = TestServer::with_raw_storage().unsealed().await;
    for key in [
        "core/keyring",
        "core/seal/config",
        "core/seal/root-key",
        "core/seal/anything",
        "core/restore/state",
        "core/migrate/lock",
    ] {
        let path = format!("sys/raw/{key}");
        let _ = vault.read(&path).await.expect(403);
        let _ = vault.write(&path, json!({"value": "x"})).await.expect(403);
        let _ = vault.delete(&path).await.expect(403);
    }
    let all = r#"path "sys/raw/*" { capabilities = ["read", "update", "delete", "list"] }"#;
    vault.policy("almost", all).await;
    let token = vault
        .write("auth/token/create", json!({"policies": ["almost"]}))
        .await
        .token();
    let _ = vault.read_as(&token, "sys/raw/core/cluster").await.expect(403);
}
