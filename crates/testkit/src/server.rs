//! A server in the process of the test.

use std::sync::Arc;
use std::time::Duration;

use arca_base::json::{Limits, Object};
use arca_base::{Entropy, Json, Operation, RequestPath, Secret, Ttl, id};
use arca_core::barrier::CacheLimits;
use arca_core::engine::{Catalog, ClientInfo};
use arca_core::lifecycle::InitRequest;
use arca_core::login::LockoutDefaults;
use arca_core::pipeline::{Incoming, InlineAuth};
use arca_core::router::LeaseDefaults;
use arca_core::seal::Seal;
use arca_core::{Core, Settings};
use arca_storage::{MemoryStorage, Storage};

use crate::{ManualClock, SeededEntropy};

/// A server, and what the test may turn.
pub struct TestServer {
    /// The server itself.
    pub core: Arc<Core>,
    /// Its time.
    pub clock: Arc<ManualClock>,
    /// Where it keeps sealed bytes.
    pub storage: Arc<dyn Storage>,
}

/// An unsealed server and its root token.
pub struct Unsealed {
    /// The server.
    pub server: TestServer,
    /// May do anything.
    pub root: String,
    /// Opens the server again after it was sealed.
    pub unseal_key: String,
}

/// What comes with a request beside its data.
#[derive(Default)]
struct Sender<'a> {
    namespace: &'a str,
    token: Option<&'a str>,
    login: Option<(&'a str, serde_json::Value)>,
    wrap_ttl: Option<u64>,
    certificates: Vec<Vec<u8>>,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The body; null for an empty one.
    pub body: serde_json::Value,
    /// Whether it is about the login inside the request.
    pub inline_auth_failed: bool,
}

impl Response {
    /// A member of `data`.
    #[must_use]
    pub fn data(&self, pointer: &str) -> &serde_json::Value {
        self.body
            .pointer(&format!("/data/{pointer}"))
            .unwrap_or(&serde_json::Value::Null)
    }

    /// The first error, or nothing.
    #[must_use]
    pub fn error(&self) -> &str {
        self.body
            .pointer("/errors/0")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    }

    /// Fails the test unless the status is `expected`.
    #[track_caller]
    #[must_use]
    pub fn expect(self, expected: u16) -> Self {
        assert_eq!(self.status, expected, "{}", self.body);
        self
    }

    /// The token of an `auth` block.
    #[track_caller]
    #[must_use]
    pub fn token(&self) -> String {
        self.body["auth"]["client_token"]
            .as_str()
            .expect("an auth block")
            .to_owned()
    }
}

/// What a configuration says, where it says anything.
#[derive(Default)]
struct Configured {
    lockout_defaults: LockoutDefaults,
    former_seal: Option<Seal>,
    raw_storage: bool,
}

impl TestServer {
    /// A sealed server on memory storage with the built-in engines.
    #[must_use]
    pub fn new() -> Self {
        Self::on(Arc::new(MemoryStorage::new()), Catalog::new(), Seal::Shamir, 1)
    }

    /// A sealed server on `storage` with more engines, another seal and another seed.
    #[must_use]
    pub fn on(storage: Arc<dyn Storage>, more: Catalog, seal: Seal, seed: u64) -> Self {
        Self::assemble(storage, more, seal, seed, Configured::default())
    }

    /// A sealed server on `storage` that is configured for `seal` and still has `former`.
    #[must_use]
    pub fn moving(storage: Arc<dyn Storage>, seal: Seal, former: Option<Seal>, seed: u64) -> Self {
        let configured = Configured {
            former_seal: former,
            ..Configured::default()
        };
        Self::assemble(storage, Catalog::new(), seal, seed, configured)
    }

    /// A sealed server on memory storage that shows its rows at `sys/raw`.
    #[must_use]
    pub fn with_raw_storage() -> Self {
        let configured = Configured {
            raw_storage: true,
            ..Configured::default()
        };
        Self::assemble(
            Arc::new(MemoryStorage::new()),
            Catalog::new(),
            Seal::Shamir,
            1,
            configured,
        )
    }

    /// A sealed server on memory storage whose configuration says when callers are locked out.
    #[must_use]
    pub fn with_lockouts(lockout_defaults: LockoutDefaults) -> Self {
        let storage = Arc::new(MemoryStorage::new());
        let configured = Configured {
            lockout_defaults,
            ..Configured::default()
        };
        Self::assemble(storage, Catalog::new(), Seal::Shamir, 1, configured)
    }

