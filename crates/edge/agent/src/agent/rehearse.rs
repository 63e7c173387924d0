//! Rendering without writing, beside whatever else is at work.

use std::time::Duration;

use arca_base::json::Object;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Agent, AgentError, FAREWELL, failure};
use crate::auth::Rejections;
use crate::config::MethodKind;
use crate::template::Rehearsal;
use crate::token::TokenFeed;

impl Agent {
    /// Logs in, fetches what templates need for `limit` at most, and says what would come of each. Writes nothing
    /// and runs nothing; every credential that was made is revoked, and so is the token, unless it was lent by a
    /// file.
    ///
    /// # Errors
    /// [`AgentError`]
    pub async fn rehearse(mut self, limit: Duration) -> Result<Vec<Rehearsal>, AgentError> {
        let (sender, feed) = watch::channel(None);
        let (mut parts, rejections) = (JoinSet::new(), Rejections::default());
        let (templates, broker, _) = self.stage(&feed)?;
        let secrets = templates.secrets().clone();
        parts.spawn(broker.reporting(rejections.clone()).run(CancellationToken::new()));
        let is_lent = self.has_lent_token();
        let login = self.login(sender, rejections, None);
        let logged_out = login.as_ref().map(JoinHandle::abort_handle);
        let outcome = tokio::select! {
            error = failure(login) => Err(error),
            found = templates.rehearse(limit) => Ok(found),
        };
        if let Some(login) = logged_out {
            login.abort();
        }
        parts.shutdown().await;
        if is_lent {
            self.give_back(&feed, secrets.leases()).await;
        } else {
            self.revoke(&feed).await;
        }
        outcome
    }

    /// Whether the token is somebody else's, who goes on to use it.
    fn has_lent_token(&self) -> bool {
        let method = self
            .config
            .auto_auth
            .as_ref()
            .map(|auto_auth| &auto_auth.method.kind);
        matches!(method, Some(MethodKind::TokenFile { .. }))
    }

    /// Ends what was made, without the token it was made with.
    async fn give_back(&self, feed: &TokenFeed, leases: Vec<String>) {
        let token = feed.borrow().as_ref().map(|held| held.token.duplicate());
        let client = self.client.clone().with_retries(0).with_timeout(Some(FAREWELL));
        let client = client.with_token(token);
        for lease in leases {
            let mut request = Object::new();
            request.insert("lease_id".to_owned(), lease.as_str().into());
            if let Err(error) = client.write("sys/leases/revoke", &request).await {
                tracing::warn!(
                    lease,
                    error = error.in_one_line(),
                    "a lease that was made lives until its end"
                );
            }
        }
    }
}
