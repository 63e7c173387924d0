//! Automatic seals.

use std::sync::Arc;

use arca_base::{Operation, Secret};
use arca_core::engine::Catalog;
use arca_core::seal::Seal;
use arca_core::seal::static_key::{NamedKey, StaticSeal};
use arca_storage::{MemoryStorage, Storage};
use arca_testkit::{SeededEntropy, TestServer};
use serde_json::{Value, json};

fn key(name: &str, byte: u8) -> NamedKey {
    NamedKey::new(name, &Secret::new(vec![byte; 32])).unwrap()
}

fn server(storage: &Arc<dyn Storage>, current: NamedKey, previous: Option<NamedKey>) -> TestServer {
    let seal = StaticSeal::new(current, previous, SeededEntropy::new(3));
    TestServer::on(
        storage.clone(),
        Catalog::new(),
        Seal::Automatic(Arc::new(seal)),
        3,
    )
}

#[tokio::test]
async fn a_static_key_unseals_by_itself() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let first = server(&storage, key("a", 1), None);
    let request = json!({"recovery_shares": 3, "recovery_threshold": 2});
    let init = first
        .request(Operation::Update, "sys/init", None, request, None)
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&init["keys"], init["recovery_keys"].as_array().unwrap().len()),
        (&json!([]), 3)
    );
    let status = first
        .request(Operation::Read, "sys/seal-status", None, Value::Null, None)
        .await
        .expect(200)
        .body;
    for (member, value) in [
        ("sealed", json!(false)),
        ("type", json!("static")),
        ("recovery_seal", json!(true)),
        ("recovery_seal_type", json!("shamir")),
        ("t", json!(2)),
        ("n", json!(3)),
    ] {
        assert_eq!(status[member], value, "{member}");
    }
    let root = init["root_token"].as_str().unwrap();
    let again = server(&storage, key("a", 1), None);
    again.core.lifecycle().unseal_automatically().await.unwrap();
    let _ = again
        .request(Operation::Read, "sys/mounts", Some(root), Value::Null, None)
        .await
        .expect(200);
    let refused = again.core.seal().await;
    let () = refused;
    let share = init["recovery_keys"][0].as_str().unwrap();
    let refused = again
        .request(Operation::Update, "sys/unseal", None, json!({"key": share}), None)
        .await
        .expect(400);
    assert!(
        refused.error().contains("unseals by itself"),
        "{}",
        refused.error()
    );
}

#[tokio::test]
async fn the_key_can_be_replaced_with_the_previous_one_at_hand() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let first = server(&storage, key("a", 1), None);
    let request = json!({"recovery_shares": 1, "recovery_threshold": 1});
    let _ = first
        .request(Operation::Update, "sys/init", None, request, None)
        .await
        .expect(200);
    let without = server(&storage, key("b", 2), None);
    let error = without.core.lifecycle().unseal_automatically().await.unwrap_err();
    assert!(
        error.text().contains("sealed by the key with id \"a\""),
        "{}",
        error.text()
    );
    let with = server(&storage, key("b", 2), Some(key("a", 1)));
    with.core.lifecycle().unseal_automatically().await.unwrap();
    // From then on the new key alone opens it.
    let alone = server(&storage, key("b", 2), None);
    alone.core.lifecycle().unseal_automatically().await.unwrap();
}

#[tokio::test]
async fn shares_are_for_shamir_only() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let server = server(&storage, key("a", 1), None);
    let request = json!({"secret_shares": 1, "secret_threshold": 1});
    let refused = server
        .request(Operation::Update, "sys/init", None, request, None)
        .await
        .expect(400);
    assert_eq!(
        refused.error(),
        "parameters secret_shares,secret_threshold not applicable to seal type static"
    );
}

/// A double of another server's transit engine: "encrypts" by a prefix, and knows one key.
struct TransitDouble {
    down: std::sync::atomic::AtomicBool,
}

#[async_trait::async_trait]
impl arca_client::Transport for TransitDouble {
    async fn send(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, arca_client::TransportError> {
        if self.down.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(arca_client::TransportError::Unsupported("down".into()));
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let answer = |status: u16, body: Value| {
            Ok(http::Response::builder()
                .status(status)
                .body(body.to_string().into())
                .unwrap())
        };
        match request.uri().path() {
            "/v1/transit/encrypt/unseal" => {
                let ciphertext = format!("vault:v1:{}", body["plaintext"].as_str().unwrap());
                answer(200, json!({"data": {"ciphertext": ciphertext}}))
            }
            "/v1/transit/decrypt/unseal" => {
                match body["ciphertext"].as_str().unwrap().strip_prefix("vault:v1:") {
                    Some(plaintext) => answer(200, json!({"data": {"plaintext": plaintext}})),
                    None => answer(400, json!({"errors": ["invalid ciphertext"]})),
                }
            }
            "/v1/auth/token/renew-self" => {
                answer(200, json!({"auth": {"renewable": true, "lease_duration": 3600}}))
            }
            other => answer(404, json!({"errors": [other]})),
        }
    }
}

fn transit(double: &Arc<TransitDouble>, key: &str) -> arca_core::seal::transit::TransitSeal {
    let surroundings = arca_client::Surroundings {
        transport: double.clone(),
        clock: arca_testkit::ManualClock::new(),
        entropy: SeededEntropy::new(5),
    };
    let client = arca_client::Client::new(arca_client::Address::in_process(), surroundings).with_retries(0);
    arca_core::seal::transit::TransitSeal::new(client, "transit/".into(), key.into())
}

#[tokio::test]
async fn another_server_unseals_this_one() {
    let double = Arc::new(TransitDouble { down: false.into() });
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let start = |key: &str| {
        let seal = Seal::Automatic(Arc::new(transit(&double, key)));
        TestServer::on(storage.clone(), Catalog::new(), seal, 5)
    };
    let request = json!({"recovery_shares": 1, "recovery_threshold": 1});
    let init = start("unseal")
        .request(Operation::Update, "sys/init", None, request, None)
        .await
        .expect(200)
        .body;
    let root = init["root_token"].as_str().unwrap();
    let again = start("unseal");
    double.down.store(true, std::sync::atomic::Ordering::SeqCst);
    let error = again.core.lifecycle().unseal_automatically().await.unwrap_err();
    assert_eq!(error.class().status(), 503);
    double.down.store(false, std::sync::atomic::Ordering::SeqCst);
    again.core.lifecycle().unseal_automatically().await.unwrap();
    let _ = again
        .request(Operation::Read, "sys/mounts", Some(root), Value::Null, None)
        .await
        .expect(200);
    let error = start("other")
        .core
        .lifecycle()
        .unseal_automatically()
        .await
        .unwrap_err();
    assert!(error.text().contains("cannot be reached"), "{}", error.text());
    let renewed = transit(&double, "unseal").renew_token().await.unwrap();
    assert_eq!(renewed, Some(std::time::Duration::from_secs(1800)));
}
