//! The whole product: the built program as a process, and real clients around it.
//!
//! `cargo xtask test` builds the program and says where it is. Every server here has a folder and a port of its own.
#![allow(clippy::allow_attributes, reason = "not every module needs every exception")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod agent;
mod agent_faults;
mod agent_generate;
mod agent_handover;
mod agent_templates;
mod article_audit;
mod article_commands;
mod article_database;
mod audit_collector;
mod audit_trail;
mod ceremonies;
mod clients;
mod database_chaos;
mod documentation;
mod durability;
mod events;
mod hvac;
mod hvac_database;
mod identity_tokens;
mod kubernetes;
mod ldap;
mod logins;
mod mfa;
mod monitor;
mod namespaces;
mod oidc;
mod openapi;
mod operations;
mod quotas;
mod transcript;
mod up;
