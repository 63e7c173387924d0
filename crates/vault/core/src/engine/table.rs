//! The API of an engine on one screen: typed routes.

use std::sync::Arc;

use arca_api::endpoint::{Nothing, unused_members};
use arca_api::{Endpoint, FieldDoc, Fields, Input, Pattern};
use arca_base::Operation;
use arca_base::json::Object;
use futures_util::future::BoxFuture;

use super::{Answer, Cx};
use crate::fault::Fault;

/// Who may call a route, besides what policies say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// A token whose policies allow it.
    #[default]
    Token,
    /// A token whose policies allow it and grant `sudo`.
    Sudo,
    /// Anybody; a token is ignored.
    Anonymous,
    /// Anybody; a token, if given, must be good.
    OptionalToken,
    /// A wrapping token, which is its own permission, or a token whose policies allow it.
    WrappingToken,
}

/// What is known of a route without the type of its engine.
#[derive(Clone, Debug)]
pub struct RouteInfo {
    /// What is done.
    pub operation: Operation,
    /// Where.
    pub pattern: Pattern,
    /// One line of help.
    pub summary: &'static str,
    /// What it takes.
    pub fields: &'static [FieldDoc],
    /// Whether its body itself is the data, whatever its members are called.
    pub takes_anything: bool,
    /// Whether a write tells `create` from `update`.
    pub checks_existence: bool,
    /// Who may call it.
    pub access: Access,
    /// Whether it works while the server is sealed.
    pub while_sealed: bool,
    /// Whether it is left out of the audit log: only status that anybody may read.
    pub unaudited: bool,
    /// Whether it only reads: then its audit entry may be on its way while it runs, and the answer waits for it.
    pub reads_only: bool,
    /// Whether its answer is a secret with a lease.
    pub leases: bool,
    /// Whether its answer is a new token, without a login.
    pub makes_tokens: bool,
    /// Whether members of `data` are repeated at the top of the envelope.
    pub injects: bool,
    /// For the server's own endpoints: whether they are there in a namespace below the root namespace, too.
    pub in_namespaces: bool,
}

/// What no route matches; its own pattern is never asked.
struct AnythingElse;

impl Endpoint for AnythingElse {
    const OPERATION: Operation = Operation::Help;
    const PATH: &'static str = "//";
    const SUMMARY: &'static str = "Anything else.";
    type Request = Nothing;
}

type Handler<E> =
    Box<dyn Fn(Arc<E>, Cx, &Pattern, &Object) -> BoxFuture<'static, Result<Answer, Fault>> + Send + Sync>;
type Exists<E> = Box<dyn Fn(Arc<E>, Cx, &Pattern) -> BoxFuture<'static, Result<bool, Fault>> + Send + Sync>;

/// One operation on one path.
pub struct Route<E> {
    info: RouteInfo,
    handler: Handler<E>,
    exists: Option<Exists<E>>,
}

/// All routes of an engine; the first that matches is taken.
pub struct Table<E> {
    routes: Vec<Route<E>>,
    fallback: Option<usize>,
}

/// What a table has for an operation on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This route.
    Route(usize),
    /// The path, with other operations.
    WrongOperation,
    /// Nothing.
    Nothing,
}

impl<E> Default for Table<E> {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            fallback: None,
        }
    }
}

