//! Methods, keys, and enforcements: who needs a second factor.

use serde_json::{Value, json};

use super::{accessor, enforce, guarded, log_in, method, passcode, with_people};

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
