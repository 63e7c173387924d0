//! The one task that asks for everything: what is due, at most so many requests at a time.

mod handed;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arca_base::{Clock, Entropy, Secret, Timestamp};
use arca_client::Client;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::auth::Rejections;
use crate::board::Trouble;
use crate::config::{Server, TemplateSettings};
use crate::secrets::answer::Held;
use crate::secrets::chance::roll;
use crate::secrets::dependency::Dependency;
use crate::secrets::fetch::{self, Fetched, Fetcher, Refused};
use crate::secrets::life::{Failure, Life, Rules, Step};
use crate::secrets::moment::Moment;
use crate::token::{HeldToken, TokenFeed};
use handed::Larder;

pub(crate) use handed::Saved;

/// Longest sleep: a machine that was suspended notices within this time.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// Attempts after the first unless the configuration says otherwise.
const RETRIES: u32 = 12;
/// Most ends of earlier tokens remembered.
const LOGINS: usize = 64;

/// What templates are made from. Cloning shares it.
#[derive(Clone)]
pub struct Secrets(Arc<Shared>);

/// Fetches and renews what [`Secrets`] holds, until it is told to stop.
pub struct Broker {
    shared: Arc<Shared>,
    client: Client,
    token: TokenFeed,
    fetcher: Arc<Fetcher>,
    connections: usize,
    rejections: Option<Rejections>,
}

/// What is known about the dependencies of one template.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// When the first of them is asked for again.
    pub next: Option<Timestamp>,
    /// When the first of them ends.
    pub expires: Option<Timestamp>,
    /// Why one of them could not be fetched or renewed.
    pub trouble: Option<Trouble>,
    /// One of them failed in all its attempts.
    pub exhausted: bool,
    /// Counts changes of their values.
    pub version: u64,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    wake: Notify,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    rules: Rules,
}

#[derive(Default)]
struct State {
    slots: BTreeMap<Arc<Dependency>, Slot>,
    wants: BTreeMap<usize, BTreeSet<Arc<Dependency>>>,
    version: u64,
    /// When the token of each login ends.
    logins: BTreeMap<u64, Option<Moment>>,
    /// What another run held.
    larder: Larder,
    /// How far the change stream has been followed.
    position: Option<u64>,
}

struct Slot {
    life: Life,
    held: Option<Arc<Held>>,
    version: u64,
    trouble: Option<Trouble>,
}

impl Slot {
    const fn empty(now: Moment) -> Self {
        Self {
            life: Life::new(now),
            held: None,
            version: 0,
            trouble: None,
        }
    }
}

/// A request that is under way.
struct Job {
    dependency: Arc<Dependency>,
    step: Step,
    token: Option<Arc<HeldToken>>,
}

enum Outcome {
    Fetched(Result<Fetched, Refused>),
    Renewed(Result<(Duration, bool), Refused>),
    Checked(Result<Duration, Refused>),
}

type Running = FuturesUnordered<Pin<Box<dyn Future<Output = (Job, Outcome)> + Send>>>;

