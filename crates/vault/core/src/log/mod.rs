//! The log of the process, as far as the API reaches it: levels of its parts, and its lines as they are written.

mod lines;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use tokio::sync::broadcast;

pub use lines::Lines;

/// What is logged: messages of this weight or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What happens.
    Info,
    /// What should not happen.
    Warn,
    /// What failed.
    Error,
}

impl Level {
    /// What [`Level::parse`] reads, for messages.
    pub const EXPECTED: &'static str = "one of trace, debug, info, warn, error";

    /// The level of this name; empty text is the default.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "trace" => Some(Self::Trace),
            "debug" => Some(Self::Debug),
            "" | "info" | "notice" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" | "err" => Some(Self::Error),
            _ => None,
        }
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format_args!("expected {}", Self::EXPECTED));
        Self::parse(&text).ok_or_else(unknown)
    }
}

/// Parts of the server whose level can be set, and the modules of each.
pub const LOGGERS: [(&str, &[&str]); 13] = [
    ("audit", &["arca_core::audit"]),
    ("auth", &["arca_auth", "arca_core::login", "arca_core::mfa"]),
    ("core", &["arca_core"]),
    ("events", &["arca_core::events"]),
    ("expiration", &["arca_core::leases", "arca_core::tasks"]),
    ("http", &["arca_server"]),
    ("identity", &["arca_core::identity"]),
    ("mounts", &["arca_core::router"]),
    ("policy", &["arca_core::policies"]),
    ("seal", &["arca_core::seal", "arca_core::lifecycle"]),
    ("secrets", &["arca_engines"]),
    ("storage", &["arca_storage"]),
    ("token", &["arca_core::tokens"]),
];

/// A line of the log.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its weight.
    pub level: Level,
    /// The line, its end included.
    pub text: Bytes,
}

/// What follows the log from now on. Dropping it ends that.
pub struct Following {
    /// Lines as they are written.
    pub lines: broadcast::Receiver<Line>,
    /// Tells the log when it is dropped.
    pub held: Box<dyn Send + Sync>,
}

/// The log of the process.
pub trait Log: Send + Sync {
    /// The level of one of [`LOGGERS`], by its place there.
    fn level(&self, logger: usize) -> Level;

    /// Sets the level of one logger, or of all; nothing is what the configuration says.
    fn set(&self, logger: Option<usize>, level: Option<Level>);

    /// Follows what is logged at `level` and above, whatever is written elsewhere; as JSON or text. Nothing when too many
    /// do so already, or there is no log.
    fn follow(&self, level: Level, json: bool) -> Option<Following>;
}

/// No log at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLog;

impl NoLog {
    /// As what a server is made of.
    #[must_use]
    pub fn shared() -> Arc<dyn Log> {
        Arc::new(Self)
    }
}

impl Log for NoLog {
    fn level(&self, _: usize) -> Level {
        Level::Info
    }

    fn set(&self, _: Option<usize>, _: Option<Level>) {}

    fn follow(&self, _: Level, _: bool) -> Option<Following> {
        None
    }
}
