//! What the `arca` command does, apart from being a process.
//!
//! [`cli::run`] takes a [`Host`] — arguments, environment, streams, clock — and gives the exit code, so that the
//! whole command runs inside a test.

pub mod cli;
mod clock;
mod host;
mod serve;
mod term;

pub use host::{Ask, Host, Input, Variables};
pub use term::Stream;
