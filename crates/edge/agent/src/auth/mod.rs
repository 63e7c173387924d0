//! Logging in, and staying logged in.
//!
//! | part | holds |
//! |---|---|
//! | [`Login`] | one loop: log in, hold the token, log in again before it ends |
//! | `credentials`, `file` | what each method sends, and the files it is read from |
//! | `hold` | renewing a token for as long as that is worth while |
//! | `backoff` | how long to wait after failures |
//! | [`Rejections`] | how other parts say that the server no longer takes the token |

mod backoff;
mod credentials;
pub(crate) mod file;
mod hold;
mod rejections;

use std::sync::Arc;
use std::time::Duration;

use arca_api::{AuthBlock, Envelope};
use arca_base::json::Object;
use arca_base::{Clock, Entropy, Json, Secret};
use arca_client::{Client, ClientError, ConfigError, login};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::board::{AuthState, Board, Trouble};
use crate::config::{Method, MethodKind};
use crate::handover::GivenToken;
use crate::server::Connect;
use crate::token::HeldToken;

use backoff::Backoff;
use credentials::{Credentials, Step};
pub use file::FileError;
pub use rejections::Rejections;

/// Why a login failed. Never quotes a credential.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A file gave no credential.
    #[error("{0}")]
    File(#[from] FileError),
    /// The server did not answer, or refused.
    #[error("{}", .0.in_one_line())]
    Server(#[from] ClientError),
    /// The wrapping token of a secret ID is of no use.
    #[error("the wrapped secret ID cannot be opened: {}", .0.in_one_line())]
    Wrapping(ClientError),
    /// Somebody may have exchanged the wrapping token.
    #[error(
        "the wrapping token in {file} was made by {made_at:?}, not by {expected:?}: it may have been exchanged; \
         find out who wrote it, and make a new secret ID"
    )]
    WrappedElsewhere {
        /// The file.
        file: String,
        /// Where the server says it was made.
        made_at: String,
        /// Where it should have been made.
        expected: String,
    },
    /// There was something else in it.
    #[error("the wrapping token in {0} holds no secret_id: wrap the answer of the role's secret-id endpoint")]
    NothingWrapped(String),
    /// A second factor is asked for.
    #[error(
        "the login asks for a second factor, which an agent does not have: exempt its entity or use another mount"
    )]
    SecondFactor,
    /// The answer holds no token.
    #[error("the answer to the login holds no token: is the mount path that of an auth method?")]
    NoToken,
    /// A TLS identity of its own cannot be used.
    #[error("{0}")]
    Identity(#[from] ConfigError),
}

impl AuthError {
    /// Whether the same login will fail again until a person changes something.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Server(error) | Self::Wrapping(error) => {
                matches!(
                    error.status().map(|status| status.as_u16()),
                    Some(400 | 403 | 404)
                )
            }
            Self::WrappedElsewhere { .. } | Self::NothingWrapped(_) | Self::SecondFactor => true,
            Self::File(_) | Self::NoToken | Self::Identity(_) => false,
        }
    }

    /// Whether the server did not say anything about what it was asked.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Server(_)) && !self.is_refusal()
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Server(error) | Self::Wrapping(error) => error.retry_after(),
            _ => None,
        }
    }

    /// What a person can do about it, where that is not said already.
    fn advice(&self, method: &Method) -> String {
        if matches!(self, Self::Server(error) if error.status().is_some()) && self.is_refusal() {
            return format!(
                " (check the mount {:?}, its role and its bound claims; the server's audit log has the reason)",
                method.mount_path
            );
        }
        String::new()
    }
}

/// What the loop works with.
pub struct Login {
    /// How to log in.
    pub method: Method,
    /// Makes clients of the server.
    pub connect: Arc<dyn Connect>,
    /// Measures leases and waits.
    pub clock: Arc<dyn Clock>,
    /// Varies waits.
    pub entropy: Arc<dyn Entropy>,
    /// Where the token in force is shown.
    pub feed: watch::Sender<Option<Arc<HeldToken>>>,
    /// Where the state is shown.
    pub board: Board,
    /// Where other parts say that the token is rejected.
    pub rejections: Rejections,
    /// A token of an earlier run, tried before the first login.
    pub preloaded: Option<GivenToken>,
}

/// A token, with what the loop must know of it.
struct Obtained {
    token: Secret<String>,
    accessor: Option<String>,
    /// `None` for ever, and for a wrapped token, which is not the agent's to renew.
    lease: Option<Duration>,
    /// What renewals ask for, if it is more than that.
    granted: Option<Duration>,
    renewable: bool,
}

/// The loop while it runs.
struct Running {
    login: Login,
    client: Client,
    credentials: Credentials,
    generation: u64,
    /// When the token in force ends, by the monotonic clock; `None` for never or no token.
    ends: Option<Duration>,
    /// Tokens that were rejected soon after they were obtained, one after the other.
    rejected_in_a_row: u32,
}

