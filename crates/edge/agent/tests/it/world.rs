//! A server in the process of the test, and an agent that logs in there.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arca_agent::auth::{AuthError, Login, Rejections};
use arca_agent::board::Board;
use arca_agent::config::{AgentConfig, AutoAuth, Strictness};
use arca_agent::handover::GivenToken;
use arca_agent::server::{Connect, Identity};
use arca_agent::token::{HeldToken, TokenFeed};
use arca_base::{Operation, Secret};
use arca_client::{Address, Client, ConfigError, Surroundings, Transport, TransportError};
use arca_crypto::x509::Certificate;
use arca_testkit::{SeededEntropy, Unsealed};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The way to the server, with faults the test asks for.
pub(crate) struct Line {
    vault: Arc<Unsealed>,
    certificates: Vec<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(crate) struct Shared {
    /// Nobody answers.
    pub(crate) down: AtomicBool,
    /// Answers never come.
    pub(crate) hangs: AtomicBool,
    /// Answers instead of the server's: status and `Retry-After`.
    pub(crate) instead: Mutex<VecDeque<(u16, Option<u64>)>>,
    /// Method, path and body of every request.
    pub(crate) asked: Mutex<Vec<String>>,
    /// Requests that are not answered yet.
    pub(crate) open: AtomicUsize,
    /// Identities that were asked for.
    pub(crate) identities: Mutex<Vec<Option<Identity>>>,
}

#[async_trait::async_trait]
impl Transport for Line {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let open = Open::count(&self.shared);
        let path = request.uri().path().trim_start_matches("/v1/").to_owned();
        let body = String::from_utf8_lossy(request.body()).into_owned();
        self.shared.asked.lock().push(format!("{path} {body}"));
        if self.shared.down.load(Ordering::SeqCst) {
            let (address, reason) = ("in process".to_owned(), "refused".to_owned());
            return Err(TransportError::Connect { address, reason });
        }
        if self.shared.hangs.load(Ordering::SeqCst) {
            // The test lets time pass meanwhile.
            drop(open);
            return std::future::pending().await;
        }
        let instead = self.shared.instead.lock().pop_front();
        if let Some((status, retry_after)) = instead {
            let mut answer = http::Response::builder().status(status);
            if let Some(seconds) = retry_after {
                answer = answer.header("retry-after", seconds);
            }
            return Ok(answer
                .body(Bytes::from_static(b"{\"errors\":[\"a double says no\"]}"))
                .unwrap());
        }
        let operation = if request.method() == http::Method::GET {
            Operation::Read
        } else {
            Operation::Update
        };
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let (token, wrap_ttl) = (header("x-vault-token"), header("x-vault-wrap-ttl"));
        let data: Value = serde_json::from_str(&body).unwrap_or_else(|_| json!({}));
        let server = &self.vault.server;
        let answer = if self.certificates.is_empty() {
            let wrap_ttl = wrap_ttl.map(|ttl| ttl.parse().unwrap());
            server
                .request(operation, &path, token.as_deref(), data, wrap_ttl)
                .await
        } else {
            server
                .request_with_certificates(operation, &path, self.certificates.clone(), data)
                .await
        };
        let body = if answer.body.is_null() {
            String::new()
        } else {
            answer.body.to_string()
        };
        Ok(http::Response::builder()
            .status(answer.status)
            .body(Bytes::from(body))
            .unwrap())
    }
}

/// A request on its way; also one that is given up.
struct Open(Arc<Shared>);

