//! Logins through the browser, against a double of a provider: what goes wrong. That they work with a real one is
//! shown by the product tests.

use arca_base::Operation;
use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

use crate::caller::call;
use crate::jwt_issuer::{Issuer, claims, server};

const REDIRECT: &str = "http://localhost:8250/oidc/callback";

async fn configured(issuer: &Issuer) -> Unsealed {
    issuer.change_document(|document| {
        for (member, path) in [("authorization_endpoint", "auth"), ("token_endpoint", "token")] {
            document[member] = json!(format!("{}/{path}", issuer.url()));
        }
    });
    let vault = server().await;
    let config = json!({
        "oidc_discovery_url": issuer.url(), "oidc_client_id": "arca", "oidc_client_secret": "s3:cr/t", "default_role": "person",
    });
    let _ = vault.write("auth/jwt/config", config).await.expect(200);
    role(&vault, json!({})).await;
    vault
}

async fn role(vault: &Unsealed, more: Value) {
    let mut role = json!({"user_claim": "sub", "allowed_redirect_uris": REDIRECT, "policies": "person"});
    role.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let _ = vault.write("auth/jwt/role/person", role).await.expect(204);
}

/// Begins a login, and gives the query of where the browser is sent.
async fn begin(vault: &Unsealed) -> Value {
    let request = json!({"redirect_uri": REDIRECT, "client_nonce": "mine"});
    let answer = call(vault, "auth/jwt/oidc/auth_url", request).await.expect(200);
    let url = answer.data("auth_url").as_str().unwrap().to_owned();
    let url = url::Url::parse(&url).unwrap();
    url.query_pairs()
        .map(|(name, value)| (name.into_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

async fn end(vault: &Unsealed, query: Value) -> Response {
    vault
        .server
        .request(Operation::Read, "auth/jwt/oidc/callback", None, query, None)
        .await
}

/// Claims for a login that has begun.
fn person(vault: &Unsealed, issuer: &Issuer, begun: &Value) -> Value {
    let mut claims = claims(vault, issuer);
    claims["sub"] = json!("ann");
    claims["aud"] = json!("arca");
    claims["nonce"] = begun["nonce"].clone();
    claims
}

#[tokio::test]
async fn a_browser_goes_to_the_provider_and_comes_back_with_a_code() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    role(&vault, json!({"oidc_scopes": "profile,groups", "max_age": 600})).await;
    let begun = begin(&vault).await;
    for (name, expected) in [
        ("client_id", "arca"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid profile groups"),
        ("code_challenge_method", "S256"),
        ("max_age", "600"),
    ] {
        assert_eq!(begun[name], json!(expected), "{name}");
    }
    assert!(begun["state"].as_str().unwrap().starts_with("st_"));
    let mut claims = person(&vault, &issuer, &begun);
    claims["auth_time"] = claims["iat"].clone();
    issuer.redeem(json!({"id_token": issuer.sign(&claims), "access_token": "a"}));
    let query = json!({"state": begun["state"], "code": "c0de", "client_nonce": "mine"});
    let answer = end(&vault, query.clone()).await.expect(200);
    assert_eq!(answer.body["auth"]["policies"], json!(["default", "person"]));
    let sent = issuer.redeemed();
    assert!(
        sent.contains("code=c0de") && sent.contains("code_verifier="),
        "{sent}"
    );
    assert!(!sent.contains("client_secret"), "the secret goes into the header");
    let again = end(&vault, query).await.expect(400);
    assert_eq!(
        again.error(),
        "Vault login failed. Expired or missing OAuth state."
    );
}

#[tokio::test]
async fn whoever_comes_back_counts_for_the_role_however_the_path_ends() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let mut begun = Vec::new();
    for _ in 0..4 {
        begun.push(begin(&vault).await["state"].clone());
    }
    let rule = json!({"path": "auth/jwt", "role": "person", "rate": 2, "interval": "1h"});
    let _ = vault.write("sys/quotas/rate-limit/role", rule).await.expect(204);
    for (state, (slash, expected)) in begun.iter().zip([("", 400), ("/", 400), ("/", 429), ("", 429)]) {
        let query = json!({"state": state, "code": "c", "client_nonce": "wrong"});
        let path = format!("auth/jwt/oidc/callback{slash}");
        let back = vault.server.request(Operation::Read, &path, None, query, None);
        let back = back.await;
        assert_eq!(back.status, expected, "{path}: {}", back.body);
    }
}

#[tokio::test]
async fn what_the_provider_gives_must_be_for_this_login() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let wrong = |member: &'static str, value: Value| (member, value);
    for ((member, value), expected) in [
        (
            wrong("nonce", json!("other")),
            "Token verification failed. invalid id_token nonce",
        ),
        (
            wrong("nonce", Value::Null),
            "Token verification failed. invalid id_token nonce",
        ),
        (wrong("aud", json!("other")), "invalid audience (aud) claim"),
        (
            wrong("azp", json!("other")),
            "Token verification failed. invalid authorized party (azp) claim",
        ),
        (wrong("iss", json!("https://other")), "invalid issuer (iss) claim"),
        (wrong("exp", json!(1)), "token is expired"),
    ] {
        let begun = begin(&vault).await;
        let mut claims = person(&vault, &issuer, &begun);
        claims[member] = value;
        issuer.redeem(json!({"id_token": issuer.sign(&claims)}));
        let query = json!({"state": begun["state"], "code": "c", "client_nonce": "mine"});
        let refused = end(&vault, query).await.expect(400);
        assert!(refused.error().contains(expected), "{member}: {refused:?}");
    }
    let begun = begin(&vault).await;
    issuer.redeem(json!({"access_token": "a"}));
    let refused = end(
        &vault,
        json!({"state": begun["state"], "code": "c", "client_nonce": "mine"}),
    )
    .await
    .expect(400);
    assert_eq!(
        refused.error(),
        "Token verification failed. No id_token found in response."
    );
    role(&vault, json!({"max_age": 60})).await;
    let begun = begin(&vault).await;
    let mut claims = person(&vault, &issuer, &begun);
    claims["auth_time"] = json!(claims["iat"].as_i64().unwrap() - 121);
    issuer.redeem(json!({"id_token": issuer.sign(&claims)}));
    let refused = end(
        &vault,
        json!({"state": begun["state"], "code": "c", "client_nonce": "mine"}),
    )
    .await
    .expect(400);
    assert_eq!(
        refused.error(),
        "error validating token: auth_time is too far in the past"
    );
}

#[tokio::test]
async fn a_login_belongs_to_who_began_it_for_five_minutes() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let begun = begin(&vault).await;
    let stolen = json!({"state": begun["state"], "code": "c", "client_nonce": "guess"});
    assert_eq!(
        end(&vault, stolen).await.expect(400).error(),
        "Vault login failed. invalid client_nonce"
    );
    let begun = begin(&vault).await;
    vault.advance(300).await;
    let late = json!({"state": begun["state"], "code": "c", "client_nonce": "mine"});
    assert_eq!(
        end(&vault, late).await.expect(400).error(),
        "Vault login failed. Expired or missing OAuth state."
    );
    let begun = begin(&vault).await;
    let denied = json!({"state": begun["state"], "error": "access_denied", "client_nonce": "mine"});
    assert_eq!(
        end(&vault, denied).await.expect(400).error(),
        "Vault login failed. The provider refuses: access_denied"
    );
    let begun = begin(&vault).await;
    let empty = json!({"state": begun["state"], "client_nonce": "mine"});
    assert_eq!(
        end(&vault, empty).await.expect(400).error(),
        "Vault login failed. OAuth code parameter not provided"
    );
    let begun = begin(&vault).await;
    issuer.redeem(Value::Null);
    let refused = end(
        &vault,
        json!({"state": begun["state"], "code": "c", "client_nonce": "mine"}),
    )
    .await
    .expect(400);
    assert_eq!(
        refused.error(),
        "Vault login failed. Error exchanging oidc code: the provider refuses: invalid_grant: the code is unknown"
    );
}