    fn assemble(
        storage: Arc<dyn Storage>,
        more: Catalog,
        seal: Seal,
        seed: u64,
        configured: Configured,
    ) -> Self {
        let clock = ManualClock::new();
        let entropy: Arc<dyn Entropy> = SeededEntropy::new(seed);
        let core = Core::new(Settings {
            storage: storage.clone(),
            seal,
            clock: clock.clone(),
            entropy,
            catalog: arca_engines::catalog().and(arca_auth::catalog()).and(more),
            lease_defaults: LeaseDefaults::default(),
            lockout_defaults: configured.lockout_defaults,
            cache: CacheLimits::default(),
            cluster_name: "test".to_owned(),
            api_address: "http://127.0.0.1:8200".to_owned(),
            former_seal: configured.former_seal,
            raw_storage: configured.raw_storage,
            sanitized_config: Json::object(),
            log: arca_core::log::NoLog::shared(),
        });
        Self {
            core: Arc::new(core),
            clock,
            storage,
        }
    }

    /// Initializes with one share and unseals.
    pub async fn unsealed(self) -> Unsealed {
        let request = InitRequest {
            secret_shares: 1,
            secret_threshold: 1,
            ..InitRequest::default()
        };
        let initialized = self
            .core
            .lifecycle()
            .initialize(request)
            .await
            .expect("initialize");
        let unseal_key = id::hex(initialized.keys[0].expose());
        self.core.lifecycle().unseal(&unseal_key).await.expect("unseal");
        Unsealed {
            server: self,
            root: initialized.root_token.expose().clone(),
            unseal_key,
        }
    }

    /// Makes a request.
    pub async fn request(
        &self,
        operation: Operation,
        path: &str,
        token: Option<&str>,
        data: serde_json::Value,
        wrap_ttl: Option<u64>,
    ) -> Response {
        let from = Sender {
            token,
            wrap_ttl,
            ..Sender::default()
        };
        self.send(operation, path, from, data).await
    }

    /// Makes a request over a connection that showed these certificates, leaf first, in DER.
    pub async fn request_with_certificates(
        &self,
        operation: Operation,
        path: &str,
        certificates: Vec<Vec<u8>>,
        data: serde_json::Value,
    ) -> Response {
        let from = Sender {
            certificates,
            ..Sender::default()
        };
        self.send(operation, path, from, data).await
    }

    /// Makes a request that brings its login with it.
    pub async fn request_with_login(
        &self,
        operation: Operation,
        path: &str,
        login: (&str, serde_json::Value),
        data: serde_json::Value,
    ) -> Response {
        let from = Sender {
            login: Some(login),
            ..Sender::default()
        };
        self.send(operation, path, from, data).await
    }

    /// Makes a request in the namespace that its header names.
    pub async fn request_in(
        &self,
        namespace: &str,
        operation: Operation,
        path: &str,
        token: Option<&str>,
        data: serde_json::Value,
        wrap_ttl: Option<u64>,
    ) -> Response {
        let from = Sender {
            namespace,
            token,
            wrap_ttl,
            ..Sender::default()
        };
        self.send(operation, path, from, data).await
    }

    async fn send(
        &self,
        operation: Operation,
        path: &str,
        from: Sender<'_>,
        data: serde_json::Value,
    ) -> Response {
        let inline_auth = from.login.map(|(path, data)| {
            Box::new(InlineAuth {
                path: RequestPath::parse(path).expect("a path"),
                data: members(&data),
            })
        });
        let incoming = Incoming {
            operation,
            path: RequestPath::parse(path).expect("a path"),
            namespace: from.namespace.to_owned(),
            token: from.token.map(|token| Secret::new(token.to_owned())),
            inline_auth,
            wrap_ttl: from.wrap_ttl.map(Ttl::from_seconds),
            factors: Vec::new(),
            data: members(&data),
            headers: arca_core::web::RequestHeaders::default(),
            client: ClientInfo {
                address: Some("127.0.0.1:50000".parse().expect("an address")),
                certificates: from.certificates,
            },
        };
        let reply = self.core.handle(incoming).await;
        let body = match &*reply.body.0 {
            "" => serde_json::Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.to_owned())),
        };
        Response {
            status: reply.status,
            body,
            inline_auth_failed: reply.inline_auth_failed,
        }
    }
}

