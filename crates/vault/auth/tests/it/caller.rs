//! Callers without a token.

use std::time::{Duration, Instant};

use arca_base::json::{Limits, Object};
use arca_base::{Json, Operation, RequestPath, Secret};
use arca_core::engine::ClientInfo;
use arca_core::pipeline::Incoming;
use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

/// A server with an auth method at the path that is its name.
pub(crate) async fn start(kind: &str) -> Unsealed {
    let vault = Unsealed::start().await;
    let _ = vault
        .write(&format!("sys/auth/{kind}"), json!({ "type": kind }))
        .await
        .expect(204);
    vault
}

/// Writes without a token.
pub(crate) async fn call(vault: &Unsealed, path: &str, data: Value) -> Response {
    vault
        .server
        .request(Operation::Update, path, None, data, None)
        .await
}

/// Writes without a token from another address, with a chain of TLS certificates.
pub(crate) async fn call_from(
    vault: &Unsealed,
    address: &str,
    certificates: Vec<Vec<u8>>,
    path: &str,
    data: &Value,
) -> Response {
    call_from_as(vault, None, address, certificates, path, data).await
}

/// Writes with a token, or with none, from another address, with a chain of TLS certificates.
pub(crate) async fn call_from_as(
    vault: &Unsealed,
    token: Option<&str>,
    address: &str,
    certificates: Vec<Vec<u8>>,
    path: &str,
    data: &Value,
) -> Response {
    let data = match Json::parse(data.to_string().as_bytes(), &Limits::default()).unwrap() {
        Json::Object(members) => members,
        _ => Object::new(),
    };
    let reply = vault
        .server
        .core
        .handle(Incoming {
            operation: Operation::Update,
            path: RequestPath::parse(path).unwrap(),
            namespace: String::new(),
            token: token.map(|token| Secret::new(token.to_owned())),
            inline_auth: None,
            wrap_ttl: None,
            factors: Vec::new(),
            data,
            headers: arca_core::web::RequestHeaders::default(),
            client: ClientInfo {
                address: Some(format!("{address}:50000").parse().unwrap()),
                certificates,
            },
        })
        .await;
    Response {
        status: reply.status,
        inline_auth_failed: reply.inline_auth_failed,
        body: serde_json::from_str(&reply.body.0).unwrap_or(Value::Null),
    }
}

/// Lets real connections and programs get on.
async fn a_moment() {
    let _ = tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await;
}

/// Begins to measure how long something takes.
#[expect(
    clippy::disallowed_methods,
    reason = "how long something takes is not the server's time"
)]
pub(crate) fn stopwatch() -> Instant {
    Instant::now()
}

/// Waits for what goes on in the background, over a real connection.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        a_moment().await;
    }
    panic!("it never comes to that");
}
