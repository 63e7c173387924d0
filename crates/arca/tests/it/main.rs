//! The whole command against a double of the server: what it asks, what it prints, how it ends.
#![allow(clippy::allow_attributes, reason = "not every module needs every expectation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod arguments;
mod basics;
mod double;
mod errors;
mod formats;
mod help;
mod inspection;
mod kv;
mod kv_versions;
mod local;
mod login;
mod mounts;
mod operator;
mod policies;
mod process;
mod run;
mod tokens;
mod wrapping;
