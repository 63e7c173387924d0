//! In whose name the API server is asked.

use std::io;

use arca_base::Secret;

use super::config::Config;
use super::pod::Pod;

/// In whose name the API server is asked.
pub(super) enum Reviewer {
    /// That of `token_reviewer_jwt`.
    Configured(Secret<String>),
    /// That of the pod this server runs in.
    Mounted(Secret<String>),
    /// That of whoever logs in.
    Caller,
}

impl Reviewer {
    /// Chooses, anew for each login: a mounted token is replaced before it expires.
    ///
    /// # Errors
    /// When there is a mounted token that cannot be read.
    pub(super) async fn choose(config: &Config, pod: &Pod) -> io::Result<Self> {
        if let Some(token) = &config.reviewer {
            return Ok(Self::Configured(token.duplicate()));
        }
        let mounted = match config.ignores_pod {
            true => None,
            false => pod.token().await?,
        };
        Ok(mounted.map_or(Self::Caller, Self::Mounted))
    }

    /// The credential to send when `token` is what a login is about.
    pub(super) fn credential<'a>(&'a self, token: &'a str) -> &'a str {
        self.own().unwrap_or(token)
    }

    /// The credential, unless it is the caller's.
    pub(super) fn own(&self) -> Option<&str> {
        match self {
            Self::Configured(own) | Self::Mounted(own) => Some(own.expose()),
            Self::Caller => None,
        }
    }

    /// Whose it is.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Configured(_) => "token_reviewer_jwt",
            Self::Mounted(_) => "the token of this server's own pod",
            Self::Caller => "the token of the caller",
        }
    }
}
