//! When an agent ends by itself: its work is done, or cannot be done.

use tokio::sync::watch;

use super::AgentError;
use crate::sinks::Written;
use crate::template::Progress;
use crate::token::TokenFeed;

/// What an agent that does its work once has to do.
pub(super) struct Work {
    pub(super) written: Option<Written>,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) feed: TokenFeed,
}

impl Work {
    /// Completes when it is done, if the agent `ends` then.
    pub(super) async fn done(mut self, ends: bool) {
        if !ends || self.feed.wait_for(Option::is_some).await.is_err() {
            return std::future::pending().await;
        }
        if let Some(written) = &mut self.written {
            written.wait().await;
        }
        if self.progress.wait_for(Progress::is_done).await.is_err() {
            std::future::pending().await
        }
    }
}

/// Completes when templates cannot go on and the configuration asks to end then.
pub(super) async fn given_up(mut progress: watch::Receiver<Progress>) -> AgentError {
    let failed = match progress.wait_for(|progress| progress.failed.is_some()).await {
        Ok(progress) => progress.failed.clone().unwrap_or_default(),
        Err(_) => return std::future::pending().await,
    };
    AgentError::Failed(failed)
}
