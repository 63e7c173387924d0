//! Secrets and files that templates are made from, each fetched once, kept fresh, and shared.
//!
//! | part | holds |
//! |---|---|
//! | [`dependency`] | what can be asked for |
//! | `life` | when it is fetched, renewed and replaced: decisions without input and output |
//! | `moment`, `chance` | two clocks at once, jitter |

mod chance;
mod dependency;
mod life;
mod moment;

pub use dependency::{BadDependency, Dependency};
