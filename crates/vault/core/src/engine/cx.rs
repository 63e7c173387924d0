//! What a handler knows of the request and can reach.

use std::net::SocketAddr;
use std::sync::Arc;

use arca_base::{Entropy, NamespaceId, Operation, Secret, Timestamp, Ttl};

use crate::active::Active;
use crate::barrier::{View, Writes};
use crate::events::Told;
use crate::fault::Fault;
use crate::leases::LeaseWindow;
use crate::lifecycle::Lifecycle;
use crate::login::Attempt;
use crate::policies::password::Passwords;
use crate::router::Mount;
use crate::tokens::Token;
use crate::web::RequestHeaders;

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    /// Address of the client, after any trusted `X-Forwarded-For`; nothing on a Unix socket.
    pub address: Option<SocketAddr>,
    /// The TLS client certificate chain, leaf first, in DER; not verified.
    pub certificates: Vec<Vec<u8>>,
}

impl ClientInfo {
    /// A client nothing is known of.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            address: None,
            certificates: Vec::new(),
        }
    }
}

/// The mount an engine works for, and what it may reach: its own records, the time and randomness.
#[derive(Clone)]
pub struct Site {
    /// The instant of the request, or of the step of background work.
    pub now: Timestamp,
    /// The namespace.
    pub namespace: NamespaceId,
    /// The mount.
    pub mount: Arc<Mount>,
    /// The records of the mount.
    pub view: View,
    /// The leases of the mount.
    pub leases: LeaseWindow,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Passwords by the policies of the namespace.
    pub passwords: Passwords,
    /// How long leases of this mount live when nobody says otherwise.
    pub default_ttl: Ttl,
    /// How long leases of this mount live at most.
    pub max_ttl: Ttl,
}

impl Site {
    /// Tells subscribers of a change, in the commit that makes it.
    pub fn tell(&self, writes: &mut Writes, told: &Told) {
        writes.tell(told.key(&self.namespace, Some(&self.mount.uuid), self.now));
    }
}

/// Who is asking.
#[derive(Clone)]
pub struct Caller {
    /// The token, as looked up.
    pub token: Arc<Token>,
    /// The token as presented.
    pub presented: Arc<Secret<String>>,
    /// Whether the token stands for a login inside the request: it is stored nowhere, and nothing made under it may
    /// outlive the request.
    pub inline: bool,
}

/// A request as its handler sees it.
#[derive(Clone)]
pub struct Cx {
    /// The mount and what the engine may reach; nothing while the server is sealed.
    pub(crate) site: Option<Site>,
    /// The instant of the request.
    pub now: Timestamp,
    /// Identifies the request in the audit log.
    pub request_id: Arc<str>,
    /// What is done.
    pub operation: Operation,
    /// Where, below the mount.
    pub path: String,
    /// Who is asking; nobody on anonymous routes.
    pub caller: Option<Caller>,
    /// Where the request comes from.
    pub client: Arc<ClientInfo>,
    /// How long the caller wants the answer wrapped.
    pub wrap_ttl: Option<Ttl>,
    /// Headers of the request that the mount hands to its engine, never one with the token.
    pub headers: RequestHeaders,
    /// The unsealed server; for the engines that are its own interface.
    pub(crate) active: Option<Arc<Active>>,
    /// The state of the server; for its own endpoints.
    pub(crate) server: Arc<Lifecycle>,
}

impl Cx {
    /// The mount and what the engine may reach.
    ///
    /// # Errors
    /// [`Fault::sealed`] while the server is sealed.
    pub fn site(&self) -> Result<&Site, Fault> {
        self.site.as_ref().ok_or_else(Fault::sealed)
    }

    /// Who is asking.
    ///
    /// # Errors
    /// [`Fault::denied`] on a route that anybody may call.
    pub fn caller(&self) -> Result<&Caller, Fault> {
        self.caller.as_ref().ok_or_else(Fault::denied)
    }

    /// Begins a login under `name`, as this mount knows callers; its outcome counts towards a lock.
    ///
    /// # Errors
    /// [`Fault::denied`] while the name is locked out after failed logins.
    pub fn login_attempt<'a>(&'a self, name: &'a str) -> Result<Attempt<'a>, Fault> {
        Attempt::begin(&self.active()?.lockouts, &self.site()?.mount, name, self.now)
    }

    /// The unsealed server.
    pub(crate) fn active(&self) -> Result<&Arc<Active>, Fault> {
        self.active.as_ref().ok_or_else(Fault::sealed)
    }
}
