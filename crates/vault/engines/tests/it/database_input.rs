//! What nobody should write, and what is said to it.

use arca_fixtures::{Authority, Postgres, PostgresSetup};
use serde_json::json;

use crate::database_kit::{ADMIN, ADMIN_PASSWORD, Estate, warnings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_configurations_are_refused_with_reasons_and_not_stored() {
    let estate = Estate::start().await;
    for (change, said) in [
        (json!({"plugin_name": ""}), "empty plugin name"),
        (
            json!({"plugin_name": "nonesuch"}),
            "error creating database object: unable to create database plugin",
        ),
        (json!({"connection_url": ""}), "connection_url cannot be empty"),
        (
            json!({"password": "wr0ng"}),
            "error creating database object: error verifying connection: the database refuses the login",
        ),
        (
            json!({"username": "{{username}}"}),
            "cannot contain the template variables",
        ),
        (
            json!({"connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1:1/arca"}),
            "cannot be reached",
        ),
        (
            json!({"connection_url": format!("postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/nonesuch", estate.port())}),
            "does not exist",
        ),
        (
            json!({"connection_url": format!("postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/arca?sslmode=require", estate.port())}),
            "TLS",
        ),
        (
            json!({"password_authentication": "md5"}),
            "'md5' is not a valid password authentication type",
        ),
        (json!({"username_template": "{{.Nonsense}}"}), "username template"),
        (json!({"rotation_schedule": "nonsense"}), "rotation_schedule"),
    ] {
        let refused = estate.configure("bad", change.clone()).await.expect(400);
        assert!(refused.error().contains(said), "{change}: {}", refused.error());
        for secret in [ADMIN_PASSWORD, "wr0ng", "adm1n"] {
            assert!(!refused.error().contains(secret), "{change}: {}", refused.error());
        }
    }
    let _ = estate.vault.read("database/config/bad").await.expect(404);
    // A name that everybody gets is never the name of somebody else's user.
    estate.query("CREATE ROLE precious LOGIN");
    let _ = estate
        .configure("same", json!({"username_template": "precious"}))
        .await
        .expect(204);
    let _ = estate.role("same", json!({"db_name": "same"})).await;
    let refused = estate.vault.read("database/creds/same").await.expect(500);
    assert!(refused.error().contains("there already"), "{}", refused.error());
    assert_eq!(
        estate.query("SELECT count(*) FROM pg_roles WHERE rolname = 'precious'"),
        "1"
    );
    // Without verification it is taken, and fails when it is used.
    let unreachable = json!({
        "connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1:1/arca",
        "verify_connection": false,
    });
    let _ = estate.configure("later", unreachable).await.expect(204);
    let _ = estate.role("r", json!({"db_name": "later"})).await.expect(200);
    let failed = estate.vault.read("database/creds/r").await.expect(500);
    assert!(failed.error().contains("cannot be reached"), "{}", failed.error());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_follow_their_policies() {
    let estate = Estate::start().await;
    let policy = |name: &str, charset: &str| {
        let text = format!("length = 30\nrule \"charset\" {{ charset = {charset:?} }}");
        let path = format!("sys/policies/password/{name}");
        async move { (path, json!({"policy": text})) }
    };
    for (name, charset) in [("of-role", "ab"), ("of-config", "12"), ("quotes", "'\"\\")] {
        let (path, policy) = policy(name, charset).await;
        let _ = estate.vault.write(&path, policy).await.expect(204);
    }
    let _ = estate
        .configure("pg", json!({"password_policy": "of-config"}))
        .await
        .expect(204);
    let _ = estate.role("app", json!({})).await.expect(204);
    let of_config = estate.credentials("app").await;
    assert!(of_config.password.len() == 30 && of_config.password.chars().all(|c| "12".contains(c)));
    let own = json!({"credential_config": {"password_policy": "of-role"}});
    let _ = estate.role("app", own).await.expect(204);
    let of_role = estate.credentials("app").await;
    assert!(of_role.password.chars().all(|c| "ab".contains(c)));
    let _ = estate.log_in(&of_role.name, &of_role.password).await.unwrap();
    let _ = estate
        .role("app", json!({"credential_config": {"password_policy": "quotes"}}))
        .await;
    let refused = estate.vault.read("database/creds/app").await.expect(500);
    assert!(
        refused.error().contains("use a password policy"),
        "{}",
        refused.error()
    );
    let _ = estate
        .role("app", json!({"credential_config": {"password_policy": "none"}}))
        .await;
    let _ = estate.vault.read("database/creds/app").await.expect(500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_knows_whom_it_talks_to() {
    let authority = Authority::new().unwrap();
    let setup = PostgresSetup {
        tls: Some(authority.issue("localhost").unwrap()),
        ..PostgresSetup::default()
    };
    let secret = Postgres::start_with(&setup).unwrap();
    let estate = Estate::start().await;
    let url = secret.url_of_host("localhost").replace(
        "postgres://arca:p4ss%20word%2F%25@",
        "postgresql://{{username}}:{{password}}@",
    );
    let with = |mode: &str, ca: String| {
        json!({
            "connection_url": format!("{url}?sslmode={mode}"),
            "username": "arca", "password": "p4ss word/%", "tls_ca": ca,
        })
    };
    let ca = std::fs::read_to_string(authority.file()).unwrap();
    for mode in ["require", "verify-ca", "verify-full"] {
        let _ = estate.configure("tls", with(mode, ca.clone())).await.expect(204);
    }
    let stranger = std::fs::read_to_string(Authority::new().unwrap().file()).unwrap();
    let refused = estate
        .configure("tls", with("verify-full", stranger))
        .await
        .expect(400);
    assert!(refused.error().contains("TLS"), "{}", refused.error());
    let nonsense = estate
        .configure("tls", with("verify-full", "nonsense".into()))
        .await
        .expect(400);
    assert!(nonsense.error().contains("PEM"), "{}", nonsense.error());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_allowed_by_globs() {
    let estate = Estate::start().await;
    let _ = estate
        .configure("pg", json!({"allowed_roles": "app-*,other"}))
        .await
        .expect(204);
    let _ = estate.role("app-a", json!({})).await.expect(204);
    let warned = estate.role("nope", json!({})).await.expect(200);
    assert!(warnings(&warned).contains("allowed_roles"));
    let _ = estate.credentials("app-a").await;
    let refused = estate.vault.read("database/creds/nope").await.expect(500);
    assert_eq!(
        refused.error(),
        "1 error occurred:\n\t* \"nope\" is not an allowed role\n\n"
    );
    let unknown = estate.vault.read("database/creds/none").await.expect(400);
    assert_eq!(unknown.error(), "unknown role: none");
    let _ = estate
        .role("lost", json!({"db_name": "missing"}))
        .await
        .expect(200);
    let missing = estate.vault.read("database/creds/lost").await.expect(500);
    assert!(
        missing
            .error()
            .contains("failed to find entry for connection with name: \"missing\"")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_statements_are_warned_of_and_fail_without_a_trace() {
    let estate = Estate::start().await;
    let role = |statements: &'static str| estate.role("broken", json!({"creation_statements": statements}));
    let create = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}'; ";
    for (statements, said) in [
        (
            "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}'; GRANT SELECT ON nonesuch TO \"{{name}}\"",
            "statement 2 of 2 would fail",
        ),
        ("CREATE ROEL \"{{name}}\" PASSWORD '{{password}}'", "syntax"),
        ("SELECT 1", "make no role"),
        ("", "make no role"),
    ] {
        let warned = role(statements).await.expect(200);
        assert!(warnings(&warned).contains(said), "{statements}: {}", warned.body);
        if statements != "SELECT 1" {
            let failed = estate.vault.read("database/creds/broken").await.expect(500);
            assert!(!failed.error().contains("PASSWORD '"), "{}", failed.error());
        }
        assert_eq!(estate.users(), 0, "{statements}");
    }
    let renewal = json!({"creation_statements": create, "renew_statements": "ALTER ROLE nonesuch VALID UNTIL '{{expiration}}'"});
    let warned = estate.role("broken", renewal).await.expect(200);
    assert!(
        warnings(&warned).contains("renew_statements: statement 1 of 1 would fail"),
        "{}",
        warned.body
    );
    for (wrong, said) in [
        (json!({"db_name": ""}), "database name is required"),
        (
            json!({"credential_type": "dna"}),
            "invalid credential_type \"dna\"",
        ),
        (
            json!({"credential_config": {"nonsense": "1"}}),
            "credential_config validation failed",
        ),
        (json!({"max_leases": -1}), "max_leases"),
        (
            json!({"creation_statements": "x".repeat(70_000)}),
            "creation_statements",
        ),
        (json!({"default_ttl": "2h", "max_ttl": "1h"}), "default_ttl"),
    ] {
        let refused = estate.role("wrong", wrong.clone()).await.expect(400);
        assert!(refused.error().contains(said), "{wrong}: {}", refused.error());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_display_names_do_not_reach_the_sql() {
    let estate = Estate::start().await;
    let _ = estate.role("app", json!({})).await.expect(204);
    estate
        .vault
        .policy("app", r#"path "database/creds/*" { capabilities = ["read"] }"#)
        .await;
    for display in [
        "x\"; DROP TABLE payments; --",
        "'; DROP TABLE payments; --",
        "a\\\"b",
        "\u{202e}x",
    ] {
        let made = estate
            .vault
            .write(
                "auth/token/create",
                json!({"policies": ["app"], "display_name": display}),
            )
            .await
            .expect(200);
        let user = estate
            .vault
            .read_as(&made.token(), "database/creds/app")
            .await
            .expect(200);
        let name = user.data("username").as_str().unwrap();
        assert!(
            name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)),
            "{name}"
        );
    }
    assert_eq!(estate.query("SELECT count(*) FROM payments"), "1");
    // The user of a static role may have any name; it is quoted.
    let odd = "odd\"; DROP TABLE payments; --";
    estate.query(&format!("CREATE ROLE \"{}\" LOGIN", odd.replace('"', "\"\"")));
    let role = json!({"db_name": "pg", "username": odd, "rotation_period": "1h"});
    let _ = estate
        .vault
        .write("database/static-roles/odd", role)
        .await
        .expect(204);
    let shown = estate.vault.read("database/static-creds/odd").await.expect(200);
    let password = shown.data("password").as_str().unwrap();
    let _ = estate.log_in(odd, password).await.unwrap();
    // In statements of one's own it would end the quotes: refused.
    let own = json!({"rotation_statements": "ALTER ROLE \"{{name}}\" PASSWORD '{{password}}'"});
    let warned = estate.vault.write("database/static-roles/odd", own).await;
    assert!(warnings(&warned.expect(200)).contains("could end a quoted text"));
    let refused = estate
        .vault
        .write("database/rotate-role/odd", json!({}))
        .await
        .expect(500);
    assert!(
        refused.error().contains("could end a quoted text"),
        "{}",
        refused.error()
    );
    assert_eq!(estate.query("SELECT count(*) FROM payments"), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_root_user_and_a_static_user_are_never_the_same() {
    let estate = Estate::start().await;
    let role = json!({"db_name": "pg", "username": ADMIN, "rotation_period": "1h"});
    let refused = estate
        .vault
        .write("database/static-roles/root", role)
        .await
        .expect(400);
    assert!(
        refused.error().contains("lock the configuration out"),
        "{}",
        refused.error()
    );
    estate.query("CREATE ROLE svc LOGIN CREATEROLE PASSWORD 'x'");
    let role = json!({"db_name": "pg", "username": "svc", "rotation_period": "1h"});
    let _ = estate
        .vault
        .write("database/static-roles/svc", role)
        .await
        .expect(204);
    let refused = estate
        .configure("pg", json!({"username": "svc", "password": "x"}))
        .await
        .expect(400);
    assert!(
        refused.error().contains("static role \"svc\""),
        "{}",
        refused.error()
    );
}
