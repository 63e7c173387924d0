//! From a proven identity to a token: what roles say about tokens, and the one place that makes them.

mod issue;
mod lockout;
mod settings;

pub(crate) use issue::{Outcome, finish, issue};
pub(crate) use lockout::Lockouts;
pub use lockout::{Attempt, LockoutRules};
pub use settings::{TokenSettings, allows, parse_networks, shown_network};
