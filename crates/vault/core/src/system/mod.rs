//! The server's own endpoints: `sys/*`. An engine like any other, except that it reaches the server's parts.

mod audit;
mod ceremony;
mod counters;
mod events;
mod explain;
mod info;
mod leases;
mod lockout;
mod log;
mod mounts;
mod namespaces;
mod passwords;
mod policies;
mod raw;
mod seal;
mod specification;
mod status;
mod storage;
mod tools;
mod tune;
mod ui;
mod web;
mod wrapping;

use arca_base::{Entropy, MountPath};

use crate::engine::{Access, Catalog, Engine, Factory, Mounted, RouteInfo, Table};
use crate::identity::endpoints::IdentityEngine;
use crate::router::{Class, Mount};
use crate::tokens::endpoints::TokenEngine;

/// `sys/*`. Holds nothing: everything comes with the request.
pub(crate) struct System;

impl Engine for System {
    fn routes() -> Table<Self> {
        Table::new()
            .and(status::routes())
            .and(seal::routes())
            .and(ceremony::routes())
            .and(policies::routes().in_namespaces())
            .and(passwords::routes().in_namespaces())
            .and(leases::routes().in_namespaces())
            .and(namespaces::routes().in_namespaces())
            .and(events::routes().in_namespaces())
            .and(lockout::routes().in_namespaces())
            .and(log::routes())
            .and(crate::mfa::validation_routes().in_namespaces())
            .and(crate::quotas::routes())
            .and(crate::quotas::lease_routes())
            .and(wrapping::routes().in_namespaces())
            .and(audit::routes())
            .and(ui::routes().in_namespaces())
            .and(web::routes())
            .and(specification::routes().in_namespaces())
            .and(info::routes())
            .and(tools::routes().in_namespaces())
            .and(counters::routes())
            .and(tune::routes().in_namespaces())
            .and(mounts::routes().in_namespaces())
            .and(storage::routes())
            .and(raw::routes())
    }
}

/// The engines a server is made of.
pub(crate) fn catalog() -> Catalog {
    Catalog::new()
        .secret("system", factory())
        .secret("identity", Factory::new(|_| IdentityEngine))
        .auth("token", Factory::new(|_| TokenEngine))
}

pub(crate) fn factory() -> Factory {
    Factory::new(|_| System)
}

/// The mount of `sys/` while no mount is known.
pub(crate) fn mount(entropy: &dyn Entropy) -> Mount {
    match MountPath::parse("sys") {
        Ok(path) => Mount::new(Class::Secret, &path, "system", entropy),
        Err(_) => Mount::default(),
    }
}

/// Routes of an engine that answer without a token, as `operation path`.
pub(crate) fn open_routes(engine: &dyn Mounted, prefix: &str) -> Vec<String> {
    let open = |route: &&RouteInfo| matches!(route.access, Access::Anonymous | Access::OptionalToken);
    let line = |route: &RouteInfo| format!("{} {prefix}/{}", route.operation, route.pattern.as_str());
    engine.routes().into_iter().filter(open).map(line).collect()
}
