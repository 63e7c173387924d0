//! Second factors of logins: [`logins`] that wait for one, and in [`settings`] methods, keys and enforcements.

mod logins;
mod settings;

use arca_base::json::{Limits, Object};
use arca_base::{Clock as _, Json, Operation, RequestPath, Secret};
use arca_core::engine::ClientInfo;
use arca_core::pipeline::Incoming;
use arca_crypto::otp::{self, OtpAlgorithm};
use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

/// A request without a token, from an address, with second factors.
async fn call(
    vault: &Unsealed,
    path: &str,
    data: &Value,
    from: &str,
    factors: &[&str],
    wrap: bool,
) -> Response {
    let wrap_ttl = wrap.then(|| arca_base::Ttl::from_seconds(60));
    let write = incoming(Operation::Update, path, data, from, factors);
    handle(vault, Incoming { wrap_ttl, ..write }).await
}

pub(crate) fn incoming(
    operation: Operation,
    path: &str,
    data: &Value,
    from: &str,
    factors: &[&str],
) -> Incoming {
    Incoming {
        operation,
        path: RequestPath::parse(path).unwrap(),
        namespace: String::new(),
        token: None,
        inline_auth: None,
        wrap_ttl: None,
        factors: factors
            .iter()
            .map(|text| Secret::new((*text).to_owned()))
            .collect(),
        data: members(data),
        headers: arca_core::web::RequestHeaders::default(),
        client: ClientInfo {
            address: Some(format!("{from}:50000").parse().unwrap()),
            certificates: vec![],
        },
    }
}

fn members(data: &Value) -> Object {
    let data = Json::parse(data.to_string().as_bytes(), &Limits::default()).unwrap();
    data.as_object().unwrap().clone()
}

async fn handle(vault: &Unsealed, incoming: Incoming) -> Response {
    let reply = vault.server.core.handle(incoming).await;
    Response {
        status: reply.status,
        body: serde_json::from_str(&reply.body.0).unwrap_or(Value::Null),
        inline_auth_failed: reply.inline_auth_failed,
    }
}

const HERE: &str = "127.0.0.1";

async fn log_in(vault: &Unsealed, name: &str, factors: &[&str]) -> Response {
    let path = format!("auth/userpass/login/{name}");
    call(vault, &path, &json!({"password": "right"}), HERE, factors, false).await
}

async fn validate(vault: &Unsealed, request: &Value, payload: Value) -> Response {
    let data = json!({"mfa_request_id": request, "mfa_payload": payload});
    call(vault, "sys/mfa/validate", &data, HERE, &[], false).await
}

/// What a login waits for.
fn request_of(login: &Response) -> Value {
    assert_eq!(login.body["auth"]["client_token"], "", "{}", login.body);
    login.body["auth"]["mfa_requirement"]["mfa_request_id"].clone()
}

/// The users `ann` and `bob`.
async fn with_people() -> Unsealed {
    let vault = Unsealed::start().await;
    let _ = vault
        .write("sys/auth/userpass", json!({"type": "userpass"}))
        .await
        .expect(204);
    for name in ["ann", "bob"] {
        let user = json!({"password": "right", "token_ttl": 60});
        let _ = vault
            .write(&format!("auth/userpass/users/{name}"), user)
            .await
            .expect(204);
    }
    vault
}

async fn method(vault: &Unsealed, settings: Value) -> String {
    let made = vault
        .write("identity/mfa/method/totp", settings)
        .await
        .expect(200);
    made.data("method_id").as_str().unwrap().to_owned()
}

async fn accessor(vault: &Unsealed) -> Value {
    vault
        .read("sys/auth/userpass")
        .await
        .expect(200)
        .data("accessor")
        .clone()
}

async fn enforce(vault: &Unsealed, name: &str, data: Value) {
    let path = format!("identity/mfa/login-enforcement/{name}");
    let _ = vault.write(&path, data).await.expect(204);
}

/// The key in what an authenticator is told.
pub(crate) fn key_of(made: &Response) -> Vec<u8> {
    let url = made.data("url").as_str().unwrap();
    let text = url.rsplit_once("secret=").unwrap().1;
    let (mut bits, mut count, mut key) = (0_u32, 0, Vec::new());
    for letter in text.bytes() {
        let value = if letter.is_ascii_digit() {
            letter - b'2' + 26
        } else {
            letter - b'A'
        };
        bits = (bits << 5) | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            key.push(u8::try_from((bits >> count) & 0xff).unwrap());
        }
    }
    key
}

pub(crate) fn passcode(vault: &Unsealed, key: &[u8]) -> String {
    let now = u64::try_from(vault.server.clock.now().unix_seconds()).unwrap();
    otp::code(OtpAlgorithm::Sha1, key, now / 30, 6)
}

/// A server where `ann` needs a passcode; its method, and her key.
async fn guarded() -> (Unsealed, String, Vec<u8>) {
    let vault = with_people().await;
    let method = method(&vault, json!({"issuer": "Arca", "method_name": "phone"})).await;
    let entity = log_in(&vault, "ann", &[]).await.expect(200).body["auth"]["entity_id"].clone();
    let key = json!({"method_id": method, "entity_id": entity});
    let made = vault
        .write("identity/mfa/method/totp/admin-generate", key)
        .await
        .expect(200);
    let rule = json!({"mfa_method_ids": [method], "identity_entity_ids": [entity]});
    enforce(&vault, "people", rule).await;
    (vault, method, key_of(&made))
}
