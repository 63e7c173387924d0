//! What every kind of database must do behind the engine, whatever it speaks.

use std::time::Duration;

use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

use crate::database_kit::{User, pause, warnings};
use crate::drivers::deaf_port;

/// A server of some kind, as its tests see it from outside.
pub(crate) trait Server {
    /// What `config/db` is written with.
    fn config(&self) -> Value;
    /// The same for a server that is not there.
    fn config_at_port(&self, port: u16) -> Value;
    /// What a role is written with.
    fn role(&self) -> Value;
    /// The same with statements of which the last one fails.
    fn broken_role(&self) -> Value;
    /// Makes a user that is there before Arca knows of it.
    fn make_user(&self, name: &str, password: &str) -> impl Future<Output = ()>;
    /// Whether a user can log in and see what it may see.
    fn lets_in(&self, name: &str, password: &str) -> impl Future<Output = bool>;
    /// The names of all users.
    fn users(&self) -> impl Future<Output = Vec<String>>;
    fn stop(&mut self);
    fn start_again(&mut self);
}

/// A server with `database/` mounted and `config/db` written.
pub(crate) struct Mounted<S> {
    pub(crate) vault: Unsealed,
    pub(crate) server: S,
}

impl<S: Server> Mounted<S> {
    pub(crate) async fn start(server: S) -> Self {
        let vault = Unsealed::start().await;
        vault.mount("database", "database").await;
        let mounted = Self { vault, server };
        let _ = mounted.configure(mounted.server.config()).await.expect(204);
        let _ = mounted.write_role(mounted.server.role()).await.expect(204);
        mounted
    }

    async fn configure(&self, mut config: Value) -> Response {
        config["allowed_roles"] = json!("*");
        self.vault.write("database/config/db", config).await
    }

    pub(crate) async fn write_role(&self, mut role: Value) -> Response {
        for (name, value) in [("db_name", "db"), ("default_ttl", "1h"), ("max_ttl", "24h")] {
            role[name] = json!(value);
        }
        self.vault.write("database/roles/app", role).await
    }

    pub(crate) async fn credentials(&self) -> User {
        let made = self.vault.read("database/creds/app").await.expect(200);
        User {
            lease: made.body["lease_id"].as_str().unwrap().to_owned(),
            name: made.data("username").as_str().unwrap().to_owned(),
            password: made.data("password").as_str().unwrap().to_owned(),
        }
    }

    pub(crate) async fn revoke(&self, lease: &str) -> Response {
        self.vault
            .write("sys/leases/revoke", json!({ "lease_id": lease }))
            .await
    }

    pub(crate) async fn lets_in(&self, user: &User) -> bool {
        self.server.lets_in(&user.name, &user.password).await
    }

    async fn has(&self, name: &str) -> bool {
        self.server.users().await.iter().any(|known| known == name)
    }

    /// Waits until a user is gone: background work speaks to a real server.
    async fn gone(&self, name: &str) {
        for _ in 0..300 {
            if !self.has(name).await {
                return;
            }
            pause().await;
        }
        panic!("{name} is still there");
    }
}

/// From the first login to the refused one: by renewal, revocation, and the end of the lease.
pub(crate) async fn a_user_lives_as_long_as_its_lease(server: impl Server, name_begins: &str) {
    let mounted = Mounted::start(server).await;
    let user = mounted.credentials().await;
    assert!(user.name.starts_with(name_begins), "{}", user.name);
    assert!(mounted.lets_in(&user).await);
    assert!(!mounted.server.lets_in(&user.name, "wrong").await);
    let renewal = json!({ "lease_id": user.lease, "increment": 7200 });
    let renewed = mounted.vault.write("sys/leases/renew", renewal).await.expect(200);
    assert_eq!(renewed.body["lease_duration"], 7200);
    assert!(mounted.lets_in(&user).await);

    both_ends_of_a_lease(&mounted, &user).await;
}

/// The one that is asked for, and the one that comes by itself.
async fn both_ends_of_a_lease(mounted: &Mounted<impl Server>, user: &User) {
    let other = mounted.credentials().await;
    let census = mounted.vault.read("database/census/db").await.expect(200);
    assert_eq!(
        (census.data("user_count"), census.data("lease_count")),
        (&json!(2), &json!(2))
    );

    let revoked = mounted.revoke(&user.lease).await;
    assert!(matches!(revoked.status, 200 | 204), "{}", revoked.body);
    assert!(!mounted.lets_in(user).await);
    assert!(!mounted.has(&user.name).await);
    assert!(mounted.lets_in(&other).await, "the other one lives");

    mounted.vault.advance(3601).await;
    mounted.gone(&other.name).await;
    assert!(!mounted.lets_in(&other).await);
}

/// Statements that fail leave nothing, and what is said about them holds no password.
pub(crate) async fn broken_statements_leave_no_user(server: impl Server) {
    let mounted = Mounted::start(server).await;
    let before = mounted.server.users().await;
    let written = mounted.write_role(mounted.server.broken_role()).await.expect(200);
    assert!(
        warnings(&written).contains("creation_statements"),
        "{}",
        written.body
    );
    for _ in 0..3 {
        let failed = mounted.vault.read("database/creds/app").await.expect(500);
        assert!(!failed.error().is_empty());
    }
    assert_eq!(mounted.server.users().await, before);
    let census = mounted.vault.read("database/census/db").await.expect(200);
    assert_eq!(census.data("users_without_lease_count"), &json!(0));
}

