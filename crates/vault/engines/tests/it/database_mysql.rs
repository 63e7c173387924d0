//! Users of a real MariaDB behind the engine.

use arca_fixtures::MariaDb;
use serde_json::{Value, json};

use crate::database_kit::warnings;
use crate::database_servers::{Mounted, Server};
use crate::keeps_the_promises;

const CREATION: &str =
    "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT SELECT ON app.* TO '{{name}}'@'%';";

fn mariadb() -> MariaDb {
    let mariadb = MariaDb::start().unwrap();
    mariadb.query("CREATE TABLE app.t AS SELECT 7 AS n").unwrap();
    mariadb
}

impl Server for MariaDb {
    fn config(&self) -> Value {
        self.config_at_port(self.port())
    }

    fn config_at_port(&self, port: u16) -> Value {
        json!({
            "plugin_name": "mysql-database-plugin",
            "connection_url": format!("{{{{username}}}}:{{{{password}}}}@tcp(127.0.0.1:{port})/"),
            "username": self.username(), "password": self.password(),
        })
    }

    fn role(&self) -> Value {
        json!({ "creation_statements": CREATION })
    }

    fn broken_role(&self) -> Value {
        json!({ "creation_statements": "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT FLY ON app.* TO '{{name}}'@'%'" })
    }

    async fn make_user(&self, name: &str, password: &str) {
        let sql = format!(
            "CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'; GRANT SELECT ON app.* TO '{name}'@'%'"
        );
        self.query(&sql).unwrap();
    }

    async fn lets_in(&self, name: &str, password: &str) -> bool {
        self.query_as(name, password, "SELECT n FROM app.t")
            .is_ok_and(|rows| rows == "7")
    }

    async fn users(&self) -> Vec<String> {
        let users = self.query("SELECT user FROM mysql.user").unwrap();
        users.lines().map(str::to_owned).collect()
    }

    fn stop(&mut self) {
        MariaDb::stop(self);
    }

    fn start_again(&mut self) {
        self.restart().unwrap();
    }
}

keeps_the_promises!(mariadb(), "v-root-app-");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_role_forgets_is_said_when_it_is_written_and_when_it_matters() {
    let mounted = Mounted::start(mariadb()).await;
    let role = json!({
        "creation_statements": "CREATE USER '{{name}}'@'127.0.0.1' IDENTIFIED BY '{{password}}'; GRANT SELECT ON app.* TO '{{name}}'@'127.0.0.1'",
        "revocation_statements": "DROP USER IF EXISTS '{{name}}'@'%'",
    });
    let written = mounted.write_role(role).await.expect(200);
    let remedy = "DROP USER IF EXISTS '{{name}}'@'127.0.0.1'";
    assert!(warnings(&written).contains(remedy), "{}", written.body);
    let user = mounted.credentials().await;
    assert!(mounted.lets_in(&user).await);
    let revoked = mounted.revoke(&user.lease).await.expect(200);
    assert!(warnings(&revoked).contains(remedy), "{}", revoked.body);
    assert!(!mounted.lets_in(&user).await);
}
