//! Stage 1: the request gets its identifier, its instant, its namespace and its route.

use std::borrow::Cow;
use std::sync::Arc;

use arca_base::{Operation, RequestPath, id};

use super::incoming::Incoming;
use super::refuse::Refusal;
use super::trace::{Facts, Trace};
use crate::active::Active;
use crate::core::Core;
use crate::engine::{Access, ClientInfo, Cx, Found, Mounted, UnprovedLogin};
use crate::fault::Fault;
use crate::namespaces::Namespace;
use crate::quotas::{Destination, Exceeded, Place, Standing};
use crate::router::{Class, Mount, Target};
use crate::snapshot::Upload;
use crate::tokens::Token;
use crate::web::RequestHeaders;
use crate::wrapping::is_wrapping_token;

/// A request with its route, not yet known whose.
pub struct Admitted {
    pub(super) facts: Facts,
    pub(super) incoming: Box<Incoming>,
    pub(super) route: Result<Routed, Fault>,
    pub(super) mount: Option<Arc<Mount>>,
    pub(super) upload: Option<Upload>,
    /// Its place below a limit of leases, kept until it is answered.
    _place: Option<Place>,
}

/// Where a request goes.
pub(super) struct Routed {
    pub(super) mount: Arc<Mount>,
    pub(super) engine: Arc<dyn Mounted>,
    pub(super) path: String,
    pub(super) index: usize,
    pub(super) access: Access,
    pub(super) injects: bool,
    pub(super) reads_only: bool,
    pub(super) leases: bool,
    makes_tokens: bool,
}

pub(crate) async fn run(core: &Core, mut incoming: Incoming) -> Result<Admitted, Box<Refusal>> {
    let client = std::mem::replace(&mut incoming.client, ClientInfo::unknown());
    let active = core.active();
    let root = active.as_ref().map(|active| active.namespace.clone());
    let mut facts = Facts {
        request_id: id::uuid_v4(core.entropy()).into(),
        now: core.clock().now(),
        started: core.clock().monotonic(),
        namespace: root.unwrap_or_else(|| Arc::new(Namespace::root())),
        client: Arc::new(client),
        active,
        server: core.lifecycle().clone(),
        unaudited: false,
        web: None,
        standing: None,
    };
    if let Some(active) = &facts.active {
        facts.web = Some(active.web.current().await);
    }
    if incoming.operation.is_listing() {
        incoming.path = incoming.path.into_folder();
    }
    let mut incoming = Box::new(incoming);
    if let Err(fault) = check(&incoming) {
        return Err(Refusal::unrouted(facts, incoming, fault));
    }
    let target = find(core, &mut facts, &mut incoming).await;
    let role = match role(&facts, &incoming, target.as_ref().ok()).await {
        Ok(role) => role,
        Err(fault) => return Err(Refusal::unrouted(facts, incoming, fault)),
    };
    match count(&facts, &incoming, role.as_deref()).await {
        Ok(standing) => facts.standing = standing,
        Err(exceeded) => {
            facts.standing = exceeded.standing;
            facts.unaudited = !exceeded.audited;
            return Err(Refusal::unrouted(facts, incoming, exceeded.fault));
        }
    }
    let target = match target {
        Ok(target) => target,
        Err(fault) => return Err(Refusal::unrouted(facts, incoming, fault)),
    };
    let mount = target.as_ref().map(|target| target.mount.clone());
    let route = route(target, &incoming, &mut facts);
    let place = match place(&facts, &incoming, route.as_ref().ok(), role.as_deref()).await {
        Ok(place) => place,
        Err(fault) => return Err(Refusal::unrouted(facts, incoming, fault)),
    };
    Ok(Admitted {
        facts,
        incoming,
        route,
        mount,
        upload: None,
        _place: place,
    })
}

fn check(incoming: &Incoming) -> Result<(), Fault> {
    let writes = matches!(incoming.operation, Operation::Update | Operation::Patch);
    if writes && incoming.path.as_str().ends_with('/') {
        return Err(Fault::invalid("cannot write to a path ending in '/'"));
    }
    Ok(())
}

/// The role that a login is by, where a limit asks for it.
async fn role(
    facts: &Facts,
    incoming: &Incoming,
    target: Option<&Option<Target>>,
) -> Result<Option<String>, Fault> {
    let (Some(active), Some(Some(target))) = (&facts.active, target) else {
        return Ok(None);
    };
    let may_log_in = matches!(incoming.operation, Operation::Update | Operation::Read);
    if !may_log_in || target.mount.class != Class::Auth || !target.engine.has_roles() {
        return Ok(None);
    }
    let mount = format!("{}{}", active.namespace.path, target.mount.full_path());
    if !active.quotas.ask_role(&mount).await? {
        return Ok(None);
    }
    let login = UnprovedLogin {
        site: active.router.site(&target.mount, facts.now),
        path: target.path.clone(),
        client: facts.client.clone(),
        data: incoming.data.clone(),
    };
    target.engine.login_role(login).await
}

