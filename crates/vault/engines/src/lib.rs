//! Built-in secret engines, one folder each; [`catalog`] lists them.
#![warn(missing_docs)]

mod catalog;
pub mod cubbyhole;
pub mod database;
pub mod kv;

pub use catalog::catalog;
