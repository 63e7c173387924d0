//! Each method, against the real server.

use arca_agent::auth;
use arca_base::Clock as _;
use arca_base::json::Limits;
use arca_base::{Json, Secret};
use arca_crypto::jws::{Algorithm, SigningKey};
use arca_crypto::x509::Certificate;
use arca_fixtures::Authority;
use serde_json::{Value, json};

use crate::world::{Agent, World, until};

/// A key made for this test.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcDBlBnjCkO55FwBD\n8dT/ivQK8Lp3aSegKaeyotUx/2WhRANCAARxF22do4QowM7sic6QHdEd8vyJGQNo\n8DX5xNh866k9TINtLFYM4uf3L65XdJECKirNogBBNeMi7d82PUADsH9c\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcRdtnaOEKMDO7InOkB3RHfL8iRkD\naPA1+cTYfOupPUyDbSxWDOLn9y+uV3SRAioqzaIAQTXjIu3fNj1AA7B/XA==\n-----END PUBLIC KEY-----\n";

async fn looks_like(world: &World, agent: &Agent, pointer: &str, expected: &str) {
    let held = agent.token().await;
    let looked = world
        .vault
        .read_as(held.token.expose(), "auth/token/lookup-self")
        .await
        .expect(200);
    assert_eq!(looked.data(pointer), &json!(expected));
    assert!(held.accessor.is_some() && held.lease.is_some());
}

#[tokio::test]
async fn userpass_with_a_password_file_that_is_removed() {
    let world = World::with_user(json!({})).await;
    let agent =
        world.agent(r#"method "userpass" { config { username = "ann" password_file_path = "@/password" } }"#);
    looks_like(&world, &agent, "display_name", "userpass-ann").await;
    until(|| !world.path("password").exists()).await;
}

async fn approle(world: &World) -> Value {
    let role = json!({"token_ttl": "1h", "token_max_ttl": "2h"});
    let _ = world.vault.write("auth/approle/role/app", role).await.expect(204);
    let id = world
        .vault
        .read("auth/approle/role/app/role-id")
        .await
        .expect(200);
    world.file("role-id", &format!("{}\n", id.data("role_id").as_str().unwrap()));
    world
        .vault
        .write("auth/approle/role/app/secret-id", json!({}))
        .await
        .expect(200)
        .data("secret_id")
        .clone()
}

const APPROLE: &str = r#"role_id_file_path = "@/role-id" secret_id_file_path = "@/secret-id""#;

#[tokio::test]
async fn approle_reads_removes_and_remembers_its_secret_id() {
    let world = World::with("approle").await;
    let secret_id = approle(&world).await;
    world.file("secret-id", &format!(" {}\n", secret_id.as_str().unwrap()));
    let agent = world.agent(&format!("method \"approle\" {{ config {{ {APPROLE} }} }}"));
    looks_like(&world, &agent, "meta/role_name", "app").await;
    assert!(!world.path("secret-id").exists());
    // The next login works without the file.
    let _ = world
        .vault
        .write(
            "auth/token/revoke-accessor",
            json!({"accessor": agent.held().unwrap().accessor}),
        )
        .await
        .expect(204);
    agent.rejections.report(1);
    world
        .pass_until(std::time::Duration::from_secs(1), || agent.generation() == 2)
        .await;
}

#[tokio::test]
async fn approle_opens_a_wrapped_secret_id_of_the_right_origin_only() {
    let world = World::with("approle").await;
    let _ = approle(&world).await;
    let wrapped = |path: &'static str| {
        let vault = world.vault.clone();
        async move {
            let answer = vault
                .write_wrapped(path, json!({"x": "y"}), 300)
                .await
                .expect(200);
            answer.body["wrap_info"]["token"].as_str().unwrap().to_owned()
        }
    };
    let method = format!(
        r#"method "approle" {{ config {{ {APPROLE} secret_id_response_wrapping_path = "auth/approle/role/app/secret-id" }} }}"#
    );
    world.file("secret-id", &wrapped("sys/wrapping/wrap").await);
    let agent = world.agent(&method);
    until(|| !agent.error().is_empty()).await;
    assert!(
        agent.error().contains("was made by \"sys/wrapping/wrap\", not by \"auth/approle/role/app/secret-id\": it may have been exchanged"),
        "{}",
        agent.error()
    );
    assert_eq!(world.asked("auth/approle/login"), 0);
    assert_eq!(world.asked("sys/wrapping/unwrap"), 0);
    drop(agent);
    let answer = world
        .vault
        .write_wrapped("auth/approle/role/app/secret-id", json!({}), 300)
        .await
        .expect(200);
    world.file("secret-id", answer.body["wrap_info"]["token"].as_str().unwrap());
    let agent = world.agent(&method);
    looks_like(&world, &agent, "meta/role_name", "app").await;
    assert_eq!(world.asked("sys/wrapping/unwrap"), 1);
}

fn jwt(world: &World, audience: &str) -> String {
    let now = world.vault.server.clock.now().unix_seconds();
    let claims =
        json!({"sub": "app", "aud": audience, "iss": "issuer", "iat": now, "nbf": now, "exp": now + 3600});
    let claims = Json::parse(claims.to_string().as_bytes(), &Limits::default()).unwrap();
    SigningKey::from_pem(KEY)
        .unwrap()
        .sign(Algorithm::Es256, "", &claims)
        .unwrap()
}

