//! Why a request would be allowed or denied.

use std::sync::Arc;

use arca_api::field::Any;
use arca_api::sys::policies as api;
use arca_base::json::Object;
use arca_base::{Json, Operation, RequestPath, json_object};

use super::System;
use crate::active::Active;
use crate::engine::{Access, Answer, Cx, Found};
use crate::fault::Fault;
use crate::identity::Principal;
use crate::policies::{Explained, Question, canonical};
use crate::tokens::Token;

/// What rules can allow to do.
const OPERATIONS: [Operation; 7] = [
    Operation::Create,
    Operation::Read,
    Operation::Update,
    Operation::Delete,
    Operation::List,
    Operation::Patch,
    Operation::Scan,
];

pub(super) async fn explain(_: Arc<System>, cx: Cx, request: api::ExplainPolicies) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let operation = operation(&request.operation)?;
    let path = path(&request.path, operation)?;
    let Some((home, token)) = holder(&cx, active, &request).await? else {
        let explained = Explained::without_rules(false, "the token is unknown, expired or revoked");
        return Ok(Answer::data(&explained.answer(Vec::new())));
    };
    let principal = match &*token.entity_id {
        "" => None,
        id => home.identity.principal(id).await?,
    };
    let access = access(active, operation, &path).await?;
    let data = parameters(request.parameters)?;
    let below = active.namespace.path_below(&home.namespace).unwrap_or_default();
    let path = RequestPath::parse(&format!("{below}{}", path.as_str()))?;
    let question = Question {
        operation,
        path: &path,
        data: &data,
        wrap_ttl: request.wrap_ttl,
        sudo: access == Access::Sudo,
    };
    let mut explained = if matches!(access, Access::Anonymous | Access::OptionalToken) {
        Explained::without_rules(true, "the path needs no policy")
    } else {
        let acl = home
            .policies
            .acl(&token, principal.as_ref(), &home.identity, cx.now)
            .await?;
        acl.explain(&question)
    };
    if access != Access::Anonymous {
        explained = of_holder(&cx, &token, principal.as_ref(), explained);
    }
    let (policies, missing) = looked_at(&home, &token, principal.as_ref()).await?;
    for name in missing {
        explained = explained.hint(format!(
            "there is no policy {name:?}: it allows nothing until it is written"
        ));
    }
    Ok(Answer::data(&explained.answer(policies)))
}

fn operation(word: &str) -> Result<Operation, Fault> {
    let word = word.trim().to_lowercase();
    let word = if word == "write" { "update" } else { &*word };
    let found = OPERATIONS
        .into_iter()
        .find(|operation| operation.as_str() == word);
    found.ok_or_else(|| {
        let known = OPERATIONS.map(Operation::as_str).join(", ");
        Fault::invalid(format!("operation must be one of {known}"))
    })
}

/// Listings are about paths that end in a slash, as they are when they are made.
fn path(text: &str, operation: Operation) -> Result<RequestPath, Fault> {
    let text = text.trim_start_matches('/');
    if text.is_empty() {
        return Err(Fault::invalid("path must be supplied"));
    }
    if operation.is_listing() && !text.ends_with('/') {
        return Ok(RequestPath::parse(&format!("{text}/"))?);
    }
    Ok(RequestPath::parse(text)?)
}

/// The token that would be sent and its namespace, or one that stands for the rights of an entity or of policies; `None` for a token
/// that nobody has.
async fn holder(
    cx: &Cx,
    active: &Arc<Active>,
    request: &api::ExplainPolicies,
) -> Result<Option<(Arc<Active>, Arc<Token>)>, Fault> {
    let named = [&request.token, &request.accessor, &request.entity_id];
    let named = named.iter().filter(|name| !name.is_empty()).count();
    if named + usize::from(!request.policies.0.is_empty()) > 1 {
        return Err(Fault::invalid(
            "only one of token, accessor, entity_id and policies can be given",
        ));
    }
    let found = if !request.token.is_empty() {
        active.tokens.find(&request.token, cx.now).await?
    } else if !request.accessor.is_empty() {
        active.tokens.find_by_accessor(&request.accessor, cx.now).await?
    } else if !request.entity_id.is_empty() {
        Some(Arc::new(Token {
            entity_id: request.entity_id.clone(),
            ..Token::default()
        }))
    } else if !request.policies.0.is_empty() {
        Some(Arc::new(Token {
            policies: canonical(&request.policies.0, false)?,
            ..Token::default()
        }))
    } else {
        let caller = cx.caller()?;
        return Ok(Some((caller.home.clone(), caller.token.clone())));
    };
    Ok(found.map(|token| (active.clone(), token)))
}

fn parameters(given: Option<Any>) -> Result<Object, Fault> {
    match given {
        None => Ok(Object::new()),
        Some(Any(Json::Object(members))) => Ok(members),
        Some(_) => Err(Fault::invalid("parameters must be an object of names and values")),
    }
}

/// Who may call the path, as its route says.
async fn access(active: &Active, operation: Operation, path: &RequestPath) -> Result<Access, Fault> {
    let Some(target) = active.router.resolve(path.as_str()).await? else {
        return Ok(Access::Token);
    };
    // Creating is told apart from updating behind the routes.
    let routed = match operation {
        Operation::Create => Operation::Update,
        other => other,
    };
    Ok(match target.engine.find(routed, &target.path) {
        Found::Route(index) => target
            .engine
            .route(index)
            .map_or(Access::Token, |route| route.access),
        Found::WrongOperation | Found::Nothing => Access::Token,
    })
}

/// What is checked before the rules are: the entity, and the networks of the token.
fn of_holder(cx: &Cx, token: &Token, principal: Option<&Principal>, explained: Explained) -> Explained {
    match principal {
        None if !token.entity_id.is_empty() => {
            return explained.but_refused("the entity of the token no longer exists");
        }
        Some(principal) if principal.entity.disabled => {
            return explained.but_refused("the entity of the token is disabled");
        }
        _ => {}
    }
    if token.expires.is_none() || token.bound_cidrs.is_empty() {
        return explained;
    }
    if token.allows_address(cx.client.address.map(|address| address.ip())) {
        explained.hint("the token is bound to networks, and yours is one of them")
    } else {
        explained.but_refused("the token is bound to other networks than the one you ask from")
    }
}

/// The policies with where each comes from, and the names of those that do not exist.
async fn looked_at(
    active: &Active,
    token: &Token,
    principal: Option<&Principal>,
) -> Result<(Vec<Json>, Vec<String>), Fault> {
    let mut all: Vec<(&String, &str)> = token.policies.iter().map(|name| (name, "token")).collect();
    if let Some(principal) = principal {
        all.extend(principal.entity.policies.iter().map(|name| (name, "entity")));
        let groups = principal.groups().flat_map(|group| &group.policies);
        all.extend(groups.map(|name| (name, "group")));
    }
    // No identity is root, whatever its record says.
    all.retain(|(name, source)| *source == "token" || *name != "root");
    all.sort_unstable();
    all.dedup();
    let (mut shown, mut missing) = (Vec::with_capacity(all.len()), Vec::new());
    for (name, source) in all {
        let exists = name == crate::wrapping::POLICY || active.policies.exists(name).await?;
        if !exists && missing.last() != Some(name) {
            missing.push(name.clone());
        }
        shown.push(json_object! { "name" => name.as_str(), "source" => source, "exists" => exists });
    }
    Ok((shown, missing))
}
