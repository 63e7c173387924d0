//! Second factors of logins: methods, keys, enforcements, and logins that wait.

use std::sync::Arc;

use arca_base::json::{Limits, Object};
use arca_base::{Clock as _, Json, Operation, RequestPath, Secret};
use arca_core::engine::ClientInfo;
use arca_core::pipeline::{Incoming, InlineAuth};
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

#[tokio::test]
async fn a_login_waits_for_its_passcode_and_goes_on_once() {
    let (vault, method, key) = guarded().await;
    let _ = log_in(&vault, "bob", &[]).await.expect(200).token();
    let waits = log_in(&vault, "ann", &[]).await.expect(200);
    let request = request_of(&waits);
    assert_eq!(
        waits.body["auth"],
        json!({
            "accessor": "", "client_token": "", "entity_id": "", "lease_duration": 0, "metadata": null, "num_uses": 0,
            "orphan": false, "policies": [], "renewable": false, "token_policies": [], "token_type": "",
            "mfa_requirement": {
                "mfa_request_id": request,
                "mfa_constraints": {"people": {"any": [
                    {"type": "totp", "id": method, "uses_passcode": true, "name": "phone"},
                ]}},
            },
        })
    );
    assert!(
        waits.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("subject to MFA validation")
    );
    let wrong = validate(&vault, &request, json!({ &method: ["000000"] }))
        .await
        .expect(403);
    assert_eq!(
        wrong.error(),
        "failed to satisfy enforcement people. error: failed to validate TOTP passcode"
    );
    let right = passcode(&vault, &key);
    let done = validate(&vault, &request, json!({ &method: [right] }))
        .await
        .expect(200);
    assert_eq!(done.body["auth"]["lease_duration"], 60);
    let me = vault
        .read_as(&done.token(), "auth/token/lookup-self")
        .await
        .expect(200);
    assert_eq!(
        (me.data("path"), me.data("display_name")),
        (&json!("auth/userpass/login/ann"), &json!("userpass-ann"))
    );
    let again = validate(&vault, &request, json!({ &method: [right] }))
        .await
        .expect(400);
    assert_eq!(again.error(), "invalid request ID");
    // The passcode is used up for every other login, too.
    let next = request_of(&log_in(&vault, "ann", &[]).await);
    let used = validate(&vault, &next, json!({ &method: [right] }))
        .await
        .expect(403);
    assert!(
        used.error()
            .contains("code already used; new code is available in "),
        "{}",
        used.error()
    );
    vault.advance(30).await;
    let by_name = json!({ "phone": [passcode(&vault, &key)] });
    let _ = validate(&vault, &next, by_name).await.expect(200).token();
}

#[tokio::test]
async fn a_login_that_waited_takes_a_place_below_the_limit_of_leases() {
    let (vault, method, key) = guarded().await;
    // The token of the login that made her known is one, too.
    let limit = json!({"path": "auth/userpass", "max_leases": 2});
    let _ = vault
        .write("sys/quotas/lease-count/people", limit)
        .await
        .expect(204);
    let first = request_of(&log_in(&vault, "ann", &[]).await.expect(200));
    let second = request_of(&log_in(&vault, "ann", &[]).await.expect(200));
    let right = json!({ &method: [passcode(&vault, &key)] });
    let token = validate(&vault, &first, right).await.expect(200).token();
    vault.server.clock.advance(std::time::Duration::from_secs(30));
    let right = json!({ &method: [passcode(&vault, &key)] });
    let over = validate(&vault, &second, right.clone()).await.expect(429);
    assert!(
        over.error().contains("lease count quota exceeded"),
        "{}",
        over.error()
    );
    // Neither the login nor the passcode was used up.
    let _ = vault
        .write("auth/token/revoke", json!({ "token": token }))
        .await
        .expect(204);
    let _ = validate(&vault, &second, right).await.expect(200);
}

