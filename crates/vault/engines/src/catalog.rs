//! Which secret engines are built in.

use arca_core::engine::{Catalog, Factory};

use crate::cubbyhole::Cubbyhole;
use crate::{database, kv};

/// Every secret engine of this crate, under the `type` a client writes.
#[must_use]
pub fn catalog() -> Catalog {
    Catalog::new()
        .secret("kv", kv::factory())
        .secret("database", database::factory())
        .databases(database::catalog::KINDS.iter().map(|kind| kind.plugin_name))
        .secret("cubbyhole", Factory::new(|_| Cubbyhole))
}
