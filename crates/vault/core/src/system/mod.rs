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
mod passwords;
mod policies;
mod seal;
mod specification;
mod status;
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
            .and(policies::routes())
            .and(passwords::routes())
            .and(leases::routes())
            .and(events::routes())
            .and(lockout::routes())
            .and(log::routes())
            .and(crate::mfa::validation_routes())
            .and(crate::quotas::routes())
            .and(crate::quotas::lease_routes())
            .and(wrapping::routes())
            .and(audit::routes())
            .and(ui::routes())
            .and(web::routes())
            .and(specification::routes())
            .and(info::routes())
            .and(tools::routes())
            .and(counters::routes())
            .and(tune::routes())
            .and(mounts::routes())
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
