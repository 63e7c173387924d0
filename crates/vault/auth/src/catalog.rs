//! Which auth methods are built in.

use arca_core::engine::{Catalog, Factory};

use crate::approle::AppRole;
use crate::cert::Cert;
use crate::jwt::Jwt;
use crate::kubernetes::{Kubernetes, Surroundings};
use crate::userpass::UserPass;

/// Every auth method of this crate, under the `type` a client writes.
#[must_use]
pub fn catalog() -> Catalog {
    let catalog = Catalog::new()
        .auth("approle", Factory::new(|_| AppRole::new()))
        .auth("cert", Factory::new(|_| Cert))
        .auth("jwt", Jwt::factory())
        .auth("kubernetes", Kubernetes::factory(Surroundings::default()))
        .auth("oidc", Jwt::factory())
        .auth("userpass", Factory::new(|_| UserPass));
    #[cfg(feature = "ldap")]
    let catalog = catalog.auth("ldap", Factory::new(|_| crate::ldap::Ldap::default()));
    catalog
}