#[tokio::test]
async fn jwt_from_a_file_that_is_removed() {
    let world = World::with("jwt").await;
    let config = json!({"jwt_validation_pubkeys": [PUBLIC], "bound_issuer": "issuer"});
    let _ = world.vault.write("auth/jwt/config", config).await.expect(204);
    let role =
        json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_ttl": "1h"});
    let answer = world.vault.write("auth/jwt/role/app", role).await;
    assert!(answer.status < 300, "{}", answer.body);
    let real = world.file("real", &jwt(&world, "vault"));
    std::os::unix::fs::symlink(&real, world.path("jwt")).unwrap();
    let agent = world.agent(
        r#"method "jwt" { config { role = "app" path = "@/jwt" remove_jwt_follows_symlinks = true } }"#,
    );
    looks_like(&world, &agent, "meta/role", "app").await;
    assert!(!real.exists() && std::fs::symlink_metadata(world.path("jwt")).is_ok());
}

#[tokio::test]
async fn kubernetes_sends_the_token_of_the_pod_as_it_is_now() {
    let world = World::with("kubernetes").await;
    world.file("token", " first\n");
    let agent = world.agent(r#"method "kubernetes" { config { role = "app" token_path = "@/token" } }"#);
    until(|| !agent.error().is_empty()).await;
    world.file("token", "second");
    world
        .pass_until(std::time::Duration::from_secs(5), || {
            world.asked("auth/kubernetes/login") > 1
        })
        .await;
    let asked = world.line.asked.lock().clone();
    assert!(
        asked.contains(&r#"auth/kubernetes/login {"jwt":"first","role":"app"}"#.to_owned()),
        "{asked:?}"
    );
    assert!(
        asked.contains(&r#"auth/kubernetes/login {"jwt":"second","role":"app"}"#.to_owned()),
        "{asked:?}"
    );
    let error = agent.error();
    assert!(
        error.contains("check the mount \"auth/kubernetes\", its role and its bound claims"),
        "{error}"
    );
    assert!(!error.contains('\n') && !error.contains("second"), "{error}");
}

#[tokio::test]
async fn a_token_that_is_there() {
    let world = World::with("").await;
    let token = world
        .vault
        .write("auth/token/create", json!({"ttl": "1h"}))
        .await
        .expect(200)
        .token();
    world.file("token", &format!("{token}\n"));
    let agent = world.agent(r#"method "token_file" { config { token_file_path = "@/token" } }"#);
    let held = agent.token().await;
    assert_eq!(held.token.expose(), &token);
    assert_eq!(held.lease.unwrap().as_secs(), 3600);
    let root = world.file("token", &world.vault.root);
    let agent = world.agent(&format!(
        "method \"token_file\" {{ config {{ token_file_path = {root:?} }} }}"
    ));
    assert_eq!(agent.token().await.lease, None);
}

#[tokio::test]
async fn cert_shows_its_own_certificate_and_reads_it_again() {
    let world = World::with("cert").await;
    let authority = Authority::new().unwrap();
    let issued = authority.issue("app.example.com").unwrap();
    let valid_from = Certificate::from_pem(&issued.certificate)
        .unwrap()
        .validity()
        .not_before();
    let now = world.vault.server.clock.now();
    world.vault.advance(valid_from.seconds_until(now) + 60).await;
    let ca = std::fs::read_to_string(authority.file()).unwrap();
    let _ = world
        .vault
        .write(
            "auth/cert/certs/app",
            json!({"certificate": ca, "token_ttl": "1h"}),
        )
        .await
        .expect(204);
    world.file("key.pem", "only a real handshake reads it");
    let agent = world.agent(
        r#"method "cert" { config { name = "app" client_cert = "@/cert.pem" client_key = "@/key.pem" reload = true } }"#,
    );
    until(|| !agent.error().is_empty()).await;
    assert!(
        agent.error().contains("cannot prepare TLS") && agent.error().contains("cert.pem"),
        "{}",
        agent.error()
    );
    world.file("cert.pem", &issued.certificate);
    world
        .pass_until(std::time::Duration::from_secs(1), || agent.generation() == 1)
        .await;
    looks_like(&world, &agent, "meta/cert_name", "app").await;
    let own = world.line.identities.lock().iter().flatten().count();
    assert!(own >= 2, "{own}");
}

#[tokio::test]
async fn files_have_limits_and_errors_that_name_them() {
    let world = World::with("userpass").await;
    let method = r#"method "userpass" { config { username = "ann" password_file_path = "@/password" } }"#;
    for (text, reason) in [
        (None, "cannot read "),
        (Some(" \n".to_owned()), "is empty: write the credential into it"),
        (
            Some("x".repeat(64 * 1024 + 1)),
            "is longer than 65536 bytes: is it the right file?",
        ),
    ] {
        if let Some(text) = text {
            world.file("password", &text);
        }
        let agent = world.agent(method);
        until(|| !agent.error().is_empty()).await;
        assert!(
            agent.error().contains(reason) && agent.error().contains("/password"),
            "{}",
            agent.error()
        );
    }
    assert_eq!(world.asked("auth/"), 0);
}

#[tokio::test]
async fn a_token_can_be_revoked_at_the_end() {
    let world = World::with_user(json!({})).await;
    let agent = world.user();
    let held = agent.token().await;
    let client = arca_agent::server::Connect::connect(&*world.connect(), None).unwrap();
    auth::revoke(&client, &held.token).await.unwrap();
    let _ = world
        .vault
        .read_as(held.token.expose(), "auth/token/lookup-self")
        .await
        .expect(403);
    assert!(
        auth::revoke(&client, &Secret::new("none".to_owned()))
            .await
            .is_err()
    );
}
