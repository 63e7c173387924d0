//! Kubernetes: workloads log in with the token of their service account.
//!
//! A token is read ([`claims`]), compared with the role ([`role`]), and proved by asking the API server ([`cluster`]) in
//! the name of somebody who may ask ([`reviewer`]), or with keys alone ([`local`]). [`check`] tries all of that without a login and says what to do.

mod check;
mod claims;
mod cluster;
mod config;
mod local;
mod login;
mod pod;
mod refused;
mod reviewer;
mod role;
mod selector;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arca_api::auth::kubernetes as api;
use arca_core::Fault;
use arca_core::engine::{ClientInfo, Engine, Factory, LoginRenewal, Site, Table, UnprovedLogin};
use arca_core::tokens::Token;
use parking_lot::Mutex;

use self::cluster::Cluster;
use self::local::LocalKeys;
use self::pod::Pod;

/// Where a pod finds the token of its service account and the authority of its cluster.
const POD_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How long the API server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The auth method at one mount.
pub struct Kubernetes {
    pod: Pod,
    patience: Duration,
    /// The connections to the API server, as long as its address and authority stay.
    cluster: Mutex<Option<Arc<Cluster>>>,
    /// The keys tokens are verified with where the API server is not asked about each.
    keys: Mutex<Option<Arc<LocalKeys>>>,
}

/// What the method takes from its surroundings.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The folder in which a pod finds its token and the authority of its cluster.
    pub pod_folder: PathBuf,
    /// How long the API server may take for one answer.
    pub patience: Duration,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            pod_folder: PathBuf::from(POD_FOLDER),
            patience: PATIENCE,
        }
    }
}

impl Kubernetes {
    /// Makes mounts that take from `surroundings`.
    #[must_use]
    pub fn factory(surroundings: Surroundings) -> Factory {
        Factory::new(move |_| Self {
            pod: Pod::new(surroundings.pod_folder.clone()),
            patience: surroundings.patience,
            cluster: Mutex::new(None),
            keys: Mutex::new(None),
        })
    }
}

impl Engine for Kubernetes {
    const HAS_ROLES: bool = true;

    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::ReadConfig, _, _>(config::read)
            .on::<api::UpdateConfig, _, _>(config::write)
            .on::<api::Check, _, _>(check::read)
            .on::<api::ListRoles, _, _>(role::list)
            .on::<api::ReadRole, _, _>(role::read)
            .on::<api::UpdateRole, _, _>(role::write)
            .exists::<api::RoleName, _, _>(role::exists)
            .on::<api::DeleteRole, _, _>(role::delete)
            .on::<api::LogIn, _, _>(login::log_in)
            .anonymous()
    }

    async fn login_role(self: Arc<Self>, login: UnprovedLogin) -> Result<Option<String>, Fault> {
        Ok(login::role_name(&login))
    }

    async fn renew_login(
        self: Arc<Self>,
        site: Site,
        token: Arc<Token>,
        _: Arc<ClientInfo>,
    ) -> Result<Option<LoginRenewal>, Fault> {
        Ok(Some(login::renew(&site, &token).await?.into()))
    }
}
