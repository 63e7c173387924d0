//! A server with a database engine and a PostgreSQL server beside it.

use std::sync::Arc;
use std::time::Duration;

use arca_core::engine::Catalog;
use arca_core::seal::Seal;
use arca_fixtures::Postgres;
use arca_storage::{MemoryStorage, Storage};
use arca_testkit::{Response, TestServer, Unsealed};
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};

/// The role that a careful administrator would configure: no superuser, and a password that is hard on URLs.
pub(crate) const ADMIN: &str = "vault-admin";
pub(crate) const ADMIN_PASSWORD: &str = "adm1n p@ss:/%";

/// As the article prints it.
pub(crate) const ARTICLE_CREATION: &str = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO \"{{name}}\";";
pub(crate) const ARTICLE_REVOCATION: &str = "DROP ROLE IF EXISTS \"{{name}}\";";

pub(crate) struct Estate {
    pub(crate) vault: Unsealed,
    pub(crate) postgres: Postgres,
}

impl Estate {
    /// `database/` is mounted, `config/pg` is written.
    pub(crate) async fn start() -> Self {
        Self::on(Arc::new(MemoryStorage::new())).await
    }

    pub(crate) async fn on(storage: Arc<dyn Storage>) -> Self {
        Self::beside(Postgres::start().unwrap(), storage).await
    }

    pub(crate) async fn beside(postgres: Postgres, storage: Arc<dyn Storage>) -> Self {
        postgres
            .query(&format!(
                "CREATE ROLE \"{ADMIN}\" WITH LOGIN CREATEROLE PASSWORD '{ADMIN_PASSWORD}';
                 CREATE TABLE payments (id int); CREATE TABLE refunds (id int);
                 INSERT INTO payments VALUES (7);
                 GRANT ALL ON ALL TABLES IN SCHEMA public TO \"{ADMIN}\" WITH GRANT OPTION"
            ))
            .unwrap();
        let vault = TestServer::on(storage, Catalog::new(), Seal::Shamir, 5)
            .unsealed()
            .await;
        let estate = Self { vault, postgres };
        estate.set_clock();
        estate.vault.mount("database", "database").await;
        let _ = estate.configure("pg", json!({})).await.expect(204);
        estate
    }

    /// The database has a clock of its own, which decides about logins.
    pub(crate) fn set_clock(&self) {
        use arca_base::Clock as _;
        let there: i64 = self
            .query("SELECT extract(epoch FROM now())::bigint")
            .parse()
            .unwrap();
        let here = self.vault.server.clock.now().unix_seconds();
        let ahead = u64::try_from(there - here).unwrap();
        self.vault.server.clock.advance(Duration::from_secs(ahead));
    }

    pub(crate) fn port(&self) -> String {
        let url = self.postgres.url();
        url.rsplit_once(':')
            .unwrap()
            .1
            .split('/')
            .next()
            .unwrap()
            .to_owned()
    }

    /// Writes a configuration that differs from the usual one by `more`.
    pub(crate) async fn configure(&self, name: &str, more: Value) -> Response {
        let mut config = json!({
            "plugin_name": "postgresql-database-plugin",
            "allowed_roles": "*",
            "connection_url": format!("postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/arca?sslmode=disable", self.port()),
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
        });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        self.vault.write(&format!("database/config/{name}"), config).await
    }

    /// Writes the role of the article, with `more`.
    pub(crate) async fn role(&self, name: &str, more: Value) -> Response {
        let mut role = json!({
            "db_name": "pg",
            "creation_statements": ARTICLE_CREATION,
            "default_ttl": "1h",
            "max_ttl": "24h",
        });
        for (key, value) in more.as_object().unwrap() {
            role[key] = value.clone();
        }
        self.vault.write(&format!("database/roles/{name}"), role).await
    }

    pub(crate) async fn credentials(&self, role: &str) -> User {
        let made = self
            .vault
            .read(&format!("database/creds/{role}"))
            .await
            .expect(200);
        User {
            lease: made.body["lease_id"].as_str().unwrap().to_owned(),
            name: made.data("username").as_str().unwrap().to_owned(),
            password: made.data("password").as_str().unwrap().to_owned(),
        }
    }

    pub(crate) async fn log_in(&self, user: &str, password: &str) -> Result<Client, String> {
        let mut config: tokio_postgres::Config = self.postgres.url().parse().unwrap();
        config.user(user).password(password);
        match config.connect(NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                Ok(client)
            }
            Err(error) => Err(error
                .as_db_error()
                .map_or_else(|| error.to_string(), |said| said.message().to_owned())),
        }
    }

    pub(crate) fn query(&self, sql: &str) -> String {
        self.postgres.query(sql).unwrap()
    }

    /// How many generated users there are.
    pub(crate) fn users(&self) -> usize {
        self.query("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'")
            .parse()
            .unwrap()
    }

    pub(crate) async fn revoke(&self, lease: &str) -> Response {
        self.vault
            .write("sys/leases/revoke", json!({"lease_id": lease}))
            .await
    }

    /// Waits until something is so: background work speaks to a real server.
    pub(crate) async fn eventually(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..300 {
            if is_so() {
                return;
            }
            pause().await;
        }
        panic!("never came true: {what}");
    }
}

pub(crate) struct User {
    pub(crate) lease: String,
    pub(crate) name: String,
    pub(crate) password: String,
}

/// Lets other tasks work for a moment of real time.
pub(crate) async fn pause() {
    let moment = Duration::from_millis(30);
    let _ = tokio::time::timeout(moment, std::future::pending::<()>()).await;
}

/// The warnings of an answer as one text.
pub(crate) fn warnings(response: &Response) -> String {
    response.body["warnings"].to_string()
}