impl Login {
    /// Logs in and stays logged in, until dropped.
    ///
    /// # Errors
    /// The first failure, if the method says `exit_on_err`; or that no client can be made.
    pub async fn run(mut self) -> Result<std::convert::Infallible, AuthError> {
        let name = method_name(&self.method.kind);
        self.board.post(|report| {
            let method = name.to_owned();
            report.auth = Some(AuthState {
                method,
                ..AuthState::default()
            });
        });
        let client = self.connect.connect(None)?.with_token(None).with_retries(0);
        let client = match &self.method.namespace {
            Some(namespace) => client.with_namespace(namespace),
            None => client,
        };
        let credentials = Credentials::new(&self.method.kind);
        let preloaded = self.preloaded.take();
        let mut running = Running {
            login: self,
            client,
            credentials,
            generation: 0,
            ends: None,
            rejected_in_a_row: 0,
        };
        let mut obtained = running.adopt(preloaded).await;
        loop {
            let token = match obtained.take() {
                Some(token) => token,
                None => running.log_in_at_last().await?,
            };
            running.generation += 1;
            running.publish(&token);
            running.hold(token).await;
        }
    }
}

impl Running {
    /// A token of an earlier run, if it is still good. While the server does not say, a new one would cost everything
    /// that was made with it.
    async fn adopt(&mut self, preloaded: Option<GivenToken>) -> Option<Obtained> {
        let given = preloaded?;
        let (min, max) = (self.login.method.min_backoff, self.login.method.max_backoff);
        let mut backoff = Backoff::of_login(min, max);
        loop {
            let error = match obtained_by_lookup(&self.client, given.token.duplicate()).await {
                Ok(token) => {
                    info!("the token of the earlier run is still good: no login is needed");
                    let granted = given.granted;
                    return Some(Obtained { granted, ..token });
                }
                Err(error) => error,
            };
            if !error.may_pass() || self.login.method.exit_on_error {
                info!("the token of the earlier run is no longer good ({error}): logging in");
                return None;
            }
            let wait = backoff.next(&*self.login.entropy, false, error.retry_after());
            self.post_failure(&format!("the token of the earlier run: {error}"));
            warn!(
                "cannot ask whether the token of the earlier run is still good: {error}; trying again in {:.1}s",
                wait.as_secs_f64()
            );
            self.login.clock.sleep(wait).await;
        }
    }

    /// Tries until it succeeds. The former token stays in force meanwhile, until it ends.
    async fn log_in_at_last(&mut self) -> Result<Obtained, AuthError> {
        let method = &self.login.method;
        let mut backoff = Backoff::of_login(method.min_backoff, method.max_backoff);
        loop {
            let error = match self.log_in().await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            let method = &self.login.method;
            let message = format!("{error}{}", error.advice(method));
            self.post_failure(&message);
            if method.exit_on_error {
                return Err(error);
            }
            let wait = backoff.next(&*self.login.entropy, error.is_refusal(), error.retry_after());
            warn!(
                "cannot log in with {}: {message}; trying again in {:.1}s",
                method_name(&method.kind),
                wait.as_secs_f64()
            );
            self.wait_while_token_ends(wait).await;
        }
    }

    async fn log_in(&mut self) -> Result<Obtained, AuthError> {
        let connect = Arc::clone(&self.login.connect);
        let method = &self.login.method;
        let (path, fields, own) = match self.credentials.next(&self.client, &*connect).await? {
            Step::Have(token) => return obtained_by_lookup(&self.client, token).await,
            Step::LogIn { path, fields, client } => (path, fields, client),
        };
        let own = own.map(|client| {
            let client = (*client).with_retries(0);
            match &method.namespace {
                Some(namespace) => client.with_namespace(namespace),
                None => client,
            }
        });
        let client = own.as_ref().unwrap_or(&self.client);
        let wrap_ttl = method.wrap_ttl.map(|ttl| ttl.as_secs().max(1).to_string());
        let client = client.clone().with_token(None).with_wrap_ttl(wrap_ttl.as_deref());
        let answer = client
            .write(&format!("{}/{path}", method.mount_path), &fields)
            .await?;
        obtained(answer.ok_or(AuthError::NoToken)?, wrap_ttl.is_some())
    }

    fn publish(&mut self, token: &Obtained) {
        let now = self.login.clock.now();
        self.ends = token.lease.map(|lease| self.login.clock.monotonic() + lease);
        let held = HeldToken {
            token: token.token.duplicate(),
            accessor: token.accessor.clone(),
            since: now,
            lease: token.lease,
            generation: self.generation,
        };
        self.login.feed.send_replace(Some(Arc::new(held)));
        let expires = token.lease.map(|lease| now.plus_duration(lease));
        self.login.board.post(|report| {
            let auth = report.auth.get_or_insert_default();
            auth.authenticated = true;
            auth.expires = expires;
            auth.successes += 1;
            auth.error = None;
        });
        let lasting = token
            .lease
            .map_or_else(|| "for ever".to_owned(), |lease| format!("{}s", lease.as_secs()));
        info!(
            "logged in with {}: the token lasts {lasting}{}",
            method_name(&self.login.method.kind),
            if token.lease.is_some() && !token.renewable {
                " and cannot be renewed"
            } else {
                ""
            }
        );
    }