impl Secrets {
    /// Secrets of the server that `client` speaks with, and the task that keeps them.
    #[must_use]
    pub fn new(
        client: Client,
        token: TokenFeed,
        server: &Server,
        settings: &TemplateSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> (Self, Broker) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            changed: watch::channel(0).0,
            wake: Notify::new(),
            clock,
            entropy,
            rules: Rules {
                static_interval: settings.static_secret_render_interval,
                threshold: settings.lease_renewal_threshold,
                retries: server.retries.unwrap_or(RETRIES),
            },
        });
        let broker = Broker {
            shared: Arc::clone(&shared),
            client: client.with_retries(0),
            token,
            fetcher: Arc::new(Fetcher::new()),
            connections: settings.max_connections.max(1),
            rejections: None,
        };
        (Self(shared), broker)
    }

    /// What is held for a dependency.
    #[must_use]
    pub fn look(&self, dependency: &Dependency) -> Option<Arc<Held>> {
        let state = self.0.state.lock();
        state.slots.get(dependency).and_then(|slot| slot.held.clone())
    }

    /// What the template with this number needs from now on. What nobody needs is forgotten.
    pub fn want(&self, user: usize, dependencies: &BTreeSet<Arc<Dependency>>) {
        let now = Moment::now(&*self.0.clock);
        let mut guard = self.0.state.lock();
        let state = &mut *guard;
        if state.wants.get(&user) == Some(dependencies) {
            return;
        }
        for dependency in dependencies {
            if state.slots.contains_key(dependency) {
                continue;
            }
            let slot = state
                .take_up(dependency, &self.0)
                .unwrap_or_else(|| Slot::empty(now));
            state.slots.insert(Arc::clone(dependency), slot);
        }
        state.wants.insert(user, dependencies.clone());
        let wants = &state.wants;
        state
            .slots
            .retain(|known, _| wants.values().any(|wanted| wanted.contains(known)));
        drop(guard);
        self.0.wake.notify_one();
    }

    /// Whatever at a path has changed is fetched at once, if anybody needs it. `path` is one of the API.
    pub fn changed_at(&self, path: &str) {
        let now = Moment::now(&*self.0.clock);
        let plain = unplaced(path);
        for (dependency, slot) in &mut self.0.state.lock().slots {
            let known = unplaced(dependency.path());
            let is_touched = match &**dependency {
                Dependency::Read { .. } => known == plain,
                Dependency::List { .. } => plain.starts_with(&known),
                _ => false,
            };
            if is_touched {
                slot.life.nudge(now, Duration::ZERO);
            }
        }
        self.0.wake.notify_one();
    }

    /// Everything without a lease is read again within `spread`, because changes may have been missed.
    pub fn recheck(&self, spread: Duration) {
        let now = Moment::now(&*self.0.clock);
        for slot in self.0.state.lock().slots.values_mut() {
            if slot.life.is_static() {
                let wait = spread.mul_f64(roll(&*self.0.entropy));
                slot.life.nudge(now, wait);
            }
        }
        self.0.wake.notify_one();
    }

    /// The leases of what is held.
    #[must_use]
    pub fn leases(&self) -> Vec<String> {
        let state = self.0.state.lock();
        let leases = state.slots.values().filter_map(|slot| slot.life.lease.as_ref());
        leases.map(|lease| lease.id.clone()).collect()
    }

    /// Tells of each change of a value or of a trouble.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// What is known about the dependencies of the template with this number.
    #[must_use]
    pub fn outlook(&self, user: usize) -> Outlook {
        let mut outlook = Outlook::default();
        let state = self.0.state.lock();
        for dependency in state.wants.get(&user).into_iter().flatten() {
            let Some(slot) = state.slots.get(dependency) else {
                continue;
            };
            let first = |known: Option<Timestamp>, moment: Option<Moment>| match (known, moment) {
                (Some(known), Some(moment)) => Some(known.min(moment.wall)),
                (known, moment) => known.or(moment.map(|moment| moment.wall)),
            };
            outlook.next = first(outlook.next, slot.life.due());
            outlook.expires = first(outlook.expires, slot.life.end());
            outlook.exhausted |= slot.life.failures > self.0.rules.retries;
            outlook.version = outlook.version.max(slot.version);
            if outlook.trouble.is_none() {
                outlook.trouble.clone_from(&slot.trouble);
            }
        }
        outlook
    }
}

/// A path without the folder that a versioned mount puts into it.
fn unplaced(path: &str) -> String {
    let path = path.trim_matches('/');
    let mut parts: Vec<&str> = path.split('/').collect();
    if let Some(at) = parts
        .iter()
        .skip(1)
        .position(|part| matches!(*part, "data" | "metadata"))
    {
        parts.remove(at + 1);
    }
    parts.join("/")
}

impl Broker {
    /// The same, which tells when the server refuses a request: the token itself may be gone.
    #[must_use]
    pub fn reporting(mut self, rejections: Rejections) -> Self {
        self.rejections = Some(rejections);
        self
    }

