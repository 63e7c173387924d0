//! Going where the server points.

use arca_base::json::Object;
use arca_base::{Json, Secret};
use arca_client::ClientError;

use crate::double::{Double, json, redirect};

#[tokio::test]
async fn method_body_and_token_are_kept() {
    for status in [301, 302, 307, 308] {
        let active = Double::answering(|_, _| json(200, r#"{"data":{"ok":true}}"#)).await;
        let target = format!("{}/v1/secret/a?x=1", active.url);
        let standby = Double::answering(move |_, _| redirect(status, &target)).await;
        let client = standby.client().with_token(Some(Secret::new("t".into())));
        let data = Object::from([("k".to_owned(), Json::from("v"))]);
        assert!(client.write("secret/a", &data).await.unwrap().is_some());
        let asked = &active.asked()[0];
        assert_eq!(asked.line(), "PUT /v1/secret/a?x=1", "{status}");
        assert_eq!(asked.body, r#"{"k":"v"}"#);
        assert_eq!(asked.header("x-vault-token"), Some("t"));
        assert_eq!(asked.header("x-vault-request"), Some("true"));
    }
}

#[tokio::test]
async fn a_relative_target_stays_on_the_server() {
    let double = Double::answering(|number, _| match number {
        0 => redirect(307, "/v1/elsewhere"),
        _ => json(200, r#"{"data":{"ok":true}}"#),
    })
    .await;
    double.client().read("a").await.unwrap();
    assert_eq!(double.asked()[1].line(), "GET /v1/elsewhere");
}

#[tokio::test]
async fn only_one_is_followed() {
    let double = Double::answering(|_, _| redirect(307, "/v1/around")).await;
    let error = double.client().read("a").await.unwrap_err();
    assert!(matches!(error, ClientError::Redirect { .. }), "{error}");
    assert_eq!(double.asked().len(), 2);
}

#[tokio::test]
async fn none_is_followed_when_told_so() {
    let double = Double::answering(|_, _| redirect(307, "/v1/around")).await;
    let vars = [
        ("VAULT_ADDR", double.url.as_str()),
        ("VAULT_DISABLE_REDIRECTS", "1"),
    ];
    let error = crate::double::client(&vars).read("a").await.unwrap_err();
    assert!(error.to_string().contains("turned off"), "{error}");
    assert_eq!(double.asked().len(), 1);
}

#[tokio::test]
async fn a_status_that_is_no_redirect_of_a_request_is_left_alone() {
    let double = Double::answering(|_, _| redirect(303, "/v1/around")).await;
    assert!(double.client().read("a").await.unwrap().is_none());
    assert_eq!(double.asked().len(), 1);
}
