//! What one run gives to the next, and how it is written: JSON inside the seal.

use std::io;
use std::path::Path;
use std::time::Duration;

use arca_base::{Secret, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Identity, Refused};
use crate::secrets::{Dependency, KeptLife, Saved};

/// How far the clock of the other run may have been ahead.
const AHEAD: Duration = Duration::from_mins(5);

/// What one run gives to the next.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) token: Option<GivenToken>,
    pub(crate) secrets: Vec<Saved>,
    /// How far the change stream was followed.
    pub(crate) position: Option<u64>,
    /// Whose it is; empty in a state that is about to be left.
    pub(super) whose: Whose,
}

/// A token of another run.
pub struct GivenToken {
    /// The token itself.
    pub token: Secret<String>,
    /// How long it was granted for at first, which is what renewals ask for; `None` for ever, or unknown.
    pub granted: Option<Duration>,
}

impl GivenToken {
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            token: self.token.duplicate(),
            granted: self.granted,
        }
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Whose {
    server: String,
    login: String,
    /// What the service account says of itself.
    account: Option<String>,
    pub(super) left_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct Write<'s> {
    whose: Whose,
    token: Option<WriteToken<'s>>,
    secrets: Vec<WriteSecret<'s>>,
    position: Option<u64>,
}

#[derive(Serialize)]
struct WriteToken<'s> {
    token: &'s str,
    granted: Option<u64>,
}

#[derive(Serialize)]
struct WriteSecret<'s> {
    dependency: &'s Dependency,
    body: &'s str,
    life: &'s KeptLife,
}

#[derive(Deserialize)]
struct Read {
    whose: Whose,
    token: Option<ReadToken>,
    secrets: Vec<ReadSecret>,
    position: Option<u64>,
}

#[derive(Deserialize)]
struct ReadToken {
    token: String,
    granted: Option<u64>,
}

#[derive(Deserialize)]
struct ReadSecret {
    dependency: Dependency,
    body: String,
    life: KeptLife,
}

impl State {
    /// The text of it for these owners: as many secrets as fit into `limit` bytes, those with leases first.
    pub(super) fn written(
        &self,
        identity: &Identity,
        account: Option<String>,
        now: Timestamp,
        limit: usize,
    ) -> io::Result<Secret<Vec<u8>>> {
        let mut chosen: Vec<&Saved> = self.secrets.iter().collect();
        chosen.sort_by_key(|saved| !saved.life.is_leased());
        let mut room = limit;
        chosen.retain(|saved| {
            let size = saved.body.expose().len().saturating_mul(2).saturating_add(1024);
            let fits = size <= room;
            room = if fits { room - size } else { room };
            fits
        });
        if chosen.len() < self.secrets.len() {
            tracing::warn!(
                "{} secrets are too large to be handed over: the next run fetches them again",
                self.secrets.len() - chosen.len()
            );
        }
        let bodies: Vec<Secret<String>> = chosen
            .iter()
            .map(|saved| Secret::new(STANDARD.encode(saved.body.expose())))
            .collect();
        let secrets = chosen.iter().zip(&bodies).map(|(saved, body)| WriteSecret {
            dependency: &saved.dependency,
            body: body.expose(),
            life: &saved.life,
        });
        let document = Write {
            whose: Whose {
                server: identity.server.clone(),
                login: identity.login.clone(),
                account,
                left_at: Some(now),
            },
            token: self.token.as_ref().map(|given| WriteToken {
                token: given.token.expose(),
                granted: given.granted.map(|granted| granted.as_secs()),
            }),
            secrets: secrets.collect(),
            position: self.position,
        };
        // Large enough from the beginning: what grows leaves copies behind.
        let mut text = Secret::new(Vec::with_capacity(limit - room + (64 << 10)));
        serde_json::to_writer(text.expose_mut(), &document)?;
        Ok(text)
    }

    /// Reads what was written. `path` is for messages.
    pub(super) fn read(text: &Secret<Vec<u8>>, path: &Path) -> Result<Self, Refused> {
        let damaged = || Refused::Damaged(path.to_owned());
        let read: Read = serde_json::from_slice(text.expose()).map_err(|_| damaged())?;
        let secrets = read.secrets.into_iter().map(|secret| {
            let body = Secret::new(secret.body);
            Ok(Saved {
                dependency: secret.dependency,
                body: Secret::new(STANDARD.decode(body.expose()).map_err(|_| damaged())?),
                life: secret.life,
            })
        });
        Ok(Self {
            token: read.token.map(|given| GivenToken {
                token: Secret::new(given.token),
                granted: given.granted.map(Duration::from_secs),
            }),
            secrets: secrets.collect::<Result<_, Refused>>()?,
            position: read.position,
            whose: read.whose,
        })
    }

    /// Whether it was left for this run.
    pub(super) fn check(
        &self,
        identity: &Identity,
        account: Option<&str>,
        now: Timestamp,
        path: &Path,
    ) -> Result<(), Refused> {
        let foreign = |whose| {
            let path = path.to_owned();
            Err(Refused::Foreign { path, whose })
        };
        let Whose {
            server,
            login,
            account: theirs,
            left_at,
        } = &self.whose;
        if *server != identity.server {
            return foreign("of another server or namespace");
        }
        if *login != identity.login {
            return foreign("that logs in otherwise");
        }
        if theirs.as_deref() != account {
            return foreign("of another service account or pod");
        }
        if left_at.is_none_or(|left_at| left_at.since(now) > AHEAD) {
            return Err(Refused::Future(path.to_owned()));
        }
        Ok(())
    }
}
