//! What is run before and after the password of a static role changes, roles in folders, and plugins reloaded.

use serde_json::{Value, json};

use crate::database_kit::{ADMIN, Estate, pause, warnings};

const ROLE: &str = "database/static-roles/team/svc";

async fn estate() -> Estate {
    let estate = Estate::start().await;
    estate.query(&format!(
        "CREATE ROLE svc LOGIN PASSWORD 'old';
         CREATE TABLE log (at serial, what text);
         GRANT ALL ON log TO \"{ADMIN}\"; GRANT ALL ON log_at_seq TO \"{ADMIN}\""
    ));
    estate
}

fn note(what: &str) -> String {
    format!("INSERT INTO log (what) VALUES ('{what} {{{{name}}}} {{{{password}}}}')")
}

fn role() -> Value {
    json!({
        "db_name": "pg",
        "username": "svc",
        "rotation_period": "1h",
        "pre_rotation_statements": note("before"),
        "post_rotation_statements": note("after"),
    })
}

fn log(estate: &Estate) -> Vec<String> {
    let text = estate.query("SELECT what FROM log ORDER BY at");
    text.lines().map(str::to_owned).collect()
}

async fn password(estate: &Estate) -> String {
    let shown = estate
        .vault
        .read("database/static-creds/team/svc")
        .await
        .expect(200);
    shown.data("password").as_str().unwrap().to_owned()
}

async fn rotate(estate: &Estate) -> arca_testkit::Response {
    estate
        .vault
        .write("database/rotate-role/team/svc", json!({}))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_run_before_and_after_each_change() {
    let estate = estate().await;
    let _ = estate.vault.write(ROLE, role()).await.expect(204);
    let first = password(&estate).await;
    let _ = estate.log_in("svc", &first).await.unwrap();
    assert_eq!(
        log(&estate),
        [format!("before svc {first}"), format!("after svc {first}")]
    );
    let _ = rotate(&estate).await.expect(204);
    let second = password(&estate).await;
    assert_eq!(
        log(&estate)[2..],
        [format!("before svc {second}"), format!("after svc {second}")]
    );
    let shown = estate.vault.read(ROLE).await.expect(200);
    assert_eq!(shown.data("pre_rotation_statements"), &json!([note("before")]));
    assert_eq!(shown.data("post_rotation_statements"), &json!([note("after")]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_before_stops_the_change() {
    let estate = estate().await;
    let mut broken = role();
    broken["pre_rotation_statements"] = "SELECT 1 / 0".into();
    let refused = estate.vault.write(ROLE, broken.clone()).await.expect(500);
    assert!(
        refused
            .error()
            .contains("pre_rotation_statements: statement 1 of 1"),
        "{}",
        refused.error()
    );
    let _ = estate.log_in("svc", "old").await.unwrap();
    let _ = estate.vault.write(ROLE, role()).await.expect(204);
    let first = password(&estate).await;
    let written = estate.vault.write(ROLE, broken).await.expect(200);
    assert!(
        warnings(&written).contains("pre_rotation_statements: statement 1 of 1 would fail"),
        "{}",
        warnings(&written)
    );
    let failed = rotate(&estate).await.expect(500);
    assert!(failed.error().contains("division by zero"), "{}", failed.error());
    assert_eq!(password(&estate).await, first);
    let _ = estate.log_in("svc", &first).await.unwrap();
    assert_eq!(log(&estate).len(), 2, "trying statements leaves nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_after_leaves_the_new_password_and_is_run_again() {
    let estate = estate().await;
    let mut later = role();
    later["post_rotation_statements"] = "INSERT INTO missing VALUES ('{{password}}')".into();
    let written = estate.vault.write(ROLE, later).await.expect(200);
    assert!(
        warnings(&written).contains("are run again soon"),
        "{}",
        warnings(&written)
    );
    let first = password(&estate).await;
    assert!(!warnings(&written).contains(&first));
    let _ = estate.log_in("svc", &first).await.unwrap();
    estate.query(&format!(
        "CREATE TABLE missing (what text); GRANT ALL ON missing TO \"{ADMIN}\""
    ));
    let done = || estate.query("SELECT what FROM missing");
    for _ in 0..60 {
        if done() == first {
            break;
        }
        estate.vault.advance(5).await;
        pause().await;
    }
    assert_eq!(done(), first);
    for _ in 0..5 {
        estate.vault.advance(10).await;
        pause().await;
    }
    assert_eq!(done(), first, "once is enough");
    assert_eq!(password(&estate).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_stand_in_folders() {
    let estate = estate().await;
    for name in ["app", "team/app", "team/deep/er/app"] {
        let _ = estate.role(name, json!({})).await.expect(204);
    }
    let list = async |path: &str| estate.vault.list(path).await.expect(200).data("keys").clone();
    assert_eq!(list("database/roles").await, json!(["app", "team/"]));
    assert_eq!(list("database/roles/team/").await, json!(["app", "deep/"]));
    let user = estate.credentials("team/deep/er/app").await;
    assert!(
        user.lease.starts_with("database/creds/team/deep/er/app/"),
        "{}",
        user.lease
    );
    let _ = estate.log_in(&user.name, &user.password).await.unwrap();
    let sessions = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}'",
        user.name
    );
    estate
        .eventually("the session of the login is over", || {
            estate.query(&sessions) == "0"
        })
        .await;
    let _ = estate.revoke(&user.lease).await.expect(204);
    assert_eq!(estate.users(), 0);
    let _ = estate.vault.write(ROLE, role()).await.expect(204);
    assert_eq!(list("database/static-roles/team/").await, json!(["svc"]));
    let taken = estate.role("team/svc", json!({})).await.expect(400);
    assert_eq!(taken.error(), "Role and Static Role names must be unique");
    let _ = estate.vault.delete("database/roles/team/app").await.expect(204);
    let _ = estate.vault.read("database/roles/team/app").await.expect(404);
    let _ = estate
        .vault
        .read("database/roles/team/deep/er/app")
        .await
        .expect(200);
    for bad in ["team/-x", "team/a b", &"a/".repeat(200)] {
        let name = bad.trim_end_matches('/');
        let refused = estate.role(name, json!({})).await.expect(400);
        assert!(refused.error().contains("name of a role"), "{}", refused.error());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_configurations_of_a_plugin_are_reloaded() {
    let estate = Estate::start().await;
    let _ = estate.configure("other", json!({})).await.expect(204);
    let reloaded = estate
        .vault
        .write("database/reload/postgresql-database-plugin", json!({}))
        .await
        .expect(200);
    assert_eq!(reloaded.data("connections"), &json!(["other", "pg"]));
    assert_eq!(reloaded.data("count"), 2);
    let none = estate
        .vault
        .write("database/reload/mysql-database-plugin", json!({}))
        .await
        .expect(200);
    assert_eq!(none.data("count"), 0);
    let _ = estate.role("app", json!({})).await.expect(204);
    let _ = estate.credentials("app").await;
}
