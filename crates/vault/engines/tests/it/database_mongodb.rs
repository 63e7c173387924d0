//! Users of MongoDB behind the engine: of a double, since no package of the real server can be had.

use arca_fixtures::MongoDbDouble;
use mongodb::Client;
use mongodb::bson::doc;
use serde_json::{Value, json};

use crate::database_servers::Server;
use crate::keeps_the_promises;

/// The double, and a user for the tests to look in as, which no test rotates.
struct Double(MongoDbDouble);

const LOOKER: &str = "looker";

async fn double() -> Double {
    let double = Double(MongoDbDouble::start().unwrap());
    let client = double
        .client(double.0.username(), "p4ss%20word%2F%25")
        .await
        .unwrap();
    let command = doc! { "createUser": LOOKER, "pwd": LOOKER, "roles": ["root"] };
    client.database("admin").run_command(command).await.unwrap();
    double
}

impl Double {
    async fn client(&self, name: &str, password: &str) -> Result<Client, mongodb::error::Error> {
        let url = self
            .0
            .url_template()
            .replace("{{username}}", name)
            .replace("{{password}}", password);
        let client = Client::with_uri_str(url).await?;
        client
            .database("admin")
            .run_command(doc! { "connectionStatus": 1 })
            .await?;
        Ok(client)
    }
}

impl Server for Double {
    fn config(&self) -> Value {
        let mut config = self.config_at_port(0);
        config["connection_url"] = json!(self.0.url_template());
        config
    }

    fn config_at_port(&self, port: u16) -> Value {
        json!({
            "plugin_name": "mongodb-database-plugin",
            "connection_url": format!("mongodb://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{port}/admin"),
            "username": self.0.username(), "password": self.0.password(),
        })
    }

    fn role(&self) -> Value {
        json!({ "creation_statements": r#"{"db":"admin","roles":[{"role":"readWrite","db":"app"}]}"# })
    }

    fn broken_role(&self) -> Value {
        json!({ "creation_statements": r#"{"db":"admin","roles":[{"role":"fly","db":"app"}]}"# })
    }

    async fn make_user(&self, name: &str, password: &str) {
        let client = self.client(LOOKER, LOOKER).await.unwrap();
        let command = doc! { "createUser": name, "pwd": password, "roles": ["read"] };
        client.database("admin").run_command(command).await.unwrap();
    }

    async fn lets_in(&self, name: &str, password: &str) -> bool {
        let password = password
            .replace('%', "%25")
            .replace('/', "%2F")
            .replace(' ', "%20");
        self.client(name, &password).await.is_ok()
    }

    async fn users(&self) -> Vec<String> {
        let client = self.client(LOOKER, LOOKER).await.unwrap();
        let command = doc! { "usersInfo": { "forAllDBs": true } };
        let answer = client.database("admin").run_command(command).await.unwrap();
        let users = answer.get_array("users").unwrap();
        users
            .iter()
            .map(|user| user.as_document().unwrap().get_str("user").unwrap().to_owned())
            .collect()
    }

    fn stop(&mut self) {
        self.0.stop();
    }

    fn start_again(&mut self) {
        self.0.restart().unwrap();
    }
}

keeps_the_promises!(double().await, "v-root-app-");
