//! Moving a store from one seal to another: the shares stay, and a failure leaves the old seal or the new one.

use std::sync::Arc;

use arca_base::{Operation, Secret, id};
use arca_core::engine::Catalog;
use arca_core::lifecycle::InitRequest;
use arca_core::seal::Seal;
use arca_core::seal::static_key::{NamedKey, StaticSeal};
use arca_storage::{Faults, FaultyStorage, MemoryStorage, Storage};
use arca_testkit::{ManualClock, Response, SeededEntropy, TestServer};
use serde_json::{Value, json};

fn automatic() -> Seal {
    let key = NamedKey::new("a", &Secret::new(vec![1; 32])).unwrap();
    Seal::Automatic(Arc::new(StaticSeal::new(key, None, SeededEntropy::new(3))))
}

fn memory() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

/// A store under Shamir's seal, three shares of which two are needed, and its root token.
async fn under_shares(storage: &Arc<dyn Storage>, seed: u64) -> (Vec<String>, String) {
    let server = TestServer::on(storage.clone(), Catalog::new(), Seal::Shamir, seed);
    let request = InitRequest {
        secret_shares: 3,
        secret_threshold: 2,
        ..InitRequest::default()
    };
    let made = server.core.lifecycle().initialize(request).await.unwrap();
    let keys = made.keys.iter().map(|key| id::hex(key.expose())).collect();
    (keys, made.root_token.expose().clone())
}

async fn under_a_key(storage: &Arc<dyn Storage>) -> (Vec<String>, String) {
    let server = TestServer::on(storage.clone(), Catalog::new(), automatic(), 1);
    let request = InitRequest {
        recovery_shares: 3,
        recovery_threshold: 2,
        ..InitRequest::default()
    };
    let made = server.core.lifecycle().initialize(request).await.unwrap();
    let keys = made
        .recovery_keys
        .iter()
        .map(|key| id::hex(key.expose()))
        .collect();
    (keys, made.root_token.expose().clone())
}

async fn give(server: &TestServer, share: &str, migrate: bool) -> Response {
    let data = json!({"key": share, "migrate": migrate});
    server
        .request(Operation::Update, "sys/unseal", None, data, None)
        .await
}

async fn status(server: &TestServer) -> Value {
    let asked = server
        .request(Operation::Read, "sys/seal-status", None, Value::Null, None)
        .await;
    asked.expect(200).body
}

async fn reads(server: &TestServer, token: &str) {
    let asked = server
        .request(Operation::Read, "sys/mounts", Some(token), Value::Null, None)
        .await;
    let _ = asked.expect(200);
}

#[tokio::test]
async fn from_shares_to_a_key_and_back() {
    let storage = memory();
    let (shares, root) = under_shares(&storage, 1).await;
    let moving = TestServer::moving(storage.clone(), automatic(), None, 2);
    let before = status(&moving).await;
    assert_eq!(
        (
            &before["type"],
            &before["migration"],
            &before["t"],
            &before["recovery_seal"]
        ),
        (&json!("shamir"), &json!(true), &json!(2), &json!(false))
    );
    assert!(moving.core.lifecycle().unseal_automatically().await.is_err());
    let plain = give(&moving, &shares[0], false).await.expect(400);
    assert!(plain.error().contains("migrate"), "{}", plain.error());
    let first = give(&moving, &shares[0], true).await.expect(200).body;
    assert_eq!((&first["progress"], &first["sealed"]), (&json!(1), &json!(true)));
    let done = give(&moving, &shares[2], true).await.expect(200).body;
    assert_eq!(
        (
            &done["sealed"],
            &done["type"],
            &done["migration"],
            &done["recovery_seal"],
            &done["t"],
            &done["n"]
        ),
        (
            &json!(false),
            &json!("static"),
            &json!(false),
            &json!(true),
            &json!(2),
            &json!(3)
        )
    );
    reads(&moving, &root).await;

    let settled = TestServer::moving(storage.clone(), automatic(), None, 3);
    settled.core.lifecycle().unseal_automatically().await.unwrap();
    reads(&settled, &root).await;
    // The shares are those of the recovery key now.
    let begun = settled
        .request(
            Operation::Update,
            "sys/generate-root/attempt",
            None,
            json!({}),
            None,
        )
        .await;
    let nonce = begun.expect(200).body["nonce"].clone();
    for share in &shares[1..] {
        let data = json!({"key": share, "nonce": nonce});
        let given = settled
            .request(Operation::Update, "sys/generate-root/update", None, data, None)
            .await;
        let _ = given.expect(200);
    }

    let back = TestServer::moving(storage.clone(), Seal::Shamir, Some(automatic()), 4);
    let before = status(&back).await;
    assert_eq!(
        (&before["type"], &before["migration"], &before["recovery_seal"]),
        (&json!("static"), &json!(true), &json!(true))
    );
    let _ = give(&back, &shares[0], true).await.expect(200);
    let done = give(&back, &shares[1], true).await.expect(200).body;
    assert_eq!(
        (&done["sealed"], &done["type"]),
        (&json!(false), &json!("shamir"))
    );
    for row in ["core/seal/recovery-config", "core/seal/recovery-key"] {
        assert!(storage.get(row).await.unwrap().is_none(), "{row}");
    }
    let plain = TestServer::on(storage, Catalog::new(), Seal::Shamir, 5);
    let _ = give(&plain, &shares[0], false).await.expect(200);
    let _ = give(&plain, &shares[2], false).await.expect(200);
    reads(&plain, &root).await;
}

