//! Secrets and files that templates are made from, each fetched once, kept fresh, and shared.
//!
//! | part | holds |
//! |---|---|
//! | `dependency` | what can be asked for |
//! | `broker` | the one task that asks, what everybody else sees of it, and what one run gives to the next |
//! | `life` | when it is fetched, renewed and replaced: decisions without input and output |
//! | `fetch` | asking the server, and reading files |
//! | `follow` | the change stream of the server |
//! | `answer` | how long an answer is good for, and what a template sees of it |
//! | `moment`, `chance` | two clocks at once, jitter |

mod answer;
mod broker;
mod chance;
mod dependency;
mod fetch;
mod follow;
mod life;
mod moment;

pub use answer::Held;
pub(crate) use broker::Saved;
pub use broker::{Broker, Outlook, Secrets};
pub use dependency::{BadDependency, Dependency};
pub use follow::Follower;
pub(crate) use life::kept::KeptLife;
