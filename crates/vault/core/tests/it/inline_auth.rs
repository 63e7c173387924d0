//! Requests that bring their login with them.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_base::{Operation, Ttl, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Catalog, Cx, Engine, Factory, Grant, Site, Table};
use arca_core::leases::{Ended, Lease};
use arca_core::seal::Seal;
use arca_storage::MemoryStorage;
use arca_testkit::{Response, TestServer, Unsealed};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// A double of an engine that makes users somewhere: on a route that says so, and on one that does not.
#[derive(Default)]
struct Grants(Arc<Mutex<Vec<&'static str>>>);

arca_api::endpoints! {
    /// Make a secret.
    Make = Read "creds/{name*}" => Nothing;
    /// Make a secret, unexpectedly.
    Surprise = Read "surprise" => Nothing;
}

impl Engine for Grants {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<Make, _, _>(make)
            .leases()
            .on::<Surprise, _, _>(make)
    }

    async fn revoke(self: Arc<Self>, _: Site, _: Arc<Lease>) -> Result<Ended, Fault> {
        self.0.lock().push("ended");
        Ok(Ended::default())
    }
}

async fn make(engine: Arc<Grants>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    engine.0.lock().push("made");
    let grant = Grant {
        ttl: Ttl::from_seconds(600),
        ..Grant::default()
    };
    Ok(Answer::leased(&json_object! { "password" => "p" }, grant))
}

struct Setting {
    vault: Unsealed,
    /// What the engine has done.
    done: Arc<Mutex<Vec<&'static str>>>,
    role_id: String,
    secret_id: String,
    audit_log: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

const LOGIN: &str = "auth/approle/login";

async fn start() -> Setting {
    let done = Arc::new(Mutex::new(Vec::new()));
    let engine = done.clone();
    let catalog = Catalog::new().secret("grants", Factory::new(move |_| Grants(engine.clone())));
    let vault = TestServer::on(Arc::new(MemoryStorage::new()), catalog, Seal::Shamir, 7)
        .unsealed()
        .await;
    vault.mount("db", "grants").await;
    vault.mount("kv", "kv").await;
    let policy = r#"path "kv/app" { capabilities = ["read", "create", "update"] }
        path "db/*" { capabilities = ["read"] }
        path "auth/token/create" { capabilities = ["update"] }
        path "cubbyhole/*" { capabilities = ["create", "update", "read"] }"#;
    for (path, data) in [
        ("sys/policies/acl/app", json!({"policy": policy})),
        ("sys/auth/approle", json!({"type": "approle"})),
        (
            "auth/approle/role/ci",
            json!({"token_policies": "app", "token_period": "1h"}),
        ),
        ("kv/app", json!({"password": "p4ss"})),
    ] {
        let _ = vault.write(path, data).await.expect(204);
    }
    let role_id = vault.read("auth/approle/role/ci/role-id").await.expect(200);
    let secret_id = vault
        .write("auth/approle/role/ci/secret-id", json!({}))
        .await
        .expect(200);
    let folder = tempfile::tempdir().unwrap();
    let audit_log = folder.path().join("audit.log");
    let device = json!({"type": "file", "options": {"file_path": audit_log.to_str().unwrap()}});
    let _ = vault.write("sys/audit/file", device).await.expect(204);
    let text = |answer: &Response, name| answer.data(name).as_str().unwrap().to_owned();
    Setting {
        done,
        role_id: text(&role_id, "role_id"),
        secret_id: text(&secret_id, "secret_id"),
        vault,
        audit_log,
        _folder: folder,
    }
}

impl Setting {
    fn credentials(&self) -> Value {
        json!({"role_id": self.role_id, "secret_id": self.secret_id})
    }

    async fn ask(&self, operation: Operation, path: &str, data: Value) -> Response {
        let login = (LOGIN, self.credentials());
        self.vault
            .server
            .request_with_login(operation, path, login, data)
            .await
    }

    async fn accessors(&self) -> usize {
        let list = self.vault.list("auth/token/accessors").await.expect(200);
        list.data("keys").as_array().unwrap().len()
    }

    /// Path, type, error and token of each entry from line `from` on.
    fn entries(&self, from: usize) -> Vec<(String, String, bool)> {
        let log = std::fs::read_to_string(&self.audit_log).unwrap();
        let entry = |line: &str| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let text = |pointer: &str| {
                entry
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            (text("/request/path"), text("/type"), !text("/error").is_empty())
        };
        log.lines().skip(from).map(entry).collect()
    }

