//! What each part of the agent is doing, for `status`, `/readyz` and metrics. Never holds a value of a secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

/// The state of one template.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TemplateState {
    /// Where it is written: a path, or `env:NAME` of a supervised process.
    pub destination: String,
    /// When its text was last written or found unchanged.
    pub rendered: Option<Timestamp>,
    /// When the next of its secrets is due to be fetched or renewed.
    pub next: Option<Timestamp>,
    /// When the first of its leases ends.
    pub expires: Option<Timestamp>,
    /// Times its content changed.
    pub changes: u64,
    /// Why the last attempt failed, and since when; `None` when it succeeded.
    pub error: Option<Trouble>,
}

/// The state of the login.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AuthState {
    /// The method, such as `kubernetes`.
    pub method: String,
    /// Whether a token is in force.
    pub authenticated: bool,
    /// When the token ends unless it is renewed.
    pub expires: Option<Timestamp>,
    /// Logins that succeeded.
    pub successes: u64,
    /// Logins that failed.
    pub failures: u64,
    /// Why the last login or renewal failed.
    pub error: Option<Trouble>,
}

/// Something that went wrong and has not gone right since.
#[derive(Clone, Debug, Serialize)]
pub struct Trouble {
    /// What a person reads; never a secret.
    pub message: String,
    /// When it began.
    pub since: Timestamp,
    /// Attempts since then.
    pub attempts: u64,
}

/// Everything known, at one instant.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The login, if there is one.
    pub auth: Option<AuthState>,
    /// Templates by their place in the configuration.
    pub templates: BTreeMap<usize, TemplateState>,
    /// Whether the change stream is followed; `None` before the first attempt.
    pub following: Option<bool>,
}

/// The shared board. Cloning shares it.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<Report>>);

impl Board {
    /// Changes what is shown.
    pub fn post(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.0.lock());
    }

    /// What is shown now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.0.lock().clone()
    }
}

impl Report {
    /// Whether a program may start: a token in force if one is asked for, and every template rendered once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.auth.as_ref().is_none_or(|auth| auth.authenticated)
            && self
                .templates
                .values()
                .all(|template| template.rendered.is_some())
    }
}