impl<E: Send + Sync + 'static> Table<E> {
    /// A table without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route: requests of endpoint `P` go to `handler`.
    #[must_use]
    pub fn on<P, F, R>(mut self, handler: F) -> Self
    where
        P: Endpoint,
        F: Fn(Arc<E>, Cx, P::Request) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Answer, Fault>> + Send + 'static,
    {
        self.routes.push(Route {
            info: info::<P>(),
            handler: typed::<E, P::Request, F, R>(handler),
            exists: None,
        });
        self
    }

    /// Answers requests that no route matches.
    #[must_use]
    pub fn fallback<F, R>(mut self, handler: F) -> Self
    where
        F: Fn(Arc<E>, Cx) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Answer, Fault>> + Send + 'static,
    {
        self.fallback = Some(self.routes.len());
        self.on::<AnythingElse, _, _>(move |engine, cx, _| handler(engine, cx))
    }

    /// Tells, for the last route, whether its object exists: decides between `create` and `update`.
    #[must_use]
    pub fn exists<Q, F, R>(mut self, exists: F) -> Self
    where
        Q: Fields,
        F: Fn(Arc<E>, Cx, Q) -> R + Send + Sync + 'static,
        R: Future<Output = Result<bool, Fault>> + Send + 'static,
    {
        let erased: Exists<E> = Box::new(move |engine, cx, pattern| {
            let captures = pattern.matches(&cx.path).unwrap_or_else(arca_api::Captures::none);
            match Q::decode(&Input::new(&captures, &Object::new())) {
                Err(error) => Box::pin(async move { Err(error.into()) }),
                Ok(request) => Box::pin(exists(engine, cx, request)),
            }
        });
        if let Some(last) = self.routes.last_mut() {
            last.exists = Some(erased);
            last.info.checks_existence = true;
        }
        self
    }

    fn last(mut self, change: impl FnOnce(&mut RouteInfo)) -> Self {
        if let Some(last) = self.routes.last_mut() {
            change(&mut last.info);
        }
        self
    }

    /// Makes the last route need `sudo`.
    #[must_use]
    pub fn sudo(self) -> Self {
        self.last(|info| info.access = Access::Sudo)
    }

    /// Opens the last route to anybody.
    #[must_use]
    pub fn anonymous(self) -> Self {
        self.last(|info| info.access = Access::Anonymous)
    }

    /// Opens the last route to anybody; a token, if given, must be good.
    #[must_use]
    pub fn optional_token(self) -> Self {
        self.last(|info| info.access = Access::OptionalToken)
    }

    /// Lets a wrapping token be the credential of the last route.
    #[must_use]
    pub fn wrapping_token(self) -> Self {
        self.last(|info| info.access = Access::WrappingToken)
    }

    /// Makes the last route work while the server is sealed.
    #[must_use]
    pub fn while_sealed(self) -> Self {
        self.last(|info| info.while_sealed = true)
    }

    /// Leaves the last route out of the audit log.
    #[must_use]
    pub fn unaudited(self) -> Self {
        self.last(|info| info.unaudited = true)
    }

    /// Says that the last route changes nothing, neither here nor elsewhere.
    #[must_use]
    pub fn reads_only(self) -> Self {
        self.last(|info| info.reads_only = true)
    }

    /// Says that the last route answers with a secret that has a lease.
    #[must_use]
    pub fn leases(self) -> Self {
        self.last(|info| info.leases = true)
    }

    /// Says that the last route answers with a new token for whoever has one.
    #[must_use]
    pub fn makes_tokens(self) -> Self {
        self.last(|info| info.makes_tokens = true)
    }

    /// Repeats members of `data` at the top of the envelope of the last route.
    #[must_use]
    pub fn injects(self) -> Self {
        self.last(|info| info.injects = true)
    }

    /// Says that all routes so far are about one namespace, and so are there in each. Any other endpoint of the server
    /// is about the server as a whole, and refused outside the root namespace.
    #[must_use]
    pub fn in_namespaces(mut self) -> Self {
        for route in &mut self.routes {
            route.info.in_namespaces = true;
        }
        self
    }

    /// Adds everything of `other` after what is here.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    pub(super) fn find(&self, operation: Operation, path: &str) -> Found {
        let first = path.split('/').next().unwrap_or_default();
        let mut found = Found::Nothing;
        for (index, route) in self.routes.iter().enumerate() {
            let is_fallback = self.fallback == Some(index);
            if !is_fallback
                && route.info.pattern.starts_like(first)
                && route.info.pattern.matches(path).is_some()
            {
                if route.info.operation == operation {
                    return Found::Route(index);
                }
                found = Found::WrongOperation;
            }
        }
        match (found, self.fallback) {
            (Found::Nothing, Some(fallback)) => Found::Route(fallback),
            (found, _) => found,
        }
    }

    pub(super) fn info(&self, index: usize) -> Option<&RouteInfo> {
        self.routes.get(index).map(|route| &route.info)
    }

    pub(super) fn infos(&self) -> impl Iterator<Item = &RouteInfo> {
        let routes = self.routes.iter().enumerate();
        routes
            .filter(|(index, _)| self.fallback != Some(*index))
            .map(|(_, route)| &route.info)
    }

    pub(super) fn ask_existence(
        &self,
        index: usize,
        engine: Arc<E>,
        cx: &Cx,
    ) -> Option<BoxFuture<'static, Result<bool, Fault>>> {
        let route = self.routes.get(index)?;
        let exists = route.exists.as_ref()?;
        Some(exists(engine, cx.clone(), &route.info.pattern))
    }

    pub(super) fn call(
        &self,
        index: usize,
        engine: Arc<E>,
        cx: Cx,
        data: &Object,
    ) -> BoxFuture<'static, Result<Answer, Fault>> {
        match self.routes.get(index) {
            Some(route) => (route.handler)(engine, cx, &route.info.pattern, data),
            None => Box::pin(async { Err(Fault::unsupported_path()) }),
        }
    }
}

fn info<P: Endpoint>() -> RouteInfo {
    RouteInfo {
        operation: P::OPERATION,
        pattern: Pattern::new(P::PATH),
        summary: P::SUMMARY,
        fields: P::Request::FIELDS,
        takes_anything: P::Request::TAKES_ANYTHING,
        checks_existence: false,
        access: Access::Token,
        while_sealed: false,
        unaudited: false,
        reads_only: false,
        leases: false,
        makes_tokens: false,
        injects: false,
        in_namespaces: false,
    }
}

/// A handler that takes a typed request, as one that takes captures and members.
fn typed<E, Q, F, R>(handler: F) -> Handler<E>
where
    Q: Fields,
    F: Fn(Arc<E>, Cx, Q) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Answer, Fault>> + Send + 'static,
{
    Box::new(move |engine, cx, pattern, data| {
        let captures = pattern.matches(&cx.path).unwrap_or_else(arca_api::Captures::none);
        let input = Input::new(&captures, data).folding_case(Q::FOLDS_CASE);
        let request = match Q::decode(&input) {
            Ok(request) => request,
            Err(error) => return Box::pin(async move { Err(error.into()) }),
        };
        let warnings = unused_members::<Q>(&input);
        let answer = handler(engine, cx, request);
        if warnings.is_empty() {
            return Box::pin(answer);
        }
        Box::pin(async move {
            let mut answer = answer.await?;
            answer.warnings.extend(warnings);
            Ok(answer)
        })
    })
}
