//! The server through its pipeline, on memory storage.
#![allow(clippy::allow_attributes, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "tests: failing loudly is their job, and a scenario reads best in one piece"
)]

mod audit;
mod audit_devices;
mod audit_selection;
mod events;
mod explain;
mod formats;
mod generate_root;
mod help;
mod identity;
mod identity_external;
mod identity_groups;
mod identity_tokens;
mod inline_auth;
mod lease_quotas;
mod lease_targets;
mod leases;
mod lifecycle;
mod mfa;
mod mounts;
mod namespaces;
mod namespaces_deletion;
mod namespaces_isolation;
mod namespaces_lock;
mod namespaces_parts;
mod passwords;
mod policies;
mod quotas;
mod quotas_scopes;
mod raw;
mod refusals;
mod rekey;
mod seal;
mod seal_migration;
mod snapshots;
mod surface;
mod tokens;
mod tools;
mod web;
mod wrapping;
