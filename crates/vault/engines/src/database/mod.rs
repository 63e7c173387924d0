//! Database users that exist exactly as long as their leases.
//!
//! ```text
//! config/<name>         how to reach a database and log in
//! role/<name>           how users are made
//! static-role/<name>    a user whose password changes, with its current password
//! intent/<id>           a user that is being made; gone as soon as its lease is stored
//! quota/...             how many leases there are of roles that limit them
//! rotation/role/<name>  a password that is being given to the user of a static role
//! rotation/root/<name>  a password that is being given to the user of a configuration
//! ```
//!
//! What changes a database is written down before it is done. Whatever interrupts it, the regular work of the
//! engine ends it one way or the other: a user without a lease is dropped, a password that may have been set is set
//! again. [`driver`] is the seam to the databases; [`connection`] keeps one that is gone from holding up others.

mod breaker;
pub mod catalog;
mod census;
mod config;
mod connection;
mod credential;
mod creds;
mod cron;
pub mod driver;
mod intent;
mod lease;
#[cfg(feature = "mongodb")]
mod mongodb;
mod mysql;
mod postgres;
mod quota;
pub mod redact;
mod redis;
mod rehearsal;
mod role;
mod root;
mod rotation;
mod schedule;
pub mod settings;
pub mod statements;
mod static_role;
mod static_rotation;
mod tick;
mod username;

use std::sync::Arc;

use arca_api::database as api;
use arca_base::Timestamp;
use arca_core::Fault;
use arca_core::engine::{Engine, Factory, Site, Table, Ticked};
use arca_core::leases::{Ended, Lease, Renewal};

use connection::Connections;
use tick::Agenda;

/// The engine. Holds connections and what it has read of its own records, nothing that must last.
#[derive(Default)]
pub struct Databases {
    connections: Connections,
    agenda: Agenda,
    /// One rotation of a static role or of a root user at a time.
    rotating: rotation::Locks,
}

/// Engines of type `database`.
#[must_use]
pub fn factory() -> Factory {
    Factory::new(|_| Databases::default())
}

impl Engine for Databases {
    const TICKS: bool = true;

    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::ReadCredentials, _, _>(creds::read)
            .leases()
            .on::<api::ListConfigs, _, _>(config::list)
            .reads_only()
            .on::<api::ReadConfig, _, _>(config::read)
            .reads_only()
            .on::<api::UpdateConfig, _, _>(config::write)
            .exists(config::exists)
            .on::<api::DeleteConfig, _, _>(config::delete)
            .on::<api::ResetConfig, _, _>(config::reset)
            .on::<api::ReloadPlugin, _, _>(config::reload)
            .on::<api::RotateRoot, _, _>(root::rotate)
            .on::<api::ReadCensus, _, _>(census::read)
            .on::<api::ListRoles, _, _>(role::list)
            .reads_only()
            .on::<api::ReadRole, _, _>(role::read)
            .reads_only()
            .on::<api::UpdateRole, _, _>(role::write)
            .exists(role::exists)
            .on::<api::DeleteRole, _, _>(role::delete)
            .on::<api::ListStaticRoles, _, _>(static_role::list)
            .reads_only()
            .on::<api::ReadStaticRole, _, _>(static_role::read)
            .reads_only()
            .on::<api::UpdateStaticRole, _, _>(static_role::write)
            .exists(static_role::exists)
            .on::<api::DeleteStaticRole, _, _>(static_role::delete)
            .on::<api::ReadStaticCredentials, _, _>(static_role::credentials)
            .reads_only()
            .on::<api::RotateRole, _, _>(static_rotation::rotate)
    }

    async fn renew(self: Arc<Self>, site: Site, lease: Arc<Lease>) -> Result<Renewal, Fault> {
        lease::terms(&site, &lease).await
    }

    async fn extend(self: Arc<Self>, site: Site, lease: Arc<Lease>, end: Timestamp) -> Result<(), Fault> {
        lease::extend(&self, &site, &lease, end).await
    }

    async fn revoke(self: Arc<Self>, site: Site, lease: Arc<Lease>) -> Result<Ended, Fault> {
        lease::revoke(&self, &site, &lease).await
    }

    async fn tick(self: Arc<Self>, site: Site) -> Result<Ticked, Fault> {
        tick::run(&self, &site).await
    }
}