/// A configuration that does not work is refused with a reason, and without the password.
pub(crate) async fn connections_that_fail_are_refused(server: impl Server) {
    let mounted = Mounted::start(server).await;
    let mut wrong = mounted.server.config();
    wrong["password"] = json!("CANARY-pw");
    let mut nobody = mounted.server.config_at_port(deaf_port());
    nobody["password"] = json!("CANARY-pw");
    for (config, said) in [(wrong, "refuses the login"), (nobody, "cannot be reached")] {
        let refused = mounted.configure(config).await.expect(400);
        assert!(
            refused.error().contains("error creating database object"),
            "{}",
            refused.body
        );
        assert!(refused.error().contains(said), "{}", refused.body);
        assert!(!refused.body.to_string().contains("CANARY"), "{}", refused.body);
    }
    // What was there before still works, and does not show its password.
    let shown = mounted.vault.read("database/config/db").await.expect(200);
    assert_eq!(shown.data("connection_details/password"), &Value::Null);
    let user = mounted.credentials().await;
    assert!(mounted.lets_in(&user).await);
}

/// Nobody gets anything into a statement by their name.
pub(crate) async fn names_cannot_break_out(server: impl Server) {
    let mounted = Mounted::start(server).await;
    let before = mounted.server.users().await.len();
    let made = mounted
        .vault
        .write(
            "auth/token/create",
            json!({ "display_name": "x'@'%'; DROP `a\"; {{password}} \\ \n{$where", "policies": ["root"] }),
        )
        .await
        .expect(200);
    let made = mounted
        .vault
        .read_as(&made.token(), "database/creds/app")
        .await
        .expect(200);
    let name = made.data("username").as_str().unwrap();
    let strange = |c: char| !c.is_alphanumeric() && !"-_.".contains(c);
    assert!(!name.contains(strange), "{name}");
    let password = made.data("password").as_str().unwrap();
    assert!(mounted.server.lets_in(name, password).await);
    assert_eq!(mounted.server.users().await.len(), before + 1);
    let revoked = mounted.revoke(made.body["lease_id"].as_str().unwrap()).await;
    assert!(matches!(revoked.status, 200 | 204), "{}", revoked.body);
    assert_eq!(mounted.server.users().await.len(), before);
}

/// A database that is away does not lose a revocation.
pub(crate) async fn a_revocation_waits_for_its_database(server: impl Server) {
    let mut mounted = Mounted::start(server).await;
    let user = mounted.credentials().await;
    mounted.server.stop();
    let asked = mounted.vault.read("database/creds/app").await.expect(500);
    assert!(!asked.body.to_string().contains(&user.password), "{}", asked.body);
    mounted.vault.advance(3601).await;
    pause().await;
    mounted.server.start_again();
    for _ in 0..60 {
        if !mounted.has(&user.name).await {
            assert!(!mounted.lets_in(&user).await);
            return;
        }
        mounted.vault.advance(30).await;
        tokio::time::timeout(Duration::from_millis(200), std::future::pending::<()>())
            .await
            .unwrap_err();
    }
    panic!("{} is still there", user.name);
}

/// Passwords of users that were there before, and of the one Arca logs in as.
pub(crate) async fn passwords_are_rotated(server: impl Server) {
    let mounted = Mounted::start(server).await;
    mounted.server.make_user("batch", "before").await;
    assert!(mounted.server.lets_in("batch", "before").await);
    let role = json!({ "db_name": "db", "username": "batch", "rotation_period": "1h" });
    let _ = mounted
        .vault
        .write("database/static-roles/batch", role)
        .await
        .expect(204);
    assert!(!mounted.server.lets_in("batch", "before").await);
    let shown = mounted
        .vault
        .read("database/static-creds/batch")
        .await
        .expect(200);
    let first = shown.data("password").as_str().unwrap().to_owned();
    assert!(mounted.server.lets_in("batch", &first).await);
    let _ = mounted
        .vault
        .write("database/rotate-role/batch", json!({}))
        .await
        .expect(204);
    assert!(!mounted.server.lets_in("batch", &first).await);

    let _ = mounted
        .vault
        .write("database/rotate-root/db", json!({}))
        .await
        .expect(204);
    let config = mounted.server.config();
    let (root, password) = (
        config["username"].as_str().unwrap(),
        config["password"].as_str().unwrap(),
    );
    assert!(
        !mounted.server.lets_in(root, password).await,
        "the old password is of no use"
    );
    let user = mounted.credentials().await;
    assert!(mounted.lets_in(&user).await, "the new one is known to Arca alone");
}

/// The test of each promise, for a server that the function makes.
#[macro_export]
macro_rules! keeps_the_promises {
    ($server:expr, $name_begins:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_user_lives_as_long_as_its_lease() {
            $crate::database_servers::a_user_lives_as_long_as_its_lease($server, $name_begins).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn broken_statements_leave_no_user() {
            $crate::database_servers::broken_statements_leave_no_user($server).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn connections_that_fail_are_refused() {
            $crate::database_servers::connections_that_fail_are_refused($server).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn names_cannot_break_out() {
            $crate::database_servers::names_cannot_break_out($server).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_revocation_waits_for_its_database() {
            $crate::database_servers::a_revocation_waits_for_its_database($server).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn passwords_are_rotated() {
            $crate::database_servers::passwords_are_rotated($server).await;
        }
    };
}