    fn lines(&self) -> usize {
        std::fs::read_to_string(&self.audit_log).unwrap().lines().count()
    }
}

#[tokio::test]
async fn a_login_and_a_request_are_one_call_that_leaves_no_token() {
    let setting = start().await;
    let (tokens, lines) = (setting.accessors().await, setting.lines());
    let read = setting
        .ask(Operation::Read, "kv/app", Value::Null)
        .await
        .expect(200);
    assert_eq!(read.data("password"), "p4ss");
    assert_eq!(read.body["auth"], Value::Null, "the token is given to nobody");
    let entry = |path: &str, kind: &str| (path.to_owned(), kind.to_owned(), false);
    assert_eq!(
        setting.entries(lines),
        [
            entry(LOGIN, "request"),
            entry(LOGIN, "response"),
            entry("kv/app", "request"),
            entry("kv/app", "response"),
        ]
    );
    let _ = setting
        .ask(Operation::Update, "kv/app", json!({"password": "n3w"}))
        .await
        .expect(204);
    assert_eq!(setting.vault.read("kv/app").await.data("password"), "n3w");
    assert_eq!(setting.accessors().await, tokens);
    let log = std::fs::read_to_string(&setting.audit_log).unwrap();
    assert!(
        !log.contains(&setting.secret_id) && !log.contains("hvb."),
        "{log}"
    );
}

#[tokio::test]
async fn it_may_what_its_role_may() {
    let setting = start().await;
    let denied = setting
        .ask(Operation::Read, "kv/other", Value::Null)
        .await
        .expect(403);
    assert!(!denied.inline_auth_failed, "it was the request that failed");
    let me = setting
        .ask(Operation::Read, "auth/token/lookup-self", Value::Null)
        .await
        .expect(200);
    assert_eq!(me.data("policies"), &json!(["app", "default"]));
    assert_eq!(
        (me.data("type"), me.data("meta")),
        (&json!("batch"), &json!({"role_name": "ci"}))
    );
}

#[tokio::test]
async fn a_failed_login_says_that_it_failed() {
    let setting = start().await;
    let lines = setting.lines();
    let wrong = json!({"role_id": setting.role_id, "secret_id": "guess"});
    let refused = setting
        .vault
        .server
        .request_with_login(Operation::Read, "kv/app", (LOGIN, wrong.clone()), Value::Null)
        .await
        .expect(400);
    assert!(refused.inline_auth_failed);
    let alone = setting
        .vault
        .server
        .request(Operation::Update, LOGIN, None, wrong, None)
        .await
        .expect(400);
    assert_eq!(refused.body, alone.body, "it says what the login alone would");
    let entry = |path: &str, kind: &str, error| (path.to_owned(), kind.to_owned(), error);
    assert_eq!(
        setting.entries(lines)[..4],
        [
            entry(LOGIN, "request", false),
            entry(LOGIN, "response", true),
            entry("kv/app", "request", true),
            entry("kv/app", "response", true),
        ]
    );
}

#[tokio::test]
async fn nothing_outlives_the_request() {
    let setting = start().await;
    let refused = setting
        .ask(Operation::Read, "db/creds/app", Value::Null)
        .await
        .expect(400);
    assert!(
        refused.error().contains("cannot hold a lease"),
        "{}",
        refused.error()
    );
    assert!(setting.done.lock().is_empty(), "refused before anything is made");
    let refused = setting
        .ask(Operation::Read, "db/surprise", Value::Null)
        .await
        .expect(400);
    assert!(
        refused.error().contains("cannot hold a lease"),
        "{}",
        refused.error()
    );
    assert_eq!(*setting.done.lock(), ["made", "ended"], "taken back at once");
    assert!(setting.vault.list("sys/leases/lookup/db/").await.status == 404);
    for (path, data) in [
        ("auth/token/create", json!({"policies": ["app"]})),
        ("cubbyhole/a", json!({"b": "c"})),
    ] {
        let _ = setting.ask(Operation::Update, path, data).await.expect(400);
    }
}

#[tokio::test]
async fn only_a_login_logs_in() {
    let setting = start().await;
    for (path, says) in [
        ("sys/wrapping/wrap", "has to be the path of a login"),
        ("auth/token/lookup-self", "permission denied"),
        ("auth/nowhere/login", "permission denied"),
    ] {
        let login = (path, json!({}));
        let refused = setting
            .vault
            .server
            .request_with_login(Operation::Read, "kv/app", login, Value::Null)
            .await;
        assert!(refused.status >= 400 && refused.inline_auth_failed, "{path}");
        assert!(refused.error().contains(says), "{path}: {}", refused.error());
    }
}
