//! Getting a token.

use arca_base::json::Object;
use arca_base::{Json, Secret};
use arca_client::login;

use crate::double::{Double, json};

#[tokio::test]
async fn a_token_is_looked_up_and_described_as_a_login() {
    let double = Double::answering(|_, _| {
        json(
            200,
            r#"{"request_id":"r","data":{"id":"t","accessor":"a","policies":["default"],"identity_policies":["team"],
               "meta":{"user":"ann"},"ttl":60,"renewable":true,"entity_id":"e","orphan":true,"type":"service","num_uses":2}}"#,
        )
    })
    .await;
    let client = double.client().with_token(Some(Secret::new("old".into())));
    let answer = login::token::with(&client, Secret::new("t".into()))
        .await
        .unwrap();
    let asked = &double.asked()[0];
    assert_eq!(
        (asked.line().as_str(), asked.header("x-vault-token")),
        ("GET /v1/auth/token/lookup-self", Some("t"))
    );
    let auth = answer.auth.unwrap();
    assert_eq!((auth.client_token.as_str(), auth.accessor.as_str()), ("t", "a"));
    assert_eq!(auth.policies, ["default", "team"]);
    assert_eq!(
        (auth.token_policies, auth.identity_policies),
        (vec!["default".to_owned()], vec!["team".to_owned()])
    );
    assert_eq!(
        (auth.lease_duration, auth.renewable, auth.num_uses),
        (60, true, 2)
    );
    assert_eq!(auth.metadata.unwrap()["user"], "ann");
    assert!(answer.data.is_none());
}

#[tokio::test]
async fn a_login_sends_its_fields_and_no_token() {
    let double = Double::answering(|number, _| match number {
        0 => json(200, r#"{"auth":{"client_token":"new"}}"#),
        _ => json(204, ""),
    })
    .await;
    let client = double.client().with_token(Some(Secret::new("old".into())));
    let fields = Object::from([("password".to_owned(), Json::from("p"))]);
    let answer = login::at(&client, "userpass/login/ann", &fields).await.unwrap();
    assert_eq!(answer.auth.unwrap().client_token, "new");
    let asked = &double.asked()[0];
    assert_eq!(
        (asked.line().as_str(), asked.body.as_str()),
        ("PUT /v1/auth/userpass/login/ann", r#"{"password":"p"}"#)
    );
    assert_eq!(asked.header("x-vault-token"), None);
    assert!(login::at(&client, "x/login", &fields).await.is_err());
}
