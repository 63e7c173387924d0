//! Logins of people with a name and a password.
//!
//! ```text
//! user/<name>     a user: the hash of the password, and what tokens are like
//! ```
//!
//! Names are kept in lower case. Somebody who does not exist is told what somebody with a wrong password is told,
//! after as long a time, and is locked out as soon.

mod hashing;
mod login;
mod user;
mod users;

use std::sync::Arc;

use arca_api::auth::userpass as api;
use arca_core::Fault;
use arca_core::engine::{ClientInfo, Engine, LoginRenewal, Site, Table};
use arca_core::tokens::Token;

/// The auth method. Holds nothing: everything is in the records of the mount.
pub struct UserPass;

impl Engine for UserPass {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::LogIn, _, _>(login::log_in)
            .anonymous()
            .on::<api::ListUsers, _, _>(users::list)
            .reads_only()
            .on::<api::UpdatePassword, _, _>(users::write_password)
            .on::<api::UpdatePolicies, _, _>(users::write_policies)
            .on::<api::ReadUser, _, _>(users::read)
            .reads_only()
            .on::<api::UpdateUser, _, _>(users::write)
            .exists(users::exists)
            .on::<api::DeleteUser, _, _>(users::delete)
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
