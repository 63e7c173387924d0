//! Logging in with tokens of an issuer that publishes its keys.

use std::time::Duration;

use arca_crypto::jws::{Algorithm, Family, SigningKey};
use serde_json::{Value, json};

use crate::jwt_issuer::{Issuer, claims, configured, log_in, role, signed};
use crate::kubernetes_double::{Reply, token_signed_with};

const BAD_SIGNATURE: &str = "error validating token: error verifying token signature";

/// Waits for what goes on in the background, over a real connection.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        crate::caller::a_moment().await;
    }
    panic!("it never comes to that");
}

#[tokio::test]
async fn a_pipeline_logs_in_with_the_token_of_its_platform() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    role(
        &vault,
        json!({"claim_mappings": {"/repository/name": "repository", "absent": "absent"}, "groups_claim": "groups"}),
    )
    .await;
    let token = issuer.sign(&claims(&vault, &issuer));
    let answer = log_in(&vault, &token).await.expect(200);
    let auth = &answer.body["auth"];
    assert_eq!(auth["policies"], json!(["app", "default"]));
    assert_eq!(auth["lease_duration"], json!(3600));
    assert_eq!(auth["metadata"], json!({"role": "app", "repository": "arca"}));
    let looked_up = vault
        .write(
            "auth/token/lookup-accessor",
            json!({"accessor": auth["accessor"]}),
        )
        .await
        .expect(200);
    assert_eq!(looked_up.data("display_name"), &json!("jwt-pipeline-7"));
    let entity = auth["entity_id"].as_str().unwrap();
    let entity = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(entity.data("aliases/0/name"), &json!("pipeline-7"));
    assert_eq!(entity.data("aliases/0/metadata"), &json!({"repository": "arca"}));
    assert_eq!(
        issuer.fetches(),
        0,
        "the keys are those that were fetched for the configuration"
    );
}

#[tokio::test]
async fn what_a_token_says_is_judged() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    role(
        &vault,
        json!({"bound_subject": "pipeline-7", "bound_claims": {"/repository/name": ["arca", "x"]}}),
    )
    .await;
    let good = claims(&vault, &issuer);
    let now = good["iat"].as_i64().unwrap();
    let with = |member: &str, value: Value| {
        let mut claims = good.clone();
        claims[member] = value;
        claims
    };
    let without = |members: &[&str]| {
        let mut claims = good.clone();
        for member in members {
            claims.as_object_mut().unwrap().remove(*member);
        }
        claims
    };
    let _ = log_in(&vault, &issuer.sign(&good)).await.expect(200);
    let bad_claim = "error validating token: invalid";
    for (claims, expected) in [
        (with("exp", json!(now - 61)), format!("{bad_claim} expiration time (exp) claim: token is expired")),
        (with("nbf", json!(now + 61)), format!("{bad_claim} not before (nbf) claim: token not yet valid")),
        (with("iat", json!(now + 61)), format!("{bad_claim} issued at (iat) claim: token issued in the future")),
        (with("exp", json!("soon")), format!("{bad_claim} expiration time (exp) claim: it is not of the kind that RFC 7519 says")),
        (
            without(&["exp", "nbf", "iat"]),
            "error validating token: no issued at (iat), not before (nbf), or expiration time (exp) claims in token".to_owned(),
        ),
        (with("iss", json!("https://evil.example.com")), format!("{bad_claim} issuer (iss) claim")),
        (without(&["iss"]), format!("{bad_claim} issuer (iss) claim")),
        (
            with("aud", json!("other")),
            format!("{bad_claim} audience (aud) claim: audience claim does not match any expected audience"),
        ),
        (
            without(&["aud"]),
            format!("{bad_claim} audience (aud) claim: audience claim does not match any expected audience"),
        ),
        (with("sub", json!("pipeline-8")), format!("{bad_claim} subject (sub) claim")),
        (
            with("repository", json!({"name": "y"})),
            "error validating claims: claim \"/repository/name\" does not match any associated bound claim values".to_owned(),
        ),
        (
            without(&["repository"]),
            "error validating claims: claim \"/repository/name\" is missing".to_owned(),
        ),
    ] {
        let refused = log_in(&vault, &issuer.sign(&claims)).await.expect(400);
        assert_eq!(refused.error(), expected, "{claims}");
    }
    // Clocks may be a minute apart, and a token without an end is good for a while after its beginning.
    for claims in [
        with("exp", json!(now - 59)),
        with("nbf", json!(now + 59)),
        without(&["exp"]),
        with("aud", json!(["other", "vault"])),
    ] {
        let _ = log_in(&vault, &issuer.sign(&claims)).await.expect(200);
    }
    let mut old = without(&["exp"]);
    old["iat"] = json!(now - 211);
    old["nbf"] = json!(now - 211);
    let _ = log_in(&vault, &issuer.sign(&old)).await.expect(400);
    role(&vault, json!({"expiration_leeway": "10m"})).await;
    let _ = log_in(&vault, &issuer.sign(&old)).await.expect(200);
}

