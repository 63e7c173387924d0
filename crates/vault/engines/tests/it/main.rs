//! The engines through the real pipeline, on memory storage.
#![allow(clippy::allow_attributes, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "tests: failing loudly is their job, and a scenario reads best in one piece"
)]

mod database_credentials;
mod database_events;
mod database_faults;
mod database_hooks;
mod database_input;
mod database_kit;
mod database_life;
#[cfg(feature = "mongodb")]
mod database_mongodb;
mod database_mysql;
mod database_quotas;
mod database_redis;
mod database_root;
mod database_rotation;
mod database_servers;
mod database_speed;
#[cfg(feature = "mongodb")]
mod driver_mongodb;
mod driver_mysql;
mod driver_redis;
mod drivers;
mod kv_search;
mod kv_v1;
mod kv_v2;
mod upgrade;
