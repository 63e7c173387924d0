//! Which kinds of databases there are: one entry for each plugin name.

use super::driver::Kind;
use super::{mysql, postgres, redis};

/// Every kind, in the order of their names.
pub static KINDS: &[&Kind] = &[
    #[cfg(feature = "mongodb")]
    &super::mongodb::MONGODB,
    &mysql::AURORA,
    &mysql::MYSQL,
    &mysql::LEGACY,
    &mysql::RDS,
    &postgres::KIND,
    &redis::REDIS,
    &redis::VALKEY,
];

/// The kind with this plugin name.
#[must_use]
pub fn kind(plugin_name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.plugin_name == plugin_name)
}
