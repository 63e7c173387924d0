//! The stores as their users see them.
#![allow(clippy::allow_attributes, reason = "not every test needs every exception")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod clock;
mod embedded;
mod memory;
mod postgres;