#[tokio::test]
async fn wrong_shares_and_a_seal_that_is_gone_move_nothing() {
    let storage = memory();
    let (shares, _) = under_a_key(&storage).await;
    let without = TestServer::moving(storage.clone(), Seal::Shamir, None, 2);
    let refused = give(&without, &shares[0], true).await.expect(503);
    assert!(
        refused.error().contains("disabled = \"true\""),
        "{}",
        refused.error()
    );
    let moving = TestServer::moving(storage.clone(), Seal::Shamir, Some(automatic()), 2);
    let (other, _) = under_shares(&memory(), 9).await;
    let _ = give(&moving, &other[0], true).await.expect(200);
    let _ = give(&moving, &other[1], true).await.expect(400);
    assert_eq!(status(&moving).await["progress"], json!(0));
    let settled = TestServer::on(storage, Catalog::new(), automatic(), 3);
    settled.core.lifecycle().unseal_automatically().await.unwrap();
    let none = TestServer::new();
    let refused = give(&none, &shares[0], true).await.expect(400);
    assert!(
        refused.error().contains("not configured to move"),
        "{}",
        refused.error()
    );
}

#[tokio::test]
async fn a_failure_leaves_the_old_seal_or_the_new_one() {
    let (mut moved, mut stayed, mut injected) = (0, 0, 0);
    for seed in 0..40 {
        let storage = memory();
        let (shares, root) = under_shares(&storage, 1).await;
        let faulty = Arc::new(FaultyStorage::new(
            storage.clone(),
            ManualClock::new(),
            seed,
            Faults::default(),
        ));
        let server = TestServer::moving(faulty.clone(), automatic(), None, 2);
        let _ = give(&server, &shares[0], true).await.expect(200);
        faulty.set_faults(Faults {
            failed_commits: 300,
            lost_answers: 300,
            failed_reads: 40,
            ..Faults::default()
        });
        let _ = give(&server, &shares[1], true).await;
        injected += faulty.injected();
        let automatically = TestServer::on(storage.clone(), Catalog::new(), automatic(), 3);
        if automatically
            .core
            .lifecycle()
            .unseal_automatically()
            .await
            .is_ok()
        {
            reads(&automatically, &root).await;
            moved += 1;
        } else {
            let plain = TestServer::on(storage, Catalog::new(), Seal::Shamir, 4);
            let _ = give(&plain, &shares[0], false).await.expect(200);
            let _ = give(&plain, &shares[1], false).await.expect(200);
            reads(&plain, &root).await;
            stayed += 1;
        }
    }
    assert!(
        injected > 0 && moved > 0 && stayed > 0,
        "{moved} moved, {stayed} stayed, {injected} faults"
    );
}