#[tokio::test]
async fn a_code_may_come_with_a_form() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let begun = begin(&vault).await;
    issuer.redeem(json!({"id_token": issuer.sign(&person(&vault, &issuer, &begun))}));
    let form = json!({"state": begun["state"], "code": "c0de"});
    let _ = call(&vault, "auth/jwt/oidc/callback", form.clone())
        .await
        .expect(200);
    let _ = end(&vault, json!({"state": begun["state"], "client_nonce": "mine"}))
        .await
        .expect(200);
    assert!(issuer.redeemed().contains("code=c0de"));
    let _ = call(&vault, "auth/jwt/oidc/callback", form).await.expect(400);
}

#[tokio::test]
async fn a_browser_is_sent_nowhere_without_a_word_and_faults_are_named() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let path = "auth/jwt/oidc/auth_url";
    let machine = json!({"role_type": "jwt", "user_claim": "sub", "bound_subject": "s"});
    let _ = vault.write("auth/jwt/role/machine", machine).await.expect(204);
    for request in [
        json!({"redirect_uri": "https://evil.example.com/"}),
        json!({"role": "machine", "redirect_uri": REDIRECT}),
    ] {
        let answer = call(&vault, path, request).await.expect(200);
        assert_eq!(answer.data("auth_url"), &json!(""));
    }
    for (request, expected) in [
        (
            json!({"role": "nobody", "redirect_uri": REDIRECT}),
            "role \"nobody\" could not be found",
        ),
        (json!({}), "missing redirect_uri"),
        (
            json!({"redirect_uri": "x".repeat(3000)}),
            "redirect_uri has 3000 bytes but may have at most 2048",
        ),
    ] {
        assert_eq!(call(&vault, path, request).await.expect(400).error(), expected);
    }
    let _ = vault
        .write("auth/jwt/config", json!({"oidc_discovery_url": issuer.url()}))
        .await
        .expect(200);
    let request = json!({"role": "person", "redirect_uri": REDIRECT});
    assert_eq!(
        call(&vault, path, request).await.expect(400).error(),
        "OIDC login is not configured for this mount"
    );
    assert_eq!(
        call(&vault, path, json!({})).await.expect(400).error(),
        "missing role"
    );
}
