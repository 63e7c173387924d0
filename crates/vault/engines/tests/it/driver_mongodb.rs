//! The driver of MongoDB against a double, and against a real server where `ARCA_TEST_MONGODB_URL` names one.
//!
//! The URL has places for the credentials, `mongodb://{{username}}:{{password}}@host:27017/admin`, and
//! `ARCA_TEST_MONGODB_USERNAME` and `ARCA_TEST_MONGODB_PASSWORD` fill them: those of a user with the role `root`.

use std::sync::Arc;

use arca_engines::database::driver::{Database, DriverError, Remains};
use arca_fixtures::MongoDbDouble;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::drivers::{create, deaf_port, list, open, password, refusal, rehearse, says};

const PLUGIN: &str = "mongodb-database-plugin";
const CREATION: &str = r#"{"db":"admin","roles":[{"role":"readWrite","db":"app"},{"role":"read"}]}"#;

/// A server, real or not.
struct Server {
    double: Option<MongoDbDouble>,
    url: String,
    username: String,
    password: String,
}

impl Server {
    fn start() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        if let Some(url) = variable("ARCA_TEST_MONGODB_URL") {
            return Self {
                double: None,
                url,
                username: variable("ARCA_TEST_MONGODB_USERNAME").unwrap_or_default(),
                password: variable("ARCA_TEST_MONGODB_PASSWORD").unwrap_or_default(),
            };
        }
        let double = MongoDbDouble::start().unwrap();
        Self {
            url: double.url_template(),
            username: double.username().to_owned(),
            password: double.password().to_owned(),
            double: Some(double),
        }
    }

    fn details(&self) -> Value {
        json!({ "connection_url": self.url, "username": self.username, "password": self.password })
    }

    /// Logs in and asks as whom.
    async fn log_in(
        &self,
        username: &str,
        password: &str,
        database: &str,
    ) -> Result<Client, mongodb::error::Error> {
        let url = self
            .url
            .replace("{{username}}", username)
            .replace("{{password}}", password);
        let joint = if url.contains('?') { '&' } else { '?' };
        let client = Client::with_uri_str(format!("{url}{joint}authSource={database}")).await?;
        let status = client
            .database("admin")
            .run_command(doc! { "connectionStatus": 1 })
            .await?;
        let users = status
            .get_document("authInfo")
            .unwrap()
            .get_array("authenticatedUsers")
            .unwrap();
        assert_eq!(users[0].as_document().unwrap().get_str("user").unwrap(), username);
        Ok(client)
    }
}

async fn start() -> (Server, Arc<dyn Database>) {
    let server = Server::start();
    let driver = open(PLUGIN, server.details()).await.unwrap();
    driver.verify().await.unwrap();
    (server, driver)
}

