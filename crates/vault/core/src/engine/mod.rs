//! What an engine is: a table of typed routes and the handlers behind them.
//!
//! Secret engines and auth methods are alike. An engine is written against [`Engine`]; the router sees it as
//! [`Mounted`], which is the same without the types.

mod answer;
mod catalog;
mod cx;
mod table;

use std::sync::Arc;

use arca_base::Operation;
use arca_base::Timestamp;
use arca_base::json::Object;
use futures_util::future::BoxFuture;

pub use answer::{
    Answer, Body, Grant, Intent, Listing, Login, LoginRenewal, RawBody, TokenTerms, list_limit,
};
pub use catalog::{Catalog, Factory};
pub use cx::{Caller, ClientInfo, Cx, Site};
pub use table::{Access, Found, Route, RouteInfo, Table};

use crate::fault::Fault;
use crate::leases::{Ended, Lease, Renewal};

/// A secret engine or an auth method.
///
/// One value serves one mount. Whatever must last lives in the [`View`](crate::barrier::View) of its mount.
pub trait Engine: Sized + Send + Sync + 'static {
    /// The whole API of the engine.
    fn routes() -> Table<Self>;

    /// Whether [`Engine::tick`] does anything.
    const TICKS: bool = false;

    /// Says how far a lease may be extended; the default refuses.
    fn renew(
        self: Arc<Self>,
        site: Site,
        lease: Arc<Lease>,
    ) -> impl Future<Output = Result<Renewal, Fault>> + Send {
        let _ = (site, lease);
        async { Err(Fault::unsupported_operation()) }
    }

    /// Extends what a lease stands for until `end`, which was worked out from what [`Engine::renew`] says; the
    /// lease itself is extended after this. The default has nothing to do.
    fn extend(
        self: Arc<Self>,
        site: Site,
        lease: Arc<Lease>,
        end: Timestamp,
    ) -> impl Future<Output = Result<(), Fault>> + Send {
        let _ = (site, lease, end);
        async { Ok(()) }
    }

    /// Ends what a lease stands for; the default refuses. May be asked again for what has ended already.
    fn revoke(
        self: Arc<Self>,
        site: Site,
        lease: Arc<Lease>,
    ) -> impl Future<Output = Result<Ended, Fault>> + Send {
        let _ = (site, lease);
        async { Err(Fault::unsupported_operation()) }
    }

    /// Recalculates the terms of a login token that is being renewed, and the groups of whoever logged in; the
    /// default keeps both. `client` is whoever asks for the renewal.
    fn renew_login(
        self: Arc<Self>,
        site: Site,
        token: Arc<crate::tokens::Token>,
        client: Arc<ClientInfo>,
    ) -> impl Future<Output = Result<Option<LoginRenewal>, Fault>> + Send {
        let _ = (site, token, client);
        async { Ok(None) }
    }

    /// Whether logins are by roles, which [`Engine::login_role`] tells.
    const HAS_ROLES: bool = false;

    /// The name of the role that a login is by, in lower case, before anything of it is proved; `None` for what is no
    /// login, or by no role that can be told. Only asked of methods that say so with [`Engine::HAS_ROLES`], and while a
    /// limit is for one of their roles.
    fn login_role(
        self: Arc<Self>,
        login: UnprovedLogin,
    ) -> impl Future<Output = Result<Option<String>, Fault>> + Send {
        let _ = login;
        async { Ok(None) }
    }

    /// Turns the records of an unversioned engine into those of its versioned successor; the default refuses.
    fn upgrade(self: Arc<Self>, site: Site) -> impl Future<Output = Result<(), Fault>> + Send {
        let _ = site;
        async { Err(Fault::unsupported_operation()) }
    }

    /// Regular work, every few seconds on the elected node and first right after unsealing. Only asked of engines
    /// that say so with [`Engine::TICKS`].
    fn tick(self: Arc<Self>, site: Site) -> impl Future<Output = Result<Ticked, Fault>> + Send {
        let _ = site;
        async { Ok(Ticked::default()) }
    }
}

/// What regular work found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticked {
    /// Something that was out of reach is back: leases that could not be ended are tried again now.
    pub recovered: bool,
}

/// A login of which nothing is proved yet.
pub struct UnprovedLogin {
    /// The mount it comes to.
    pub site: Site,
    /// Where, below the mount.
    pub path: String,
    /// Where it comes from.
    pub client: Arc<ClientInfo>,
    /// What was sent.
    pub data: Object,
}

impl UnprovedLogin {
    /// The text called `name` of what was sent, as the handler of the login is going to read it: numbers are texts,
    /// too. Empty when there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        let given = self.data.get(name).map(<String as arca_api::Field>::decode);
        given.and_then(Result::ok).unwrap_or_default()
    }

    /// The name of a role or of an entry that was sent, in lower case, as limits know it.
    #[must_use]
    pub fn name(&self, member: &str) -> String {
        self.text(member).to_lowercase()
    }

    /// Whether it goes to the endpoint `E`. Routes take slashes at the end of a path for nothing.
    #[must_use]
    pub fn is_to<E: arca_api::Endpoint>(&self) -> bool {
        self.path.trim_end_matches('/') == E::PATH
    }
}

