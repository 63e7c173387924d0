//! The drivers of databases by themselves, against real servers.

use std::sync::Arc;

use arca_base::json::Limits;
use arca_base::{Json, Secret, Timestamp};
use arca_engines::database::catalog;
use arca_engines::database::driver::{Credential, Database, DriverError, Finding, NewUser, Rehearsal};
use arca_engines::database::settings::ConnectionSettings;
use arca_testkit::SeededEntropy;
use serde_json::json;

/// The driver for a plugin name and its connection details.
pub(crate) async fn open(
    plugin_name: &str,
    details: serde_json::Value,
) -> Result<Arc<dyn Database>, DriverError> {
    let details = match Json::parse(details.to_string().as_bytes(), &Limits::default()).unwrap() {
        Json::Object(details) => details,
        _ => panic!("an object"),
    };
    let kind = catalog::kind(plugin_name).expect("a kind of database");
    (kind.open)(ConnectionSettings::new(details), SeededEntropy::new(7)).await
}

/// Opens and logs in, and returns why not.
pub(crate) async fn refusal(plugin_name: &str, details: serde_json::Value) -> DriverError {
    match open(plugin_name, details).await {
        Ok(driver) => driver.verify().await.unwrap_err(),
        Err(error) => error,
    }
}

pub(crate) fn password(text: &str) -> Credential {
    Credential::Password(Secret::new(text.to_owned()))
}

pub(crate) fn list(statements: &[&str]) -> Vec<String> {
    statements.iter().map(|text| (*text).to_owned()).collect()
}

/// Makes a user.
pub(crate) async fn create(
    driver: &Arc<dyn Database>,
    username: &str,
    secret: &str,
    creation: &[&str],
    rollback: &[&str],
) -> Result<(), DriverError> {
    driver
        .create_user(&NewUser {
            username,
            credential: &password(secret),
            expiration: Timestamp::from_unix(4_000_000_000, 0),
            creation: &list(creation),
            rollback: &list(rollback),
        })
        .await
}

/// What is wrong with the statements of a role: field, message and remedy.
pub(crate) async fn rehearse(
    driver: &Arc<dyn Database>,
    creation: &[&str],
    revocation: &[&str],
) -> Vec<String> {
    let findings = driver
        .rehearse(&Rehearsal {
            username: "V_REHEARSAL",
            credential: &password("canary-of-rehearsal"),
            expiration: Timestamp::from_unix(4_000_000_000, 0),
            creation: &list(creation),
            renewal: &[],
            revocation: &list(revocation),
        })
        .await
        .unwrap();
    findings
        .into_iter()
        .map(
            |Finding {
                 phase,
                 message,
                 remedy,
             }| format!("{}: {message} -> {remedy}", phase.field()),
        )
        .inspect(|text| assert!(!text.contains("canary"), "{text}"))
        .collect()
}

/// Fails unless `error` says what is wanted and nothing secret.
#[track_caller]
pub(crate) fn says(error: &DriverError, wanted: &str) {
    let text = error.to_string();
    assert!(text.contains(wanted), "{text}");
    assert!(!text.to_lowercase().contains("canary"), "{text}");
}

/// A port of this machine where nobody listens.
pub(crate) fn deaf_port() -> u16 {
    arca_fixtures::process::free_port().unwrap()
}

/// Time stands still but for waits, which end at once: the limits are real, the test is not slow.
#[tokio::test(start_paused = true)]
#[expect(
    clippy::disallowed_methods,
    reason = "the clock of the runtime, which the test has stopped"
)]
async fn servers_that_say_nothing_are_given_up() {
    // Takes connections, because the system does, and never reads.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let sql = format!("u:CANARY@tcp(127.0.0.1:{port})/");
    let url = format!("mongodb://u:CANARY@127.0.0.1:{port}/admin");
    let mut kinds = vec![
        ("mysql-database-plugin", json!({ "connection_url": sql })),
        (
            "redis-database-plugin",
            json!({ "host": "127.0.0.1", "port": port, "password": "CANARY" }),
        ),
    ];
    if catalog::kind("mongodb-database-plugin").is_some() {
        kinds.push(("mongodb-database-plugin", json!({ "connection_url": url })));
    }
    for (plugin_name, details) in kinds {
        let begun = tokio::time::Instant::now();
        let error = refusal(plugin_name, details).await;
        assert!(error.is_out_of_reach(), "{plugin_name}: {error}");
        says(&error, "");
        let waited = begun.elapsed().as_secs();
        assert!((9..=31).contains(&waited), "{plugin_name}: {waited}");
    }
}