    /// Works until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut running = Running::new();
        self.note_login();
        loop {
            let wait = self.start_due(&mut running);
            let clock = Arc::clone(&self.shared.clock);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some((job, outcome)) = running.next() => self.settle(&job, outcome),
                Ok(()) = self.token.changed() => self.note_login(),
                () = self.shared.wake.notified() => {}
                () = clock.sleep(wait) => {}
            }
        }
    }

    /// Starts what is due, and says how long nothing else is.
    fn start_due(&self, running: &mut Running) -> Duration {
        let now = Moment::now(&*self.shared.clock);
        let token = self.token.borrow().clone();
        let mut wait = LONGEST_SLEEP;
        let mut state = self.shared.state.lock();
        for (dependency, slot) in &mut state.slots {
            let local = matches!(**dependency, Dependency::File { .. });
            let Some(due) = slot.life.due() else { continue };
            if running.len() >= self.connections || (token.is_none() && !local) {
                continue;
            }
            let left = due.from(now);
            if !left.is_zero() {
                wait = wait.min(left);
                continue;
            }
            let job = Job {
                dependency: Arc::clone(dependency),
                step: slot.life.begin(now),
                token: token.clone(),
            };
            running.push(self.perform(job, now.wall));
        }
        wait
    }

    fn perform(&self, job: Job, now: Timestamp) -> Pin<Box<dyn Future<Output = (Job, Outcome)> + Send>> {
        let token = job.token.as_ref().map(|held| held.token.duplicate());
        let client = self
            .client
            .clone()
            .with_token(token.map(|token: Secret<String>| token));
        let fetcher = Arc::clone(&self.fetcher);
        Box::pin(async move {
            let outcome = match &job.step {
                Step::Fetch => match &*job.dependency {
                    Dependency::File { path } => Outcome::Fetched(fetch::file(path)),
                    dependency => Outcome::Fetched(fetcher.fetch(&client, dependency, now).await),
                },
                Step::Renew { lease, increment } => {
                    Outcome::Renewed(fetch::renew(&client, lease, *increment).await)
                }
                Step::Check { lease } => Outcome::Checked(fetch::check(&client, lease).await),
            };
            (job, outcome)
        })
    }

    fn settle(&self, job: &Job, outcome: Outcome) {
        let now = Moment::now(&*self.shared.clock);
        let chance = roll(&*self.shared.entropy);
        let mut guard = self.shared.state.lock();
        let State {
            slots,
            version,
            logins,
            ..
        } = &mut *guard;
        let Some(slot) = slots.get_mut(&job.dependency) else {
            return;
        };
        let owner = job.token.as_ref().map_or(0, |token| token.generation);
        let current = self
            .token
            .borrow()
            .as_ref()
            .map_or(owner, |token| token.generation);
        let owner_ends = (owner != current)
            .then(|| logins.get(&owner).copied().flatten())
            .flatten();
        self.report(&outcome, owner);
        let trouble = match outcome {
            Outcome::Fetched(Ok(Fetched { held, timing })) => {
                slot.life
                    .fetched(timing, owner, owner_ends, now, &self.shared.rules, chance);
                if slot.held.as_ref().is_none_or(|known| known.digest != held.digest) {
                    *version += 1;
                    slot.version = *version;
                    slot.held = Some(Arc::new(held));
                }
                None
            }
            Outcome::Renewed(Ok((length, renewable))) => {
                slot.life.renewed(length, renewable, now, chance);
                None
            }
            Outcome::Checked(Ok(left)) => {
                slot.life.checked(left, now, chance);
                None
            }
            Outcome::Fetched(Err((failure, message))) => {
                slot.life.fetch_failed(failure, now, chance);
                Some(message)
            }
            Outcome::Renewed(Err((failure, message))) | Outcome::Checked(Err((failure, message))) => {
                slot.life.renewal_failed(failure, now, chance);
                Some(message)
            }
        };
        if owner != current {
            // The answer is about a token that is not in force any more.
            slot.life
                .token_changed(|login| logins.get(&login).copied().flatten(), now, chance);
        }
        note(&mut slot.trouble, trouble, now.wall);
        drop(guard);
        self.shared.changed.send_modify(|count| *count += 1);
    }

    fn report(&self, outcome: &Outcome, generation: u64) {
        let is_refused = matches!(
            outcome,
            Outcome::Fetched(Err((Failure::Forbidden, _)))
                | Outcome::Renewed(Err((Failure::Forbidden, _)))
                | Outcome::Checked(Err((Failure::Forbidden, _)))
        );
        if let (true, Some(rejections)) = (is_refused, &self.rejections) {
            rejections.report(generation);
        }
    }

    /// Remembers when the token in force ends; another login is told to every dependency.
    fn note_login(&mut self) {
        let Some(token) = self.token.borrow_and_update().clone() else {
            return;
        };
        let now = Moment::now(&*self.shared.clock);
        let end = token
            .lease
            .map(|lease| now.after(lease.saturating_sub(now.wall.since(token.since))));
        let mut guard = self.shared.state.lock();
        let State { slots, logins, .. } = &mut *guard;
        if logins.insert(token.generation, end).is_some() {
            return;
        }
        while logins.len() > LOGINS {
            logins.pop_first();
        }
        for slot in slots.values_mut() {
            let chance = roll(&*self.shared.entropy);
            let ends = |login: u64| {
                let earlier = login != token.generation;
                earlier.then(|| logins.get(&login).copied().flatten()).flatten()
            };
            slot.life.token_changed(ends, now, chance);
        }
    }
}

/// Keeps since when it has been going wrong.
fn note(trouble: &mut Option<Trouble>, message: Option<String>, now: Timestamp) {
    *trouble = message.map(|message| {
        let (since, attempts) = trouble
            .as_ref()
            .map_or((now, 0), |known| (known.since, known.attempts));
        Trouble {
            message,
            since,
            attempts: attempts + 1,
        }
    });
}
