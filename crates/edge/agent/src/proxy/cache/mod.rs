//! Answers with leases, kept for the next who asks the same with the same token.
//!
//! Only answers that the server can take back are kept: secrets with a renewable lease, and logins, under a token
//! that the agent manages (its own, or one that came out of here). Each is renewed until it cannot be; then, and when
//! its lease or its token is revoked through the agent, it goes. Values are wiped when they go.

mod kept;
mod renew;
mod revocation;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arca_base::{Clock, Entropy, Secret};
use arca_client::Client;
use arca_crypto::mac::MacKey;
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use super::desk::Arrived;

pub(super) use kept::Kept;
pub(super) use revocation::Revocation;

/// Most bytes kept; beyond it the oldest answer goes.
const CAPACITY: usize = 16 << 20;

/// Names a request without telling anything about it.
pub(super) type Key = [u8; 32];

/// What somebody asks to be forgotten.
pub(super) enum Clearing {
    All,
    /// Answers to this path or below it, such as `/v1/database/creds/app`.
    Path(String),
    Lease(String),
    Token(Secret<String>),
    Accessor(String),
}

impl Clearing {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::All => false,
            Self::Path(text) | Self::Lease(text) | Self::Accessor(text) => text.is_empty(),
            Self::Token(token) => token.expose().is_empty(),
        }
    }
}

/// The cache.
pub struct LeaseCache {
    mac: MacKey,
    client: Client,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    capacity: usize,
    state: Mutex<State>,
    /// For tasks that renew.
    myself: Weak<Self>,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    turns: HashMap<Key, Weak<tokio::sync::Mutex<()>>>,
    bytes: usize,
    count: u64,
}

