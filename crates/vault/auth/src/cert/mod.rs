//! Logins with a TLS client certificate.
//!
//! ```text
//! cert/<name>     an entry: a certificate to trust, what must stand in those it vouches for, and what tokens are like
//! crl/<name>      serial numbers of certificates that are no longer good
//! config          what holds for every entry
//! ```
//!
//! The listener asks for a certificate and has the client prove that it holds the key; whether anybody vouches for
//! the certificate is judged here. A proxy that ends TLS ends this too.

mod certs;
mod config;
mod crls;
mod entry;
mod login;
mod renewal;
mod rules;

use std::sync::Arc;

use arca_api::auth::cert as api;
use arca_core::Fault;
use arca_core::engine::{ClientInfo, Engine, LoginRenewal, Site, Table, UnprovedLogin};
use arca_core::tokens::Token;

/// The auth method. Holds nothing: everything is in the records of the mount.
pub struct Cert;

impl Engine for Cert {
    const HAS_ROLES: bool = true;

    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::LogIn, _, _>(login::log_in)
            .anonymous()
            .on::<api::ReadConfig, _, _>(config::read)
            .reads_only()
            .on::<api::UpdateConfig, _, _>(config::write)
            .on::<api::ListCrls, _, _>(crls::list)
            .reads_only()
            .on::<api::ReadCrl, _, _>(crls::read)
            .reads_only()
            .on::<api::UpdateCrl, _, _>(crls::write)
            .on::<api::DeleteCrl, _, _>(crls::delete)
            .on::<api::ListCerts, _, _>(certs::list)
            .reads_only()
            .on::<api::ReadCert, _, _>(certs::read)
            .reads_only()
            .on::<api::UpdateCert, _, _>(certs::write)
            .on::<api::DeleteCert, _, _>(certs::delete)
    }

    async fn login_role(self: Arc<Self>, login: UnprovedLogin) -> Result<Option<String>, Fault> {
        login::entry_name(&login).await
    }

    async fn renew_login(
        self: Arc<Self>,
        site: Site,
        token: Arc<Token>,
        client: Arc<ClientInfo>,
    ) -> Result<Option<LoginRenewal>, Fault> {
        Ok(Some(renewal::terms(&site, &token, &client).await?.into()))
    }
}
