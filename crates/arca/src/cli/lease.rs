//! `lease`.

use arca_api::sys::leases::{self, Lookup, RenewLease};
use arca_base::json::Object;
use arca_base::{Json, Ttl};
use arca_client::Request;
use clap::{Args, Subcommand};

use super::failure::{DONE, Failure, Outcome};
use super::flags;
use super::session::Session;
use crate::term::wrap;

/// Leases: secrets that end by themselves.
#[derive(Subcommand)]
pub(crate) enum Lease {
    /// Show a lease
    Lookup(Id),
    /// Extend a lease
    Renew(Renew),
    /// End a lease, or all leases below a prefix
    Revoke(Revoke),
}

#[derive(Args)]
pub(crate) struct Id {
    /// The lease
    id: String,
}

#[derive(Args)]
pub(crate) struct Renew {
    /// The lease
    id: String,
    /// How long it should live from now; the server may decide otherwise
    #[arg(long, alias = "i", value_name = "DURATION", value_parser = flags::ttl)]
    increment: Option<Ttl>,
}

#[derive(Args)]
pub(crate) struct Revoke {
    /// The lease, or the prefix with -prefix
    id: String,
    /// End all leases whose identifiers begin with this
    #[arg(long)]
    prefix: bool,
    /// Forget the leases even when their engine cannot revoke them; needs -prefix
    #[arg(long, alias = "f")]
    force: bool,
    /// Wait until it is done
    #[arg(long)]
    sync: bool,
}

impl Lease {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Lookup(command) => command.lookup(session).await,
            Self::Renew(command) => command.run(session).await,
            Self::Revoke(command) => command.run(session).await,
        }
    }
}

impl Id {
    async fn lookup(self, session: &mut Session) -> Outcome {
        let request = leases::LeaseId {
            lease_id: self.id.trim().to_owned(),
        };
        let answer = session.client()?.call::<Lookup>("sys", &request).await;
        let doing = format!("Error looking up lease {}", request.lease_id);
        if let Some(answer) = answer.map_err(|error| Failure::remote(&doing, error))? {
            session.screen.secret(&answer)?;
        }
        Ok(DONE)
    }
}

impl Renew {
    async fn run(self, session: &mut Session) -> Outcome {
        let request = leases::Renew {
            lease_id: self.id.trim().to_owned(),
            increment: self.increment.unwrap_or_default(),
            ..leases::Renew::default()
        };
        let answer = session.client()?.call::<RenewLease>("sys", &request).await;
        let doing = format!("Error renewing {}", request.lease_id);
        if let Some(answer) = answer.map_err(|error| Failure::remote(&doing, error))? {
            session.screen.secret(&answer)?;
        }
        Ok(DONE)
    }
}

impl Revoke {
    async fn run(self, session: &mut Session) -> Outcome {
        if self.force && !self.prefix {
            return Err(Failure::local(
                "Specifying -force requires also specifying -prefix",
            ));
        }
        let id = self.id.trim();
        if self.force {
            let warning = "Warning! Force-removing leases can cause the server to become out of sync with secret engines!";
            session.screen.warn(&wrap(warning, 0));
        }
        let (request, doing) = self.request(id);
        let answer = session.client()?.ask(&request).await;
        let answer = answer.map_err(|error| Failure::remote(&doing, error))?;
        session.screen.success(&self.done(id));
        // What was left of the secret, if something was.
        if let Some(answer) = &answer {
            session.screen.warnings(answer);
        }
        Ok(DONE)
    }

    fn request(&self, id: &str) -> (Request, String) {
        let sync = Object::from([("sync".to_owned(), Json::from(self.sync))]);
        if self.force {
            let path = format!("sys/leases/revoke-force/{id}");
            let doing = format!("Error force revoking leases with prefix {id}");
            return (Request::new(http::Method::PUT, &path), doing);
        }
        if self.prefix {
            let request = Request::write(&format!("sys/leases/revoke-prefix/{id}"), &sync);
            return (request, format!("Error revoking leases with prefix {id}"));
        }
        let request = Request::write(&format!("sys/leases/revoke/{id}"), &sync);
        (request, format!("Error revoking lease {id}"))
    }

    fn done(&self, id: &str) -> String {
        match (self.force, self.prefix, self.sync) {
            (true, ..) => format!("Success! Force revoked any leases with prefix: {id}"),
            (_, true, true) => format!("Success! Revoked any leases with prefix: {id}"),
            (_, false, true) => format!("Success! Revoked lease: {id}"),
            _ => "All revocation operations queued successfully!".to_owned(),
        }
    }
}
