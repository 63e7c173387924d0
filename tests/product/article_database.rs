//! The commands of the article about the database engine, typed as they are printed there, against a real server.

use std::time::Duration;

use arca_fixtures::Postgres;
use arca_tests::{Node, Shell};

/// As printed, but for the name and port of the server.
const CONFIG: &str = r#"vault write database/config/payments-postgres \
  plugin_name=postgresql-database-plugin \
  allowed_roles="payments-db-role" \
  connection_url="postgresql://{{username}}:{{password}}@127.0.0.1:PORT/arca" \
  username="vault-admin" \
  password="$VAULT_ADMIN_PG_PASSWORD""#;

/// As printed, but for the times.
const ROLE: &str = r#"vault write database/roles/payments-db-role \
  db_name=payments-postgres \
  creation_statements="CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO \"{{name}}\";" \
  revocation_statements="DROP ROLE IF EXISTS \"{{name}}\";" \
  default_ttl="4s" \
  max_ttl="24h""#;

const PASSWORD: &str = "p@ss /%";

/// The database of the article, with the payments and the user that makes others.
pub(crate) fn database() -> Postgres {
    let postgres = Postgres::start().unwrap();
    postgres
        .query(&format!(
            "CREATE ROLE \"vault-admin\" WITH LOGIN CREATEROLE PASSWORD '{PASSWORD}';
             CREATE TABLE payments AS SELECT 7 AS id;
             GRANT ALL ON ALL TABLES IN SCHEMA public TO \"vault-admin\" WITH GRANT OPTION"
        ))
        .unwrap();
    postgres
}

/// Types the commands that lead to users of the database.
pub(crate) fn configure(shell: &Shell, postgres: &Postgres) {
    let shell = shell.with("VAULT_ADMIN_PG_PASSWORD", PASSWORD);
    let enabled = shell.run("vault secrets enable database").expect(0);
    assert_eq!(
        enabled.out,
        "Success! Enabled the database secrets engine at: database/\n"
    );
    let written = shell.run(&CONFIG.replace("PORT", &port(postgres))).expect(0);
    assert_eq!(
        written.out,
        "Success! Data written to: database/config/payments-postgres\n"
    );
    let role = shell.run(ROLE).expect(0);
    // A terminal breaks lines where they are too long.
    let said = role.errors.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA public"),
        "{role:?}"
    );
}

fn port(postgres: &Postgres) -> String {
    let url = postgres.url();
    url.rsplit_once(':')
        .unwrap()
        .1
        .split('/')
        .next()
        .unwrap()
        .to_owned()
}

/// Whether a user can log in and see the payments.
pub(crate) fn sees_payments(shell: &Shell, postgres: &Postgres, user: &str, password: &str) -> bool {
    let port = port(postgres);
    let ran = shell.with("PGPASSWORD", password).run(&format!(
        "psql -h 127.0.0.1 -p {port} -U {user} -d arca -tAc 'SELECT id FROM payments'"
    ));
    ran.code == 0 && ran.out.trim() == "7"
}

#[test]
fn the_database_user_of_the_article_ends_with_its_lease() {
    let (postgres, node) = (database(), Node::embedded());
    let shell = node.shell();
    let log = node.path("audit.log");
    shell
        .run(&format!("vault audit enable file file_path={}", log.display()))
        .expect(0);
    configure(&shell, &postgres);

    let made = shell
        .run("vault read -format=json database/creds/payments-db-role")
        .expect(0)
        .json();
    let user = made["data"]["username"].as_str().unwrap();
    let password = made["data"]["password"].as_str().unwrap();
    assert!(
        made["lease_id"]
            .as_str()
            .unwrap()
            .starts_with("database/creds/payments-db-role/")
    );
    assert!(sees_payments(&shell, &postgres, user, password));
    let census = shell.run("arca database census payments-postgres").expect(0).out;
    assert!(census.contains("lease count                  1"), "{census}");

    let gone = || {
        postgres
            .query("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'")
            .unwrap()
            == "0"
    };
    arca_tests::clock::eventually(Duration::from_secs(30), "the role is dropped", gone);
    assert!(!sees_payments(&shell, &postgres, user, password));
    let entries = std::fs::read_to_string(&log).unwrap();
    assert!(entries.contains("database/creds/payments-db-role"));
    for secret in [password, PASSWORD] {
        assert!(!entries.contains(secret), "{secret} is in the log");
    }
}