#[tokio::test]
async fn a_passcode_may_come_with_the_login() {
    let (vault, method, key) = guarded().await;
    for name in [&*method, "phone"] {
        let factor = format!("{name}:{}", passcode(&vault, &key));
        let _ = log_in(&vault, "ann", &[&factor]).await.expect(200).token();
        vault.advance(30).await;
    }
    let spelled = format!("phone:passcode={}", passcode(&vault, &key));
    let _ = log_in(&vault, "ann", &["duo", &spelled])
        .await
        .expect(200)
        .token();
    let replayed = log_in(&vault, "ann", &[&spelled]).await.expect(403);
    assert!(replayed.error().contains("code already used"));
    for (factor, says) in [
        ("phone:000000", "failed to validate TOTP passcode"),
        ("phone", "MFA credentials not supplied for method"),
        ("other:123456", "MFA credentials not supplied for method"),
    ] {
        let refused = log_in(&vault, "ann", &[factor]).await.expect(403);
        assert!(refused.error().contains(says), "{factor}: {}", refused.error());
    }
    let _ = log_in(&vault, "ann", &[":1"]).await.expect(400);
}

#[tokio::test]
async fn a_login_inside_a_request_brings_its_passcode_along() {
    let (vault, method, key) = guarded().await;
    let ask = async |factors: &[&str]| {
        let login = InlineAuth {
            path: RequestPath::parse("auth/userpass/login/ann").unwrap(),
            data: members(&json!({"password": "right"})),
        };
        let read = incoming(
            Operation::Read,
            "auth/token/lookup-self",
            &json!({}),
            HERE,
            factors,
        );
        let inline_auth = Some(Box::new(login));
        handle(&vault, Incoming { inline_auth, ..read }).await
    };
    let refused = ask(&[]).await.expect(403);
    assert!(
        refused.inline_auth_failed && refused.error().contains("X-Vault-MFA"),
        "{:?}",
        refused.body
    );
    let given = format!("{method}:{}", passcode(&vault, &key));
    let me = ask(&[&given]).await.expect(200);
    assert_eq!(me.data("type"), "batch");
    let _ = ask(&[&given]).await.expect(403);
}

#[tokio::test]
async fn logins_wait_for_five_minutes_where_they_came_from() {
    let (vault, method, key) = guarded().await;
    let request = request_of(&log_in(&vault, "ann", &[]).await);
    let data = json!({"mfa_request_id": request, "mfa_payload": { &method: [passcode(&vault, &key)] }});
    let elsewhere = call(&vault, "sys/mfa/validate", &data, "10.0.0.1", &[], false)
        .await
        .expect(403);
    assert!(
        elsewhere
            .error()
            .contains("must come from where the login came from")
    );
    vault.advance(299).await;
    let late = json!({ &method: ["000000"] });
    let _ = validate(&vault, &request, late.clone()).await.expect(403);
    vault.advance(1).await;
    let _ = validate(&vault, &request, late).await.expect(400);
    for (data, says) in [
        (json!({}), "missing request ID"),
        (json!({"mfa_request_id": "x"}), "mfa_payload must be an object"),
        (
            json!({"mfa_request_id": "x", "mfa_payload": {}}),
            "mfa_payload must name 1 to 32",
        ),
        (
            json!({"mfa_request_id": "x", "mfa_payload": {"m": 1}}),
            "mfa_payload must be an object",
        ),
        (
            json!({"mfa_request_id": "x", "mfa_payload": {"m": ["1", "2"]}}),
            "mfa_payload: one passcode",
        ),
        (
            json!({"mfa_request_id": "x", "mfa_payload": {"m": ["1"]}}),
            "invalid request ID",
        ),
    ] {
        let refused = call(&vault, "sys/mfa/validate", &data, HERE, &[], false)
            .await
            .expect(400);
        assert!(refused.error().starts_with(says), "{data}: {}", refused.error());
    }
}

