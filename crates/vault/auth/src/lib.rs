//! Built-in auth methods, one folder each; [`catalog`] lists them.
//!
//! `auth/token/` is the server's own and lives in `arca-core`.
#![warn(missing_docs)]

pub mod approle;
mod catalog;
pub mod cert;
mod finding;
pub mod jwt;
mod keys;
pub mod kubernetes;
#[cfg(feature = "ldap")]
pub mod ldap;
mod renewal;
pub mod userpass;

pub use catalog::catalog;
