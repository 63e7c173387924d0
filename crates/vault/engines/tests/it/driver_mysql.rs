//! The driver of MySQL against a real MariaDB.

use std::sync::Arc;

use arca_engines::database::driver::{Database, DriverError, Remains};
use arca_fixtures::{Authority, MariaDb, MariaDbSetup};
use mysql_async::prelude::Queryable;
use serde_json::{Value, json};

use crate::drivers::{create, deaf_port, list, open, password, refusal, rehearse, says};

const PLUGIN: &str = "mysql-database-plugin";
const CREATION: &str =
    "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT SELECT ON app.* TO '{{name}}'@'%';";

fn details(mariadb: &MariaDb) -> Value {
    json!({
        "connection_url": format!("{{{{username}}}}:{{{{password}}}}@tcp(127.0.0.1:{})/", mariadb.port()),
        "username": mariadb.username(),
        "password": mariadb.password(),
    })
}

async fn start() -> (MariaDb, Arc<dyn Database>) {
    let mariadb = MariaDb::start().unwrap();
    mariadb.query("CREATE TABLE app.t AS SELECT 7 AS n").unwrap();
    let driver = open(PLUGIN, details(&mariadb)).await.unwrap();
    driver.verify().await.unwrap();
    (mariadb, driver)
}

fn accounts(mariadb: &MariaDb, name: &str) -> String {
    mariadb
        .query(&format!(
            "SELECT host FROM mysql.user WHERE user = '{name}' ORDER BY host"
        ))
        .unwrap()
        .replace('\n', " ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_lives_from_its_creation_to_the_end_of_its_last_session() {
    let (mariadb, driver) = start().await;
    create(&driver, "v-app", "first-pw", &[CREATION], &[])
        .await
        .unwrap();
    assert_eq!(
        mariadb
            .query_as("v-app", "first-pw", "SELECT n FROM app.t")
            .unwrap(),
        "7"
    );
    assert!(
        mariadb.query_as("v-app", "first-pw", "DROP TABLE app.t").is_err(),
        "no more than was granted"
    );

    driver
        .extend_user("v-app", arca_base::Timestamp::from_unix(5, 0), &[])
        .await
        .unwrap();
    driver
        .set_credential("v-app", &password("second-pw"), &[])
        .await
        .unwrap();
    assert!(mariadb.query_as("v-app", "first-pw", "SELECT 1").is_err());

    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(mariadb.port())
        .prefer_socket(false)
        .user(Some("v-app"))
        .pass(Some("second-pw"));
    let mut session = mysql_async::Conn::new(options).await.unwrap();
    let alive = Remains {
        exists: true,
        may_log_in: true,
        sessions: 1,
        grants: 1,
    };
    assert_eq!(driver.remains("v-app").await.unwrap(), alive);

    assert!(driver.drop_user("v-app", &[]).await.unwrap().is_empty());
    assert!(
        mariadb.query_as("v-app", "second-pw", "SELECT 1").is_err(),
        "the login is refused"
    );
    // Its session goes on, and is found.
    let left = Remains {
        sessions: 1,
        ..Remains::default()
    };
    assert_eq!(driver.remains("v-app").await.unwrap(), left);
    assert_eq!(driver.holdings("v-").await.unwrap().ghost_sessions, 1);
    assert_eq!(driver.end_sessions("v-app").await.unwrap(), 1);
    assert!(session.query_drop("SELECT 1").await.is_err());
    assert_eq!(driver.remains("v-app").await.unwrap(), Remains::default());
    assert!(
        driver.drop_user("v-app", &[]).await.unwrap().is_empty(),
        "gone is done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_statements_leave_no_user() {
    let (mariadb, driver) = start().await;
    let broken =
        "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT FLY ON app.* TO '{{name}}'@'%'";
    let error = create(&driver, "v-broken", "canary-1", &[broken], &[])
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            DriverError::Statement {
                number: 2,
                total: 2,
                ..
            }
        ),
        "{error}"
    );
    says(&error, "error in your SQL syntax");
    assert_eq!(accounts(&mariadb, "v-broken"), "");

    // Where the role says how to undo it, that is done first.
    mariadb.query("CREATE TABLE app.undone (name TEXT)").unwrap();
    let undo = "INSERT INTO app.undone VALUES ('{{name}}')";
    create(&driver, "v-broken", "canary-2", &[broken], &[undo])
        .await
        .unwrap_err();
    assert_eq!(mariadb.query("SELECT name FROM app.undone").unwrap(), "v-broken");
    assert_eq!(
        accounts(&mariadb, "v-broken"),
        "",
        "and what it leaves is dropped"
    );

    // What a server quotes is not quoted further.
    let quoted = "CREATE USER '{{name}}'@'%' IDENTIFIED BYE '{{password}}'";
    let error = create(&driver, "v-broken", "canary-3", &[quoted], &[])
        .await
        .unwrap_err();
    says(&error, "[password]");
    let error = create(&driver, "v-broken", "p", &[" ; "], &[]).await.unwrap_err();
    says(&error, "empty creation statements");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_is_there_already_is_left_alone() {
    let (mariadb, driver) = start().await;
    mariadb
        .query("CREATE USER 'payroll'@'10.%' IDENTIFIED BY 'x'")
        .unwrap();
    let error = create(&driver, "payroll", "p", &[CREATION], &[])
        .await
        .unwrap_err();
    says(&error, "username_template");
    assert_eq!(accounts(&mariadb, "payroll"), "10.%");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_on_every_host_are_found() {
    let (mariadb, driver) = start().await;
    let creation = "CREATE USER '{{name}}'@'127.0.0.1' IDENTIFIED BY '{{password}}'; \
                    CREATE USER '{{name}}'@'10.%' IDENTIFIED BY '{{password}}'";
    create(&driver, "v-hosts", "p", &[creation], &[]).await.unwrap();
    // Both of them have the new password; an account for everywhere would be the only one to get it.
    driver
        .set_credential("v-hosts", &password("q"), &[])
        .await
        .unwrap();
    mariadb.query_as("v-hosts", "q", "SELECT 1").unwrap();
    let notes = driver
        .drop_user("v-hosts", &list(&["DROP USER '{{name}}'@'127.0.0.1'"]))
        .await
        .unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("DROP USER IF EXISTS '{{name}}'@'10.%'"),
        "{notes:?}"
    );
    assert_eq!(accounts(&mariadb, "v-hosts"), "");

    // Statements that keep the account and lock it are enough.
    create(&driver, "v-locked", "p", &[CREATION], &[]).await.unwrap();
    let lock = list(&["ALTER USER '{{name}}'@'%' ACCOUNT LOCK"]);
    assert!(driver.drop_user("v-locked", &lock).await.unwrap().is_empty());
    let remains = driver.remains("v-locked").await.unwrap();
    assert!(remains.exists && !remains.may_log_in, "{remains:?}");
    let holdings = driver.holdings("v-").await.unwrap();
    assert_eq!(holdings.users.len(), 1);
    assert!(!holdings.users[0].may_log_in);
    assert!(
        holdings
            .fullness
            .iter()
            .any(|full| full.what == "connections" && full.limit > 0)
    );

    let error = driver
        .set_credential("nobody", &password("p"), &[])
        .await
        .unwrap_err();
    says(&error, "there is no user \"nobody\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_user_rotates_only_the_account_it_is_logged_in_with() {
    let (mariadb, driver) = start().await;
    mariadb
        .query("CREATE USER 'arca'@'10.%' IDENTIFIED BY 'untouched'")
        .unwrap();
    let before = mariadb
        .query("SELECT Password FROM mysql.user WHERE user = 'arca' AND host = '10.%'")
        .unwrap();
    driver
        .set_credential(mariadb.username(), &password("rotated"), &[])
        .await
        .unwrap();
    mariadb.query_as("arca", "rotated", "SELECT 1").unwrap();
    let after = mariadb
        .query("SELECT Password FROM mysql.user WHERE user = 'arca' AND host = '10.%'")
        .unwrap();
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_passwords_stay_where_statements_put_them() {
    let (mariadb, driver) = start().await;
    for name in ["x'; DROP TABLE app.t; -- ", "x\"", "x`", "x\\", "x;y", "x\ny"] {
        let error = create(&driver, name, "p", &[CREATION], &[]).await.unwrap_err();
        says(&error, "username_template");
    }
    let error = create(&driver, "v-x", "canary' OR '1", &[CREATION], &[])
        .await
        .unwrap_err();
    says(&error, "password_policy");
    assert_eq!(mariadb.query("SELECT n FROM app.t").unwrap(), "7");
    // In our own statements a strange name is only a name.
    mariadb.query("CREATE USER 'o`x'@'%'").unwrap();
    driver.drop_user("o`x", &[]).await.unwrap();
    assert_eq!(accounts(&mariadb, "o`x"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_there_is_no_connection_is_told_apart() {
    let mariadb = MariaDb::start().unwrap();
    let mut wrong = details(&mariadb);
    wrong["password"] = json!("CANARY");
    let error = refusal(PLUGIN, wrong).await;
    assert!(matches!(error, DriverError::Refused(_)), "{error}");
    says(&error, "Access denied");

    let literal = format!("arca:CANARY@tcp(127.0.0.1:{})/", mariadb.port());
    says(
        &refusal(PLUGIN, json!({ "connection_url": literal })).await,
        "Access denied",
    );

    let nobody = format!("arca:CANARY@tcp(127.0.0.1:{})/", deaf_port());
    let error = refusal(PLUGIN, json!({ "connection_url": nobody })).await;
    assert!(matches!(error, DriverError::Unreachable(_)), "{error}");
    says(&error, "refused");

    let mut missing = details(&mariadb);
    missing["connection_url"] = json!(format!(
        "{{{{username}}}}:{{{{password}}}}@tcp(127.0.0.1:{})/nowhere",
        mariadb.port()
    ));
    says(
        &refusal(PLUGIN, missing).await,
        "connection_url: Unknown database",
    );

    let mut encrypted = details(&mariadb);
    encrypted["tls_skip_verify"] = json!(true);
    let error = refusal(PLUGIN, encrypted).await;
    assert!(matches!(error, DriverError::Tls(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_checked() {
    let authority = Authority::new().unwrap();
    let mariadb = MariaDb::start_with(&MariaDbSetup {
        tls: Some(authority.issue("db.internal").unwrap()),
        ..MariaDbSetup::default()
    })
    .unwrap();
    mariadb.query("ALTER USER 'arca'@'%' REQUIRE SSL").unwrap();
    let with = |more: Value| {
        let mut details = details(&mariadb);
        for (name, value) in more.as_object().unwrap() {
            details[name] = value.clone();
        }
        details
    };
    let ca = std::fs::read_to_string(authority.file()).unwrap();
    let other = std::fs::read_to_string(Authority::new().unwrap().file()).unwrap();
    for good in [
        json!({ "tls_ca": ca, "tls_server_name": "db.internal" }),
        json!({ "tls_skip_verify": true }),
    ] {
        open(PLUGIN, with(good)).await.unwrap().verify().await.unwrap();
    }
    for bad in [
        json!({ "tls_ca": ca }),
        json!({ "tls_ca": other, "tls_server_name": "db.internal" }),
        json!({ "tls_server_name": "db.internal" }),
    ] {
        let error = refusal(PLUGIN, with(bad.clone())).await;
        assert!(matches!(error, DriverError::Tls(_)), "{bad}: {error}");
    }
    let error = refusal(PLUGIN, with(json!({}))).await;
    assert!(matches!(error, DriverError::Refused(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn misspelled_statements_are_found_without_running_them() {
    let (mariadb, driver) = start().await;
    assert!(rehearse(&driver, &[CREATION], &[]).await.is_empty());
    assert!(
        rehearse(&driver, &[CREATION], &["DROP USER '{{name}}'@'%'"])
            .await
            .is_empty()
    );
    let found = rehearse(
        &driver,
        &["CREATE USER '{{name}}'@'10.%' IDENTIFIED BYE '{{password}}'"],
        &["DROP USER '{{name}}'@'%'", "DROP TABLE app.t"],
    )
    .await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("'10.%'"), "{found:?}");
    assert!(found[1].contains("IDENTIFIED BYE '{{password}}'"), "{found:?}");
    assert_eq!(mariadb.query("SELECT n FROM app.t").unwrap(), "7", "nothing ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_statements_change_in_a_connection_stays_with_them() {
    let (mariadb, _) = start().await;
    let mut details = details(&mariadb);
    details["max_open_connections"] = json!(1);
    let driver = open(PLUGIN, details).await.unwrap();
    let creation = format!("USE app; {CREATION}");
    create(&driver, "v-one", "p", &[&creation], &[]).await.unwrap();
    // `t` alone means nothing in a connection of its own.
    let creation = format!("{CREATION} INSERT INTO t VALUES (8)");
    let error = create(&driver, "v-two", "p", &[&creation], &[])
        .await
        .unwrap_err();
    says(&error, "No database selected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_user_that_sees_too_little_is_told_so() {
    let (mariadb, _) = start().await;
    mariadb
        .query("CREATE USER 'blind'@'%' IDENTIFIED BY 'p'; GRANT CREATE USER ON *.* TO 'blind'@'%'")
        .unwrap();
    let mut details = details(&mariadb);
    details["username"] = json!("blind");
    details["password"] = json!("p");
    let driver = open(PLUGIN, details).await.unwrap();
    let found = rehearse(&driver, &[CREATION], &[]).await;
    assert!(found[0].contains("GRANT SELECT ON mysql.*"), "{found:?}");
    let error = create(&driver, "v-x", "p", &[CREATION], &[]).await.unwrap_err();
    says(&error, "SELECT ON mysql.*");
    assert_eq!(
        accounts(&mariadb, "v-x"),
        "",
        "nothing is made that nobody could see go"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_do_not_pile_up_in_the_server() {
    let (mariadb, driver) = start().await;
    for _ in 0..50 {
        driver.remains("v-nobody").await.unwrap();
        driver.holdings("v-").await.unwrap();
        rehearse(&driver, &[CREATION], &[]).await;
    }
    let kept = mariadb
        .query("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")
        .unwrap();
    let kept: u32 = kept.split('\t').nth(1).unwrap().parse().unwrap();
    assert!(kept <= 32, "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_replaced() {
    let (mut mariadb, _) = start().await;
    let mut details = details(&mariadb);
    details["max_open_connections"] = json!(2);
    let driver = open(PLUGIN, details).await.unwrap();
    let busy: Vec<_> = (0..16)
        .map(|number| {
            let driver = driver.clone();
            tokio::spawn(async move {
                create(&driver, &format!("v-{number}"), "p", &[CREATION], &[])
                    .await
                    .unwrap();
            })
        })
        .collect();
    for task in busy {
        task.await.unwrap();
    }
    let connected = |mariadb: &MariaDb| {
        let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'arca'";
        mariadb.query(sql).unwrap()
    };
    assert_eq!(driver.holdings("v-").await.unwrap().users.len(), 16);
    let count: u32 = connected(&mariadb).parse().unwrap();
    assert!((1..=3).contains(&count), "{count}");
    mariadb.restart().unwrap();
    driver.verify().await.unwrap();
    mariadb.stop();
    let error = driver.verify().await.unwrap_err();
    assert!(error.is_out_of_reach(), "{error}");
    mariadb.restart().unwrap();
    driver.verify().await.unwrap();
    driver.close().await;
    assert!(driver.verify().await.is_err());
    for _ in 0..100 {
        if connected(&mariadb) == "0" {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("a connection outlives its driver");
}
