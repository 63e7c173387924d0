//! One subscriber: what it has seen, what it may see, and what it is told next.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arca_base::json::Object;
use arca_base::time::Sleep;
use arca_base::{Clock, Operation, RequestPath, Secret, glob};
use arca_storage::{Change, Changes, Revision, WatchError};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio_util::sync::CancellationToken;

use super::feed::{self, Item};
use super::happened::{Commit, Event};
use crate::active::Active;
use crate::engine::Caller;
use crate::fault::Fault;
use crate::policies::{Acl, Question};

/// How often a subscriber hears something when nothing happens, and its token is looked at.
const BEAT: Duration = Duration::from_secs(15);

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The stream begins after this revision.
    Ready {
        /// The revision.
        revision: u64,
    },
    /// Something happened.
    Event {
        /// The revision to resume from; only with the last event of a commit.
        id: Option<u64>,
        /// What happened.
        kind: String,
        /// The event as CloudEvents JSON, on one line.
        body: Bytes,
    },
    /// Something may have been missed; the stream goes on after this revision.
    Gap {
        /// The revision.
        oldest: u64,
    },
    /// Nothing has happened that this subscriber is told of.
    Beat {
        /// Everything up to this revision has been looked at.
        revision: u64,
    },
    /// The stream ends.
    End {
        /// Why.
        reason: String,
    },
}

/// Where the next events come from.
enum Source {
    /// What all subscribers of this node are handed.
    Ring(broadcast::Receiver<Item>),
    /// The history of the store, until what comes from it is what is handed out.
    History(Changes),
}

/// What happened next.
enum Next {
    Commit(Arc<Commit>),
    Changes(Vec<Change>),
    Gap(u64),
    Beat,
    End(String),
}

/// Who subscribes, and to what.
pub(crate) struct Viewer {
    /// The server as the namespace sees it whose events these are; gone when that is.
    active: Weak<Active>,
    clock: Arc<dyn Clock>,
    token: Arc<Secret<String>>,
    /// Types of event.
    pattern: Box<str>,
    /// The path of the stream, which the token must be allowed to read.
    path: RequestPath,
}

