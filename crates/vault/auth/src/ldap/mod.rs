//! LDAP: people log in with the name and password of a directory.
//!
//! ```text
//! config          how the directory is reached and searched
//! group/<name>    policies of a group
//! user/<name>     policies and groups of a user, besides those of the directory
//! ```
//!
//! A login finds the entry of the name ([`session`]), binds as it with the password, and asks which groups it is in. What
//! is typed never has a meaning in a filter ([`filter`]) or a distinguished name ([`dn`]). Somebody who does not exist
//! is told what somebody with a wrong password is told, after as many steps. The library is behind [`directory`].

mod check;
mod config;
mod directory;
mod dn;
mod filter;
mod login;
mod names;
mod session;
mod settings;

use std::sync::Arc;

use arca_api::auth::ldap as api;
use arca_client::SessionTls;
use arca_core::Fault;
use arca_core::engine::{ClientInfo, Engine, LoginRenewal, Site, Table};
use arca_core::tokens::Token;
use parking_lot::Mutex;

use self::config::Config;

/// The auth method at one mount.
#[derive(Default)]
pub struct Ldap {
    /// What connections are encrypted with, as long as the configuration stays.
    tls: Mutex<Option<(Arc<Config>, SessionTls)>>,
}

impl Engine for Ldap {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::ReadConfig, _, _>(settings::read)
            .on::<api::UpdateConfig, _, _>(settings::write)
            .on::<api::Check, _, _>(check::read)
            .on::<api::ListGroups, _, _>(names::list_groups)
            .on::<api::ReadGroup, _, _>(names::read_group)
            .on::<api::UpdateGroup, _, _>(names::write_group)
            .on::<api::DeleteGroup, _, _>(names::delete_group)
            .on::<api::ListUsers, _, _>(names::list_users)
            .on::<api::ReadUser, _, _>(names::read_user)
            .on::<api::UpdateUser, _, _>(names::write_user)
            .on::<api::DeleteUser, _, _>(names::delete_user)
            .on::<api::LogIn, _, _>(login::log_in)
            .anonymous()
    }

    async fn renew_login(
        self: Arc<Self>,
        site: Site,
        token: Arc<Token>,
        _: Arc<ClientInfo>,
    ) -> Result<Option<LoginRenewal>, Fault> {
        login::renew(&self, &site, &token).await.map(Some)
    }
}
