//! The database calls of hvac, and the audit script of the article where there are leases.

use std::time::Duration;

use arca_fixtures::Postgres;
use arca_tests::program::{bare, checked_in, python};
use arca_tests::{Node, Ran};
use serde_json::json;

/// How many parts the session has, so that none is left out unseen.
const PARTS: usize = 6;
const ADMIN_PASSWORD: &str = "adm1n p%ss";

fn prepared() -> (Postgres, Node) {
    let postgres = Postgres::start().unwrap();
    postgres
        .query(&format!(
            "CREATE ROLE admin WITH LOGIN CREATEROLE PASSWORD '{ADMIN_PASSWORD}';
             CREATE ROLE reporting WITH LOGIN PASSWORD 'first';
             CREATE TABLE payments AS SELECT 7 AS id;
             GRANT ALL ON ALL TABLES IN SCHEMA public TO admin WITH GRANT OPTION"
        ))
        .unwrap();
    (postgres, Node::embedded())
}

/// Where the database is, with places for name and password.
fn url(postgres: &Postgres) -> String {
    let url = postgres.url();
    let (_, place) = url.rsplit_once('@').unwrap();
    format!("postgresql://{{{{username}}}}:{{{{password}}}}@{place}")
}

fn run(script: &str, node: &Node, variables: &[(&str, &str)]) -> Ran {
    let mut command = bare(&python(), node.folder());
    command
        .arg(checked_in(&format!("clients/python/{script}")))
        .env("VAULT_ADDR", node.server.address().url())
        .env("VAULT_TOKEN", &node.keys.root)
        .envs(variables.iter().copied());
    arca_tests::commands::finish(&mut command, None, Duration::from_secs(120))
}

#[test]
fn every_database_call_of_hvac_works() {
    let (postgres, node) = prepared();
    let variables = [
        ("DATABASE_URL", &*url(&postgres)),
        ("DATABASE_USER", "admin"),
        ("DATABASE_PASSWORD", ADMIN_PASSWORD),
    ];
    let ran = run("hvac_database.py", &node, &variables).expect(0);
    assert_eq!(ran.out.lines().count(), PARTS, "{ran:?}");
    let left = postgres
        .query("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'")
        .unwrap();
    assert_eq!(left, "0", "users whose leases were revoked");
}

/// The listing of leases shows folders, one for each role, and the script takes them for leases: it says that it
/// could not enumerate them, as it would anywhere, and does not end with an error.
#[test]
fn the_script_of_the_article_takes_the_folders_of_roles_for_leases() {
    let (postgres, node) = prepared();
    node.mount_kv();
    let api = node.api();
    api.post("sys/mounts/database", json!({"type": "database"}))
        .expect(204);
    let config = json!({
        "plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "connection_url": url(&postgres),
        "username": "admin", "password": ADMIN_PASSWORD,
    });
    api.post("database/config/pg", config).expect(204);
    let role = json!({
        "db_name": "pg", "default_ttl": "1h",
        "creation_statements": "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}'",
    });
    let written = api.post("database/roles/app", role);
    assert!(written.status < 300, "{}", written.text());
    let lease = api.get("database/creds/app").expect(200).text_at("/lease_id");

    let folders = api.list("sys/leases/lookup/database/creds").expect(200);
    assert_eq!(folders.at("/data/keys"), json!(["app/"]));
    let leases = api.list("sys/leases/lookup/database/creds/app").expect(200);
    assert_eq!(
        leases.at("/data/keys"),
        json!([lease.rsplit_once('/').unwrap().1])
    );
    let printed = run("vault_audit.py", &node, &[]).expect(0).out;
    assert!(printed.contains("[warn] Could not enumerate leases"), "{printed}");
}
