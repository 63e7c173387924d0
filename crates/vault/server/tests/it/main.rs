//! A server on real sockets, over a double of the core, and once over the core itself.
#![allow(clippy::allow_attributes, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod bytes;
mod client;
mod completion;
mod core;
mod double;
mod http2;
mod paths;
mod process;
mod protocol;
mod proxies;
mod running;
mod slow;
mod tls;
mod unix;
mod web;