/// Counts the request against the limits of where it goes.
async fn count(facts: &Facts, incoming: &Incoming, role: Option<&str>) -> Result<Option<Standing>, Exceeded> {
    let Some(active) = &facts.active else {
        return Ok(None);
    };
    let client = facts.client.address.map(|address| address.ip());
    let to = destination(incoming, role);
    active.quotas.count(&to, client, facts.started).await
}

/// Where a request goes, as limits see it. A namespace that is not there counts like one that is, so that asking for
/// many does not go past them.
fn destination<'a>(incoming: &'a Incoming, role: Option<&'a str>) -> Destination<'a> {
    let path = incoming.path.as_str();
    let (namespace, path) = match named(incoming) {
        "" => (Cow::Borrowed(""), Cow::Borrowed(path)),
        named => (
            Cow::Owned(format!("{named}/")),
            Cow::Owned(format!("{named}/{path}")),
        ),
    };
    Destination {
        namespace,
        path,
        role,
    }
}

/// What tells of the server as a whole, and is asked by clients that are set up for some namespace.
const OF_THE_SERVER: [&str; 3] = ["sys/health", "sys/leader", "sys/seal-status"];

/// The namespace that the header names; nothing for the root namespace.
fn named(incoming: &Incoming) -> &str {
    match incoming.namespace.trim_matches('/') {
        "" | "root" => "",
        _ if OF_THE_SERVER.contains(&incoming.path.as_str()) => "",
        named => named,
    }
}

/// Finds the namespace and the mount of a request: by the header, by the beginning of the path, or by both. A mount
/// comes before a namespace of the same name, so what goes to a mount of the root namespace asks for no namespace.
async fn locate(
    root: Arc<Active>,
    facts: &mut Facts,
    incoming: &mut Incoming,
) -> Result<Option<Target>, Fault> {
    let mut active = match named(incoming) {
        "" => root,
        named => root.namespaces()?.enter(named).await?,
    };
    let mut path = incoming.path.as_str();
    let target = loop {
        if let Some(target) = active.router.resolve(path).await? {
            break Some(target);
        }
        let deeper = active.namespaces()?.below(&active.namespace, path).await?;
        match deeper {
            Some((below, rest)) => (active, path) = (below, rest),
            None => break None,
        }
    };
    if !active.namespace.is_root() {
        let is_open = unlocks(incoming.operation, path);
        let path = RequestPath::parse(path)?;
        incoming.path = path;
        active.namespace.path.as_ref().clone_into(&mut incoming.namespace);
        facts.namespace = active.namespace.clone();
        facts.active = Some(active.clone());
        // Last, so that a refusal is recorded where it belongs.
        if !is_open {
            active.namespaces()?.refuse_locked(&active.namespace.path).await?;
        }
    }
    Ok(target)
}

