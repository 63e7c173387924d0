//! Signed tokens of somebody else: workloads log in with what their platform signs for them, people through a
//! browser at their provider (OpenID Connect).
//!
//! | part | does |
//! |---|---|
//! | [`config`], [`preset`] | where keys come from, and who must have made a token |
//! | [`role`], [`bounds`] | which tokens are accepted |
//! | [`login`] | read, prove, judge a token |
//! | [`identity`] | who that is: alias, metadata, groups |
//! | [`oidc`] | the way through the browser |
//! | [`check`] | tries what logins need, without one |

mod bounds;
mod check;
mod config;
mod identity;
mod login;
mod oidc;
mod preset;
mod refused;
mod role;

use std::sync::Arc;
use std::time::Duration;

use arca_api::auth::jwt as api;
use arca_core::Fault;
use arca_core::engine::{ClientInfo, Engine, Factory, LoginRenewal, Site, Table, UnprovedLogin};
use arca_core::tokens::Token;
use arca_storage::Revision;
use parking_lot::Mutex;

use self::oidc::Pending;
use crate::keys::KeySource;

/// How long a server that publishes keys may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The auth method at one mount.
pub struct Jwt {
    patience: Duration,
    /// The keys, as long as the configuration is the one that was read at that revision.
    source: Mutex<Option<(Revision, Arc<KeySource>)>>,
    pending: Pending,
}

impl Jwt {
    /// Makes mounts that wait for the servers of others for as long as usual.
    #[must_use]
    pub fn factory() -> Factory {
        Self::factory_with(PATIENCE)
    }

    /// Makes mounts that wait for the servers of others for so long.
    #[must_use]
    pub fn factory_with(patience: Duration) -> Factory {
        Factory::new(move |_| Self {
            patience,
            source: Mutex::new(None),
            pending: Pending::default(),
        })
    }
}

impl Engine for Jwt {
    const HAS_ROLES: bool = true;

    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::ReadConfig, _, _>(config::read)
            .reads_only()
            .on::<api::UpdateConfig, _, _>(config::write)
            .on::<api::Check, _, _>(check::read)
            .on::<api::ListRoles, _, _>(role::list)
            .reads_only()
            .on::<api::ReadRole, _, _>(role::read)
            .reads_only()
            .on::<api::UpdateRole, _, _>(role::write)
            .exists::<api::RoleName, _, _>(role::exists)
            .on::<api::DeleteRole, _, _>(role::delete)
            .on::<api::LogIn, _, _>(login::log_in)
            .anonymous()
            .on::<api::BeginLogin, _, _>(oidc::begin)
            .anonymous()
            .on::<api::EndLogin, _, _>(oidc::end)
            .anonymous()
            .on::<api::KeepCallback, _, _>(oidc::keep)
            .anonymous()
    }

    async fn login_role(self: Arc<Self>, login: UnprovedLogin) -> Result<Option<String>, Fault> {
        login::role_name(&self, &login).await
    }

    async fn renew_login(
        self: Arc<Self>,
        site: Site,
        token: Arc<Token>,
        _: Arc<ClientInfo>,
    ) -> Result<Option<LoginRenewal>, Fault> {
        login::renew(&site, &token).await.map(Some)
    }
}