/// A stream of events for one subscriber. Holds no key of the server.
pub struct Subscription {
    viewer: Viewer,
    stop: CancellationToken,
    source: Source,
    /// Everything up to here has been looked at.
    cursor: u64,
    queue: VecDeque<Message>,
    beat: Sleep,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Subscription {
    /// Everything whose type matches `pattern` and that `caller` may see: after the revision `after`, or from now.
    pub(crate) async fn begin(
        active: &Arc<Active>,
        caller: &Caller,
        pattern: &str,
        path: RequestPath,
        after: Option<u64>,
    ) -> Result<Self, Fault> {
        let place = active.events.place()?;
        let Revision(newest) = active.barrier.storage().revision().await.map_err(unanswered)?;
        let mut begun = Self {
            viewer: Viewer::new(active, caller, pattern, path),
            stop: active.stop.clone(),
            source: history(active, newest),
            cursor: after.unwrap_or(newest),
            queue: VecDeque::from([Message::Ready {
                revision: after.unwrap_or(newest),
            }]),
            beat: active.clock.sleep(BEAT),
            over: false,
            _place: place,
        };
        if begun.cursor > newest {
            // Of another history, such as that from before a restore.
            begun.queue.clear();
            begun.queue.push_back(Message::Ready { revision: newest });
            begun.pass(newest);
        } else {
            begun.source = history(active, begun.cursor);
        }
        begun.join(active);
        Ok(begun)
    }

    /// The next message; `None` after the last one. A message is lost when its future is dropped half-way.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.queue.pop_front() {
                return Some(message);
            }
            if self.over {
                return None;
            }
            let next = self.wait().await;
            if let Err(reason) = self.take(next).await {
                self.over = true;
                return Some(Message::End { reason });
            }
        }
    }

    async fn wait(&mut self) -> Next {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Next::End(SEALED.to_owned()),
            next = self.source.next() => next,
            () = &mut self.beat => Next::Beat,
        }
    }

    async fn take(&mut self, next: Next) -> Result<(), String> {
        match next {
            Next::End(reason) => return Err(reason),
            Next::Commit(commit) => self.look_at(&commit).await?,
            Next::Changes(changes) => {
                let active = self.viewer.active()?;
                let commit = feed::read(&active, changes).await;
                if let Some(commit) = commit.map_err(|_| UNANSWERED.to_owned())? {
                    self.look_at(&commit).await?;
                    self.join(&active);
                }
            }
            Next::Gap(oldest) => {
                let active = self.viewer.active()?;
                let newest = active.barrier.storage().revision().await;
                let Revision(newest) = newest.map_err(|_| UNANSWERED.to_owned())?;
                self.pass(newest.max(oldest));
                self.source = history(&active, self.cursor);
                self.join(&active);
            }
            Next::Beat => {
                self.beat = self.viewer.clock.sleep(BEAT);
                self.viewer.rights(true).await?;
                self.queue.push_back(Message::Beat {
                    revision: self.cursor,
                });
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, commit: &Commit) -> Result<(), String> {
        if commit.revision <= self.cursor {
            return Ok(());
        }
        let events = self.viewer.visible(commit).await?;
        self.cursor = commit.revision;
        if commit.incomplete {
            self.pass(commit.revision);
        }
        self.queue.extend(events);
        Ok(())
    }

    /// Goes on from a later revision, and says so.
    fn pass(&mut self, revision: u64) {
        self.cursor = revision;
        self.queue.push_back(Message::Gap { oldest: revision });
    }

    /// Leaves the history for what all subscribers are handed, as soon as nothing is missed by that.
    fn join(&mut self, active: &Active) {
        if let Source::History(_) = self.source
            && let Some(ring) = active.events.join(self.cursor)
        {
            self.source = Source::Ring(ring);
        }
    }
}

impl Viewer {
    /// The holder of a token, who follows what matches `pattern` as long as the token may read `path`.
    pub(crate) fn new(active: &Arc<Active>, caller: &Caller, pattern: &str, path: RequestPath) -> Self {
        Self {
            active: Arc::downgrade(active),
            clock: active.clock.clone(),
            token: caller.presented.clone(),
            pattern: pattern.into(),
            path,
        }
    }

    /// Waits on the clock of the server.
    pub(crate) fn sleep(&self, time: Duration) -> Sleep {
        self.clock.sleep(time)
    }

    /// Whether the token is good, and may still read the path.
    pub(crate) async fn may_go_on(&self) -> Result<(), String> {
        self.rights(true).await.map(drop)
    }

    fn active(&self) -> Result<Arc<Active>, String> {
        self.active.upgrade().ok_or_else(|| SEALED.to_owned())
    }

    /// What of a commit this subscriber is told.
    async fn visible(&self, commit: &Commit) -> Result<Vec<Message>, String> {
        let active = self.active()?;
        let wanted = |event: &&Event| {
            event.namespace.id == active.namespace.id && glob::matches(&self.pattern, &event.kind)
        };
        if !commit.events.iter().any(|event| wanted(&event)) {
            return Ok(Vec::new());
        }
        let rights = self.rights(false).await?;
        let seen = commit.events.iter().filter(wanted).filter(|event| {
            let own = event.owner.as_ref().is_some_and(|owner| *owner == rights.hash);
            let mut paths = event.paths.iter().flatten();
            own || paths.any(|path| rights.see(path, &event.kind))
        });
        let mut messages: Vec<Message> = seen
            .map(|event| Message::Event {
                id: None,
                kind: event.kind.clone(),
                body: event.body.clone(),
            })
            .collect();
        if let Some(Message::Event { id, .. }) = messages.last_mut() {
            *id = Some(commit.revision);
        }
        Ok(messages)
    }

    /// What the caller may do now.
    async fn rights(&self, subscribed: bool) -> Result<Rights, String> {
        let active = self.active()?;
        let failed = |_: Fault| UNANSWERED.to_owned();
        let now = self.clock.now();
        let home = active.home_of(self.token.expose()).await.map_err(failed)?;
        let home = home.ok_or("the namespace of the token is gone")?;
        let found = home.tokens.find(self.token.expose(), now).await.map_err(failed)?;
        let token = found.ok_or("the token has expired or was revoked")?;
        let principal = match &*token.entity_id {
            "" => None,
            id => {
                let found = home.identity.principal(id).await.map_err(failed)?;
                let found = found.filter(|principal| !principal.entity.disabled);
                Some(found.ok_or("the entity of the token is disabled or gone")?)
            }
        };
        let acl = home.policies.acl(&token, principal.as_ref(), &home.identity, now);
        let below = active.namespace.path_below(&home.namespace);
        let rights = Rights {
            acl: acl.await.map_err(failed)?,
            hash: token.hash.clone(),
            below: below.ok_or("the token is of another namespace")?.to_owned(),
        };
        if subscribed {
            let path = rights.path_at_home(&self.path).ok_or("the path is too long")?;
            let question = Question {
                operation: Operation::Read,
                path: &path,
                data: &Object::new(),
                wrap_ttl: None,
                sudo: false,
            };
            let decided = rights.acl.decide(&question);
            decided.map_err(|_| "the token may not subscribe any more")?;
        }
        Ok(rights)
    }
}

/// What a subscriber may do, and who it is.
struct Rights {
    acl: Arc<Acl>,
    /// Hash of the token.
    hash: String,
    /// The path of the namespace of the events below that of the token.
    below: String,
}

impl Rights {
    fn see(&self, path: &RequestPath, kind: &str) -> bool {
        let path = self.path_at_home(path);
        path.is_some_and(|path| self.acl.sees(&path, kind))
    }

    /// A path as the policies of the token name it.
    fn path_at_home<'a>(&self, path: &'a RequestPath) -> Option<Cow<'a, RequestPath>> {
        if self.below.is_empty() {
            return Some(Cow::Borrowed(path));
        }
        let path = RequestPath::parse(&format!("{}{path}", self.below)).ok()?;
        Some(Cow::Owned(path))
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription")
            .field("pattern", &self.viewer.pattern)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// What comes next; nothing is lost when the future is dropped.
    async fn next(&mut self) -> Next {
        match self {
            Self::Ring(ring) => match ring.recv().await {
                Ok(Item::Commit(commit)) => Next::Commit(commit),
                Ok(Item::Gap(oldest)) => Next::Gap(oldest),
                Err(broadcast::error::RecvError::Lagged(_)) => Next::Gap(0),
                Err(broadcast::error::RecvError::Closed) => Next::End(SEALED.to_owned()),
            },
            Self::History(changes) => match changes.next().await {
                Some(Ok(changes)) => Next::Changes(changes),
                Some(Err(WatchError::Compacted { .. })) => Next::Gap(0),
                Some(Err(WatchError::Storage(_))) => Next::End(UNANSWERED.to_owned()),
                None => Next::End(SEALED.to_owned()),
            },
        }
    }
}

const SEALED: &str = "the server was sealed or is shutting down; reconnect";
const UNANSWERED: &str = "storage does not answer; reconnect";

fn unanswered(error: arca_storage::StorageError) -> Fault {
    tracing::warn!(%error, "a subscription cannot begin");
    Fault::unavailable(UNANSWERED)
}

fn history(active: &Active, from: u64) -> Source {
    Source::History(feed::history(active, from))
}