fn members(data: &serde_json::Value) -> Object {
    match Json::parse(data.to_string().as_bytes(), &Limits::default()).expect("JSON") {
        Json::Object(members) => members,
        _ => Object::new(),
    }
}

impl Default for TestServer {
    fn default() -> Self {
        Self::new()
    }
}

impl Unsealed {
    /// A server that is ready.
    pub async fn start() -> Self {
        TestServer::new().unsealed().await
    }

    /// Reads as root.
    pub async fn read(&self, path: &str) -> Response {
        self.read_as(&self.root, path).await
    }

    /// Reads with a token.
    pub async fn read_as(&self, token: &str, path: &str) -> Response {
        self.server
            .request(Operation::Read, path, Some(token), serde_json::Value::Null, None)
            .await
    }

    /// Reads with a token and leaves the body as text, for measuring.
    pub async fn reply_as(&self, token: &str, path: &str) -> arca_core::pipeline::Reply {
        let incoming = Incoming {
            operation: Operation::Read,
            path: RequestPath::parse(path).expect("a path"),
            namespace: String::new(),
            token: Some(Secret::new(token.to_owned())),
            inline_auth: None,
            wrap_ttl: None,
            factors: Vec::new(),
            data: Object::new(),
            headers: arca_core::web::RequestHeaders::default(),
            client: ClientInfo {
                address: Some("127.0.0.1:50000".parse().expect("an address")),
                certificates: vec![],
            },
        };
        self.server.core.handle(incoming).await
    }

    /// Reads as root with query parameters.
    pub async fn query(&self, path: &str, query: serde_json::Value) -> Response {
        self.server
            .request(Operation::Read, path, Some(&self.root), query, None)
            .await
    }

    /// Writes as root.
    pub async fn write(&self, path: &str, data: serde_json::Value) -> Response {
        self.write_as(&self.root, path, data).await
    }

    /// Writes with a token.
    pub async fn write_as(&self, token: &str, path: &str, data: serde_json::Value) -> Response {
        self.server
            .request(Operation::Update, path, Some(token), data, None)
            .await
    }

    /// Patches as root.
    pub async fn patch(&self, path: &str, data: serde_json::Value) -> Response {
        self.server
            .request(Operation::Patch, path, Some(&self.root), data, None)
            .await
    }

    /// Deletes as root.
    pub async fn delete(&self, path: &str) -> Response {
        self.delete_as(&self.root, path).await
    }

    /// Deletes with a token.
    pub async fn delete_as(&self, token: &str, path: &str) -> Response {
        self.server
            .request(
                Operation::Delete,
                path,
                Some(token),
                serde_json::Value::Null,
                None,
            )
            .await
    }

    /// Lists as root.
    pub async fn list(&self, path: &str) -> Response {
        self.list_as(&self.root, path).await
    }

    /// Lists with a token.
    pub async fn list_as(&self, token: &str, path: &str) -> Response {
        self.server
            .request(Operation::List, path, Some(token), serde_json::Value::Null, None)
            .await
    }

    /// Writes as root and has the answer wrapped.
    pub async fn write_wrapped(&self, path: &str, data: serde_json::Value, seconds: u64) -> Response {
        self.server
            .request(Operation::Update, path, Some(&self.root), data, Some(seconds))
            .await
    }

    /// A token with these policies.
    pub async fn token(&self, policies: &[&str]) -> String {
        let data = serde_json::json!({ "policies": policies, "no_default_policy": true });
        self.write("auth/token/create", data).await.expect(200).token()
    }

    /// Writes a policy.
    pub async fn policy(&self, name: &str, text: &str) {
        let data = serde_json::json!({ "policy": text });
        let _ = self
            .write(&format!("sys/policies/acl/{name}"), data)
            .await
            .expect(204);
    }

    /// Mounts a secret engine.
    pub async fn mount(&self, path: &str, kind: &str) {
        let data = serde_json::json!({ "type": kind });
        let _ = self.write(&format!("sys/mounts/{path}"), data).await.expect(204);
    }

    /// Moves time forward and lets background work happen.
    pub async fn advance(&self, seconds: u64) {
        self.server.clock.advance(Duration::from_secs(seconds));
        self.settle().await;
    }

    /// Lets background work happen.
    pub async fn settle(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
}
