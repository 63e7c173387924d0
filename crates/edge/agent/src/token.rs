//! The token of the agent, as the part that logs in hands it to every other part.

use std::sync::Arc;
use std::time::Duration;

use arca_base::{Secret, Timestamp};
use tokio::sync::watch;

/// A token in force.
pub struct HeldToken {
    /// The token itself.
    pub token: Secret<String>,
    /// Its accessor, if the server told it; safe to show.
    pub accessor: Option<String>,
    /// When it was obtained or last renewed.
    pub since: Timestamp,
    /// How long it lives from `since`; `None` for ever.
    pub lease: Option<Duration>,
    /// Counts logins: the same number means the same token, however often it was renewed.
    pub generation: u64,
}

/// Where the other parts see the newest token. `None` until the first login, and while there is none in force.
/// A renewal sends the same generation again; leases made by an earlier generation stay valid as long as the
/// server says, so a new token is no reason to fetch anything again.
pub type TokenFeed = watch::Receiver<Option<Arc<HeldToken>>>;
