//! What a call sends, and how its answer is read.

use arca_api::endpoint::Nothing;
use arca_api::{kv, sys};
use arca_base::json::Object;
use arca_base::{Json, Secret};
use arca_client::system::SealStatus;
use arca_client::{ClientError, Request};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::double::{Double, json};

const SECRET: &str = r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"n":12345678901234567890},"wrap_info":null,"warnings":null,"auth":null}"#;

fn text(answer: Option<arca_api::Envelope>) -> Option<String> {
    answer?.data.map(|data| data.to_text().into_string())
}

#[tokio::test]
async fn sends_what_existing_clients_send() {
    let double = Double::answering(|_, _| json(200, SECRET)).await;
    let client = double
        .client()
        .with_token(Some(Secret::new("hvs.token".into())))
        .with_namespace("/team/")
        .with_wrap_ttl(Some("60"))
        .with_mfa(&["totp:123".to_owned(), "duo".to_owned()])
        .with_header(HeaderName::from_static("x-extra"), HeaderValue::from_static("1"));
    let data = Object::from([("k".to_owned(), Json::from("v<"))]);
    client.write("secret/data/a b", &data).await.unwrap();
    let asked = &double.asked()[0];
    assert_eq!(asked.line(), "PUT /v1/secret/data/a%20b");
    assert_eq!(asked.body, r#"{"k":"v\u003c"}"#);
    for (name, value) in [
        ("x-vault-request", "true"),
        ("x-vault-token", "hvs.token"),
        ("x-vault-namespace", "team/"),
        ("x-vault-wrap-ttl", "60"),
        ("x-extra", "1"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
    let factors: Vec<_> = asked.headers.get_all("x-vault-mfa").iter().collect();
    assert_eq!(factors, ["totp:123", "duo"]);
}

#[tokio::test]
async fn says_nothing_it_was_not_told_to_say() {
    let double = Double::answering(|_, _| json(200, SECRET)).await;
    double
        .client()
        .with_namespace("root")
        .read("secret/a")
        .await
        .unwrap();
    let asked = &double.asked()[0];
    for name in [
        "x-vault-token",
        "x-vault-namespace",
        "x-vault-wrap-ttl",
        "x-vault-mfa",
        "content-type",
    ] {
        assert_eq!(asked.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn every_operation_has_its_request() {
    let double = Double::answering(|_, _| json(200, SECRET)).await;
    let client = double.client();
    let data = Object::from([("k".to_owned(), Json::Null)]);
    client.read("secret/a").await.unwrap();
    client.list("secret/").await.unwrap();
    client.write("secret/a", &data).await.unwrap();
    client.patch("secret/a", &data).await.unwrap();
    client.delete("secret/a").await.unwrap();
    client
        .ask(&Request::scan("secret/").with_query("limit", "2"))
        .await
        .unwrap();
    let path = kv::v2::Key { path: "x/y".into() };
    client
        .call::<kv::v2::DeleteMetadata>("secret/", &path)
        .await
        .unwrap();
    let lines: Vec<_> = double
        .asked()
        .iter()
        .map(|asked| format!("{} {}", asked.line(), asked.body))
        .collect();
    assert_eq!(
        lines,
        [
            "GET /v1/secret/a ",
            "GET /v1/secret/?list=true ",
            "PUT /v1/secret/a {\"k\":null}",
            "PATCH /v1/secret/a {\"k\":null}",
            "DELETE /v1/secret/a ",
            "GET /v1/secret/?limit=2&scan=true ",
            "DELETE /v1/secret/metadata/x/y ",
        ]
    );
    assert_eq!(
        double.asked()[3].header("content-type"),
        Some("application/merge-patch+json")
    );
}

#[tokio::test]
async fn an_address_with_a_path_keeps_it() {
    let double = Double::answering(|_, _| json(200, SECRET)).await;
    let client = crate::double::client(&[("VAULT_ADDR", &format!("{}/vault/", double.url))]);
    client.read("secret/a").await.unwrap();
    assert_eq!(double.asked()[0].target, "/vault/v1/secret/a");
}

#[tokio::test]
async fn answers_come_back_digit_by_digit() {
    let double = Double::answering(|_, _| json(200, SECRET)).await;
    let answer = double.client().read("secret/a").await.unwrap();
    assert_eq!(text(answer).as_deref(), Some(r#"{"n":12345678901234567890}"#));
}

#[tokio::test]
async fn a_write_without_an_answer_is_none() {
    let double = Double::answering(|_, _| json(204, "")).await;
    assert!(
        double
            .client()
            .write("secret/a", &Object::new())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn nothing_there_is_none_and_what_came_with_it_is_kept() {
    let deleted = r#"{"request_id":"r","lease_duration":0,"data":{"data":null,"metadata":{"version":1}}}"#;
    let warned = r#"{"request_id":"r","lease_duration":0,"data":null,"warnings":["Invalid path"]}"#;
    let double = Double::answering(move |number, _| match number {
        0 => json(404, r#"{"errors":[]}"#),
        1 => json(404, ""),
        2 => json(404, deleted),
        3 => json(404, warned),
        _ => json(404, r#"{"errors":["no handler for route"]}"#),
    })
    .await;
    let client = double.client();
    assert!(client.read("a").await.unwrap().is_none());
    assert!(client.list("a/").await.unwrap().is_none());
    let found = text(client.read("a").await.unwrap()).unwrap();
    assert_eq!(found, r#"{"data":null,"metadata":{"version":1}}"#);
    let warnings = client.read("a").await.unwrap().unwrap().warnings.unwrap();
    assert_eq!(warnings, ["Invalid path"]);
    let error = client.write("a", &Object::new()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("Code: 404. Errors:\n\n* no handler for route"),
        "{error}"
    );
    assert!(client.delete("a").await.is_err());
}

#[tokio::test]
async fn a_page_of_a_stranger_is_no_absence() {
    let double = Double::answering(|_, _| json(404, "<html>not here</html>")).await;
    let error = double.client().read("a").await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("Raw Message:\n\n<html>not here</html>"),
        "{error}"
    );
}

#[tokio::test]
async fn an_error_status_is_an_error_with_its_answer() {
    let double = Double::answering(|number, _| match number {
        0 => json(
            403,
            r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#,
        ),
        _ => json(400, r#"{"errors":["no"],"data":{"k":"v"}}"#),
    })
    .await;
    let error = double.client().read("secret/a").await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));
    assert_eq!(
        error.to_string(),
        format!(
            "Error making API request.\n\nURL: GET {}/v1/secret/a\nCode: 403. Errors:\n\n* 1 error occurred:\n\t* permission denied\n\n",
            double.url
        )
    );
    let error = double.client().write("a", &Object::new()).await.unwrap_err();
    let data = error.answer().unwrap().data.as_ref().unwrap();
    assert_eq!(data.to_text().as_str(), r#"{"k":"v"}"#);
}

#[tokio::test]
async fn bare_answers_have_their_types() {
    let double = Double::answering(|_, _| {
        json(
            200,
            r#"{"type":"shamir","sealed":true,"t":3,"n":5,"new_field":1}"#,
        )
    })
    .await;
    let status: SealStatus = double
        .client()
        .call_bare::<sys::seal::ReadSealStatus, _>("sys", &Nothing)
        .await
        .unwrap();
    assert_eq!(
        (status.kind.as_str(), status.sealed, status.t),
        ("shamir", true, 3)
    );
}

#[tokio::test]
async fn a_standby_answers_health_without_an_error() {
    let double = Double::answering(|_, _| json(429, r#"{"standby":true}"#)).await;
    let client = double.client().with_retries(0);
    let health = client.read("sys/health").await.unwrap();
    assert_eq!(text(health).as_deref(), Some(r#"{"standby":true}"#));
    assert!(client.read("sys/other").await.is_err());
}

#[tokio::test]
async fn an_answer_of_another_program_is_named_as_such() {
    let double = Double::answering(|_, _| json(200, "<html>canary</html>")).await;
    let error = double.client().read("a").await.unwrap_err();
    assert!(matches!(error, ClientError::Decode { .. }), "{error}");
    assert!(
        error.to_string().contains("is this the address of a server?"),
        "{error}"
    );
    assert!(!format!("{error}{error:?}").contains("canary"));
}

#[tokio::test]
async fn a_token_with_a_line_break_is_refused_and_not_shown() {
    let double = Double::answering(|_, _| json(200, SECRET)).await;
    let client = double
        .client()
        .with_token(Some(Secret::new("canary\ncanary".into())));
    let error = client.read("a").await.unwrap_err();
    assert!(error.to_string().contains("token"), "{error}");
    assert!(!format!("{error}{error:?}{client:?}").contains("canary"));
    assert!(double.asked().is_empty());
}

#[tokio::test]
async fn a_second_factor_that_cannot_be_sent_is_an_error() {
    let double = Double::answering(|_, _| json(200, SECRET)).await;
    let client = double.client().with_mfa(&["totp:canary\n".to_owned()]);
    let error = client.read("a").await.unwrap_err();
    assert!(error.to_string().contains("second factor"), "{error}");
    assert!(!format!("{error}{error:?}").contains("canary"));
}

#[tokio::test]
async fn parameters_that_fit_no_url_are_an_error_that_does_not_show_them() {
    let double = Double::answering(|_, _| json(200, SECRET)).await;
    let request = Request::read("a").with_query("k", &"canary".repeat(20_000));
    let error = double.client().ask(&request).await.unwrap_err();
    assert!(matches!(error, ClientError::Url { .. }), "{error}");
    assert!(!format!("{error}{error:?}").contains("canary"));
}

#[tokio::test]
async fn a_path_that_climbs_is_refused() {
    let double = Double::answering(|_, _| json(200, SECRET)).await;
    let error = double.client().read("secret/../sys/raw").await.unwrap_err();
    assert!(matches!(error, ClientError::Path { .. }), "{error}");
    assert!(double.asked().is_empty());
}
