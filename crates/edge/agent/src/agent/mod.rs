//! All parts together, from start to end.

mod handing;
mod rehearse;
mod work;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arca_base::{Clock, Entropy};
use arca_client::{Client, ClientConfig, Network};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::auth::{self, AuthError, Login, Rejections};
use crate::board::Board;
use crate::config::AgentConfig;
use crate::handover::{GivenToken, Keeper, Refused};
use crate::notify;
use crate::pid_file::PidFile;
use crate::proxy::cache::LeaseCache;
use crate::proxy::{Desk, DeskSettings, Door, ProxyError};
use crate::secrets::{Broker, Follower, Secrets};
use crate::server::{Connect, Connection};
use crate::sinks::{SinkError, Sinks, Written};
use crate::status;
use crate::supervise::{Ended, EnvironmentFeed, Order, Program, SuperviseError, Supervisor, signals};
use crate::template::{Around, BadTemplate, Progress, Templates};
use crate::token::TokenFeed;
use handing::Taken;
use work::{Work, given_up};

/// How long the end of the agent waits for the server to revoke its token.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why an agent did not start, or ended with a failure.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum AgentError {
    #[error("{0}")]
    Client(#[from] arca_client::ConfigError),
    #[error("{0}")]
    Login(#[from] AuthError),
    #[error("{0}")]
    Sink(#[from] SinkError),
    #[error("{0}")]
    Listener(#[from] ProxyError),
    #[error("{0}")]
    Process(#[from] SuperviseError),
    #[error("pid_file: cannot write {path}: {source}")]
    PidFile { path: PathBuf, source: io::Error },
    #[error("cache.persist: {0}")]
    Handover(#[from] Refused),
    #[error("cannot watch for signals: {0}")]
    Signals(#[source] io::Error),
    #[error("template for {0}")]
    Template(#[from] BadTemplate),
    #[error("exit_on_retry_failure: {0}")]
    Failed(String),
    #[error("a part of the agent ended before its time: {0}")]
    Part(String),
}

/// What surrounds an agent.
pub struct Surroundings {
    /// Where the server is and how to speak to it.
    pub client: ClientConfig,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// `$NOTIFY_SOCKET`.
    pub notify_socket: Option<String>,
    /// `$XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// Revoke the agent's token when it ends.
    pub revoke_on_shutdown: bool,
    /// Called on `SIGHUP`, to read the level of the log again.
    pub reload: Box<dyn Fn()>,
}

/// An agent with open listeners.
pub struct Agent {
    config: AgentConfig,
    around: Surroundings,
    client: Client,
    board: Board,
    doors: Vec<Arc<Door>>,
    pid_file: Option<PidFile>,
    /// Told when templates are to be read from their files again.
    reread: Arc<Notify>,
}

impl Agent {
    /// Checks everything that can be checked, and opens the listeners.
    ///
    /// # Errors
    /// [`AgentError`]
    pub async fn prepare(mut config: AgentConfig, around: Surroundings) -> Result<Self, AgentError> {
        check(&config)?;
        let connection = connection(&around);
        let client = connection.connect(None)?;
        let mut doors = Vec::new();
        for listener in config.listeners.drain(..) {
            doors.push(Arc::new(Door::open(listener).await?));
        }
        let socket = status::default_socket(config.pid_file.as_deref(), around.runtime_dir.as_deref());
        if let Some(socket) = socket {
            match Door::for_status(socket).await {
                Ok(door) => doors.push(Arc::new(door)),
                Err(error) => tracing::warn!(%error, "the status of this agent cannot be asked for"),
            }
        }
        let pid_file = match &config.pid_file {
            None => None,
            Some(path) => Some(PidFile::write(path).map_err(|source| AgentError::PidFile {
                path: path.clone(),
                source,
            })?),
        };
        Ok(Self {
            config,
            around,
            client,
            board: Board::default(),
            doors,
            pid_file,
            reread: Arc::new(Notify::new()),
        })
    }

    /// Where it listens, with real ports, and whether connections are encrypted.
    pub fn listeners(&self) -> impl Iterator<Item = (&str, bool)> {
        self.doors
            .iter()
            .map(|door| (door.address(), door.is_encrypted()))
    }

    /// Runs until it is told to end, its work is done, or its process has ended; gives the exit code.
    ///
    /// # Errors
    /// [`AgentError`]
    pub async fn run(mut self) -> Result<u8, AgentError> {
        let (sender, feed) = watch::channel(None);
        let (mut parts, quit) = (JoinSet::new(), Arc::new(Notify::new()));
        let taken = self.take_up()?;
        let given = taken.token();
        let written = self.sinks(&feed, &mut parts).await?;
        self.serve(&feed, &quit, &mut parts)?;
        let rejections = Rejections::default();
        let stage = self.templates(&feed, taken, &rejections, &mut parts)?;
        let (progress, variables, keeper) = stage;
        let login = self.login(sender, rejections, given);
        let (orders, supervisor) = self.supervise(variables)?;
        let work = Work {
            written,
            progress,
            feed: feed.clone(),
        };
        let ended = self.watch(login, work, quit, supervisor, orders).await;
        notify::tell(self.around.notify_socket.as_deref(), "STOPPING=1");
        // Nothing is passed on and no token is written any more.
        parts.shutdown().await;
        if self.around.revoke_on_shutdown {
            self.revoke(&feed).await;
        }
        match keeper {
            Some(keeper) if self.around.revoke_on_shutdown => keeper.remove(),
            Some(keeper) => drop(keeper.leave()),
            None => {}
        }
        drop(self.pid_file.take());
        ended
    }

    async fn sinks(
        &mut self,
        feed: &TokenFeed,
        parts: &mut JoinSet<()>,
    ) -> Result<Option<Written>, AgentError> {
        let Some(auto_auth) = &mut self.config.auto_auth else {
            return Ok(None);
        };
        let (clock, entropy) = (self.around.clock.clone(), self.around.entropy.clone());
        let sinks = Sinks::new(
            std::mem::take(&mut auto_auth.sinks),
            self.client.clone(),
            clock,
            entropy,
        );
        sinks.probe().await?;
        let written = sinks.written();
        parts.spawn(sinks.run(feed.clone()));
        Ok(Some(written))
    }

    fn serve(&self, feed: &TokenFeed, quit: &Arc<Notify>, parts: &mut JoinSet<()>) -> Result<(), AgentError> {
        let (clock, entropy) = (&self.around.clock, &self.around.entropy);
        let settings = &self.around.client;
        let network = Network::new(&settings.address, &settings.tls, &settings.proxies)?;
        let cache = self.config.cache.as_ref().map(|_| {
            let client = self.client.clone().with_retries(0);
            LeaseCache::new(client, clock.clone(), entropy.clone())
        });
        let own_token = self.config.api_proxy.as_ref().map(|proxy| proxy.own_token);
        let desk = Arc::new(Desk::new(DeskSettings {
            network: Arc::new(network),
            address: settings.address.clone(),
            namespace: settings.namespace.clone(),
            token: feed.clone(),
            own_token: own_token.unwrap_or_default(),
            cache,
            board: self.board.clone(),
            quit: quit.clone(),
            clock: clock.clone(),
        }));
        for door in &self.doors {
            let (door, desk, clock) = (door.clone(), desk.clone(), clock.clone());
            parts.spawn(async move { door.serve(desk, clock).await });
        }
        Ok(())
    }

    /// Starts what fetches secrets, follows their changes and renders templates, and what hands all that over.
    fn templates(
        &mut self,
        feed: &TokenFeed,
        taken: Taken,
        rejections: &Rejections,
        parts: &mut JoinSet<()>,
    ) -> Result<(watch::Receiver<Progress>, EnvironmentFeed, Option<Keeper>), AgentError> {
        let is_needed = !self.config.templates.is_empty() || !self.config.env_templates.is_empty();
        let (templates, broker, follower) = self.stage(feed)?;
        let (progress, environment) = (templates.progress(), templates.environment());
        let secrets = templates.secrets().clone();
        let (keeper, state) = taken.split(&secrets, feed);
        let (broker, feed) = (broker.reporting(rejections.clone()), feed.clone());
        let (leaving, shutdown) = (keeper.clone(), CancellationToken::new());
        let stopped = shutdown.clone();
        parts.spawn(async move {
            if let Some(keeper) = &leaving {
                handing::settle(keeper, state, &secrets, feed).await;
            }
            let keeping = async {
                if let Some(keeper) = leaving {
                    keeper.run().await;
                }
            };
            if is_needed {
                tokio::join!(keeping, broker.run(stopped.clone()), follower.run(stopped));
            } else {
                keeping.await;
            }
        });
        parts.spawn(templates.run(shutdown));
        Ok((progress, environment, keeper))
    }

    /// Templates, what fetches their secrets, and what hears of changes.
    fn stage(&mut self, feed: &TokenFeed) -> Result<(Templates, Broker, Follower), AgentError> {
        let (clock, entropy) = (&self.around.clock, &self.around.entropy);
        let settings = &self.config.template_settings;
        let (secrets, broker) = Secrets::new(
            self.client.clone(),
            feed.clone(),
            &self.config.server,
            settings,
            clock.clone(),
            entropy.clone(),
        );
        let follower = Follower::new(
            self.client.clone(),
            feed.clone(),
            secrets.clone(),
            self.board.clone(),
            clock.clone(),
            entropy.clone(),
        );
        let around = Around {
            secrets,
            board: self.board.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            exit_on_failure: settings.exit_on_retry_failure,
            reload: self.reread.clone(),
        };
        let files = std::mem::take(&mut self.config.templates);
        let variables = std::mem::take(&mut self.config.env_templates);
        Ok((Templates::new(files, variables, around)?, broker, follower))
    }

    fn login(
        &mut self,
        feed: watch::Sender<Option<Arc<crate::token::HeldToken>>>,
        rejections: Rejections,
        preloaded: Option<GivenToken>,
    ) -> Option<JoinHandle<AuthError>> {
        let auto_auth = self.config.auto_auth.take()?;
        let login = Login {
            method: auto_auth.method,
            connect: Arc::new(connection(&self.around)),
            clock: self.around.clock.clone(),
            entropy: self.around.entropy.clone(),
            feed,
            board: self.board.clone(),
            rejections,
            preloaded,
        };
        Some(tokio::spawn(async move {
            match login.run().await {
                Err(error) => error,
            }
        }))
    }

    fn supervise(
        &self,
        variables: EnvironmentFeed,
    ) -> Result<(mpsc::Sender<Order>, Option<Supervisor>), AgentError> {
        let (orders, received) = mpsc::channel(8);
        let Some(exec) = &self.config.exec else {
            return Ok((orders, None));
        };
        signals::pass_on(&signals::PASSED_ON, &orders).map_err(AgentError::Signals)?;
        let clock = self.around.clock.clone();
        let supervisor = Supervisor::new(Program::of(exec)?, clock, variables, received);
        Ok((orders, Some(supervisor)))
    }

    async fn watch(
        &self,
        login: Option<JoinHandle<AuthError>>,
        work: Work,
        quit: Arc<Notify>,
        supervisor: Option<Supervisor>,
        orders: mpsc::Sender<Order>,
    ) -> Result<u8, AgentError> {
        let on = |kind| signal(kind).map_err(AgentError::Signals);
        let (mut term, mut int) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
        let mut hangup = on(SignalKind::hangup())?;
        let logged_out = login.as_ref().map(JoinHandle::abort_handle);
        let mut process = supervisor.map(|supervisor| tokio::spawn(supervisor.run()));
        let mut failed = Box::pin(failure(login));
        let mut given_up = Box::pin(given_up(work.progress.clone()));
        let mut done = Box::pin(work.done(self.config.exit_after_auth));
        notify::tell(self.around.notify_socket.as_deref(), "READY=1");
        let outcome = loop {
            tokio::select! {
                () = stop(&mut term, &mut int) => break Ok(0),
                () = quit.notified() => break Ok(0),
                _ = hangup.recv() => self.reload(),
                error = &mut failed => break Err(error),
                error = &mut given_up => break Err(error),
                () = &mut done => {
                    tracing::info!("everything is written: the agent ends, as exit_after_auth asks");
                    break Ok(0);
                }
                ended = ended(process.as_mut()) => {
                    process = None;
                    break ended.map(|ended| match ended {
                        Ended::ByItself(code) => code,
                        Ended::Stopped => 0,
                    });
                }
            }
        };
        if let Some(process) = process {
            // The process first: it may still need what the agent keeps fresh.
            let _ = orders.send(Order::Stop).await;
            let _ = process.await;
        }
        if let Some(login) = logged_out {
            login.abort();
        }
        outcome
    }

    fn reload(&self) {
        (self.around.reload)();
        for door in &self.doors {
            match door.reload() {
                Ok(()) => {}
                Err(error) => tracing::error!(%error, "the certificates of a listener stay as they were"),
            }
        }
        self.reread.notify_one();
        tracing::info!("templates, certificates of listeners and the level of the log are read again");
    }

    async fn revoke(&self, feed: &TokenFeed) {
        let Some(held) = feed.borrow().clone() else { return };
        let client = self.client.clone().with_retries(0).with_timeout(Some(FAREWELL));
        match auth::revoke(&client, &held.token).await {
            Ok(()) => tracing::info!("the token of the agent, and what was made with it, is revoked"),
            Err(error) => {
                tracing::warn!(%error, "the token of the agent is not revoked and lives until its lease ends");
            }
        }
    }
}

fn check(config: &AgentConfig) -> Result<(), AgentError> {
    config.exec.as_ref().map(Program::of).transpose()?;
    Ok(())
}

fn connection(around: &Surroundings) -> Connection {
    Connection {
        config: copy(&around.client),
        clock: around.clock.clone(),
        entropy: around.entropy.clone(),
    }
}

/// The agent's parts each have their own.
fn copy(config: &ClientConfig) -> ClientConfig {
    ClientConfig {
        address: config.address.clone(),
        address_is_chosen: config.address_is_chosen,
        token: None,
        namespace: config.namespace.clone(),
        tls: config.tls.clone(),
        proxies: config.proxies.clone(),
        timeout: config.timeout,
        max_retries: config.max_retries,
        pace: config.pace,
        wrap_ttl: None,
        mfa: Vec::new(),
        disable_redirects: config.disable_redirects,
    }
}

async fn stop(term: &mut Signal, int: &mut Signal) {
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("told to end");
}

async fn failure(login: Option<JoinHandle<AuthError>>) -> AgentError {
    match login {
        None => std::future::pending().await,
        Some(login) => match login.await {
            Ok(error) => error.into(),
            Err(error) => AgentError::Part(error.to_string()),
        },
    }
}

async fn ended(process: Option<&mut JoinHandle<Result<Ended, SuperviseError>>>) -> Result<Ended, AgentError> {
    match process {
        None => std::future::pending().await,
        Some(process) => match process.await {
            Ok(ended) => Ok(ended?),
            Err(error) => Err(AgentError::Part(error.to_string())),
        },
    }
}