/// A name that no earlier run has left on a real server.
fn name(what: &str) -> String {
    format!("v-{what}-{}-{}", std::process::id(), deaf_port())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_lives_from_its_creation_to_its_end() {
    let (server, driver) = start().await;
    let user = name("app");
    create(&driver, &user, "first-pw", &[CREATION], &[])
        .await
        .unwrap();
    let session = server.log_in(&user, "first-pw", "admin").await.unwrap();
    let remains = driver.remains(&user).await.unwrap();
    assert!(
        remains.exists && remains.may_log_in && remains.grants == 2,
        "{remains:?}"
    );
    assert!(remains.sessions > 0, "{remains:?}");

    driver
        .extend_user(&user, arca_base::Timestamp::from_unix(5, 0), &[])
        .await
        .unwrap();
    driver
        .set_credential(&user, &password("second-pw"), &[])
        .await
        .unwrap();
    assert!(server.log_in(&user, "first-pw", "admin").await.is_err());
    server.log_in(&user, "second-pw", "admin").await.unwrap();

    driver.end_sessions(&user).await.unwrap();
    assert!(driver.drop_user(&user, &[]).await.unwrap().is_empty());
    assert!(
        server.log_in(&user, "second-pw", "admin").await.is_err(),
        "the login is refused"
    );
    let more = doc! { "createUser": "x", "pwd": "x", "roles": [] };
    let refused: Result<Document, _> = session.database("admin").run_command(more).await;
    assert!(refused.is_err(), "a session without its user can do nothing");
    drop(session);
    let left = driver.remains(&user).await.unwrap();
    assert_eq!((left.exists, left.may_log_in, left.grants), (false, false, 0));
    assert!(
        driver.drop_user(&user, &[]).await.unwrap().is_empty(),
        "gone is done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_statements_leave_no_user() {
    let (_server, driver) = start().await;
    let user = name("broken");
    for (statement, said) in [
        (r#"{"roles":[{"role":"fly","db":"app"}]}"#, "fly"),
        (
            r#"{"db":"admin"}"#,
            "roles array is required in creation statement",
        ),
        ("{", "no JSON"),
        ("CREATE USER x", "no JSON"),
    ] {
        let error = create(&driver, &user, "canary", &[statement], &[])
            .await
            .unwrap_err();
        says(&error, said);
    }
    says(
        &create(&driver, &user, "canary", &[], &[]).await.unwrap_err(),
        "empty creation statements",
    );
    assert_eq!(driver.remains(&user).await.unwrap(), Remains::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_in_every_database() {
    let (server, driver) = start().await;
    let user = name("other");
    create(&driver, &user, "p", &[r#"{"db":"app","roles":["read"]}"#], &[])
        .await
        .unwrap();
    server.log_in(&user, "p", "app").await.unwrap();
    let error = create(&driver, &user, "p", &[CREATION], &[]).await.unwrap_err();
    says(&error, "already");
    driver.set_credential(&user, &password("q"), &[]).await.unwrap();
    server.log_in(&user, "q", "app").await.unwrap();
    let error = driver
        .set_credential("nobody-at-all", &password("q"), &[])
        .await
        .unwrap_err();
    says(&error, "there is no user");

    let holdings = driver.holdings(&user).await.unwrap();
    assert_eq!(holdings.users.len(), 1);
    assert!(holdings.fullness[0].limit > holdings.fullness[0].used);

    // A statement that names another database would have been taken for done.
    let notes = driver
        .drop_user(&user, &list(&[r#"{"db":"admin"}"#]))
        .await
        .unwrap();
    assert!(notes[0].contains(r#"{"db":"app"}"#), "{notes:?}");
    assert!(!driver.remains(&user).await.unwrap().exists);
    let error = driver.drop_user(&user, &list(&["{}", "{}"])).await.unwrap_err();
    says(&error, "expected 0 or 1 revocation statements, got 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_user_of_one_database_is_enough() {
    let (server, root) = start().await;
    let (keeper, user) = (name("keeper"), name("small"));
    let creation = r#"{"db":"app","roles":[{"role":"userAdmin","db":"app"}]}"#;
    create(&root, &keeper, "p", &[creation], &[]).await.unwrap();
    let mut details = server.details();
    details["connection_url"] = json!(server.url.replace("/admin", "/app"));
    details["username"] = json!(keeper);
    details["password"] = json!("p");
    let driver = open(PLUGIN, details).await.unwrap();
    let creation = r#"{"db":"app","roles":["read"]}"#;
    let found = rehearse(&driver, &[creation], &[]).await;
    assert!(found[0].contains("clusterMonitor"), "{found:?}");
    create(&driver, &user, "p", &[creation], &[]).await.unwrap();
    assert!(driver.remains(&user).await.unwrap().exists);
    driver.set_credential(&user, &password("q"), &[]).await.unwrap();
    server.log_in(&user, "q", "app").await.unwrap();
    driver.drop_user(&user, &[]).await.unwrap();
    assert!(!driver.remains(&user).await.unwrap().exists);
    root.drop_user(&keeper, &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_only_names() {
    let (server, driver) = start().await;
    let user = format!("{}\",\"roles\":[\"root\"],\"x\":\"", name("quote"));
    create(&driver, &user, "p", &[CREATION], &[]).await.unwrap();
    let holdings = driver.holdings(&user).await.unwrap();
    assert_eq!(holdings.users[0].username, user);
    assert_eq!(driver.remains(&user).await.unwrap().grants, 2);
    driver.drop_user(&user, &[]).await.unwrap();
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_read_over() {
    let (_server, driver) = start().await;
    assert!(rehearse(&driver, &[CREATION], &[]).await.is_empty());
    let found = rehearse(
        &driver,
        &[r#"{"db":"app","roles":[{"role":"fly","db":"app"}],"rolls":1}"#],
        &[r#"{"db":"admin"}"#],
    )
    .await;
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("\"rolls\" means nothing"), "{found:?}");
    assert!(found[1].contains("no role \"fly\""), "{found:?}");
    assert!(found[2].contains("users are made in \"app\""), "{found:?}");
    assert!(rehearse(&driver, &["{}"], &[]).await[0].contains("roles array is required"));
}

#[tokio::test(flavor = "multi_thread")]
async fn why_there_is_no_connection_is_told_apart() {
    let server = Server::start();
    let mut wrong = server.details();
    wrong["password"] = json!("CANARY");
    let error = refusal(PLUGIN, wrong).await;
    assert!(matches!(error, DriverError::Refused(_)), "{error}");
    says(&error, "Authentication failed");
    let url = format!(
        "mongodb://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}",
        deaf_port()
    );
    let nobody = json!({ "connection_url": url, "username": "u", "password": "CANARY" });
    let error = refusal(PLUGIN, nobody).await;
    assert!(matches!(error, DriverError::Unreachable(_)), "{error}");
    says(&error, "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_replaced() {
    let (mut server, driver) = start().await;
    let Some(double) = server.double.as_mut() else {
        // Somebody else's server is not to be stopped.
        return;
    };
    double.restart().unwrap();
    driver.verify().await.unwrap();
    driver.remains("nobody").await.unwrap();
    driver.close().await;
    assert!(driver.verify().await.is_err());
}