    /// No token is in force any more.
    fn withdraw(&mut self) {
        self.ends = None;
        self.login.feed.send_replace(None);
        self.login.board.post(|report| {
            let auth = report.auth.get_or_insert_default();
            auth.authenticated = false;
            auth.expires = None;
        });
    }

    /// Waits; withdraws the token in force if it ends meanwhile.
    async fn wait_while_token_ends(&mut self, wait: Duration) {
        let left = self
            .ends
            .map(|ends| ends.saturating_sub(self.login.clock.monotonic()));
        match left {
            Some(left) if left <= wait => {
                self.login.clock.sleep(left).await;
                warn!("the token has ended before a new login succeeded: no token is in force");
                self.withdraw();
                self.login.clock.sleep(wait.saturating_sub(left)).await;
            }
            _ => self.login.clock.sleep(wait).await,
        }
    }

    fn post_failure(&self, message: &str) {
        let now = self.login.clock.now();
        self.login.board.post(|report| {
            let auth = report.auth.get_or_insert_default();
            auth.failures += 1;
            auth.error = Some(trouble(auth.error.take(), message, now));
        });
    }
}

fn trouble(before: Option<Trouble>, message: &str, now: arca_base::Timestamp) -> Trouble {
    let (since, attempts) = before.map_or((now, 0), |before| (before.since, before.attempts));
    Trouble {
        message: message.to_owned(),
        since,
        attempts: attempts + 1,
    }
}

/// Takes the token, or where it is kept, out of an answer.
fn obtained(answer: Envelope, is_wrapped: bool) -> Result<Obtained, AuthError> {
    if is_wrapped {
        let wrapped = answer.wrap_info.ok_or(AuthError::NoToken)?;
        let text = serde_json::to_string(&wrapped).map_err(|_| AuthError::NoToken)?;
        return Ok(Obtained {
            token: Secret::new(text),
            accessor: Some(wrapped.wrapped_accessor).filter(|accessor| !accessor.is_empty()),
            lease: None,
            granted: None,
            renewable: false,
        });
    }
    of_block(answer.auth.ok_or(AuthError::NoToken)?)
}

fn of_block(auth: AuthBlock) -> Result<Obtained, AuthError> {
    if auth.mfa_requirement.is_some() {
        return Err(AuthError::SecondFactor);
    }
    if auth.client_token.is_empty() {
        return Err(AuthError::NoToken);
    }
    Ok(Obtained {
        token: Secret::new(auth.client_token),
        accessor: Some(auth.accessor).filter(|accessor| !accessor.is_empty()),
        lease: (auth.lease_duration > 0).then(|| Duration::from_secs(auth.lease_duration)),
        granted: None,
        renewable: auth.renewable,
    })
}

async fn obtained_by_lookup(client: &Client, token: Secret<String>) -> Result<Obtained, AuthError> {
    let answer = login::token::with(client, token).await?;
    of_block(answer.auth.ok_or(AuthError::NoToken)?)
}

/// The name of a method in configuration and log.
#[must_use]
pub const fn method_name(kind: &MethodKind) -> &'static str {
    match kind {
        MethodKind::Kubernetes { .. } => "kubernetes",
        MethodKind::AppRole { .. } => "approle",
        MethodKind::Jwt { .. } => "jwt",
        MethodKind::TokenFile { .. } => "token_file",
        MethodKind::Cert { .. } => "cert",
        MethodKind::UserPass { .. } => "userpass",
        MethodKind::Ldap { .. } => "ldap",
    }
}

/// Ends a token and everything made with it, such as when the agent ends.
///
/// # Errors
/// [`ClientError`]; the token then lives until its lease ends.
pub async fn revoke(client: &Client, token: &Secret<String>) -> Result<(), ClientError> {
    let client = client.clone().with_token(Some(token.duplicate()));
    client
        .write("auth/token/revoke-self", &Object::new())
        .await
        .map(|_| ())
}

/// Extends the life of a token; gives what is left of it then, and whether it can be renewed again.
async fn renew(
    client: &Client,
    token: &Secret<String>,
    increment: Duration,
) -> Result<(Duration, bool), ClientError> {
    let client = client.clone().with_token(Some(token.duplicate()));
    let fields = Object::from([(
        "increment".to_owned(),
        Json::from(format!("{}s", increment.as_secs()).as_str()),
    )]);
    let answer = client.write("auth/token/renew-self", &fields).await?;
    let auth = answer.and_then(|answer| answer.auth).unwrap_or_default();
    Ok((Duration::from_secs(auth.lease_duration), auth.renewable))
}
