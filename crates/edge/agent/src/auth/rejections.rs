//! How other parts say that the server no longer takes the token.

use std::sync::Arc;

use tokio::sync::watch;

/// Cloning shares it.
#[derive(Clone)]
pub struct Rejections(Arc<watch::Sender<u64>>);

impl Default for Rejections {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Rejections {
    /// A request with the token of this generation was answered with 403. The part that logs in looks whether
    /// the token itself is gone, and logs in again if so; a token that is newer already is not touched.
    pub fn report(&self, generation: u64) {
        self.0.send_if_modified(|newest| {
            let is_news = generation > *newest;
            *newest = (*newest).max(generation);
            is_news
        });
    }

    /// Waits for a report about this generation.
    pub(super) async fn of(&self, generation: u64) {
        let mut reports = self.0.subscribe();
        // The sender lives in `self`, so this ends with a report only.
        let _ = reports.wait_for(|newest| *newest >= generation).await;
    }

    /// The report was wrong: the next one counts again.
    pub(super) fn dismiss(&self, generation: u64) {
        self.0.send_if_modified(|newest| {
            *newest = (*newest).min(generation.saturating_sub(1));
            false
        });
    }
}
