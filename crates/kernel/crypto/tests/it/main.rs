//! The crate from outside: against other implementations, and against its own promise to print no key.
#![allow(clippy::allow_attributes, reason = "the next line may go unfulfilled")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod estate;
mod jws;
mod openssl;
mod redaction;
mod tls;
