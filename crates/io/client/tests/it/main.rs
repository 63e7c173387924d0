//! The client against HTTP servers of the tests' own.
#![allow(clippy::allow_attributes, reason = "not every module needs every expectation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod calls;
mod clock;
mod double;
mod encrypted;
mod events;
mod limits;
mod login;
mod redirects;
mod retries;
mod sockets;
