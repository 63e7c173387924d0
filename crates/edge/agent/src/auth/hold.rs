//! Holding a token: renewing it for as long as that is worth while.

use std::time::Duration;

use arca_base::Secret;
use arca_client::ClientError;
use tracing::{debug, info, warn};

use super::backoff::{Backoff, part};
use super::{Obtained, Running, obtained_by_lookup, renew, trouble};
use crate::token::HeldToken;

/// At most one login for rejected tokens in this time, and less often when one follows the other: a token that may
/// neither do what it is used for nor look at itself would otherwise be replaced for ever.
const BETWEEN_REJECTIONS: Duration = Duration::from_secs(5);
const MOST_BETWEEN_REJECTIONS: Duration = Duration::from_mins(5);

/// A token that was good for so long is no sign of that.
const LONG_GOOD: Duration = Duration::from_mins(10);

/// Part of its length before its end at which a token is replaced at the latest: an outage of a tenth of that passes
/// unnoticed.
const SPARE: f64 = 0.12;

/// Whether a token that is held has become useless.
enum Interrupted {
    No,
    Rejected,
}

/// What a renewal gave.
enum Renewal {
    /// It lives on for this long.
    Extended(Duration),
    /// It lives on, but no renewal will change when it ends.
    Final(Duration),
    /// It cannot be renewed.
    Refused,
    /// Too little is left to go on trying.
    GaveUp,
    Rejected,
}

impl Running {
    /// Returns when it is time to log in again. Until the new token is published this one stays in force, unless
    /// it is rejected.
    pub(super) async fn hold(&mut self, token: Obtained) {
        let obtained_at = self.login.clock.monotonic();
        let Some(mut lease) = token.lease else {
            self.wait_rejected(None, obtained_at).await;
            return;
        };
        let granted = token.granted.map_or(lease, |granted| granted.max(lease));
        let mut renewable = token.renewable;
        while renewable {
            let two_thirds = lease.mul_f64(2.0 / 3.0);
            let wait = part(&*self.login.entropy, two_thirds, 90, 110);
            if let Interrupted::Rejected = self.wait_rejected(Some(wait), obtained_at).await {
                return;
            }
            match self.renew_at_last(&token, granted, obtained_at).await {
                Renewal::Extended(left) => lease = left,
                Renewal::Final(left) => (lease, renewable) = (left, false),
                Renewal::Refused => renewable = false,
                Renewal::GaveUp | Renewal::Rejected => return,
            }
        }
        let left = self.left();
        // What is left at last may be little compared with the outages of a server that grants such tokens.
        let spare = part(&*self.login.entropy, left, 10, 20).max(granted.mul_f64(SPARE));
        let wait = left.saturating_sub(spare);
        info!(
            "the token ends in {}s and cannot be extended: logging in again in {}s",
            left.as_secs(),
            wait.as_secs()
        );
        self.wait_rejected(Some(wait), obtained_at).await;
    }

    fn left(&self) -> Duration {
        let ends = self.ends.unwrap_or_default();
        ends.saturating_sub(self.login.clock.monotonic())
    }

    /// Tries while enough of the token's life is left for a login.
    async fn renew_at_last(&mut self, token: &Obtained, granted: Duration, obtained_at: Duration) -> Renewal {
        let mut backoff = Backoff::of_renewal();
        let patience = part(&*self.login.entropy, self.left(), 40, 70);
        let give_up = self.login.clock.monotonic() + patience;
        loop {
            let error = match renew(&self.client, &token.token, granted).await {
                Ok((left, renewable)) => return self.renewed(token, granted, left, renewable),
                Err(error) => error,
            };
            self.post_renewal_failure(&error);
            if matches!(
                error.status().map(|status| status.as_u16()),
                Some(400 | 403 | 404)
            ) {
                warn!(
                    "the token cannot be renewed: {}; it stays in force until a new login",
                    error.in_one_line()
                );
                return Renewal::Refused;
            }
            let wait = backoff.next(&*self.login.entropy, false, error.retry_after());
            if self.login.clock.monotonic() + wait >= give_up {
                warn!(
                    "the token could not be renewed in time: {}; logging in again",
                    error.in_one_line()
                );
                return Renewal::GaveUp;
            }
            warn!(
                "cannot renew the token: {}; trying again in {:.1}s",
                error.in_one_line(),
                wait.as_secs_f64()
            );
            if let Interrupted::Rejected = self.wait_rejected(Some(wait), obtained_at).await {
                return Renewal::Rejected;
            }
        }
    }

