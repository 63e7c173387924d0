//! Init, unseal, seal.

use arca_base::{Operation, id};
use arca_core::lifecycle::InitRequest;
use arca_testkit::{TestServer, Unsealed};
use serde_json::{Value, json};

async fn status(server: &TestServer) -> Value {
    server
        .request(Operation::Read, "sys/seal-status", None, Value::Null, None)
        .await
        .expect(200)
        .body
}

#[tokio::test]
async fn a_new_server_says_so() {
    let server = TestServer::new();
    let shown = status(&server).await;
    assert_eq!(
        (&shown["initialized"], &shown["sealed"], &shown["t"]),
        (&json!(false), &json!(true), &json!(0))
    );
    let health = server
        .request(Operation::Read, "sys/health", None, Value::Null, None)
        .await;
    assert_eq!(health.status, 501);
    let health = server
        .request(
            Operation::Read,
            "sys/health",
            None,
            json!({"uninitcode": "299"}),
            None,
        )
        .await;
    assert_eq!(health.status, 299);
}

#[tokio::test]
async fn any_three_of_five_shares_unseal() {
    let server = TestServer::new();
    let request = json!({"secret_shares": 5, "secret_threshold": 3});
    let init = server
        .request(Operation::Update, "sys/init", None, request, None)
        .await
        .expect(200)
        .body;
    let keys: Vec<String> = init["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k.as_str().unwrap().to_owned())
        .collect();
    assert_eq!((keys.len(), keys[0].len()), (5, 66));
    assert!(init["root_token"].as_str().unwrap().starts_with("hvs."));
    let give = |key: &str| {
        let data = json!({"key": key});
        server.request(Operation::Update, "sys/unseal", None, data, None)
    };
    assert_eq!(give(&keys[4]).await.expect(200).body["progress"], 1);
    assert_eq!(
        give(&keys[4]).await.expect(200).body["progress"],
        1,
        "the same share again does not count"
    );
    let base64 = init["keys_base64"][1].as_str().unwrap();
    assert_eq!(give(base64).await.expect(200).body["progress"], 2);
    let done = give(&keys[0]).await.expect(200).body;
    assert_eq!(
        (&done["sealed"], &done["progress"], &done["nonce"]),
        (&json!(false), &json!(0), &json!(""))
    );
}

#[tokio::test]
async fn wrong_shares_reset_the_progress() {
    let server = TestServer::new();
    let request = InitRequest {
        secret_shares: 2,
        secret_threshold: 2,
        ..InitRequest::default()
    };
    let init = server.core.lifecycle().initialize(request).await.unwrap();
    let good = id::hex(init.keys[0].expose());
    let mut wrong = init.keys[1].expose().clone();
    wrong[0] ^= 1;
    let give = |key: String| {
        let data = json!({"key": key});
        server.request(Operation::Update, "sys/unseal", None, data, None)
    };
    let _ = give(good.clone()).await.expect(200);
    let refused = give(id::hex(&wrong)).await.expect(400);
    assert!(
        refused.error().contains("message authentication failed"),
        "{}",
        refused.error()
    );
    assert_eq!(status(&server).await["progress"], 0);
    let _ = give(good).await.expect(200);
    let opened = give(id::hex(init.keys[1].expose())).await.expect(200);
    assert_eq!(opened.body["sealed"], false);
}

#[tokio::test]
async fn refuses_shares_that_make_no_sense() {
    let server = TestServer::new();
    for (request, text) in [
        (
            json!({}),
            "invalid seal configuration: shares must be at least one",
        ),
        (
            json!({"secret_shares": 5}),
            "invalid seal configuration: threshold must be at least one",
        ),
        (
            json!({"secret_shares": 5, "secret_threshold": 1}),
            "invalid seal configuration: threshold must be greater than one for multiple shares",
        ),
        (
            json!({"secret_shares": 1, "secret_threshold": 1, "recovery_shares": 1}),
            "parameters recovery_shares,recovery_threshold not applicable to seal type shamir",
        ),
        (
            json!({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["x"]}),
            "pgp_keys is not supported; leave it out",
        ),
    ] {
        let answer = server
            .request(Operation::Update, "sys/init", None, request, None)
            .await
            .expect(400);
        assert_eq!(answer.error(), text);
    }
    let early = server
        .request(Operation::Update, "sys/unseal", None, json!({"key": "00"}), None)
        .await
        .expect(400);
    assert_eq!(early.error(), "Vault is not initialized");
}

#[tokio::test]
async fn keys_of_init_and_unseal_are_matched_without_case() {
    let server = TestServer::new();
    let request = json!({"Secret_Shares": 1, "SECRET_THRESHOLD": "1"});
    let _ = server
        .request(Operation::Update, "sys/init", None, request, None)
        .await
        .expect(200);
    let again = json!({"secret_shares": 1, "secret_threshold": 1});
    let again = server
        .request(Operation::Update, "sys/init", None, again, None)
        .await
        .expect(400);
    assert_eq!(again.error(), "Vault is already initialized");
}

#[tokio::test]
async fn a_sealed_server_answers_503_and_keeps_what_it_had() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": "v"})).await.expect(204);
    let _ = vault.write("sys/seal", json!({})).await.expect(204);
    assert_eq!(vault.read("kv/a").await.expect(503).error(), "Vault is sealed");
    assert_eq!(
        vault.read("sys/mounts").await.expect(503).error(),
        "Vault is sealed"
    );
    assert_eq!(status(&vault.server).await["sealed"], true);
    vault
        .server
        .core
        .lifecycle()
        .unseal(&vault.unseal_key)
        .await
        .unwrap();
    assert_eq!(vault.read("kv/a").await.expect(200).data("k"), "v");
}

