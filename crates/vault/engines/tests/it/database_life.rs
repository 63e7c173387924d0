//! The life of a user, from its making to its refused login.

use serde_json::{Value, json};

use crate::database_kit::{ADMIN, ADMIN_PASSWORD, ARTICLE_REVOCATION, Estate, warnings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_lives_as_long_as_its_lease() {
    let estate = Estate::start().await;
    let _ = estate.role("app", json!({})).await.expect(204);
    let made = estate.vault.read("database/creds/app").await.expect(200);
    assert_eq!(
        (&made.body["lease_duration"], &made.body["renewable"]),
        (&json!(3600), &json!(true))
    );
    let user = estate.credentials("app").await;
    assert!(
        user.name.starts_with("v-root-app-") && user.name.len() <= 63,
        "{}",
        user.name
    );
    assert!(user.lease.starts_with("database/creds/app/"), "{}", user.lease);
    let client = estate.log_in(&user.name, &user.password).await.unwrap();
    let row = client.query_one("SELECT id FROM payments", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
    assert!(estate.log_in(&user.name, "wrong").await.is_err());

    // A renewal moves the end that the database knows, to the end of the lease and five seconds.
    let end = |estate: &Estate| -> i64 {
        let sql = format!(
            "SELECT extract(epoch FROM rolvaliduntil)::bigint FROM pg_roles WHERE rolname = '{}'",
            user.name
        );
        estate.query(&sql).parse().unwrap()
    };
    let before = end(&estate);
    estate.vault.advance(600).await;
    let renewed = estate
        .vault
        .write(
            "sys/leases/renew",
            json!({"lease_id": user.lease, "increment": 7200}),
        )
        .await
        .expect(200);
    assert_eq!(renewed.body["lease_duration"], 7200);
    assert_eq!(end(&estate), before + 600 + 7200 - 3600);
    let shown = estate
        .vault
        .write("sys/leases/lookup", json!({"lease_id": user.lease}))
        .await
        .expect(200);
    let expires = arca_base::Timestamp::parse(shown.data("expire_time").as_str().unwrap()).unwrap();
    assert_eq!(end(&estate), expires.unix_seconds() + 5);

    // The session that is open is told of.
    let revoked = estate.revoke(&user.lease).await.expect(200);
    assert!(
        warnings(&revoked).contains("1 sessions of user"),
        "{}",
        revoked.body
    );
    assert!(estate.log_in(&user.name, &user.password).await.is_err());
    assert_eq!(estate.users(), 1, "the other one");
    drop(client);

    // And the other one ends by itself.
    estate.vault.advance(3601).await;
    estate
        .eventually("the user is dropped when its lease ends", || estate.users() == 0)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_of_the_article_is_warned_of_and_revoked_all_the_same() {
    let estate = Estate::start().await;
    let written = estate
        .role(
            "payments-db-role",
            json!({"revocation_statements": ARTICLE_REVOCATION}),
        )
        .await
        .expect(200);
    let said = warnings(&written);
    assert!(
        said.contains("revocation_statements: statement 1 of 1 would fail"),
        "{said}"
    );
    assert!(
        said.contains("cannot be dropped because some objects depend on it"),
        "{said}"
    );
    assert!(
        said.contains(r#"REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA public FROM \"{{name}}\""#),
        "the statement that mends it: {said}"
    );
    assert_eq!(estate.users(), 0, "a rehearsal leaves nothing");
    let user = estate.credentials("payments-db-role").await;
    let revoked = estate.revoke(&user.lease).await.expect(200);
    assert!(
        warnings(&revoked).contains("still holds rights"),
        "{}",
        revoked.body
    );
    assert_eq!(estate.users(), 0);
    // What the warning says is enough.
    let mended = format!(
        "REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA public FROM \"{{{{name}}}}\"; {ARTICLE_REVOCATION}"
    );
    let _ = estate
        .role("payments-db-role", json!({"revocation_statements": mended}))
        .await
        .expect(204);
    let user = estate.credentials("payments-db-role").await;
    let _ = estate.revoke(&user.lease).await.expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_blocks_a_drop_is_revoked_but_tables_stay() {
    let estate = Estate::start().await;
    estate.query(&format!(
        "CREATE SCHEMA \"Odd \"\"name\"; CREATE TABLE \"Odd \"\"name\".\"T\" (a int, b int); CREATE SEQUENCE s;
         CREATE FUNCTION f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
         ALTER ROLE \"{ADMIN}\" SUPERUSER"
    ));
    let creation = [
        "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'",
        "GRANT CONNECT, CREATE ON DATABASE arca TO \"{{name}}\"; GRANT ALL ON SCHEMA \"Odd \"\"name\", public TO \"{{name}}\"",
        "GRANT SELECT (a) ON \"Odd \"\"name\".\"T\" TO \"{{name}}\"; GRANT USAGE ON SEQUENCE s TO \"{{name}}\"",
        "GRANT EXECUTE ON FUNCTION f(int, text) TO \"{{name}}\"",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO \"{{name}}\"",
    ];
    let _ = estate
        .role("much", json!({"creation_statements": creation}))
        .await
        .expect(204);
    let user = estate.credentials("much").await;
    let _ = estate.revoke(&user.lease).await.expect(204);
    assert_eq!(estate.users(), 0);

    // A table that the user made is not dropped with it.
    let user = estate.credentials("much").await;
    let client = estate.log_in(&user.name, &user.password).await.unwrap();
    client
        .batch_execute("CREATE TABLE public.mine (n int)")
        .await
        .unwrap();
    let refused = estate.revoke(&user.lease).await.expect(400);
    assert!(
        refused.error().contains("table mine") && refused.error().contains("REASSIGN OWNED BY"),
        "{}",
        refused.error()
    );
    assert_eq!(estate.query("SELECT count(*) FROM mine"), "0");
    assert!(
        estate.log_in(&user.name, &user.password).await.is_err(),
        "it cannot log in meanwhile"
    );
    estate.query(&format!("REASSIGN OWNED BY \"{}\" TO arca", user.name));
    let _ = estate.revoke(&user.lease).await.expect(200);
    assert_eq!(estate.users(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_ended_when_that_is_asked_for() {
    let estate = Estate::start().await;
    estate.query(&format!("GRANT pg_signal_backend TO \"{ADMIN}\""));
    let _ = estate
        .configure("pg", json!({"end_sessions": true}))
        .await
        .expect(204);
    let _ = estate.role("app", json!({})).await.expect(204);
    let user = estate.credentials("app").await;
    let client = estate.log_in(&user.name, &user.password).await.unwrap();
    let revoked = estate.revoke(&user.lease).await.expect(200);
    assert!(warnings(&revoked).contains("were ended"), "{}", revoked.body);
    assert!(client.query("SELECT 1", &[]).await.is_err(), "thrown out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_outlive_their_roles_and_quotas_hold() {
    let estate = Estate::start().await;
    let template = json!({"username_template": "own-{{.RoleName | uppercase}}-{{random 8}}"});
    let _ = estate.configure("pg", template).await.expect(204);
    let _ = estate.role("app", json!({"max_leases": 2})).await.expect(204);
    let (first, second) = (estate.credentials("app").await, estate.credentials("app").await);
    assert!(first.name.starts_with("own-APP-"), "{}", first.name);
    let refused = estate.vault.read("database/creds/app").await.expect(429);
    assert!(refused.error().contains("max_leases"), "{}", refused.error());
    let _ = estate.revoke(&first.lease).await.expect(204);
    let third = estate.credentials("app").await;
    let _ = estate.vault.delete("database/roles/app").await.expect(204);
    let renewal = estate
        .vault
        .write("sys/leases/renew", json!({"lease_id": second.lease}))
        .await
        .expect(500);
    assert!(
        renewal
            .error()
            .contains("error during renew: could not find role with name \"app\"")
    );
    for user in [second, third] {
        let _ = estate.revoke(&user.lease).await.expect(204);
    }
    assert_eq!(
        estate.query("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'own-%'"),
        "0"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_gets_no_more_leases_than_it_may() {
    let estate = Estate::start().await;
    let _ = estate
        .role("app", json!({"max_leases_per_entity": 1}))
        .await
        .expect(204);
    estate
        .vault
        .policy("app", r#"path "database/creds/*" { capabilities = ["read"] }"#)
        .await;
    let _ = estate
        .vault
        .write("auth/token/roles/app", json!({"allowed_entity_aliases": "*"}))
        .await
        .expect(204);
    let token = async |alias: &str| {
        let request = json!({"entity_alias": alias, "policies": ["app"]});
        estate
            .vault
            .write("auth/token/create/app", request)
            .await
            .expect(200)
            .token()
    };
    let (one, other) = (token("one").await, token("other").await);
    let _ = estate.vault.read_as(&one, "database/creds/app").await.expect(200);
    let refused = estate.vault.read_as(&one, "database/creds/app").await.expect(429);
    assert!(refused.error().contains("max_leases_per_entity"));
    let _ = estate
        .vault
        .read_as(&other, "database/creds/app")
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_census_names_strays_and_gaps() {
    let estate = Estate::start().await;
    let _ = estate.role("app", json!({})).await.expect(204);
    let kept = estate.credentials("app").await;
    let gone = estate.credentials("app").await;
    estate.query(&format!(
        "CREATE ROLE \"v-root-app-aaaaaaaaaaaaaaaaaaaa-1700000000\" LOGIN; SET ROLE \"{ADMIN}\";
         REVOKE ALL ON ALL TABLES IN SCHEMA public FROM \"{0}\"; DROP ROLE \"{0}\"",
        gone.name
    ));
    let census = estate.vault.read("database/census/pg").await.expect(200);
    assert_eq!(
        census.data("users_without_lease/0/username"),
        "v-root-app-aaaaaaaaaaaaaaaaaaaa-1700000000"
    );
    assert_eq!(census.data("users_without_lease_count"), 1);
    assert_eq!(
        census.data("leases_without_user/0/lease_id").as_str(),
        Some(&*gone.lease)
    );
    assert_eq!(census.data("lease_count"), 2);
    assert!(
        census.data("fullness/0/limit").as_u64().unwrap() > 0,
        "{}",
        census.body
    );
    let _ = estate.log_in(&kept.name, &kept.password).await.unwrap();
    let _ = estate.vault.read("database/census/none").await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_read_as_clients_expect_and_never_show_passwords() {
    let estate = Estate::start().await;
    let config = estate.vault.read("database/config/pg").await.expect(200);
    let url = config.data("connection_details/connection_url").as_str().unwrap();
    assert!(url.contains("{{password}}"), "{url}");
    assert_eq!(config.data("connection_details/username"), ADMIN);
    assert_eq!(config.data("connection_details/password"), &Value::Null);
    assert_eq!(config.data("allowed_roles"), &json!(["*"]));
    assert_eq!(config.data("root_credentials_rotate_statements"), &json!([]));
    assert!(!config.body.to_string().contains(ADMIN_PASSWORD));
    let _ = estate.role("app", json!({})).await.expect(204);
    let role = estate.vault.read("database/roles/app").await.expect(200);
    assert_eq!(role.data("db_name"), "pg");
    assert_eq!(role.data("creation_statements").as_array().unwrap().len(), 2);
    assert_eq!(
        (role.data("default_ttl"), role.data("max_ttl")),
        (&json!(3600), &json!(86400))
    );
    for empty in ["revocation_statements", "rollback_statements", "renew_statements"] {
        assert_eq!(role.data(empty), &json!([]), "{empty}");
    }
    for (folder, name) in [("config", "pg"), ("roles", "app")] {
        let listed = estate.vault.list(&format!("database/{folder}")).await.expect(200);
        assert_eq!(listed.data("keys"), &json!([name]));
    }
    let _ = estate.vault.read("database/roles/none").await.expect(404);
    let _ = estate.vault.read("database/config/none").await.expect(404);
    let _ = estate
        .vault
        .write("database/reset/pg", json!({}))
        .await
        .expect(204);
    let missing = estate
        .vault
        .write("database/reset/none", json!({}))
        .await
        .expect(500);
    assert!(
        missing
            .error()
            .contains("failed to find entry for connection with name: \"none\"")
    );
    // A literal password is told of and hidden.
    let literal = format!(
        "postgresql://arca:p4ss%20word%2F%25@127.0.0.1:{}/arca",
        estate.port()
    );
    let written = estate
        .configure("literal", json!({"connection_url": literal}))
        .await
        .expect(200);
    assert!(warnings(&written).contains("Password found in connection_url"));
    let shown = estate.vault.read("database/config/literal").await.expect(200);
    assert!(
        shown
            .data("connection_details/connection_url")
            .as_str()
            .unwrap()
            .contains("arca:xxxxx@")
    );
    // Merging keeps the password.
    let more = json!({"allowed_roles": ["app"], "verify_connection": true});
    let _ = estate.vault.write("database/config/pg", more).await.expect(204);
    let _ = estate.credentials("app").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_in_other_databases_are_revoked_there_but_objects_stay() {
    let estate = Estate::start().await;
    estate.query("CREATE DATABASE \"other One\"");
    let elsewhere = |sql: &str| estate.postgres.query_in("other One", sql).unwrap();
    elsewhere(&format!(
        "CREATE TABLE ledgers (id int); CREATE SEQUENCE numbers;
         GRANT ALL ON ledgers TO \"{ADMIN}\" WITH GRANT OPTION; GRANT ALL ON numbers TO \"{ADMIN}\" WITH GRANT OPTION"
    ));
    let _ = estate.role("app", json!({})).await.expect(204);
    for revocation in ["", ARTICLE_REVOCATION] {
        let role = json!({"revocation_statements": revocation});
        let _ = estate.vault.write("database/roles/app", role).await;
        let user = estate.credentials("app").await;
        elsewhere(&format!(
            "SET ROLE \"{ADMIN}\"; GRANT SELECT ON ledgers TO \"{0}\"; GRANT USAGE ON numbers TO \"{0}\"",
            user.name
        ));
        let revoked = estate.revoke(&user.lease).await;
        assert!([200, 204].contains(&revoked.status), "{}", revoked.body);
        assert_eq!(estate.users(), 0);
    }
    let user = estate.credentials("app").await;
    elsewhere(&format!(
        "CREATE TABLE mine (id int); ALTER TABLE mine OWNER TO \"{}\"",
        user.name
    ));
    let refused = estate.revoke(&user.lease).await.expect(400);
    assert!(
        refused.error().contains("\"other One\" (table mine)"),
        "{}",
        refused.error()
    );
    assert!(estate.log_in(&user.name, &user.password).await.is_err());
    assert_eq!(elsewhere("SELECT count(*) FROM mine"), "0");
}
