//! Users of a real Redis behind the engine.

use arca_fixtures::{Redis, RedisSetup};
use serde_json::{Value, json};

use crate::database_servers::Server;
use crate::keeps_the_promises;

/// Keeps its users, so that they are there after a restart.
fn redis() -> Redis {
    Redis::start_with(&RedisSetup {
        acl_file: true,
        ..RedisSetup::default()
    })
    .unwrap()
}

impl Server for Redis {
    fn config(&self) -> Value {
        self.config_at_port(self.port())
    }

    fn config_at_port(&self, port: u16) -> Value {
        json!({
            "plugin_name": "redis-database-plugin", "host": "127.0.0.1", "port": port,
            "username": "arca", "password": self.password(), "persistence_mode": "aclfile",
        })
    }

    fn role(&self) -> Value {
        json!({ "creation_statements": r#"["~*","+@read","+@connection"]"# })
    }

    fn broken_role(&self) -> Value {
        json!({ "creation_statements": r#"["~*","+@fly"]"# })
    }

    async fn make_user(&self, name: &str, password: &str) {
        self.query(&[
            "ACL",
            "SETUSER",
            name,
            "on",
            &format!(">{password}"),
            "+@all",
            "~*",
        ])
        .unwrap();
    }

    async fn lets_in(&self, name: &str, password: &str) -> bool {
        self.query_as(name, password, &["PING"])
            .is_ok_and(|answer| answer == "PONG")
    }

    async fn users(&self) -> Vec<String> {
        self.query(&["ACL", "USERS"])
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn stop(&mut self) {
        Redis::stop(self);
    }

    fn start_again(&mut self) {
        self.restart().unwrap();
    }
}

/// The tests look in as the default user, so Arca has one of its own.
fn with_a_user_for_arca() -> Redis {
    let redis = redis();
    let password = format!(">{}", redis.password());
    redis
        .query(&["ACL", "SETUSER", "arca", "on", &password, "+@all", "~*", "&*"])
        .unwrap();
    redis.query(&["ACL", "SAVE"]).unwrap();
    redis
}

keeps_the_promises!(with_a_user_for_arca(), "V_ROOT_APP_");