#[tokio::test]
async fn what_waits_is_not_wrapped_and_what_is_given_is() {
    let (vault, method, key) = guarded().await;
    let password = json!({"password": "right"});
    let waits = call(&vault, "auth/userpass/login/ann", &password, HERE, &[], true)
        .await
        .expect(200);
    let request = request_of(&waits);
    let data = json!({"mfa_request_id": request, "mfa_payload": { &method: [passcode(&vault, &key)] }});
    let wrapped = call(&vault, "sys/mfa/validate", &data, HERE, &[], true)
        .await
        .expect(200);
    let token = wrapped.body["wrap_info"]["token"].as_str().unwrap();
    let opened = vault
        .write_as(token, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(200);
    assert_eq!(opened.body["auth"]["metadata"]["username"], "ann");
}

#[tokio::test]
async fn wrong_passcodes_lead_to_a_pause_also_in_a_row_of_logins() {
    let (vault, method, key) = guarded().await;
    for _ in 0..5 {
        let request = request_of(&log_in(&vault, "ann", &[]).await);
        let _ = validate(&vault, &request, json!({ &method: ["000000"] }))
            .await
            .expect(403);
    }
    let right = format!("phone:{}", passcode(&vault, &key));
    let paused = log_in(&vault, "ann", &[&right]).await.expect(403);
    assert!(
        paused.error().contains("Please try again in 30 seconds"),
        "{}",
        paused.error()
    );
    vault.advance(30).await;
    let right = format!("phone:{}", passcode(&vault, &key));
    let _ = log_in(&vault, "ann", &[&right]).await.expect(200).token();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_passcode_in_parallel_makes_one_token() {
    let (vault, _, key) = guarded().await;
    let vault = Arc::new(vault);
    let factor = format!("phone:{}", passcode(&vault, &key));
    let logins: Vec<_> = (0..16)
        .map(|_| {
            let (vault, factor) = (vault.clone(), factor.clone());
            tokio::spawn(async move { log_in(&vault, "ann", &[&factor]).await.status })
        })
        .collect();
    let mut good = 0;
    for login in logins {
        good += usize::from(login.await.unwrap() == 200);
    }
    assert_eq!(good, 1);
}

#[tokio::test]
async fn enforcements_are_by_mount_type_and_entity_and_all_must_be_satisfied() {
    let (vault, first, key) = guarded().await;
    let second = method(&vault, json!({"issuer": "Other"})).await;
    let accessor = accessor(&vault).await;
    enforce(
        &vault,
        "mount",
        json!({"mfa_method_ids": [second], "auth_method_accessors": [accessor]}),
    )
    .await;
    // Somebody without a key of the method cannot have a passcode.
    let bob = log_in(&vault, "bob", &["x:1"]).await.expect(403);
    assert!(
        bob.error()
            .starts_with("failed to satisfy enforcement mount. error: MFA credentials not supplied")
    );
    let given = format!("{second}:123456");
    let bob = log_in(&vault, "bob", &[&given]).await.expect(403);
    assert!(
        bob.error().contains("not present in the entity"),
        "{}",
        bob.error()
    );
    let both = log_in(&vault, "ann", &[]).await.expect(200);
    let constraints = &both.body["auth"]["mfa_requirement"]["mfa_constraints"];
    assert_eq!(constraints.as_object().unwrap().len(), 2);
    let one = log_in(&vault, "ann", &[&format!("{first}:{}", passcode(&vault, &key))])
        .await
        .expect(403);
    assert!(
        one.error().starts_with("failed to satisfy enforcement mount"),
        "{}",
        one.error()
    );
    // One method that both take, with one passcode.
    vault.advance(30).await;
    enforce(
        &vault,
        "mount",
        json!({"mfa_method_ids": [second, first], "auth_method_types": ["userpass"]}),
    )
    .await;
    let _ = log_in(&vault, "ann", &[&format!("{first}:{}", passcode(&vault, &key))])
        .await
        .expect(200)
        .token();
    for name in ["mount", "people"] {
        let _ = vault
            .delete(&format!("identity/mfa/login-enforcement/{name}"))
            .await
            .expect(204);
    }
    let _ = log_in(&vault, "ann", &[]).await.expect(200).token();
}

#[tokio::test]
async fn methods_and_keys_are_written_read_and_deleted() {
    let vault = with_people().await;
    let _ = vault.list("identity/mfa/method").await.expect(404);
    for (settings, says) in [
        (json!({}), "issuer must be set"),
        (json!({"issuer": "x", "digits": 7}), "digits can only be 6 or 8"),
        (
            json!({"issuer": "x", "algorithm": "MD5"}),
            "unrecognized algorithm",
        ),
        (json!({"issuer": "x", "skew": 2}), "skew must be between 0 and 1"),
        (json!({"issuer": "x", "period": 0}), "period must be between"),
        (
            json!({"issuer": "x", "key_size": 5}),
            "key_size must be between 10 and 128",
        ),
        (
            json!({"issuer": "x", "qr_size": 5000}),
            "qr_size must be between 0 and 1024",
        ),
        (
            json!({"issuer": "x", "max_validation_attempts": 0}),
            "max_validation_attempts must be between 1 and 100",
        ),
        (
            json!({"issuer": "x".repeat(200)}),
            "issuer may have at most 128 bytes",
        ),
    ] {
        let refused = vault
            .write("identity/mfa/method/totp", settings.clone())
            .await
            .expect(400);
        assert!(
            refused.error().starts_with(says),
            "{settings}: {}",
            refused.error()
        );
    }
    let id = method(
        &vault,
        json!({"issuer": "My Company", "method_name": "phone", "algorithm": "SHA256", "digits": 8}),
    )
    .await;
    let read = vault
        .read(&format!("identity/mfa/method/totp/{id}"))
        .await
        .expect(200);
    assert_eq!(
        read.body["data"],
        json!({
            "algorithm": "SHA256", "digits": 8, "id": id, "issuer": "My Company", "key_size": 20,
            "max_validation_attempts": 5, "name": "phone", "namespace_id": "root", "namespace_path": "", "period": 30,
            "qr_size": 200, "skew": 1, "type": "totp",
        })
    );
    let taken = json!({"issuer": "x", "method_name": "phone"});
    let taken = vault.write("identity/mfa/method/totp", taken).await.expect(400);
    assert_eq!(taken.error(), "method_name is already in use");
    let _ = vault
        .write(
            &format!("identity/mfa/method/totp/{id}"),
            json!({"period": "1m", "qr_size": 0}),
        )
        .await
        .expect(204);
    let read = vault.read(&format!("identity/mfa/method/{id}")).await.expect(200);
    assert_eq!(
        (read.data("period"), read.data("issuer")),
        (&json!(60), &json!("My Company"))
    );
    assert_eq!(
        vault
            .list("identity/mfa/method/totp")
            .await
            .expect(200)
            .data("keys"),
        &json!([id])
    );
    // One's own key, with a token that may.
    vault
        .policy(
            "own",
            r#"path "identity/mfa/method/totp/generate" { capabilities = ["update"] }"#,
        )
        .await;
    let _ = vault
        .write("auth/userpass/users/ann", json!({"token_policies": "own"}))
        .await
        .expect(204);
    let token = log_in(&vault, "ann", &[]).await.expect(200).token();
    let generate = async || {
        vault
            .write_as(
                &token,
                "identity/mfa/method/totp/generate",
                json!({"method_id": id}),
            )
            .await
            .expect(200)
    };
    let made = generate().await;
    let url = made.data("url").as_str().unwrap();
    assert!(
        url.starts_with("otpauth://totp/My%20Company:")
            && url.contains("?algorithm=SHA256&digits=8&issuer=My%20Company&period=60&secret="),
        "{url}"
    );
    assert_eq!(made.data("barcode"), &Value::Null, "qr_size is 0");
    let again = generate().await;
    assert!(
        again.body["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("Entity already has a secret"),
        "{}",
        again.body
    );
    assert_eq!(again.body["data"], Value::Null);
    let entity = vault
        .read_as(&token, "auth/token/lookup-self")
        .await
        .expect(200)
        .data("entity_id")
        .clone();
    let destroy = json!({"method_id": id, "entity_id": entity});
    let _ = vault
        .write("identity/mfa/method/totp/admin-destroy", destroy)
        .await
        .expect(204);
    let _ = vault
        .write(&format!("identity/mfa/method/totp/{id}"), json!({"qr_size": 100}))
        .await
        .expect(204);
    assert!(
        generate()
            .await
            .data("barcode")
            .as_str()
            .unwrap()
            .starts_with("iVBORw0KGgo"),
        "a PNG"
    );
    let rootless = vault
        .write("identity/mfa/method/totp/generate", json!({"method_id": id}))
        .await
        .expect(400);
    assert!(rootless.error().starts_with("the token belongs to no entity"));
    enforce(
        &vault,
        "all",
        json!({"mfa_method_ids": [id], "auth_method_types": ["userpass"]}),
    )
    .await;
    let used = vault
        .delete(&format!("identity/mfa/method/totp/{id}"))
        .await
        .expect(400);
    assert!(
        used.error()
            .contains("is still used by an enforcement configuration with name \"all\"")
    );
    let _ = vault
        .delete("identity/mfa/login-enforcement/all")
        .await
        .expect(204);
    let _ = vault
        .delete(&format!("identity/mfa/method/totp/{id}"))
        .await
        .expect(204);
    let _ = vault
        .read(&format!("identity/mfa/method/totp/{id}"))
        .await
        .expect(404);
    let left = vault
        .server
        .storage
        .read_range("ns/root/mfa/", "ns/root/mfa0", 10)
        .await
        .unwrap();
    assert!(
        left.records
            .iter()
            .all(|(key, _)| !key.starts_with("ns/root/mfa/")),
        "keys go with their method"
    );
}

#[tokio::test]
async fn enforcements_are_by_group_also_through_another_group() {
    let vault = with_people().await;
    let phone = method(&vault, json!({"issuer": "Arca"})).await;
    let login = log_in(&vault, "ann", &[]).await.expect(200);
    let inner = json!({"name": "inner", "member_entity_ids": [login.body["auth"]["entity_id"]]});
    let inner = vault.write("identity/group", inner).await.expect(200);
    let outer = json!({"name": "outer", "member_group_ids": [inner.data("id")]});
    let outer = vault.write("identity/group", outer).await.expect(200);
    let rule = json!({"mfa_method_ids": [phone], "identity_group_ids": [outer.data("id")]});
    enforce(&vault, "group", rule).await;
    let waits = log_in(&vault, "ann", &[]).await.expect(200);
    assert_ne!(waits.body["auth"]["mfa_requirement"], Value::Null);
    let goes_on = log_in(&vault, "bob", &[]).await.expect(200);
    assert_eq!(goes_on.body["auth"]["mfa_requirement"], Value::Null);
}

#[tokio::test]
async fn enforcements_that_would_never_apply_are_refused() {
    let vault = with_people().await;
    let id = method(&vault, json!({"issuer": "x"})).await;
    for (data, says) in [
        (json!({"auth_method_types": ["userpass"]}), "missing method ids"),
        (
            json!({"mfa_method_ids": ["x"], "auth_method_types": ["userpass"]}),
            "one of the provided method ids doesn't exist",
        ),
        (
            json!({"mfa_method_ids": [id]}),
            "One of auth_method_accessors, auth_method_types",
        ),
        (
            json!({"mfa_method_ids": [id], "auth_method_accessors": ["x"]}),
            "one of the provided mount accessors doesn't exist",
        ),
        (
            json!({"mfa_method_ids": [id], "identity_entity_ids": ["x"]}),
            "one of the provided entity ids doesn't exist",
        ),
        (
            json!({"mfa_method_ids": [id], "identity_group_ids": ["x"]}),
            "one of the provided group ids doesn't exist",
        ),
    ] {
        let refused = vault
            .write("identity/mfa/login-enforcement/e", data.clone())
            .await
            .expect(400);
        assert!(refused.error().starts_with(says), "{data}: {}", refused.error());
    }
    let _ = vault.list("identity/mfa/login-enforcement").await.expect(404);
    let data = json!({"mfa_method_ids": [id], "auth_method_types": ["userpass"]});
    enforce(&vault, "e", data).await;
    let read = vault.read("identity/mfa/login-enforcement/e").await.expect(200);
    let identifier = read.data("id").clone();
    assert_eq!(
        read.body["data"],
        json!({
            "auth_method_accessors": [], "auth_method_types": ["userpass"], "id": identifier, "identity_entity_ids": [],
            "identity_group_ids": [], "mfa_method_ids": [id], "name": "e", "namespace_id": "root", "namespace_path": "",
        })
    );
    assert_eq!(
        vault
            .list("identity/mfa/login-enforcement")
            .await
            .expect(200)
            .data("keys"),
        &json!(["e"])
    );
}
