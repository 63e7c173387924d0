//! Test support: a whole server in the process of the test, with time and randomness in the test's hands.
//!
//! Nothing here is a mock of Arca: the server is the real one, on memory storage or on any storage handed in.
#![allow(clippy::allow_attributes, reason = "test support")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support fails loudly"
)]

mod clock;
mod entropy;
mod server;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use server::{Response, TestServer, Unsealed};
