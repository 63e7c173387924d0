//! Configuration, roles, presets and the self-test of the jwt method.

use std::time::Duration;

use arca_crypto::jws::{Algorithm, Family, SigningKey};
use serde_json::{Value, json};

use crate::jwt_issuer::{Issuer, claims, configured, log_in, role, server, signed};
use crate::kubernetes_double::Reply;

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_and_the_old_one_stays() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let url = issuer.url();
    let exactly = "exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs', 'oidc_discovery_url', or \
                   'provider_config' must be set";
    for (config, expected) in [
        (json!({}), exactly),
        (json!({"oidc_discovery_url": url, "jwks_url": url}), exactly),
        (
            json!({"oidc_discovery_url": format!("{url}/.well-known/openid-configuration")}),
            "'oidc_discovery_url' contains '.well-known' component",
        ),
        (
            json!({"oidc_discovery_url": format!("{url}/")}),
            "letter by letter",
        ),
        (
            json!({"oidc_discovery_url": format!("{url}/realm")}),
            "error checking oidc discovery URL: ",
        ),
        (
            json!({"oidc_discovery_url": "http://127.0.0.1:1"}),
            "connection refused",
        ),
        (json!({"oidc_discovery_url": "provider"}), "oidc_discovery_url: "),
        (
            json!({"jwks_url": format!("{url}/nothing")}),
            "error checking jwks URL: ",
        ),
        (
            json!({"jwks_url": format!("{url}/loop")}),
            "redirects more than 3 times",
        ),
        (
            json!({"jwks_url": format!("{url}/.well-known/openid-configuration")}),
            "the key set has no list \"keys\"",
        ),
        (
            json!({"jwks_url": "https://127.0.0.1:1", "jwks_ca_pem": "no PEM"}),
            "jwks_ca_pem: ",
        ),
        (
            json!({"jwks_pairs": [{"jwks_ca_pem": ""}]}),
            "jwks_pairs must be a list of objects",
        ),
        (
            json!({"jwt_validation_pubkeys": "no PEM"}),
            "error parsing public key: ",
        ),
        (
            json!({"oidc_discovery_url": url, "oidc_client_id": "arca"}),
            "both 'oidc_client_id' and 'oidc_client_secret' must be set for OIDC",
        ),
        (
            json!({"oidc_discovery_url": url, "jwt_supported_algs": "HS256"}),
            "unsupported signing algorithm \"HS256\"",
        ),
        (
            json!({"oidc_discovery_url": url, "oidc_response_mode": "fragment"}),
            "invalid response_mode \"fragment\"",
        ),
        (
            json!({"oidc_discovery_url": url, "oidc_response_types": "id_token"}),
            "invalid response_types",
        ),
        (
            json!({"oidc_discovery_url": url, "provider_config": {"provider": "azure"}}),
            "provider_config is not supported",
        ),
        (json!({"preset": "gitea"}), "preset \"gitea\" is not known"),
        (
            json!({"oidc_discovery_url": url, "bound_issuer": "x".repeat(70_000)}),
            "bound_issuer has 70000 bytes",
        ),
    ] {
        let refused = vault.write("auth/jwt/config", config.clone()).await.expect(400);
        assert!(refused.error().contains(expected), "{config}: {refused:?}");
    }
    let _ = log_in(&vault, &issuer.sign(&claims(&vault, &issuer)))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_configuration_reads_back_without_its_secret() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let config = json!({
        "oidc_discovery_url": issuer.url(), "oidc_client_id": "arca", "oidc_client_secret": "canary",
        "default_role": "app", "jwt_supported_algs": "ES256",
    });
    let written = vault.write("auth/jwt/config", config).await.expect(200);
    assert!(
        written.body["warnings"]
            .to_string()
            .contains("without encryption"),
        "{written:?}"
    );
    let read = vault.read("auth/jwt/config").await.expect(200);
    assert!(!read.body.to_string().contains("canary"));
    assert_eq!(
        read.body["data"],
        json!({
            "oidc_discovery_url": issuer.url(), "oidc_discovery_ca_pem": "", "oidc_client_id": "arca",
            "oidc_response_mode": "query", "oidc_response_types": [], "default_role": "app",
            "jwt_validation_pubkeys": [], "jwt_supported_algs": ["ES256"], "jwks_url": "", "jwks_ca_pem": "",
            "jwks_pairs": [], "bound_issuer": "", "provider_config": {}, "namespace_in_state": true,
        })
    );
}

