//! Logins of machines: a role id says which role, a secret id proves it.
//!
//! ```text
//! key                              random bytes that key the names below
//! role/<name>                      a role; `id` in it names the folders of its secret ids
//! role-id/<mac>                    from a role id to the name of its role
//! secret/<id>/<mac>                a secret id: its limits, never itself
//! accessor/<id>/<accessor>         from an accessor to the name of its secret id
//! due/<seconds>-<id>-<mac>         secret ids in the order in which they expire
//! ```
//!
//! Role ids and secret ids are found by keyed hashes, so that storage learns neither and no comparison tells how
//! much of a guess was right. A role that is deleted and made again has another `id`: what the first one left
//! behind opens nothing.

mod alter;
mod login;
mod metadata;
mod role;
mod role_id;
mod roles;
mod secret_id;
mod secret_ids;
mod settings;
mod tidy;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arca_api::auth::approle as api;
use arca_core::Fault;
use arca_core::engine::{ClientInfo, Engine, LoginRenewal, Site, Table, Ticked, UnprovedLogin};
use arca_core::tokens::Token;

/// The auth method. Everything that lasts is in the records of the mount.
pub struct AppRole {
    tidying: AtomicBool,
}

impl AppRole {
    /// An auth method for one mount.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tidying: AtomicBool::new(false),
        }
    }
}

impl Default for AppRole {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for AppRole {
    const TICKS: bool = true;
    const HAS_ROLES: bool = true;

    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::LogIn, _, _>(login::log_in)
            .anonymous()
            .on::<api::ListRoles, _, _>(roles::list)
            .reads_only()
            .on::<api::ReadRole, _, _>(roles::read)
            .reads_only()
            .on::<api::UpdateRole, _, _>(roles::write)
            .exists(roles::exists)
            .on::<api::DeleteRole, _, _>(roles::delete)
            .on::<api::ReadRoleId, _, _>(role_id::read)
            .reads_only()
            .on::<api::UpdateRoleId, _, _>(role_id::write)
            .on::<api::ReadLocalSecretIds, _, _>(settings::read_local_secret_ids)
            .reads_only()
            .on::<api::ListSecretIds, _, _>(secret_ids::list)
            .reads_only()
            .on::<api::CreateSecret, _, _>(secret_ids::create)
            .on::<api::CreateCustomSecret, _, _>(secret_ids::create_custom)
            .on::<api::LookupSecret, _, _>(secret_ids::look_up)
            .reads_only()
            .on::<api::DestroySecret, _, _>(secret_ids::destroy)
            .on::<api::DestroySecretByDelete, _, _>(secret_ids::destroy)
            .on::<api::LookupAccessor, _, _>(secret_ids::look_up_accessor)
            .reads_only()
            .on::<api::DestroyAccessor, _, _>(secret_ids::destroy_accessor)
            .on::<api::DestroyAccessorByDelete, _, _>(secret_ids::destroy_accessor)
            .on::<api::ReadSetting, _, _>(settings::read)
            .reads_only()
            .on::<api::UpdateSetting, _, _>(settings::write)
            .on::<api::DeleteSetting, _, _>(settings::delete)
            .on::<api::Tidy, _, _>(tidy::start)
    }

    async fn login_role(self: Arc<Self>, login: UnprovedLogin) -> Result<Option<String>, Fault> {
        login::role_name(&login).await
    }

    async fn renew_login(
        self: Arc<Self>,
        site: Site,
        token: Arc<Token>,
        _: Arc<ClientInfo>,
    ) -> Result<Option<LoginRenewal>, Fault> {
        Ok(Some(login::renew(&site, &token).await?.into()))
    }

    async fn tick(self: Arc<Self>, site: Site) -> Result<Ticked, Fault> {
        tidy::expired(&site).await?;
        Ok(Ticked::default())
    }
}
