//! The driver of Redis against a real one.

use std::sync::Arc;

use arca_engines::database::driver::{Database, DriverError, Remains};
use arca_fixtures::{Authority, Redis, RedisSetup};
use serde_json::{Value, json};

use crate::drivers::{create, deaf_port, list, open, password, refusal, rehearse, says};

const PLUGIN: &str = "redis-database-plugin";
const RULES: &str = r#"["~app:*","+@read","+@connection"]"#;

fn details(redis: &Redis) -> Value {
    json!({
        "host": "127.0.0.1", "port": redis.port(),
        "username": redis.username(), "password": redis.password(),
    })
}

async fn start() -> (Redis, Arc<dyn Database>) {
    let redis = Redis::start().unwrap();
    redis.query(&["SET", "app:n", "7"]).unwrap();
    let driver = open(PLUGIN, details(&redis)).await.unwrap();
    driver.verify().await.unwrap();
    (redis, driver)
}

fn users(redis: &Redis) -> String {
    redis.query(&["ACL", "USERS"]).unwrap().replace('\n', " ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_lives_from_its_creation_to_its_end() {
    let (redis, driver) = start().await;
    create(&driver, "V_APP", "first-pw", &[RULES], &[]).await.unwrap();
    assert_eq!(
        redis.query_as("V_APP", "first-pw", &["GET", "app:n"]).unwrap(),
        "7"
    );
    for refused in [&["SET", "app:n", "8"][..], &["GET", "other"]] {
        let error = redis
            .query_as("V_APP", "first-pw", refused)
            .unwrap_err()
            .to_string();
        assert!(error.contains("NOPERM"), "{error}");
    }
    driver
        .extend_user("V_APP", arca_base::Timestamp::from_unix(5, 0), &[])
        .await
        .unwrap();
    driver
        .set_credential("V_APP", &password("second-pw"), &[])
        .await
        .unwrap();
    assert!(redis.query_as("V_APP", "first-pw", &["PING"]).is_err());

    let url = format!("redis://V_APP:second-pw@127.0.0.1:{}", redis.port());
    let client = redis::Client::open(url).unwrap();
    let mut session = client.get_multiplexed_async_connection().await.unwrap();
    let ping = redis::cmd("PING");
    let _: String = ping.query_async(&mut session).await.unwrap();
    let remains = driver.remains("V_APP").await.unwrap();
    assert!(
        remains.exists && remains.may_log_in && remains.grants == 3,
        "{remains:?}"
    );
    assert_eq!(remains.sessions, 1);

    assert!(driver.drop_user("V_APP", &[]).await.unwrap().is_empty());
    assert!(
        redis.query_as("V_APP", "second-pw", &["PING"]).is_err(),
        "the login is refused"
    );
    let answer: Result<String, _> = ping.query_async(&mut session).await;
    assert!(answer.is_err(), "its session went with it");
    assert_eq!(driver.remains("V_APP").await.unwrap(), Remains::default());
    assert!(
        driver.drop_user("V_APP", &[]).await.unwrap().is_empty(),
        "gone is done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_come_in_many_forms_and_broken_ones_leave_no_user() {
    let (redis, driver) = start().await;
    create(&driver, "V_DEFAULT", "p", &[], &[]).await.unwrap();
    assert_eq!(redis.query_as("V_DEFAULT", "p", &["GET", "app:n"]).unwrap(), "7");
    create(&driver, "V_LIST", "p", &["~app:*", "+get"], &[])
        .await
        .unwrap();
    assert_eq!(redis.query_as("V_LIST", "p", &["GET", "app:n"]).unwrap(), "7");

    let error = create(&driver, "V_BROKEN", "canary-1", &[r#"["~*","+@fly"]"#], &[])
        .await
        .unwrap_err();
    assert!(matches!(error, DriverError::Statement { .. }), "{error}");
    says(&error, "+@fly");
    let error = create(&driver, "V_BROKEN", "canary-2", &[r#"{"a":1}"#], &[])
        .await
        .unwrap_err();
    says(&error, "JSON array of texts");
    for name in ["V BROKEN", "", "V\nX"] {
        says(
            &create(&driver, name, "p", &[], &[]).await.unwrap_err(),
            "username",
        );
    }
    assert_eq!(users(&redis), "V_DEFAULT V_LIST default");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_is_there_already_is_left_alone() {
    let (redis, driver) = start().await;
    let error = create(&driver, "default", "p", &[RULES], &[]).await.unwrap_err();
    says(&error, "already");
    assert_eq!(redis.query(&["PING"]).unwrap(), "PONG");
    let error = driver
        .set_credential("NOBODY", &password("p"), &[])
        .await
        .unwrap_err();
    says(&error, "there is no user");
    assert_eq!(users(&redis), "default");
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_rules_may_lock_instead() {
    let (redis, driver) = start().await;
    for name in ["V_LOCKED", "V_LEFT"] {
        create(&driver, name, "p", &[RULES], &[]).await.unwrap();
    }
    assert!(
        driver
            .drop_user("V_LOCKED", &list(&[r#"["off"]"#]))
            .await
            .unwrap()
            .is_empty()
    );
    let notes = driver.drop_user("V_LEFT", &list(&["-@all"])).await.unwrap();
    assert!(notes[0].contains("add: off"), "{notes:?}");
    assert!(redis.query_as("V_LOCKED", "p", &["PING"]).is_err());
    assert_eq!(users(&redis), "V_LOCKED default");
    let holdings = driver.holdings("V_").await.unwrap();
    assert_eq!(holdings.users.len(), 1);
    assert!(!holdings.users[0].may_log_in);
    assert!(
        holdings
            .fullness
            .iter()
            .any(|full| full.what == "connections" && full.limit > 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_ended() {
    let (redis, driver) = start().await;
    create(&driver, "V_APP", "p", &[RULES], &[]).await.unwrap();
    let client = redis::Client::open(format!("redis://V_APP:p@127.0.0.1:{}", redis.port())).unwrap();
    let _one = client.get_multiplexed_async_connection().await.unwrap();
    let _two = client.get_multiplexed_async_connection().await.unwrap();
    assert_eq!(driver.holdings("V_").await.unwrap().users[0].sessions, 2);
    assert_eq!(driver.end_sessions("V_APP").await.unwrap(), 2);
    assert_eq!(driver.end_sessions("V_APP").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_kept_where_the_configuration_asks_for_it() {
    let mut redis = Redis::start_with(&RedisSetup {
        acl_file: true,
        ..RedisSetup::default()
    })
    .unwrap();
    let mut details = details(&redis);
    details["persistence_mode"] = json!("ACLFILE");
    let driver = open(PLUGIN, details.clone()).await.unwrap();
    for name in ["V_KEPT", "V_GONE"] {
        create(&driver, name, "p", &[RULES], &[]).await.unwrap();
    }
    assert!(driver.drop_user("V_GONE", &[]).await.unwrap().is_empty());
    redis.kill();
    redis.restart().unwrap();
    assert_eq!(
        users(&redis),
        "V_KEPT default",
        "a dropped user does not come back"
    );
    // The driver's connection is from before; the next command finds a new one.
    driver.verify().await.unwrap();

    // A server that cannot is no reason to fail.
    let forgetful = Redis::start().unwrap();
    details["port"] = json!(forgetful.port());
    details["password"] = json!(forgetful.password());
    let driver = open(PLUGIN, details).await.unwrap();
    create(&driver, "V_APP", "p", &[RULES], &[]).await.unwrap();
    let found = rehearse(&driver, &[RULES], &[]).await;
    assert!(found[0].contains("ACL SAVE is refused"), "{found:?}");
    let notes = driver.drop_user("V_APP", &[]).await.unwrap();
    assert!(notes[0].contains("ACL SAVE is refused"), "{notes:?}");
    assert_eq!(users(&forgetful), "default");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_tried_without_leaving_anything() {
    let (redis, driver) = start().await;
    assert!(rehearse(&driver, &[RULES], &[]).await.is_empty());
    assert!(rehearse(&driver, &[], &[r#"["off"]"#]).await.is_empty());
    let found = rehearse(&driver, &[r#"["+@fly","nopass"]"#], &["off", "+@walk"]).await;
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("nopass lets users in"), "{found:?}");
    assert!(
        found[1].contains("creation_statements") && found[1].contains("+@fly"),
        "{found:?}"
    );
    assert!(
        found[2].contains("revocation_statements") && found[2].contains("+@walk"),
        "{found:?}"
    );
    assert!(rehearse(&driver, &["[1]"], &[]).await[0].contains("JSON array of texts"));
    assert_eq!(users(&redis), "default");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_there_is_no_connection_is_told_apart() {
    let redis = Redis::start().unwrap();
    let with = |name: &str, value: Value| {
        let mut details = details(&redis);
        details[name] = value;
        details
    };
    let error = refusal(PLUGIN, with("password", json!("CANARY"))).await;
    assert!(matches!(error, DriverError::Refused(_)), "{error}");
    says(&error, "the database refuses the login");
    let mut without = details(&redis);
    without["username"] = json!("");
    without["password"] = json!("");
    let error = refusal(PLUGIN, without).await;
    assert!(matches!(error, DriverError::Refused(_)), "{error}");

    let error = refusal(PLUGIN, with("port", json!(deaf_port()))).await;
    assert!(matches!(error, DriverError::Unreachable(_)), "{error}");
    for (name, value, said) in [
        ("host", json!(""), "host cannot be empty"),
        ("host", json!("redis://h"), "not a URL"),
        ("port", json!(70_000), "port: "),
        ("port", json!("x"), "port: "),
        ("ca_cert", json!("CANARY"), "need tls=true"),
        ("persistence_mode", json!("disk"), "persistence_mode: "),
    ] {
        let error = refusal(PLUGIN, with(name, value)).await;
        assert!(matches!(error, DriverError::Setting(_)), "{error}");
        says(&error, said);
    }
    let mut authority = with("tls", json!(true));
    authority["ca_cert"] = json!("CANARY");
    says(&refusal(PLUGIN, authority).await, "ca_cert: ");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_checked() {
    let authority = Authority::new().unwrap();
    let redis = Redis::start_with(&RedisSetup {
        tls: Some(authority.issue("IP:127.0.0.1").unwrap()),
        ..RedisSetup::default()
    })
    .unwrap();
    let with = |name: &str, value: Value| {
        let mut details = details(&redis);
        details["tls"] = json!(true);
        details[name] = value;
        details
    };
    let ca = std::fs::read_to_string(authority.file()).unwrap();
    let other = std::fs::read_to_string(Authority::new().unwrap().file()).unwrap();
    for good in [with("ca_cert", json!(ca)), with("insecure_tls", json!(true))] {
        open(PLUGIN, good).await.unwrap().verify().await.unwrap();
    }
    for bad in [with("ca_cert", json!(other)), with("tls", json!(true))] {
        let error = refusal(PLUGIN, bad).await;
        assert!(matches!(error, DriverError::Tls(_)), "{error}");
    }
    let plain = refusal(PLUGIN, details(&redis)).await;
    assert!(plain.is_out_of_reach(), "{plain}");
}