struct Entry {
    kept: Arc<Kept>,
    /// Whose request it was, as a MAC.
    asker: Key,
    /// The token in the answer to a login, as a MAC.
    issued: Option<Key>,
    /// Grows with each entry.
    order: u64,
    renewal: AbortHandle,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl LeaseCache {
    /// An empty cache that renews what it keeps with `client`.
    #[must_use]
    pub fn new(client: Client, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Arc<Self> {
        Self::bounded(client, clock, entropy, CAPACITY)
    }

    /// The same with another bound, in bytes.
    #[must_use]
    pub fn bounded(
        client: Client,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        capacity: usize,
    ) -> Arc<Self> {
        let key = Secret::new(arca_base::entropy::bytes::<32>(&*entropy));
        Arc::new_cyclic(|myself| Self {
            mac: MacKey::new(key.expose()),
            client,
            clock,
            entropy,
            capacity,
            state: Mutex::default(),
            myself: myself.clone(),
        })
    }

    /// Answers kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names a request.
    pub(super) fn key(&self, request: &Arrived, token: Option<&Secret<String>>) -> Key {
        let mut parts: Vec<(&str, &[u8])> = Vec::new();
        let headers = request.headers.iter().filter(|(name, _)| {
            name.as_str().starts_with("x-vault-") && *name != "x-vault-token" && *name != "x-vault-request"
                || matches!(name.as_str(), "accept" | "content-type")
        });
        parts.extend(headers.map(|(name, value)| (name.as_str(), value.as_bytes())));
        parts.sort_unstable();
        let token = token.map_or("", |token| token.expose());
        let fixed = [
            ("", request.method.as_str().as_bytes()),
            ("", request.target.as_bytes()),
            ("", token.as_bytes()),
            ("", &request.body[..]),
        ];
        let mut message = Secret::new(Vec::new());
        for (name, value) in fixed.into_iter().chain(parts) {
            for part in [name.as_bytes(), value] {
                message
                    .expose_mut()
                    .extend_from_slice(&(part.len() as u64).to_be_bytes());
                message.expose_mut().extend_from_slice(part);
            }
        }
        self.mac.sign(message.expose())
    }

    /// Where those who ask the same at the same time queue.
    pub(super) fn turn(&self, key: Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut state = self.state.lock();
        if let Some(turn) = state.turns.get(&key).and_then(Weak::upgrade) {
            return turn;
        }
        state.turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        state.turns.insert(key, Arc::downgrade(&turn));
        turn
    }

    /// What is kept for a request.
    pub(super) fn find(&self, key: &Key) -> Option<Arc<Kept>> {
        self.state.lock().entries.get(key).map(|entry| entry.kept.clone())
    }

    /// How old an answer is, in seconds.
    pub(super) fn age(&self, kept: &Kept) -> u64 {
        self.clock.monotonic().saturating_sub(kept.since()).as_secs()
    }

    /// Whether a token came out of here.
    pub(super) fn manages(&self, token: &Secret<String>) -> bool {
        let token = self.name(token);
        self.state
            .lock()
            .entries
            .values()
            .any(|entry| entry.issued == Some(token))
    }

    /// Keeps an answer, and renews it from now on.
    pub(super) fn keep(&self, key: Key, kept: Kept, asker: &Secret<String>) {
        let size = kept.size();
        if size > self.capacity {
            return;
        }
        let kept = Arc::new(kept);
        let renewal = tokio::spawn(renew::until_it_ends(
            self.myself.clone(),
            key,
            kept.clone(),
            self.client.clone().with_token(Some(kept.renewer(asker))),
        ));
        let mut state = self.state.lock();
        state.remove(&key);
        state.make_room(self.capacity.saturating_sub(size));
        state.count += 1;
        state.bytes += size;
        let entry = Entry {
            asker: self.name(asker),
            issued: kept.issued().map(|token| self.name(token)),
            kept,
            order: state.count,
            renewal: renewal.abort_handle(),
        };
        state.entries.insert(key, entry);
    }

    /// Forgets one answer.
    fn forget(&self, key: &Key) {
        self.state.lock().remove(key);
    }

    /// Forgets what somebody asks to be forgotten.
    pub(super) fn clear(&self, clearing: &Clearing) {
        match clearing {
            Clearing::All => *self.state.lock() = State::default(),
            Clearing::Path(path) => {
                let path = path.trim_end_matches('/');
                self.forget_where(|entry| {
                    let rest = entry.kept.path().strip_prefix(path);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                });
            }
            Clearing::Lease(lease) => self.forget_where(|entry| entry.kept.lease() == Some(lease)),
            Clearing::Token(token) => self.forget_token(self.name(token)),
            Clearing::Accessor(accessor) => self.forget_accessor(accessor),
        }
    }

    /// Forgets what a revocation, which the server has accepted, took back.
    pub(super) fn revoked(&self, revocation: &Revocation) {
        match revocation {
            Revocation::Lease(lease) => self.forget_where(|entry| entry.kept.lease() == Some(lease)),
            Revocation::Below(prefix) => {
                self.forget_where(|entry| entry.kept.lease().is_some_and(|lease| lease.starts_with(prefix)));
            }
            Revocation::Token(token) => self.forget_token(self.name(token)),
            Revocation::Accessor(accessor) => self.forget_accessor(accessor),
        }
    }

    fn name(&self, token: &Secret<String>) -> Key {
        self.mac.sign(token.expose().as_bytes())
    }

    fn forget_where(&self, is_it: impl Fn(&Entry) -> bool) {
        let mut state = self.state.lock();
        let found: Vec<Key> = state
            .entries
            .iter()
            .filter(|(_, entry)| is_it(entry))
            .map(|(key, _)| *key)
            .collect();
        let issued: Vec<Key> = found.iter().filter_map(|key| state.remove(key)?.issued).collect();
        drop(state);
        for token in issued {
            self.forget_token(token);
        }
    }

    fn forget_accessor(&self, accessor: &str) {
        self.forget_where(|entry| entry.kept.accessor() == Some(accessor));
    }

    /// Forgets everything a token asked for, and that its children asked for.
    fn forget_token(&self, token: Key) {
        let mut doomed = vec![token];
        let mut state = self.state.lock();
        while let Some(token) = doomed.pop() {
            let concerned = |entry: &Entry| entry.asker == token || entry.issued == Some(token);
            let found = state.entries.iter().filter(|(_, entry)| concerned(entry));
            let found: Vec<Key> = found.map(|(key, _)| *key).collect();
            for key in found {
                doomed.extend(state.remove(&key).and_then(|entry| entry.issued));
            }
        }
    }

    fn jitter(&self) -> u32 {
        u32::try_from(arca_base::entropy::below(&*self.entropy, 100)).unwrap_or(0)
    }

    async fn pause(&self, time: Duration) {
        self.clock.sleep(time).await;
    }
}

impl State {
    fn remove(&mut self, key: &Key) -> Option<Gone> {
        let entry = self.entries.remove(key)?;
        self.bytes = self.bytes.saturating_sub(entry.kept.size());
        Some(Gone { issued: entry.issued })
    }

    /// Drops the oldest until no more than `bytes` are kept.
    fn make_room(&mut self, bytes: usize) {
        while self.bytes > bytes {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, entry)| entry.order)
                .map(|(key, _)| *key);
            match oldest {
                Some(key) => drop(self.remove(&key)),
                None => return,
            }
        }
    }
}

/// What was forgotten.
struct Gone {
    issued: Option<Key>,
}