/// An engine as the router sees it.
pub trait Mounted: Send + Sync {
    /// The route for an operation on a path below the mount.
    fn find(&self, operation: Operation, path: &str) -> Found;

    /// What is known of a route.
    fn route(&self, index: usize) -> Option<&RouteInfo>;

    /// Every route, for documentation and tests.
    fn routes(&self) -> Vec<&RouteInfo>;

    /// Whether the object of a write exists; `None` where the route cannot tell.
    fn exists(&self, index: usize, cx: &Cx) -> Option<BoxFuture<'static, Result<bool, Fault>>>;

    /// Handles a request.
    fn call(&self, index: usize, cx: Cx, data: &Object) -> BoxFuture<'static, Result<Answer, Fault>>;

    /// See [`Engine::renew`].
    fn renew(&self, site: Site, lease: Arc<Lease>) -> BoxFuture<'static, Result<Renewal, Fault>>;

    /// See [`Engine::extend`].
    fn extend(&self, site: Site, lease: Arc<Lease>, end: Timestamp) -> BoxFuture<'static, Result<(), Fault>>;

    /// See [`Engine::revoke`].
    fn revoke(&self, site: Site, lease: Arc<Lease>) -> BoxFuture<'static, Result<Ended, Fault>>;

    /// See [`Engine::renew_login`].
    fn renew_login(
        &self,
        site: Site,
        token: Arc<crate::tokens::Token>,
        client: Arc<ClientInfo>,
    ) -> BoxFuture<'static, Result<Option<LoginRenewal>, Fault>>;

    /// See [`Engine::HAS_ROLES`].
    fn has_roles(&self) -> bool;

    /// See [`Engine::login_role`].
    fn login_role(&self, login: UnprovedLogin) -> BoxFuture<'static, Result<Option<String>, Fault>>;

    /// See [`Engine::upgrade`].
    fn upgrade(&self, site: Site) -> BoxFuture<'static, Result<(), Fault>>;

    /// See [`Engine::tick`].
    fn tick(&self, site: Site) -> BoxFuture<'static, Result<Ticked, Fault>>;
}

/// An engine and the table of its type.
pub struct Instance<E> {
    engine: Arc<E>,
    table: Arc<Table<E>>,
}

impl<E: Engine> Instance<E> {
    /// Puts an engine behind the table of its type.
    pub fn new(engine: E, table: Arc<Table<E>>) -> Self {
        Self {
            engine: Arc::new(engine),
            table,
        }
    }
}

impl<E: Engine> Mounted for Instance<E> {
    fn find(&self, operation: Operation, path: &str) -> Found {
        self.table.find(operation, path)
    }

    fn route(&self, index: usize) -> Option<&RouteInfo> {
        self.table.info(index)
    }

    fn routes(&self) -> Vec<&RouteInfo> {
        self.table.infos().collect()
    }

    fn exists(&self, index: usize, cx: &Cx) -> Option<BoxFuture<'static, Result<bool, Fault>>> {
        self.table.ask_existence(index, self.engine.clone(), cx)
    }

    fn call(&self, index: usize, cx: Cx, data: &Object) -> BoxFuture<'static, Result<Answer, Fault>> {
        self.table.call(index, self.engine.clone(), cx, data)
    }

    fn renew(&self, site: Site, lease: Arc<Lease>) -> BoxFuture<'static, Result<Renewal, Fault>> {
        Box::pin(self.engine.clone().renew(site, lease))
    }

    fn extend(&self, site: Site, lease: Arc<Lease>, end: Timestamp) -> BoxFuture<'static, Result<(), Fault>> {
        Box::pin(self.engine.clone().extend(site, lease, end))
    }

    fn revoke(&self, site: Site, lease: Arc<Lease>) -> BoxFuture<'static, Result<Ended, Fault>> {
        Box::pin(self.engine.clone().revoke(site, lease))
    }

    fn renew_login(
        &self,
        site: Site,
        token: Arc<crate::tokens::Token>,
        client: Arc<ClientInfo>,
    ) -> BoxFuture<'static, Result<Option<LoginRenewal>, Fault>> {
        Box::pin(self.engine.clone().renew_login(site, token, client))
    }

    fn has_roles(&self) -> bool {
        E::HAS_ROLES
    }

    fn login_role(&self, login: UnprovedLogin) -> BoxFuture<'static, Result<Option<String>, Fault>> {
        Box::pin(self.engine.clone().login_role(login))
    }

    fn upgrade(&self, site: Site) -> BoxFuture<'static, Result<(), Fault>> {
        Box::pin(self.engine.clone().upgrade(site))
    }

    fn tick(&self, site: Site) -> BoxFuture<'static, Result<Ticked, Fault>> {
        Box::pin(self.engine.clone().tick(site))
    }
}