/// Whether a request is the one that a locked namespace answers.
fn unlocks(operation: Operation, path: &str) -> bool {
    let unlock = path.strip_prefix("sys/namespaces/api-lock/unlock");
    operation == Operation::Update && unlock.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The place of a request that may get a lease: for a secret, or as the token of a login or of another token.
async fn place(
    facts: &Facts,
    incoming: &Incoming,
    routed: Option<&Routed>,
    role: Option<&str>,
) -> Result<Option<Place>, Fault> {
    let (Some(active), Some(routed)) = (&facts.active, routed) else {
        return Ok(None);
    };
    let logs_in = routed.mount.class == Class::Auth
        && routed.access == Access::Anonymous
        && matches!(incoming.operation, Operation::Update | Operation::Read);
    if !routed.leases && !routed.makes_tokens && !logs_in {
        return Ok(None);
    }
    active.quotas.place(active, &destination(incoming, role)).await
}

/// The mount a request goes to. A sealed server has its own endpoints only.
async fn find(core: &Core, facts: &mut Facts, incoming: &mut Incoming) -> Result<Option<Target>, Fault> {
    let path = incoming.path.as_str();
    if core
        .system_target(path)
        .is_some_and(|target| wrong_for_anybody(&target, incoming.operation))
    {
        return Err(Fault::wrong_method());
    }
    match facts.active.clone() {
        Some(root) => locate(root, facts, incoming).await,
        None => {
            let target = core.system_target(path).ok_or_else(Fault::sealed)?;
            let open = match target.engine.find(incoming.operation, &target.path) {
                Found::Route(index) => target.engine.route(index).is_some_and(|route| route.while_sealed),
                _ => false,
            };
            if open {
                Ok(Some(target))
            } else {
                Err(Fault::sealed())
            }
        }
    }
}

/// Whether this is the wrong operation on an endpoint that anybody may ask in any state of the server: such a request
/// fails the same way with every token, and without one.
fn wrong_for_anybody(target: &Target, operation: Operation) -> bool {
    if operation == Operation::Help || target.engine.find(operation, &target.path) != Found::WrongOperation {
        return false;
    }
    let routes = target.engine.routes().into_iter();
    routes
        .filter(|route| route.pattern.matches(&target.path).is_some())
        .all(|route| route.access == Access::Anonymous && route.while_sealed)
}

/// The route of a request. Its absence is an error only for callers whose policies allow the path, so it is
/// kept until dispatch.
fn route(target: Option<Target>, incoming: &Incoming, facts: &mut Facts) -> Result<Routed, Fault> {
    let target = target.ok_or_else(|| Fault::no_route(incoming.path.as_str()))?;
    if target.mount.tainted {
        return Err(Fault::not_found_plain(format!(
            "no handler for route {:?}. route entry or namespace is tainted.",
            incoming.path.as_str()
        )));
    }
    if target.mount.upgrading {
        return Err(Fault::invalid(
            "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly.",
        ));
    }
    if incoming.operation == Operation::Help {
        return Ok(Routed::to_help(target));
    }
    let index = match target.engine.find(incoming.operation, &target.path) {
        Found::Route(index) => index,
        Found::WrongOperation => return Err(Fault::unsupported_operation()),
        Found::Nothing => return Err(Fault::unsupported_path()),
    };
    let info = target.engine.route(index).ok_or_else(Fault::unsupported_path)?;
    if !facts.namespace.is_root() && target.mount.kind == "system" && !info.in_namespaces {
        return Err(Fault::invalid("operation only available in root namespace"));
    }
    facts.unaudited = info.unaudited;
    let (access, injects, reads_only) = (info.access, info.injects, info.reads_only);
    let (leases, makes_tokens) = (info.leases, info.makes_tokens);
    Ok(Routed {
        mount: target.mount,
        engine: target.engine,
        path: target.path,
        index,
        access,
        injects,
        reads_only,
        leases,
        makes_tokens,
    })
}

impl Routed {
    /// Help is about routes and needs none. Whoever has a token may have it.
    fn to_help(target: Target) -> Self {
        Self {
            mount: target.mount,
            engine: target.engine,
            path: target.path,
            index: 0,
            access: Access::Token,
            injects: false,
            reads_only: true,
            leases: false,
            makes_tokens: false,
        }
    }
}

impl Admitted {
    pub(super) fn trace(&self) -> Trace<'_> {
        Trace {
            facts: &self.facts,
            incoming: &self.incoming,
            operation: self.incoming.operation,
            mount: self.mount.as_deref(),
            caller: None,
            identity_policies: &[],
            granted_by: None,
        }
    }

    /// Whether the request is about its own token, or about what that wraps.
    pub(super) fn is_about_caller(&self, token: &Token) -> bool {
        let Ok(routed) = &self.route else { return false };
        match (routed.mount.class, &*routed.mount.kind) {
            (Class::Auth, "token") => matches!(&*routed.path, "lookup-self" | "renew-self" | "revoke-self"),
            _ => routed.access == Access::WrappingToken && is_wrapping_token(token),
        }
    }

    /// Takes the request to the same path in another namespace.
    pub(super) async fn move_to(&mut self, home: &Arc<Active>) -> Result<(), Fault> {
        let namespace = &home.namespace;
        home.namespaces()?.refuse_locked(&namespace.path).await?;
        let target = home.router.resolve(self.incoming.path.as_str()).await?;
        self.facts.active = Some(home.clone());
        self.facts.namespace = home.namespace.clone();
        self.mount = target.as_ref().map(|target| target.mount.clone());
        self.route = route(target, &self.incoming, &mut self.facts);
        Ok(())
    }

    /// Who may call the route; a path without a route is for tokens only.
    pub(super) fn access(&self) -> Access {
        self.route.as_ref().map_or(Access::Token, |routed| routed.access)
    }

    /// Whether answering changes anything, an answer kept for the holder of a wrapping token included.
    pub(super) fn reads_only(&self) -> bool {
        self.route.as_ref().is_ok_and(|routed| routed.reads_only) && self.incoming.wrap_ttl.is_none()
    }

    /// Headers the mount hands to its engine.
    fn passed_on(&self, mount: &Mount, caller: Option<&crate::engine::Caller>) -> RequestHeaders {
        let token = caller.map(|caller| caller.presented.expose().as_str());
        let names = &mount.config.passthrough_request_headers;
        self.incoming.headers.only(names, token)
    }

    /// The request as its handler sees it.
    pub(super) fn cx(
        &self,
        routed: &Routed,
        operation: Operation,
        caller: Option<&crate::engine::Caller>,
    ) -> Cx {
        let active = self.facts.active.as_ref();
        Cx {
            site: active.map(|active| active.router.site(&routed.mount, self.facts.now)),
            now: self.facts.now,
            request_id: self.facts.request_id.clone(),
            operation,
            path: routed.path.clone(),
            caller: caller.cloned(),
            client: self.facts.client.clone(),
            wrap_ttl: self.incoming.wrap_ttl,
            headers: self.passed_on(&routed.mount, caller),
            active: active.cloned(),
            server: self.facts.server.clone(),
            upload: self.upload.clone(),
        }
    }
}
