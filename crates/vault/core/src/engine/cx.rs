//! What a handler knows of the request and can reach.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use arca_base::{Entropy, NamespaceId, Operation, Secret, Timestamp, Ttl};

use crate::active::Active;
use crate::barrier::{View, Writes};
use crate::events::Told;
use crate::fault::Fault;
use crate::identity::Principal;
use crate::leases::LeaseWindow;
use crate::lifecycle::Lifecycle;
use crate::login::Attempt;
use crate::namespaces::Namespace;
use crate::policies::Acl;
use crate::policies::password::Passwords;
use crate::router::Mount;
use crate::snapshot::Upload;
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
    /// The server as the namespace of the token sees it: there are its policies, its entity, its leases and its
    /// cubbyhole. An ancestor of the namespace of the request, or the same.
    pub(crate) home: Arc<Active>,
    /// Whether the token stands for a login inside the request: it is stored nowhere, and nothing made under it may
    /// outlive the request.
    pub inline: bool,
}

impl Caller {
    /// What the token and the identity behind it may do. Paths are those of its own namespace: see
    /// [`Caller::path_at_home`].
    pub(crate) async fn acl(&self, now: Timestamp) -> Result<Arc<Acl>, Fault> {
        let principal = match &*self.token.entity_id {
            "" => None,
            id => self.home.identity.principal(id).await?,
        };
        self.acl_with(principal.as_ref(), now).await
    }

    /// The same, for the identity as it was read already.
    pub(crate) async fn acl_with(
        &self,
        principal: Option<&Principal>,
        now: Timestamp,
    ) -> Result<Arc<Acl>, Fault> {
        let home = &self.home;
        home.policies
            .acl(&self.token, principal, &home.identity, now)
            .await
    }

    /// Whether the token is of the namespace of the request.
    pub(crate) fn is_at_home(&self, namespace: &Namespace) -> bool {
        self.home.namespace.id == namespace.id
    }

    /// A path in `namespace` as the policies of the token name it.
    pub(crate) fn path_at_home<'a>(&self, namespace: &Namespace, path: &'a str) -> Cow<'a, str> {
        match namespace.path_below(&self.home.namespace) {
            Some("") | None => Cow::Borrowed(path),
            Some(below) => Cow::Owned(format!("{below}{path}")),
        }
    }

    /// Ends the token.
    pub(crate) async fn revoke(&self, now: Timestamp) -> Result<(), Fault> {
        let home = &self.home;
        home.tokens.revoke(&self.token.hash, &home.leases, now).await
    }
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
    /// The unsealed server, as the namespace of the request sees it; for the engines that are its own interface.
    pub(crate) active: Option<Arc<Active>>,
    /// The state of the server; for its own endpoints.
    pub(crate) server: Arc<Lifecycle>,
    /// A body that is not data; for the endpoints that take one.
    pub(crate) upload: Option<Upload>,
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

    /// What the caller may do, here and elsewhere: for answers that show what they may see and nothing else. It knows
    /// paths as [`path_at_home`](Self::path_at_home) gives them.
    ///
    /// # Errors
    /// [`Fault::denied`] on a route that anybody may call, [`Fault::internal`] when storage fails.
    pub async fn acl(&self) -> Result<Arc<Acl>, Fault> {
        self.caller()?.acl(self.now).await
    }

    /// A path of the namespace of the request as the policies of the caller name it.
    ///
    /// # Errors
    /// [`Fault::denied`] on a route that anybody may call.
    pub fn path_at_home<'a>(&self, path: &'a str) -> Result<Cow<'a, str>, Fault> {
        Ok(self.caller()?.path_at_home(&self.active()?.namespace, path))
    }

    /// The unsealed server.
    pub(crate) fn active(&self) -> Result<&Arc<Active>, Fault> {
        self.active.as_ref().ok_or_else(Fault::sealed)
    }
}