#[tokio::test]
async fn keys_come_in_pem_or_from_several_places() {
    let (first, second) = (Issuer::start().await, Issuer::start().await);
    let vault = configured(&first).await;
    let of = |issuer: &Issuer| issuer.sign(&claims(&vault, issuer));
    let sets: Vec<Value> = [&first, &second]
        .map(|issuer| json!({"jwks_url": format!("{}/moved", issuer.url()), "jwks_ca_pem": ""}))
        .to_vec();
    let config = json!({"jwks_pairs": json!(sets).to_string()});
    let written = vault.write("auth/jwt/config", config).await.expect(200);
    assert!(
        written.body["warnings"].to_string().contains("Set bound_issuer"),
        "{written:?}"
    );
    for issuer in [&first, &second] {
        let _ = log_in(&vault, &of(issuer)).await.expect(200);
    }
    first.answer(Some(Reply::Text(500, String::new())));
    vault.advance(1000).await;
    let _ = log_in(&vault, &of(&second)).await.expect(200);
    let read = vault.read("auth/jwt/config").await.expect(200);
    assert_eq!(read.data("jwks_pairs"), &json!(sets));

    // One that never answers does not hold up the tokens of the other.
    first.answer(Some(Reply::Late(Duration::from_secs(60))));
    let config = json!({"jwks_pairs": sets, "skip_jwks_validation": true});
    let written = vault.write("auth/jwt/config", config).await.expect(200);
    assert!(
        written.body["warnings"]
            .to_string()
            .contains("has not answered within"),
        "{written:?}"
    );
    let _ = log_in(&vault, &of(&second)).await.expect(200);
    vault.advance(60).await;
    first.fetches();
    let _ = log_in(&vault, &of(&second)).await.expect(200);
    assert_eq!(first.fetches(), 0, "it is not even asked");

    let authority = arca_fixtures::Authority::new().unwrap();
    let pair = authority.issue("signer").unwrap();
    let key = SigningKey::from_pem(&pair.key).unwrap();
    let config = json!({"jwt_validation_pubkeys": [pair.certificate], "bound_issuer": first.url()});
    let _ = vault.write("auth/jwt/config", config).await.expect(204);
    let algorithm = match key.family() {
        Family::Rsa => Algorithm::Rs256,
        Family::P256 => Algorithm::Es256,
        Family::P384 => Algorithm::Es384,
        Family::P521 => Algorithm::Es512,
        Family::Ed25519 => Algorithm::EdDsa,
    };
    let token = signed(&key, algorithm, "whatever", &claims(&vault, &first));
    let _ = log_in(&vault, &token).await.expect(200);
    let _ = log_in(&vault, &of(&first)).await.expect(400);
}

#[tokio::test]
async fn roles_read_back_list_and_go() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    role(
        &vault,
        json!({"bound_claims": {"a": ["x", 1, true]}, "clock_skew_leeway": -1, "groups_claim": "groups"}),
    )
    .await;
    let read = vault.read("auth/jwt/role/App").await.expect(200);
    for (field, expected) in [
        ("role_type", json!("jwt")),
        ("bound_audiences", json!(["vault"])),
        ("bound_subject", json!("")),
        ("bound_claims", json!({"a": ["x", 1, true]})),
        ("bound_claims_type", json!("string")),
        ("claim_mappings", json!({})),
        ("user_claim", json!("sub")),
        ("user_claim_json_pointer", json!(false)),
        ("groups_claim", json!("groups")),
        ("expiration_leeway", json!(0)),
        ("clock_skew_leeway", json!(-1)),
        ("max_age", json!(0)),
        ("allowed_redirect_uris", json!([])),
        ("oidc_scopes", json!([])),
        ("verbose_oidc_logging", json!(false)),
        ("token_policies", json!(["app"])),
        ("policies", json!(["app"])),
        ("token_ttl", json!(3600)),
    ] {
        assert_eq!(read.data(field), &expected, "{field}");
    }
    assert_eq!(
        vault.list("auth/jwt/role").await.expect(200).data("keys"),
        &json!(["app"])
    );
    let _ = vault.delete("auth/jwt/role/APP").await.expect(204);
    let _ = vault.read("auth/jwt/role/app").await.expect(404);
    let _ = vault.list("auth/jwt/role").await.expect(404);
}

