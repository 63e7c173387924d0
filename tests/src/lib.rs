//! What the tests of the whole product stand on: the built program as a process, and ways to speak to it.
//!
//! Nothing here links the product. A server is a process on a free port of the loopback interface with a folder of
//! its own; it ends with the test that started it, however that ends. What does not work fails the test at once,
//! with what the program printed.
#![allow(clippy::allow_attributes, reason = "not every module needs every exception")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "support of tests: a panic is how it reports"
)]

pub mod clock;
pub mod commands;
pub mod http;
pub mod markdown;
pub mod node;
pub mod npm;
pub mod program;
pub mod server;

pub use commands::{Ran, Shell};
pub use http::{Answer, Api, Connection};
pub use node::{Keys, Node};
pub use server::Server;
