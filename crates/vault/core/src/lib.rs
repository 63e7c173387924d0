//! The secrets server: everything between a request that was read and an answer that can be sent.
//!
//! Read [`pipeline`] first. [`Core`] is a handful of named parts; while the server is unsealed they are held by
//! [`active`], and [`lifecycle`] leads there and back.
#![warn(missing_docs)]

pub mod active;
pub mod audit;
pub mod barrier;
mod ceremony;
pub mod core;
pub mod engine;
pub mod events;
pub mod fault;
mod help;
pub mod identity;
pub mod layout;
pub mod leases;
pub mod lifecycle;
pub mod log;
pub mod login;
pub mod metrics;
mod mfa;
pub mod namespaces;
pub mod naming;
mod oidc;
pub mod pipeline;
pub mod policies;
mod quotas;
pub mod router;
pub mod seal;
pub mod snapshot;
mod system;
mod tasks;
pub mod tokens;
pub mod ttl;
pub mod version;
pub mod web;
pub mod wrapping;

pub use crate::core::{Core, Settings};
pub use fault::{Class, Fault};
