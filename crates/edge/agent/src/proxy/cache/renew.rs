//! Renewing what is kept, until that comes to its end.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arca_base::Json;
use arca_base::json::Object;
use arca_client::{Client, ClientError};

use super::{Kept, Key, LeaseCache};

/// Longest pause between attempts to reach a server that is gone.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Renews at two thirds of each lease; forgets the answer when the server no longer extends it, while there is
/// still some time left in it.
pub(super) async fn until_it_ends(cache: Weak<LeaseCache>, key: Key, kept: Arc<Kept>, client: Client) {
    let client = client.with_namespace(kept.namespace());
    let full = kept.length();
    let mut length = full;
    loop {
        let Some(at_work) = cache.upgrade() else { return };
        let jitter = at_work.jitter();
        // 60 to 70 percent.
        at_work.pause(length * (600 + jitter) / 1000).await;
        match extended(&at_work, &kept, &client, length / 4).await {
            // Cut short by its longest life: what is left is for those who have it.
            Some(left) if left > full / 3 => length = left,
            Some(left) => {
                at_work.pause(left * 8 / 10).await;
                break;
            }
            None => break,
        }
    }
    if let Some(cache) = cache.upgrade() {
        cache.forget(&key);
    }
}

/// The new length of the lease; `None` when it ends.
async fn extended(cache: &LeaseCache, kept: &Kept, client: &Client, time: Duration) -> Option<Duration> {
    let mut left = time;
    let mut pause = Duration::from_secs(1);
    loop {
        match attempt(kept, client).await {
            Ok(length) => return Some(length),
            Err(error)
                if error
                    .status()
                    .is_some_and(|status| status.is_client_error() && status != 429) =>
            {
                tracing::debug!(path = kept.path(), %error, "a lease that was kept for others has ended");
                return None;
            }
            Err(error) => tracing::debug!(path = kept.path(), %error, "a lease could not be renewed"),
        }
        if pause > left {
            return None;
        }
        cache.pause(pause).await;
        left = left.saturating_sub(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn attempt(kept: &Kept, client: &Client) -> Result<Duration, ClientError> {
    let seconds = Json::from(kept.length().as_secs());
    let mut data = Object::new();
    data.insert("increment".into(), seconds);
    let answer = match kept.lease() {
        Some(lease) => {
            data.insert("lease_id".into(), Json::from(lease.as_str()));
            client.write("sys/leases/renew", &data).await?
        }
        None => client.write("auth/token/renew-self", &data).await?,
    };
    let answer = answer.unwrap_or_default();
    let length = answer
        .auth
        .map_or(answer.lease_duration, |auth| auth.lease_duration);
    Ok(Duration::from_secs(length))
}
