//! An issuer of tokens with a real web server: it publishes its keys, and a document that says where they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use arca_auth::jwt::Jwt;
use arca_base::json::Limits;
use arca_base::{Clock as _, Json, Operation};
use arca_core::engine::Catalog;
use arca_core::seal::Seal;
use arca_crypto::jws::{Algorithm, Family, SigningKey};
use arca_storage::MemoryStorage;
use arca_testkit::{Response, TestServer, Unsealed};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::kubernetes_double::{ApiServer, Asked, Reply};

/// Who signs, and what is published of them. It ends when dropped.
pub(crate) struct Issuer {
    pub(crate) server: ApiServer,
    key: Mutex<(String, Arc<SigningKey>)>,
    published: Arc<Mutex<Published>>,
    fetches: Arc<AtomicU16>,
}

struct Published {
    keys: Value,
    document: Value,
    /// Instead of the keys.
    instead: Option<Reply>,
    /// For a code.
    tokens: Value,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let published = Arc::new(Mutex::new(Published {
            keys: Value::Null,
            document: Value::Null,
            instead: None,
            tokens: Value::Null,
        }));
        let fetches = Arc::new(AtomicU16::new(0));
        let (shown, counted) = (published.clone(), fetches.clone());
        let server = ApiServer::start(move |asked: &Asked| {
            let mut shown = shown.lock();
            Some(match asked.line.as_str() {
                "GET /.well-known/openid-configuration" => Reply::Json(200, shown.document.clone()),
                "GET /keys" => {
                    counted.fetch_add(1, Ordering::Relaxed);
                    match shown.instead.take() {
                        None => Reply::Json(200, shown.keys.clone()),
                        Some(instead) => {
                            let again = instead.again();
                            shown.instead = Some(again);
                            instead
                        }
                    }
                }
                "POST /token" if shown.tokens.is_null() => Reply::Json(
                    400,
                    json!({"error": "invalid_grant", "error_description": "the code\n is unknown"}),
                ),
                "POST /token" => Reply::Json(200, shown.tokens.clone()),
                "GET /moved" => Reply::Moved("/keys".to_owned()),
                "GET /loop" => Reply::Moved("/loop".to_owned()),
                line => Reply::Text(404, format!("nothing at {line}")),
            })
        })
        .await;
        let issuer = Self {
            key: Mutex::new((
                String::new(),
                Arc::new(SigningKey::generate(Family::P256).unwrap()),
            )),
            server,
            published,
            fetches,
        };
        issuer.published.lock().document = json!({
            "issuer": issuer.url(),
            "jwks_uri": format!("{}/keys", issuer.url()),
        });
        issuer.rotate("first");
        issuer
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// How often the keys were fetched since the last time.
    pub(crate) fn fetches(&self) -> u16 {
        self.fetches.swap(0, Ordering::Relaxed)
    }

    /// Signs with a new key from now on, and publishes only that.
    pub(crate) fn rotate(&self, id: &str) {
        let key = Arc::new(SigningKey::generate(Family::P256).unwrap());
        let jwk: Value = serde_json::from_str(key.public_jwk(id).to_text().as_str()).unwrap();
        self.published.lock().keys = json!({"keys": [jwk]});
        *self.key.lock() = (id.to_owned(), key);
    }

    /// Answers something else than the keys from now on, or the keys again.
    pub(crate) fn answer(&self, instead: Option<Reply>) {
        self.published.lock().instead = instead;
    }

    pub(crate) fn change_document(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.published.lock().document);
    }

    /// Gives these tokens for any code, or none.
    pub(crate) fn redeem(&self, tokens: Value) {
        self.published.lock().tokens = tokens;
    }

    /// The form a code was last given back with.
    pub(crate) fn redeemed(&self) -> String {
        let asked = self.server.asked();
        let found = asked
            .iter()
            .rev()
            .find(|asked| asked.line == "POST /token")
            .unwrap();
        found.text.clone()
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let (id, key) = self.key.lock().clone();
        signed(&key, Algorithm::Es256, &id, claims)
    }

    /// Signs text that need not be claims.
    pub(crate) fn sign_text(&self, payload: &str) -> String {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
        let (id, key) = self.key.lock().clone();
        let header = json!({"alg": "ES256", "kid": id}).to_string();
        let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
        let signature = key.signature(Algorithm::Es256, message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64.encode(signature))
    }
}

pub(crate) fn signed(key: &SigningKey, algorithm: Algorithm, id: &str, claims: &Value) -> String {
    let claims = Json::parse(claims.to_string().as_bytes(), &Limits::default()).unwrap();
    key.sign(algorithm, id, &claims).unwrap()
}

/// A server with the method at `auth/jwt` and a policy, and little patience.
pub(crate) async fn server() -> Unsealed {
    let catalog = Catalog::new()
        .auth("jwt", Jwt::factory_with(Duration::from_millis(300)))
        .auth("oidc", Jwt::factory_with(Duration::from_millis(300)));
    let vault = TestServer::on(Arc::new(MemoryStorage::new()), catalog, Seal::Shamir, 1)
        .unsealed()
        .await;
    let _ = vault
        .write("sys/auth/jwt", json!({"type": "jwt"}))
        .await
        .expect(204);
    vault
}

/// The same, which knows the issuer, and with a role `app` for the audience `vault`.
pub(crate) async fn configured(issuer: &Issuer) -> Unsealed {
    let vault = server().await;
    let _ = vault
        .write("auth/jwt/config", json!({"oidc_discovery_url": issuer.url()}))
        .await
        .expect(200);
    role(&vault, json!({})).await;
    issuer.fetches();
    vault
}

pub(crate) async fn role(vault: &Unsealed, more: Value) {
    let mut role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault", "policies": "app", "ttl": "1h",
    });
    role.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let written = vault.write("auth/jwt/role/app", role).await;
    assert!(matches!(written.status, 200 | 204), "{written:?}");
}

/// Claims that are good for an hour.
pub(crate) fn claims(vault: &Unsealed, issuer: &Issuer) -> Value {
    let now = vault.server.clock.now().unix_seconds();
    json!({
        "iss": issuer.url(), "aud": "vault", "sub": "pipeline-7", "iat": now, "nbf": now, "exp": now + 3600,
        "groups": ["ops", "dev"], "repository": {"name": "arca", "id": 7},
    })
}

pub(crate) async fn log_in(vault: &Unsealed, jwt: &str) -> Response {
    let data = json!({"role": "app", "jwt": jwt});
    vault
        .server
        .request(Operation::Update, "auth/jwt/login", None, data, None)
        .await
}