impl Open {
    fn count(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Connect for Line {
    fn connect(&self, identity: Option<&Identity>) -> Result<Client, ConfigError> {
        self.shared.identities.lock().push(identity.cloned());
        let file = identity.and_then(|identity| identity.client_cert.as_ref());
        let certificates = match file {
            None => self.certificates.clone(),
            Some(file) => {
                let pem = std::fs::read_to_string(file).map_err(|error| ConfigError::Tls {
                    what: file.display().to_string(),
                    reason: error.to_string(),
                })?;
                vec![Certificate::from_pem(&pem).unwrap().der().to_vec()]
            }
        };
        let (vault, shared) = (self.vault.clone(), self.shared.clone());
        let line = Self {
            vault,
            certificates,
            shared,
        };
        let surroundings = Surroundings {
            transport: Arc::new(line),
            clock: self.vault.server.clock.clone(),
            entropy: SeededEntropy::new(3),
        };
        Ok(Client::new(Address::in_process(), surroundings))
    }
}

pub(crate) struct World {
    pub(crate) vault: Arc<Unsealed>,
    pub(crate) line: Arc<Shared>,
    pub(crate) folder: TempDir,
}

pub(crate) struct Agent {
    pub(crate) feed: TokenFeed,
    pub(crate) board: Board,
    pub(crate) rejections: Rejections,
    pub(crate) task: JoinHandle<Result<Infallible, AuthError>>,
}

impl World {
    /// A server with this auth method mounted under its name.
    pub(crate) async fn with(method: &str) -> Self {
        let vault = Unsealed::start().await;
        if !method.is_empty() {
            let _ = vault
                .write(&format!("sys/auth/{method}"), json!({"type": method}))
                .await
                .expect(204);
        }
        Self {
            vault: Arc::new(vault),
            line: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A server with users `ann` whose tokens live an hour, two at most.
    pub(crate) async fn with_user(more: Value) -> Self {
        let world = Self::with("userpass").await;
        let mut user = json!({"password": "correct", "token_ttl": "1h", "token_max_ttl": "2h"});
        user.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let _ = world
            .vault
            .write("auth/userpass/users/ann", user)
            .await
            .expect(204);
        world.file("password", "correct\n");
        world
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn connect(&self) -> Arc<Line> {
        let (vault, shared) = (self.vault.clone(), self.line.clone());
        Arc::new(Line {
            vault,
            certificates: Vec::new(),
            shared,
        })
    }

    /// The text of an `auto_auth` block; `@` stands for the folder of the test.
    pub(crate) fn auto_auth(&self, text: &str) -> AutoAuth {
        let text = text.replace('@', self.folder.path().to_str().unwrap());
        let sink = if text.contains("sink") {
            ""
        } else {
            "sink \"file\" { config { path = \"/unused\" } }"
        };
        let text = format!("auto_auth {{ {text} {sink} }}");
        let config = AgentConfig::parse(text.as_bytes(), "test", &|_| None, Strictness::Strict);
        config.unwrap().auto_auth.unwrap()
    }

    pub(crate) fn user(&self) -> Agent {
        self.agent(r#"method "userpass" { config { username = "ann" password_file_path = "@/password" remove_password_after_reading = false } }"#)
    }

    pub(crate) fn agent(&self, text: &str) -> Agent {
        self.agent_with(text, None)
    }

    pub(crate) fn agent_with(&self, text: &str, preloaded: Option<&str>) -> Agent {
        let (sender, feed) = watch::channel(None);
        let (board, rejections) = (Board::default(), Rejections::default());
        let login = Login {
            method: self.auto_auth(text).method,
            connect: self.connect(),
            clock: self.vault.server.clock.clone(),
            entropy: SeededEntropy::new(11),
            feed: sender,
            board: board.clone(),
            rejections: rejections.clone(),
            preloaded: preloaded.map(|token| GivenToken {
                token: Secret::new(token.to_owned()),
                granted: None,
            }),
        };
        let task = tokio::spawn(login.run());
        Agent {
            feed,
            board,
            rejections,
            task,
        }
    }

    pub(crate) fn asked(&self, path: &str) -> usize {
        self.line
            .asked
            .lock()
            .iter()
            .filter(|line| line.starts_with(path))
            .count()
    }

    /// Lets time pass, and what happens then happen.
    pub(crate) async fn pass(&self, duration: Duration) {
        self.quiet().await;
        self.vault.server.clock.advance(duration);
        self.quiet().await;
    }

    /// Lets everything happen that needs no time. Passwords are hashed in real time: while a request is open, the
    /// clock of the test must stand still, or the request times out.
    async fn quiet(&self) {
        breathe().await;
        while self.line.open.load(Ordering::SeqCst) > 0 {
            breathe().await;
        }
        breathe().await;
    }

    /// Lets time pass in steps until the condition holds; gives how much that took.
    pub(crate) async fn pass_until(&self, step: Duration, condition: impl Fn() -> bool) -> Duration {
        let mut passed = Duration::ZERO;
        while !condition() {
            assert!(
                passed < step * 2000,
                "it never happens; asked: {}",
                self.line.asked.lock().len()
            );
            self.pass(step).await;
            passed += step;
        }
        passed
    }
}

/// Files are read by other threads, in real time.
pub(crate) async fn breathe() {
    for _ in 0..3 {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        let pause = || std::thread::park_timeout(Duration::from_millis(1));
        tokio::task::spawn_blocking(pause).await.unwrap();
    }
}

/// Waits for what needs no time of the test's clock.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        breathe().await;
    }
    panic!("it never happens");
}

impl Agent {
    /// Waits for a login.
    pub(crate) async fn token(&self) -> Arc<HeldToken> {
        until(|| self.feed.borrow().is_some() || !self.error().is_empty()).await;
        self.held()
            .unwrap_or_else(|| panic!("no login: {}", self.error()))
    }

    pub(crate) fn held(&self) -> Option<Arc<HeldToken>> {
        self.feed.borrow().clone()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.held().map_or(0, |held| held.generation)
    }

    /// What the board says of the last failure.
    pub(crate) fn error(&self) -> String {
        let auth = self.board.report().auth.unwrap_or_default();
        auth.error.map(|trouble| trouble.message).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}
