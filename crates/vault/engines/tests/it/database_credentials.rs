//! Users that prove themselves with key pairs and certificates.

use std::sync::Arc;

use arca_crypto::x509::KeyPair;
use arca_fixtures::{Authority, Certificate, MariaDb, Postgres, PostgresSetup};
use arca_storage::MemoryStorage;
use serde_json::{Value, json};

use crate::database_kit::{Estate, warnings};
use crate::database_servers::Mounted;

const LOCKBOX: &str =
    "CREATE TABLE keys (name text PRIMARY KEY, key text); GRANT ALL ON keys TO \"vault-admin\"";
const CREATION: &str =
    "CREATE ROLE \"{{name}}\" NOLOGIN; INSERT INTO keys VALUES ('{{name}}', '{{public_key}}')";

fn public_of(private: &Value) -> String {
    let pair = KeyPair::from_pem(private.as_str().unwrap()).unwrap();
    pair.public_pem().unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_a_key_pair_gets_the_private_key_and_the_database_the_public_one() {
    let estate = Estate::start().await;
    estate.query(LOCKBOX);
    let rsa = json!({"credential_type": "rsa_private_key", "creation_statements": CREATION});
    let _ = estate.role("keyed", rsa).await.expect(204);
    let made = estate.vault.read("database/creds/keyed").await.expect(200);
    assert_eq!(made.data("password"), &Value::Null);
    let name = made.data("username").as_str().unwrap();
    let stored = estate.query(&format!("SELECT key FROM keys WHERE name = '{name}'"));
    assert_eq!(public_of(made.data("rsa_private_key")), stored.trim());
    let bits = json!({"credential_config": {"key_bits": "3072", "format": "pkcs8"}});
    let _ = estate.vault.write("database/roles/keyed", bits).await.expect(204);
    let larger = estate.vault.read("database/creds/keyed").await.expect(200);
    let length = |made: &Value| made.as_str().unwrap().len();
    assert!(length(larger.data("rsa_private_key")) > length(made.data("rsa_private_key")) + 500);
    let shown = estate.vault.read("database/roles/keyed").await.expect(200);
    assert_eq!(shown.data("credential_type"), "rsa_private_key");
    assert_eq!(
        shown.data("credential_config"),
        &json!({"key_bits": "3072", "format": "pkcs8"})
    );
    let bad = json!({"credential_config": {"key_bits": "1024"}});
    let refused = estate.vault.write("database/roles/keyed", bad).await.expect(400);
    assert_eq!(
        refused.error(),
        "credential_config validation failed: key_bits must be 2048, 3072 or 4096"
    );
    // Statements that have no place for the key make users that nobody can log in as.
    let rsa = json!({"credential_type": "rsa_private_key"});
    let written = estate.role("lost", rsa).await.expect(200);
    assert!(
        warnings(&written).contains("{{public_key}}"),
        "{}",
        warnings(&written)
    );
    let refused = estate.vault.read("database/creds/lost").await.expect(400);
    assert!(
        refused
            .error()
            .starts_with("unsupported credential_type: \"rsa_private_key\""),
        "{}",
        refused.error()
    );
    assert_eq!(estate.users(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_pair_of_a_static_role_changes() {
    let estate = Estate::start().await;
    estate.query(LOCKBOX);
    estate.query("CREATE ROLE svc; INSERT INTO keys VALUES ('svc', '')");
    let mut role = json!({
        "db_name": "pg",
        "username": "svc",
        "rotation_period": "1h",
        "credential_type": "rsa_private_key",
        "rotation_statements": "UPDATE keys SET key = '{{public_key}}' WHERE name = '{{name}}'",
    });
    let write = |role: &Value| estate.vault.write("database/static-roles/svc", role.clone());
    let _ = write(&role).await.expect(204);
    let stored = || {
        estate
            .query("SELECT key FROM keys WHERE name = 'svc'")
            .trim()
            .to_owned()
    };
    let first = estate.vault.read("database/static-creds/svc").await.expect(200);
    assert_eq!(public_of(first.data("rsa_private_key")), stored());
    let _ = estate
        .vault
        .write("database/rotate-role/svc", json!({}))
        .await
        .expect(204);
    let second = estate.vault.read("database/static-creds/svc").await.expect(200);
    assert_ne!(first.data("rsa_private_key"), second.data("rsa_private_key"));
    assert_eq!(public_of(second.data("rsa_private_key")), stored());
    role["credential_type"] = "password".into();
    let refused = write(&role).await.expect(400);
    assert!(
        refused.error().contains("cannot be changed"),
        "{}",
        refused.error()
    );
    role["credential_type"] = "client_certificate".into();
    let _ = write(&role).await.expect(400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_lets_its_user_in_until_the_lease_ends() {
    let authority = Authority::new().unwrap();
    let ca = authority.certificate().unwrap();
    let postgres = Postgres::start_with(&PostgresSetup {
        tls: Some(authority.issue("IP:127.0.0.1").unwrap()),
        client_authority: Some(ca.certificate.clone()),
        ..PostgresSetup::default()
    })
    .unwrap();
    let estate = Estate::beside(postgres, Arc::new(MemoryStorage::new())).await;
    for (kind, key_type) in [("rsa", "rsa"), ("ec", "ec")] {
        let role = json!({
            "credential_type": "client_certificate",
            "creation_statements": "CREATE ROLE \"{{name}}\" WITH LOGIN VALID UNTIL '{{expiration}}'",
            "credential_config": {
                "common_name_template": "{{.Username}}",
                "ca_cert": ca.certificate,
                "ca_private_key": ca.key,
                "key_type": key_type,
            },
        });
        let _ = estate.role("cert", role).await.expect(204);
        let made = estate.vault.read("database/creds/cert").await.expect(200);
        let text = |name: &str| made.data(name).as_str().unwrap().to_owned();
        assert_eq!(made.body["renewable"], false, "a certificate cannot be extended");
        assert_eq!(text("private_key_type"), kind);
        let client = Certificate {
            certificate: text("client_certificate"),
            key: text("private_key"),
        };
        let name = text("username");
        let log_in = |user: &str| {
            estate.postgres.query_with_certificate(
                user,
                &client,
                "SELECT current_user || ':' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            )
        };
        assert_eq!(log_in(&name).unwrap(), format!("{name}:true"));
        let other = log_in("arca").unwrap_err().to_string();
        assert!(other.contains("certificate authentication failed"), "{other}");
        let _ = estate
            .revoke(made.body["lease_id"].as_str().unwrap())
            .await
            .expect(204);
        assert!(log_in(&name).is_err());
    }
    let shown = estate.vault.read("database/roles/cert").await.expect(200);
    assert_eq!(shown.data("credential_config/ca_private_key"), &Value::Null);
    assert!(!shown.body.to_string().contains("PRIVATE KEY"));
    // Written again as it is shown, the role still has its key.
    let again = json!({"credential_config": shown.data("credential_config")});
    let _ = estate.vault.write("database/roles/cert", again).await.expect(204);
    let _ = estate.vault.read("database/creds/cert").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authorities_that_cannot_sign_are_refused() {
    let estate = Estate::start().await;
    let ca = Authority::new().unwrap().certificate().unwrap();
    let stranger = Authority::new().unwrap().certificate().unwrap();
    let config = |more: Value| {
        let mut config = json!({
            "common_name_template": "{{.RoleName}}",
            "ca_cert": ca.certificate,
            "ca_private_key": ca.key,
        });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        json!({"credential_type": "client_certificate", "credential_config": config})
    };
    for (more, what) in [
        (
            json!({"common_name_template": ""}),
            "common_name_template is required",
        ),
        (
            json!({"common_name_template": "{{.Nobody}}"}),
            "common_name_template",
        ),
        (
            json!({"ca_private_key": stranger.key}),
            "does not belong to the certificate",
        ),
        (json!({"ca_private_key": "x"}), "no PRIVATE KEY block"),
        (json!({"ca_cert": "x"}), "no CERTIFICATE block"),
        (json!({"key_type": "dsa"}), "key_type and key_bits"),
        (json!({"key_bits": "17"}), "key_type and key_bits"),
        (json!({"signature_bits": "512"}), "signature_bits"),
        (json!({"key_bits": "many"}), "key_bits must be a number"),
    ] {
        let refused = estate.role("cert", config(more)).await.expect(400);
        let error = refused.error();
        assert!(
            error.starts_with("credential_config validation failed") && error.contains(what),
            "{what}: {error}"
        );
        assert!(!error.contains("PRIVATE KEY-----"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_of_mariadb_are_bound_to_the_subject_of_the_certificate() {
    let ca = Authority::new().unwrap().certificate().unwrap();
    let mounted = Mounted::start(MariaDb::start().unwrap()).await;
    let mut role = json!({
        "credential_type": "client_certificate",
        "creation_statements": "CREATE USER '{{name}}'@'%' REQUIRE SUBJECT '/{{subject}}'",
        "credential_config": {
            "common_name_template": "{{.Username}}",
            "ca_cert": ca.certificate,
            "ca_private_key": ca.key,
            "key_type": "ed25519",
        },
    });
    let _ = mounted.write_role(role.clone()).await.expect(204);
    let made = mounted.vault.read("database/creds/app").await.expect(200);
    assert_eq!(made.data("private_key_type"), "ed25519");
    let name = made.data("username").as_str().unwrap();
    let bound = mounted
        .server
        .query(&format!("SHOW CREATE USER '{name}'@'%'"))
        .unwrap();
    assert!(
        bound.contains(&format!("REQUIRE SUBJECT '/CN={name}'")),
        "{bound}"
    );
    role["creation_statements"] = "CREATE USER '{{name}}'@'%' REQUIRE X509".into();
    let warned = mounted.write_role(role).await.expect(200);
    assert!(
        warnings(&warned).contains("there is no {{subject}}"),
        "{}",
        warnings(&warned)
    );
}
