//! Root tokens by the holders of shares.

use arca_base::{Operation, id};
use arca_core::lifecycle::InitRequest;
use arca_testkit::{Response, TestServer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

/// An unsealed server whose unseal key has three shares, two of which are needed.
async fn shared() -> (TestServer, Vec<String>) {
    let server = TestServer::new();
    let request = InitRequest {
        secret_shares: 3,
        secret_threshold: 2,
        ..InitRequest::default()
    };
    let init = server.core.lifecycle().initialize(request).await.unwrap();
    let keys: Vec<String> = init.keys.iter().map(|key| id::hex(key.expose())).collect();
    for key in &keys[..2] {
        server.core.lifecycle().unseal(key).await.unwrap();
    }
    (server, keys)
}

async fn attempt(server: &TestServer, operation: Operation, data: Value) -> Response {
    server
        .request(operation, "sys/generate-root/attempt", None, data, None)
        .await
}

async fn give(server: &TestServer, key: &str, nonce: &str) -> Response {
    let data = json!({"key": key, "nonce": nonce});
    server
        .request(Operation::Update, "sys/generate-root/update", None, data, None)
        .await
}

fn decode(encoded: &str, otp: &str) -> String {
    let bytes = STANDARD_NO_PAD.decode(encoded).unwrap();
    assert_eq!(bytes.len(), otp.len());
    let token = bytes.iter().zip(otp.bytes()).map(|(a, b)| a ^ b).collect();
    String::from_utf8(token).unwrap()
}

#[tokio::test]
async fn enough_shares_make_a_root_token() {
    let (server, keys) = shared().await;
    let idle = attempt(&server, Operation::Read, Value::Null)
        .await
        .expect(200)
        .body;
    assert_eq!(
        (
            &idle["started"],
            &idle["required"],
            &idle["otp_length"],
            &idle["nonce"]
        ),
        (&json!(false), &json!(2), &json!(28), &json!(""))
    );
    let begun = attempt(&server, Operation::Update, json!({}))
        .await
        .expect(200)
        .body;
    let (nonce, otp) = (begun["nonce"].as_str().unwrap(), begun["otp"].as_str().unwrap());
    assert_eq!(otp.len(), 28);
    assert!(otp.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{otp}");
    let shown = attempt(&server, Operation::Read, Value::Null)
        .await
        .expect(200)
        .body;
    assert_eq!((&shown["started"], &shown["otp"]), (&json!(true), &json!("")));
    let first = give(&server, &keys[2], nonce).await.expect(200).body;
    assert_eq!(
        (&first["progress"], &first["complete"]),
        (&json!(1), &json!(false))
    );
    let done = give(&server, &keys[0], nonce).await.expect(200).body;
    assert_eq!((&done["progress"], &done["complete"]), (&json!(2), &json!(true)));
    assert_eq!(done["encoded_token"], done["encoded_root_token"]);
    let token = decode(done["encoded_token"].as_str().unwrap(), otp);
    let own = server
        .request(
            Operation::Read,
            "auth/token/lookup-self",
            Some(&token),
            Value::Null,
            None,
        )
        .await
        .expect(200);
    assert_eq!(own.data("policies"), &json!(["root"]));
    assert_eq!(own.data("ttl"), &json!(0));
    // It is over; the next one has another nonce.
    let over = give(&server, &keys[0], nonce).await.expect(400);
    assert_eq!(over.error(), "no root generation in progress");
}

#[tokio::test]
async fn a_password_of_the_caller_is_not_shown() {
    let (server, keys) = shared().await;
    let otp = "abcdefghijklmnopqrstuvwxyz01";
    let begun = attempt(&server, Operation::Update, json!({"otp": otp}))
        .await
        .expect(200)
        .body;
    assert_eq!(begun["otp"], "");
    let nonce = begun["nonce"].as_str().unwrap();
    let _ = give(&server, &keys[0], nonce).await.expect(200);
    let done = give(&server, &keys[1], nonce).await.expect(200).body;
    assert!(decode(done["encoded_token"].as_str().unwrap(), otp).starts_with("hvs."));
}

#[tokio::test]
async fn wrong_shares_begin_anew_with_the_same_nonce() {
    let (server, keys) = shared().await;
    let begun = attempt(&server, Operation::Update, json!({}))
        .await
        .expect(200)
        .body;
    let nonce = begun["nonce"].as_str().unwrap();
    let _ = give(&server, &keys[0], nonce).await.expect(200);
    let twice = give(&server, &keys[0], nonce).await.expect(400);
    assert_eq!(
        twice.error(),
        "given key has already been provided during this generation operation"
    );
    let mut wrong = id::unhex(&keys[1]).unwrap();
    wrong[0] ^= 1;
    let refused = give(&server, &id::hex(&wrong), nonce).await.expect(400);
    assert!(
        refused.error().starts_with("root generation aborted: "),
        "{}",
        refused.error()
    );
    let shown = attempt(&server, Operation::Read, Value::Null)
        .await
        .expect(200)
        .body;
    assert_eq!((&shown["started"], &shown["progress"]), (&json!(true), &json!(0)));
    let _ = give(&server, &keys[0], nonce).await.expect(200);
    assert_eq!(
        give(&server, &keys[1], nonce).await.expect(200).body["complete"],
        true
    );
}

#[tokio::test]
async fn refuses_what_makes_no_sense() {
    let (server, keys) = shared().await;
    for (data, text) in [
        (json!({"otp": "short"}), "OTP string has incorrect length"),
        (
            json!({"otp": "x".repeat(200)}),
            "otp is longer than 128 characters",
        ),
        (
            json!({"pgp_key": "mQENB"}),
            "pgp_key is not supported: this server has no PGP; leave it out",
        ),
    ] {
        assert_eq!(
            attempt(&server, Operation::Update, data)
                .await
                .expect(400)
                .error(),
            text
        );
    }
    let idle = give(&server, &keys[0], "").await.expect(400);
    assert_eq!(idle.error(), "no root generation in progress");
    let begun = attempt(&server, Operation::Update, json!({}))
        .await
        .expect(200)
        .body;
    let nonce = begun["nonce"].as_str().unwrap();
    let again = attempt(&server, Operation::Update, json!({})).await.expect(400);
    assert_eq!(again.error(), "root generation already in progress");
    let other = give(&server, &keys[0], "other").await.expect(400);
    assert_eq!(
        other.error(),
        format!("incorrect nonce supplied; nonce for this root generation operation is \"{nonce}\"")
    );
    for (key, text) in [
        (String::new(), "'key' must be specified in request body as JSON"),
        ("?".to_owned(), "'key' must be a valid hex or base64 string"),
        ("ab".repeat(100), "key is longer than 128 characters"),
    ] {
        assert_eq!(give(&server, &key, nonce).await.expect(400).error(), text);
    }
    let _ = attempt(&server, Operation::Delete, Value::Null).await.expect(204);
    let ended = give(&server, &keys[0], nonce).await.expect(400);
    assert_eq!(ended.error(), "no root generation in progress");
    server.core.seal().await;
    let _ = attempt(&server, Operation::Read, Value::Null).await.expect(503);
}

#[tokio::test]
async fn a_flood_is_turned_away() {
    let (server, _) = shared().await;
    let mut refused = 0;
    for _ in 0..100 {
        let status = attempt(&server, Operation::Read, Value::Null).await.status;
        refused += usize::from(status == 429);
    }
    assert!((30..=45).contains(&refused), "{refused} of 100 were refused");
    server.clock.advance(std::time::Duration::from_secs(1));
    let _ = attempt(&server, Operation::Read, Value::Null).await.expect(200);
}