#[tokio::test]
async fn sealing_needs_sudo() {
    let vault = Unsealed::start().await;
    vault
        .policy("almost", r#"path "sys/seal" { capabilities = ["update"] }"#)
        .await;
    vault
        .policy(
            "sealer",
            r#"path "sys/seal" { capabilities = ["update", "sudo"] }"#,
        )
        .await;
    let almost = vault.token(&["almost"]).await;
    let _ = vault.write_as(&almost, "sys/seal", json!({})).await.expect(403);
    let sealer = vault.token(&["sealer"]).await;
    let _ = vault.write_as(&sealer, "sys/seal", json!({})).await.expect(204);
}

#[tokio::test]
async fn two_servers_cannot_initialize_one_store() {
    let vault = Unsealed::start().await;
    let second = TestServer::on(
        vault.server.storage.clone(),
        arca_core::engine::Catalog::new(),
        arca_core::seal::Seal::Shamir,
        2,
    );
    let request = InitRequest {
        secret_shares: 1,
        secret_threshold: 1,
        ..InitRequest::default()
    };
    let error = second.core.lifecycle().initialize(request).await.err().unwrap();
    assert_eq!(error.text(), "Vault is already initialized");
}

#[tokio::test]
async fn rotating_the_data_key_keeps_old_records_readable() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/old", json!({"k": "old"})).await.expect(204);
    let _ = vault.write("sys/rotate", json!({})).await.expect(204);
    let shown = vault.read("sys/key-status").await.expect(200);
    assert_eq!((shown.data("term"), &shown.body["term"]), (&json!(2), &json!(2)));
    let _ = vault.write("kv/new", json!({"k": "new"})).await.expect(204);
    let _ = vault.write("sys/seal", json!({})).await.expect(204);
    vault
        .server
        .core
        .lifecycle()
        .unseal(&vault.unseal_key)
        .await
        .unwrap();
    assert_eq!(vault.read("kv/old").await.expect(200).data("k"), "old");
    assert_eq!(vault.read("kv/new").await.expect(200).data("k"), "new");
}

#[tokio::test]
async fn storage_never_sees_plaintext() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault
        .write("kv/a", json!({"password": "canary-plaintext"}))
        .await
        .expect(204);
    let records = vault.server.storage.read_range("", "", 10_000).await.unwrap();
    assert!(records.records.len() > 10);
    for (key, entry) in records.records {
        let text = String::from_utf8_lossy(&entry.sealed).into_owned();
        assert!(
            !text.contains("canary-plaintext") && !text.contains(&vault.root),
            "{key}"
        );
        assert!(!key.contains(&vault.root));
    }
}

#[tokio::test]
async fn a_moved_or_altered_record_is_refused_by_name() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": "a"})).await.expect(204);
    let _ = vault.write("kv/b", json!({"k": "b"})).await.expect(204);
    let records = vault
        .server
        .storage
        .read_range("ns/root/data/", "", 100)
        .await
        .unwrap()
        .records;
    let (a, b) = (&records[0], &records[1]);
    let swapped = arca_storage::Batch::new().put(a.0.clone(), b.1.sealed.clone());
    vault.server.storage.commit(swapped).await.unwrap();
    // What was cached before is dropped with the keys.
    let _ = vault.write("sys/seal", json!({})).await.expect(204);
    vault
        .server
        .core
        .lifecycle()
        .unseal(&vault.unseal_key)
        .await
        .unwrap();
    let refused = vault.read("kv/a").await.expect(500);
    assert!(refused.error().contains("internal error"), "{}", refused.error());
    assert_eq!(vault.read("kv/b").await.expect(200).data("k"), "b");
}
