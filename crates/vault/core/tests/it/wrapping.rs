//! Response wrapping and cubbyholes.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

#[tokio::test]
async fn a_wrapped_answer_opens_once() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": "v"})).await.expect(204);
    let wrapped = vault
        .server
        .request(Operation::Read, "kv/a", Some(&vault.root), Value::Null, Some(60))
        .await
        .expect(200);
    assert_eq!(
        (&wrapped.body["data"], &wrapped.body["request_id"]),
        (&Value::Null, &json!(""))
    );
    let info = &wrapped.body["wrap_info"];
    assert_eq!(
        (&info["ttl"], &info["creation_path"]),
        (&json!(60), &json!("kv/a"))
    );
    let token = info["token"].as_str().unwrap();
    let looked = vault
        .server
        .request(
            Operation::Update,
            "sys/wrapping/lookup",
            None,
            json!({"token": token}),
            None,
        )
        .await;
    let looked = looked.expect(200);
    assert_eq!(
        (looked.data("creation_ttl"), looked.data("creation_path")),
        (&json!(60), &json!("kv/a"))
    );
    let opened = vault
        .write_as(token, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(200);
    assert_eq!(opened.data("k"), "v");
    assert!(!opened.body["request_id"].as_str().unwrap().is_empty());
    let again = vault
        .write_as(token, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(400);
    assert_eq!(again.error(), "wrapping token is not valid or does not exist");
    assert!(
        vault
            .server
            .storage
            .scan("ns/root/cubbyhole/", "", 10)
            .await
            .unwrap()
            .names
            .is_empty()
    );
}

#[tokio::test]
async fn a_token_in_the_body_may_be_opened_by_any_caller() {
    let vault = Unsealed::start().await;
    let wrapped = vault
        .write_wrapped("sys/wrapping/wrap", json!({"a": "b"}), 60)
        .await
        .expect(200);
    let token = wrapped.body["wrap_info"]["token"].as_str().unwrap().to_owned();
    let caller = vault
        .write("auth/token/create", json!({"policies": ["default"]}))
        .await
        .token();
    let opened = vault
        .write_as(&caller, "sys/wrapping/unwrap", json!({"token": token}))
        .await
        .expect(200);
    assert_eq!(opened.data("a"), "b");
    let again = vault
        .write_as(&caller, "sys/wrapping/unwrap", json!({"token": token}))
        .await
        .expect(400);
    assert_eq!(again.error(), "wrapping token is not valid or does not exist");
    let ordinary = vault
        .write("sys/wrapping/unwrap", json!({"token": caller}))
        .await
        .expect(400);
    assert_eq!(ordinary.error(), "wrapping token is not valid or does not exist");
}

#[tokio::test]
async fn only_one_of_many_opens_it() {
    let vault = std::sync::Arc::new(Unsealed::start().await);
    let wrapped = vault
        .write_wrapped("sys/wrapping/wrap", json!({"a": "b"}), 60)
        .await
        .expect(200);
    let token = wrapped.body["wrap_info"]["token"].as_str().unwrap().to_owned();
    let mut opening = tokio::task::JoinSet::new();
    for turn in 0..20 {
        let (vault, token) = (vault.clone(), token.clone());
        opening.spawn(async move {
            // Half of them as the caller, half in the body.
            match turn % 2 {
                0 => {
                    vault
                        .write_as(&token, "sys/wrapping/unwrap", json!({}))
                        .await
                        .status
                }
                _ => {
                    vault
                        .write("sys/wrapping/unwrap", json!({"token": token}))
                        .await
                        .status
                }
            }
        });
    }
    let statuses = opening.join_all().await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 400)),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn wrapped_tokens_name_their_accessor_and_expire() {
    let vault = Unsealed::start().await;
    let wrapped = vault
        .write_wrapped("auth/token/create", json!({}), 60)
        .await
        .expect(200);
    let info = &wrapped.body["wrap_info"];
    assert_eq!(info["wrapped_accessor"].as_str().unwrap().len(), 24);
    vault.advance(61).await;
    let token = info["token"].as_str().unwrap();
    let late = vault
        .write_as(token, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(400);
    assert_eq!(late.error(), "wrapping token is not valid or does not exist");
}

#[tokio::test]
async fn rewrapping_keeps_the_answer_and_ends_the_old_token() {
    let vault = Unsealed::start().await;
    let wrapped = vault
        .write_wrapped("sys/wrapping/wrap", json!({"a": "b"}), 60)
        .await
        .expect(200);
    let first = wrapped.body["wrap_info"]["token"].as_str().unwrap();
    let again = vault
        .write("sys/wrapping/rewrap", json!({"token": first}))
        .await
        .expect(200);
    let second = again.body["wrap_info"]["token"].as_str().unwrap();
    assert_eq!(
        (
            &again.body["wrap_info"]["ttl"],
            &again.body["wrap_info"]["creation_path"]
        ),
        (&json!(60), &json!("sys/wrapping/wrap"))
    );
    let _ = vault
        .write_as(first, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(400);
    assert_eq!(
        vault
            .write_as(second, "sys/wrapping/unwrap", json!({}))
            .await
            .expect(200)
            .data("a"),
        "b"
    );
}

#[tokio::test]
async fn empty_answers_and_errors_are_not_wrapped() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault
        .write_wrapped("kv/a", json!({"k": "v"}), 60)
        .await
        .expect(204);
    let missing = vault
        .server
        .request(
            Operation::Read,
            "kv/none",
            Some(&vault.root),
            Value::Null,
            Some(60),
        )
        .await;
    assert_eq!(missing.expect(404).body, json!({"errors": []}));
    let plain = vault
        .write("sys/wrapping/wrap", json!({"a": "b"}))
        .await
        .expect(400);
    assert_eq!(plain.error(), "endpoint requires response wrapping to be used");
}

#[tokio::test]
async fn a_wrapping_token_is_good_for_nothing_else() {
    let vault = Unsealed::start().await;
    let wrapped = vault
        .write_wrapped("sys/wrapping/wrap", json!({"a": "b"}), 60)
        .await
        .expect(200);
    let token = wrapped.body["wrap_info"]["token"].as_str().unwrap();
    let _ = vault.read_as(token, "sys/mounts").await.expect(403);
    // That was its only use.
    let _ = vault
        .write_as(token, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(400);
}

#[tokio::test]
async fn cubbyholes_are_private_and_go_with_their_token() {
    let vault = Unsealed::start().await;
    let first = vault
        .write("auth/token/create", json!({"policies": ["default"]}))
        .await
        .token();
    let second = vault
        .write("auth/token/create", json!({"policies": ["default"]}))
        .await
        .token();
    let _ = vault
        .write_as(&first, "cubbyhole/a/b", json!({"k": "v"}))
        .await
        .expect(204);
    assert_eq!(
        vault.read_as(&first, "cubbyhole/a/b").await.expect(200).data("k"),
        "v"
    );
    assert_eq!(
        vault.list_as(&first, "cubbyhole").await.expect(200).data("keys"),
        &json!(["a/"])
    );
    let _ = vault.read_as(&second, "cubbyhole/a/b").await.expect(404);
    let _ = vault.read("cubbyhole/a/b").await.expect(404);
    let none = vault.write_as(&first, "cubbyhole/x", json!({})).await.expect(500);
    assert_eq!(none.error(), "1 error occurred:\n\t* missing data fields\n\n");
    let _ = vault
        .write_as(&first, "auth/token/revoke-self", json!({}))
        .await
        .expect(204);
    assert!(
        vault
            .server
            .storage
            .scan("ns/root/cubbyhole/", "", 10)
            .await
            .unwrap()
            .names
            .is_empty()
    );
}
