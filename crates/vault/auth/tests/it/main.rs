//! The auth methods through the real pipeline, on memory storage.
#![allow(clippy::allow_attributes, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "tests: failing loudly is their job, and a scenario reads best in one piece"
)]

mod approle;
mod caller;
mod cert;
mod jwt;
mod jwt_config;
mod jwt_issuer;
mod jwt_oidc;
mod jwt_tls;
mod kubernetes;
mod kubernetes_double;
mod kubernetes_local;
#[cfg(feature = "ldap")]
mod ldap;
mod role_quotas;
mod userpass;