    fn renewed(&mut self, token: &Obtained, granted: Duration, left: Duration, renewable: bool) -> Renewal {
        if left.is_zero() {
            return Renewal::Refused;
        }
        let now = self.login.clock.now();
        self.ends = Some(self.login.clock.monotonic() + left);
        let held = HeldToken {
            token: token.token.duplicate(),
            accessor: token.accessor.clone(),
            since: now,
            lease: Some(left),
            generation: self.generation,
        };
        self.login.feed.send_replace(Some(std::sync::Arc::new(held)));
        self.login.board.post(|report| {
            let auth = report.auth.get_or_insert_default();
            auth.expires = Some(now.plus_duration(left));
            auth.error = None;
        });
        debug!("renewed the token for {}s", left.as_secs());
        // Less than was asked for: its longest life is near. A second is lost to rounding.
        let is_cut = left + Duration::from_secs(1) < granted;
        if is_cut || !renewable {
            Renewal::Final(left)
        } else {
            Renewal::Extended(left)
        }
    }

    /// Waits, for ever if for no time in particular, or until the token is known to be gone.
    async fn wait_rejected(&mut self, wait: Option<Duration>, obtained_at: Duration) -> Interrupted {
        let until = wait.map(|wait| self.login.clock.monotonic() + wait);
        loop {
            let now = self.login.clock.monotonic();
            let pause = until.map(|until| self.login.clock.sleep(until.saturating_sub(now)));
            let rejections = self.login.rejections.clone();
            let generation = self.generation;
            let over = async {
                match pause {
                    Some(pause) => pause.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return Interrupted::No,
                () = rejections.of(generation) => {}
            }
            if self.is_gone(obtained_at).await {
                return Interrupted::Rejected;
            }
        }
    }

    /// Looks at a token that was reported as rejected.
    async fn is_gone(&mut self, obtained_at: Duration) -> bool {
        let age = self.login.clock.monotonic().saturating_sub(obtained_at);
        if age >= LONG_GOOD {
            self.rejected_in_a_row = 0;
        }
        let between = BETWEEN_REJECTIONS.saturating_mul(1 << self.rejected_in_a_row.min(10));
        let pause = between.min(MOST_BETWEEN_REJECTIONS).saturating_sub(age);
        self.login.clock.sleep(pause).await;
        let held = self
            .login
            .feed
            .borrow()
            .as_ref()
            .map(|held| held.token.duplicate());
        let Some(token) = held else { return true };
        let is_wrapped = self.login.method.wrap_ttl.is_some();
        if !is_wrapped && self.is_good(token).await {
            debug!(
                "a request was refused, but the token is in force: its policies do not allow that request"
            );
            // One look in a while: a template that may not read its secret asks again and again.
            self.login.clock.sleep(BETWEEN_REJECTIONS).await;
            self.login.rejections.dismiss(self.generation);
            return false;
        }
        self.rejected_in_a_row = self.rejected_in_a_row.saturating_add(1);
        warn!("the server no longer takes the token: logging in again");
        self.withdraw();
        true
    }

    async fn is_good(&self, token: Secret<String>) -> bool {
        match obtained_by_lookup(&self.client, token).await {
            Ok(_) => true,
            // A server that is down takes no token, and that is no reason to log in again.
            Err(super::AuthError::Server(error)) => error.status().map(|status| status.as_u16()) != Some(403),
            Err(_) => false,
        }
    }

    fn post_renewal_failure(&self, error: &ClientError) {
        let now = self.login.clock.now();
        let message = format!("the token was not renewed: {}", error.in_one_line());
        self.login.board.post(|report| {
            let auth = report.auth.get_or_insert_default();
            auth.error = Some(trouble(auth.error.take(), &message, now));
        });
    }
}