#[tokio::test]
async fn an_audience_nobody_bound_is_refused() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    role(
        &vault,
        json!({"bound_audiences": "", "bound_subject": "pipeline-7"}),
    )
    .await;
    let mut claims = claims(&vault, &issuer);
    for audience in [json!("vault"), json!(["vault"])] {
        claims["aud"] = audience;
        let refused = log_in(&vault, &issuer.sign(&claims)).await.expect(400);
        assert_eq!(
            refused.error(),
            "audience claim found in JWT but no audiences bound to the role"
        );
    }
    claims.as_object_mut().unwrap().remove("aud");
    let _ = log_in(&vault, &issuer.sign(&claims)).await.expect(200);
}

#[tokio::test]
async fn callers_are_named_by_a_text_and_groups_by_texts() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let token = issuer.sign(&claims(&vault, &issuer));
    for (change, expected) in [
        (
            json!({"user_claim": "email"}),
            "claim \"email\" not found in token",
        ),
        (
            json!({"user_claim": "exp"}),
            "claim \"exp\" could not be converted to string",
        ),
        (
            json!({"user_claim": "/repository/name"}),
            "claim \"/repository/name\" not found in token",
        ),
        (
            json!({"user_claim": "sub", "groups_claim": "teams"}),
            "\"teams\" claim not found in token",
        ),
        (
            json!({"groups_claim": "repository"}),
            "\"repository\" claim could not be converted to string list",
        ),
        (
            json!({"groups_claim": "", "claim_mappings": {"repository": "r"}}),
            "error converting claim \"repository\" to string",
        ),
    ] {
        role(&vault, change.clone()).await;
        assert_eq!(
            log_in(&vault, &token).await.expect(400).error(),
            expected,
            "{change}"
        );
    }
    role(
        &vault,
        json!({"claim_mappings": {"/repository/id": "id"}, "user_claim": "/repository/name", "user_claim_json_pointer": true}),
    )
    .await;
    let answer = log_in(&vault, &token).await.expect(200);
    assert_eq!(answer.body["auth"]["metadata"], json!({"id": "7", "role": "app"}));
}

#[tokio::test]
async fn what_is_not_signed_by_the_issuer_says_nothing() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    vault.advance(30).await;
    let good = claims(&vault, &issuer);
    let stranger = SigningKey::generate(Family::P256).unwrap();
    let rsa = SigningKey::generate(Family::Rsa).unwrap();
    let signed_well = issuer.sign(&good);
    let (body, _) = signed_well.rsplit_once('.').unwrap();
    let mut huge = good.clone();
    huge["padding"] = json!("x".repeat(64 << 10));
    let twice = format!("{{\"sub\":\"a\",{}", good.to_string().trim_start_matches('{'));
    for (what, token) in [
        ("no token", "token".to_owned()),
        ("none", token_signed_with("none", &good)),
        ("nothing instead of a signature", format!("{body}.")),
        ("a shared key", token_signed_with("HS256", &good)),
        (
            "another key under the same name",
            signed(&stranger, Algorithm::Es256, "first", &good),
        ),
        (
            "another key",
            signed(&stranger, Algorithm::Es256, "second", &good),
        ),
        (
            "another family under the same name",
            signed(&rsa, Algorithm::Rs256, "first", &good),
        ),
        ("too large", issuer.sign(&huge)),
        ("members twice", issuer.sign_text(&twice)),
        ("no object", issuer.sign_text("[]")),
        ("not JSON", issuer.sign_text("sub")),
    ] {
        let refused = log_in(&vault, &token).await.expect(400);
        assert_eq!(refused.error(), BAD_SIGNATURE, "{what}");
    }
    assert_eq!(
        issuer.fetches(),
        1,
        "only an unknown key is a reason to fetch, once"
    );
    let _ = log_in(&vault, &signed_well).await.expect(200);
}

#[tokio::test]
async fn only_algorithms_that_are_allowed_count() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let config = json!({"oidc_discovery_url": issuer.url(), "jwt_supported_algs": ["RS256", "EdDSA"]});
    let _ = vault.write("auth/jwt/config", config).await.expect(200);
    let token = issuer.sign(&claims(&vault, &issuer));
    assert_eq!(log_in(&vault, &token).await.expect(400).error(), BAD_SIGNATURE);
}