#[tokio::test]
async fn roles_that_let_in_too_many_or_nobody_are_refused() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    for (role, expected) in [
        (
            json!({"role_type": "saml", "user_claim": "sub"}),
            "invalid 'role_type': saml",
        ),
        (
            json!({"role_type": "jwt", "bound_subject": "s"}),
            "a user claim must be defined on the role",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "sub"}),
            "must have at least one bound constraint when creating/updating a role",
        ),
        (
            json!({"user_claim": "sub"}),
            "'allowed_redirect_uris' must be set",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "sub", "user_claim_json_pointer": true, "bound_subject": "s"}),
            "user_claim must begin with a slash",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "sub", "bound_subject": "s", "claim_mappings": {"a": "role"}}),
            "metadata key \"role\" is reserved",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "sub", "bound_subject": "s", "claim_mappings": {"a": "x", "b": "x"}}),
            "multiple keys are mapped to metadata key \"x\"",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "sub", "bound_claims": {"a": {}}}),
            "claim \"a\" must be bound to a string",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "sub", "bound_subject": "s", "bound_claims_type": "regex"}),
            "invalid 'bound_claims_type': regex",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "sub", "bound_subject": "s", "bound_audiences": vec!["a"; 300]}),
            "bound_audiences has 300 entries",
        ),
    ] {
        let refused = vault.write("auth/jwt/role/new", role.clone()).await.expect(400);
        assert!(refused.error().contains(expected), "{role}: {refused:?}");
    }
    let _ = vault.read("auth/jwt/role/new").await.expect(404);
}

#[tokio::test]
async fn a_role_that_is_open_to_a_whole_platform_is_pointed_out() {
    let issuer = Issuer::start().await;
    let vault = configured(&issuer).await;
    let config = json!({"preset": "github", "oidc_discovery_url": issuer.url()});
    let _ = vault.write("auth/jwt/config", config).await.expect(200);
    let bindings = [
        (json!({}), true),
        (json!({"bound_claims": {"ref": "refs/heads/main"}}), true),
        (
            json!({"bound_claims": {"repository": "*"}, "bound_claims_type": "glob"}),
            true,
        ),
        (
            json!({"bound_claims": {"repository": "arca/arca"}, "bound_claims_type": "string"}),
            false,
        ),
        (
            json!({"bound_claims": {}, "bound_subject": "repo:arca/arca:ref:refs/heads/main"}),
            false,
        ),
    ];
    for (binding, open) in bindings {
        let mut role = json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault"});
        role.as_object_mut()
            .unwrap()
            .extend(binding.as_object().unwrap().clone());
        let written = vault.write("auth/jwt/role/ci", role).await;
        let warned = written.body["warnings"]
            .to_string()
            .contains("Any repository on GitHub");
        assert_eq!(warned, open, "{binding}: {written:?}");
    }
}

#[tokio::test]
async fn the_method_tries_itself() {
    let issuer = Issuer::start().await;
    let vault = server().await;
    let check = || async { vault.read("auth/jwt/check").await.expect(200) };
    let found = check().await;
    assert_eq!(found.data("ok"), &json!(false));
    assert!(
        found
            .data("checks/0/remedy")
            .as_str()
            .unwrap()
            .contains("Write auth/jwt/config")
    );
    let config = json!({"preset": "gitlab", "oidc_discovery_url": issuer.url()});
    let _ = vault.write("auth/jwt/config", config).await.expect(200);
    assert_eq!(
        check().await.data("checks/2/detail"),
        &json!("there is no role, so nobody can log in")
    );
    role(&vault, json!({})).await;
    let found = check().await;
    assert_eq!(found.data("ok"), &json!(true));
    assert!(
        found
            .body
            .to_string()
            .contains("the role app is open to strangers"),
        "{found:?}"
    );
    let person = json!({"user_claim": "sub", "allowed_redirect_uris": "http://localhost:8250/oidc/callback"});
    let _ = vault.write("auth/jwt/role/person", person).await.expect(204);
    assert!(
        check()
            .await
            .body
            .to_string()
            .contains("logins through it are not set up")
    );
    issuer.answer(Some(Reply::Text(500, String::new())));
    vault.advance(1000).await;
    let found = check().await;
    assert_eq!(found.data("ok"), &json!(false));
    assert!(
        found
            .data("checks/0/detail")
            .as_str()
            .unwrap()
            .contains("status 500"),
        "{found:?}"
    );
}
