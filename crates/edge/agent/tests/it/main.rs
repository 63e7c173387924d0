//! The agent beside real processes and servers.
#![allow(clippy::allow_attributes, reason = "not every module needs every exception")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod certificates;
mod day;
mod faults;
mod log;
mod login;
mod methods;
mod proxy;
mod real_time;
mod server_double;
mod sinks;
mod supervise;
mod templates;
mod world;