#[tokio::test]
async fn keys_that_change_are_fetched_once_for_all_and_not_more_often_than_every_ten_seconds() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let old = issuer.sign(&claims(&vault, &issuer));
    vault.advance(30).await;
    issuer.rotate("second");
    let new = issuer.sign(&claims(&vault, &issuer));
    let logins = (0..8).map(|_| log_in(&vault, &new));
    for answer in futures_util::future::join_all(logins).await {
        let _ = answer.expect(200);
    }
    assert_eq!(issuer.fetches(), 1, "one fetch for everybody");
    let _ = log_in(&vault, &old).await.expect(400);
    issuer.rotate("third");
    let newest = issuer.sign(&claims(&vault, &issuer));
    for _ in 0..5 {
        let _ = log_in(&vault, &newest).await.expect(400);
    }
    assert_eq!(issuer.fetches(), 0, "not again within ten seconds");
    vault.advance(10).await;
    let _ = log_in(&vault, &newest).await.expect(200);
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn keys_are_good_for_a_quarter_of_an_hour_and_longer_while_their_server_is_down() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let good = issuer.sign(&claims(&vault, &issuer));
    vault.advance(14 * 60).await;
    let _ = log_in(&vault, &good).await.expect(200);
    assert_eq!(issuer.fetches(), 0);
    vault.advance(2 * 60).await;
    for (broken, expected) in [
        (Reply::Text(503, "later".to_owned()), "answers with status 503"),
        (Reply::Late(Duration::from_secs(5)), "has not answered within"),
        (Reply::Text(200, "<html>".to_owned()), "the key set is not JSON"),
        (Reply::Json(200, json!({"keys": []})), "none of the 0 keys"),
        (
            Reply::Text(200, "x".repeat((1 << 20) + 1)),
            "larger than 1048576 bytes",
        ),
        (Reply::Moved("/loop".to_owned()), "redirects more than 3 times"),
    ] {
        issuer.answer(Some(broken));
        vault.advance(20).await;
        let _ = log_in(&vault, &good).await.expect(200);
        until(async || {
            let checked = vault.read("auth/jwt/check").await.expect(200);
            checked
                .data("checks/0/detail")
                .as_str()
                .unwrap()
                .contains(expected)
        })
        .await;
    }
    // A key that was withdrawn is gone once the server is back.
    issuer.answer(None);
    issuer.rotate("second");
    vault.advance(20).await;
    until(async || log_in(&vault, &good).await.status == 400).await;
    let refused = log_in(&vault, &good).await.expect(400);
    assert_eq!(refused.error(), BAD_SIGNATURE);
}

#[tokio::test]
async fn without_any_keys_a_login_fails_and_says_that_it_may_help_to_try_again() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    issuer.answer(Some(Reply::Text(500, String::new())));
    let config = json!({"oidc_discovery_url": issuer.url(), "skip_jwks_validation": true});
    let written = vault.write("auth/jwt/config", config).await.expect(200);
    assert!(
        written.body["warnings"].to_string().contains("status 500"),
        "{written:?}"
    );
    let good = issuer.sign(&claims(&vault, &issuer));
    let refused = log_in(&vault, &good).await.expect(503);
    assert!(refused.error().contains("cannot be fetched now"), "{refused:?}");
    issuer.answer(None);
    vault.advance(10).await;
    let _ = log_in(&vault, &good).await.expect(200);
}

#[tokio::test]
async fn logins_say_what_they_miss() {
    let issuer = Issuer::start().await;
    let vault = crate::jwt_issuer::server().await;
    let call = |data: Value| {
        let vault = &vault;
        async move {
            crate::caller::call(vault, "auth/jwt/login", data)
                .await
                .expect(400)
                .error()
                .to_owned()
        }
    };
    assert_eq!(
        call(json!({"role": "app", "jwt": "x"})).await,
        "could not load configuration"
    );
    let config = json!({"oidc_discovery_url": issuer.url(), "default_role": "person"});
    let _ = vault.write("auth/jwt/config", config).await.expect(200);
    assert_eq!(
        call(json!({"jwt": "x"})).await,
        "role \"person\" could not be found"
    );
    assert_eq!(
        call(json!({"role": "../config", "jwt": "x"})).await,
        "role \"../config\" could not be found"
    );
    let person = json!({"user_claim": "sub", "allowed_redirect_uris": "http://localhost:8250/oidc/callback"});
    let _ = vault.write("auth/jwt/role/person", person).await.expect(204);
    assert_eq!(
        call(json!({"role": "Person", "jwt": "x"})).await,
        "role with oidc role_type is not allowed"
    );
    role(&vault, json!({"token_bound_cidrs": "10.0.0.0/8"})).await;
    assert_eq!(call(json!({"role": "app"})).await, "missing token");
    let token = issuer.sign(&claims(&vault, &issuer));
    let data = json!({"role": "app", "jwt": token});
    for (address, status) in [("192.0.2.1", 403), ("10.1.2.3", 200)] {
        let _ = crate::caller::call_from(&vault, address, vec![], "auth/jwt/login", &data)
            .await
            .expect(status);
    }
}

#[tokio::test]
async fn a_token_is_renewed_as_the_role_says_today() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let token = log_in(&vault, &issuer.sign(&claims(&vault, &issuer)))
        .await
        .expect(200)
        .token();
    role(&vault, json!({"ttl": "30m"})).await;
    let renewed = vault
        .write_as(&token, "auth/token/renew-self", json!({}))
        .await
        .expect(200);
    assert_eq!(renewed.body["auth"]["lease_duration"], json!(1800));
    let _ = vault.delete("auth/jwt/role/app").await.expect(204);
    let refused = vault
        .write_as(&token, "auth/token/renew-self", json!({}))
        .await
        .expect(500);
    assert!(
        refused.error().contains("role app does not exist during renewal"),
        "{refused:?}"
    );
}
