//! From a proven identity to a token: what roles say about tokens, and the one place that makes them.

mod issue;
mod lockout;
mod settings;

pub(crate) use issue::{Door, Outcome, finish, issue, issue_unstored};
pub(crate) use lockout::Lockouts;
pub use lockout::{Attempt, LockoutDefaults, LockoutRules};
pub use settings::{TokenSettings, allows, parse_networks, shown_network};
