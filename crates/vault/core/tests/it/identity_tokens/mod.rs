//! Identity tokens: a server with somebody who asks for them.

mod keys;
mod tokens;

use std::collections::BTreeSet;

use arca_base::Operation;
use arca_crypto::jws::{Algorithms, Claims, Jws, KeySet};
use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

const ISSUER: &str = "http://127.0.0.1:8200/v1/identity/oidc";
const DAY: u64 = 24 * 3600;

/// A server where `ann` has logged in, with a token that may ask for identity tokens.
struct Setting {
    vault: Unsealed,
    ann: String,
    entity: String,
}

impl Setting {
    async fn start() -> Self {
        let vault = Unsealed::start().await;
        vault
            .policy(
                "tokens",
                "path \"identity/oidc/*\" { capabilities = [\"read\", \"update\"] }",
            )
            .await;
        let _ = vault
            .write("sys/auth/userpass", json!({"type": "userpass"}))
            .await
            .expect(204);
        let user = json!({"password": "right", "policies": "tokens", "token_ttl": "700h"});
        let _ = vault.write("auth/userpass/users/ann", user).await.expect(204);
        let login = vault
            .server
            .request(
                Operation::Update,
                "auth/userpass/login/ann",
                None,
                json!({"password": "right"}),
                None,
            )
            .await
            .expect(200);
        let entity = login.body["auth"]["entity_id"].as_str().unwrap().to_owned();
        Self {
            ann: login.token(),
            vault,
            entity,
        }
    }

    async fn key(&self, name: &str, data: Value) {
        let _ = self
            .vault
            .write(&format!("identity/oidc/key/{name}"), data)
            .await
            .expect(204);
    }

    async fn role(&self, name: &str, data: Value) {
        let _ = self
            .vault
            .write(&format!("identity/oidc/role/{name}"), data)
            .await
            .expect(204);
    }

    async fn ask(&self, role: &str) -> Response {
        self.vault
            .read_as(&self.ann, &format!("identity/oidc/token/{role}"))
            .await
    }

    async fn token(&self, role: &str) -> String {
        let answer = self.ask(role).await.expect(200);
        answer.data("token").as_str().unwrap().to_owned()
    }

    async fn anybody(&self, path: &str) -> Response {
        let path = format!("identity/oidc/.well-known/{path}");
        self.vault
            .server
            .request(Operation::Read, &path, None, Value::Null, None)
            .await
    }

    async fn published(&self) -> Value {
        self.anybody("keys").await.expect(200).body
    }

    async fn ids(&self) -> BTreeSet<String> {
        let keys = self.published().await;
        let keys = keys["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// What a token says, proved by the published keys.
    async fn proved(&self, token: &str) -> Claims {
        let keys = KeySet::from_jwks(self.published().await.to_string().as_bytes()).unwrap();
        Jws::parse(token)
            .unwrap()
            .verify(&keys, Algorithms::all())
            .unwrap()
    }

    async fn introspect(&self, data: Value) -> Value {
        let path = "identity/oidc/introspect";
        self.vault.write_as(&self.ann, path, data).await.expect(200).body
    }

    /// Lets time pass and waits until the keys have been rotated, which takes a thread of its own.
    #[expect(
        clippy::disallowed_methods,
        reason = "a key is made on a thread, which no clock of the test moves"
    )]
    async fn pass(&self, seconds: u64, before: &BTreeSet<String>) -> BTreeSet<String> {
        self.vault.advance(seconds).await;
        for _ in 0..1000 {
            let ids = self.ids().await;
            if ids != *before {
                return ids;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            self.vault.advance(1).await;
        }
        panic!("nothing was rotated");
    }
}

fn kid(token: &str) -> String {
    Jws::parse(token).unwrap().key_id().unwrap().to_owned()
}

fn claim(claims: &Claims, name: &str) -> Value {
    claims.select(name).map_or(Value::Null, |value| {
        serde_json::from_str(value.to_text().as_str()).unwrap()
    })
}
