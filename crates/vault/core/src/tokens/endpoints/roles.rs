//! Token roles.

use std::sync::Arc;

use arca_api::field::CommaList;
use arca_api::sys::Page;
use arca_api::token as api;
use arca_base::{Json, json_object};

use super::TokenEngine;
use crate::barrier::Change;
use crate::engine::{Answer, Cx, list_limit};
use crate::fault::Fault;
use crate::login::{parse_networks, shown_network};
use crate::policies::canonical;
use crate::tokens::Role;

pub(super) async fn list(_: Arc<TokenEngine>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let roles = cx
        .active()?
        .tokens
        .roles()
        .list("", &page.after, list_limit(page.limit)?)
        .await?;
    Ok(Answer::names(roles.names))
}

pub(super) async fn exists(_: Arc<TokenEngine>, cx: Cx, role: api::RoleName) -> Result<bool, Fault> {
    Ok(cx.active()?.tokens.roles().get(&role.role_name).await?.is_some())
}

pub(super) async fn read(_: Arc<TokenEngine>, cx: Cx, request: api::RoleName) -> Result<Answer, Fault> {
    let row = cx
        .active()?
        .tokens
        .roles()
        .get(&request.role_name)
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(&describe(&row.value)))
}

fn describe(role: &Role) -> Json {
    let networks: Vec<String> = role.bound_cidrs.iter().map(shown_network).collect();
    let mut shown = json_object! {
        "name" => role.name.as_str(),
        "token_period" => role.period.seconds(),
        "period" => if role.old_period { role.period.seconds() } else { 0 },
        "token_explicit_max_ttl" => role.explicit_max_ttl.seconds(),
        "explicit_max_ttl" => if role.old_explicit_max_ttl { role.explicit_max_ttl.seconds() } else { 0 },
        "allowed_policies" => role.allowed_policies.clone(),
        "disallowed_policies" => role.disallowed_policies.clone(),
        "allowed_policies_glob" => role.allowed_policies_glob.clone(),
        "disallowed_policies_glob" => role.disallowed_policies_glob.clone(),
        "orphan" => role.orphan,
        "path_suffix" => role.path_suffix.as_str(),
        "renewable" => role.renewable,
        "token_type" => role.token_type.as_str(),
        "allowed_entity_aliases" => role.allowed_entity_aliases.clone(),
        "token_no_default_policy" => role.no_default_policy,
    };
    if let Json::Object(members) = &mut shown {
        if !networks.is_empty() {
            if role.old_bound_cidrs {
                members.insert("bound_cidrs".to_owned(), networks.clone().into());
            }
            members.insert("token_bound_cidrs".to_owned(), networks.into());
        }
        if role.num_uses > 0 {
            members.insert("token_num_uses".to_owned(), role.num_uses.into());
        }
    }
    shown
}

pub(super) async fn write(_: Arc<TokenEngine>, cx: Cx, request: api::WriteRole) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let name = request.role_name.clone();
    let role = active
        .tokens
        .roles()
        .update(&name, |found| {
            let mut role = found.cloned().unwrap_or_else(|| Role {
                name: name.clone(),
                ..Role::default()
            });
            change(&mut role, &request)?;
            Ok::<_, Fault>((Change::Put(role.clone()), role))
        })
        .await?;
    let max = active.router.defaults().max_ttl;
    let mut answer = Answer::empty();
    if role.explicit_max_ttl > max {
        answer = answer.warn(format!(
            "Given explicit max TTL of {} is greater than system/mount allowed value of {} seconds; until this is fixed attempting to create tokens against this role will result in an error",
            role.explicit_max_ttl.seconds(),
            max.seconds()
        ));
    }
    Ok(answer)
}

fn change(role: &mut Role, request: &api::WriteRole) -> Result<(), Fault> {
    let policies = |list: &Option<CommaList>| list.as_ref().map(|list| canonical(&list.0, false)).transpose();
    let texts = |list: &Option<CommaList>| list.clone().map(CommaList::into_vec);
    set(&mut role.allowed_policies, policies(&request.allowed_policies)?);
    set(
        &mut role.disallowed_policies,
        policies(&request.disallowed_policies)?,
    );
    set(
        &mut role.allowed_policies_glob,
        texts(&request.allowed_policies_glob),
    );
    set(
        &mut role.disallowed_policies_glob,
        texts(&request.disallowed_policies_glob),
    );
    set(
        &mut role.allowed_entity_aliases,
        texts(&request.allowed_entity_aliases),
    );
    set(&mut role.orphan, request.orphan);
    set(&mut role.renewable, request.renewable);
    set(&mut role.no_default_policy, request.token_no_default_policy);
    if let Some(suffix) = &request.path_suffix {
        if !suffix.is_empty() && !arca_api::pattern::is_name(suffix) {
            return Err(Fault::invalid(
                "given role path suffix contains invalid characters",
            ));
        }
        role.path_suffix.clone_from(suffix);
    }
    if let Some(uses) = request.token_num_uses {
        role.num_uses = if uses < 0 {
            return Err(Fault::invalid("'token_num_uses' cannot be negative"));
        } else {
            uses
        };
    }
    change_renamed(role, request)?;
    change_type(role, request)
}

/// Fields with a former name: the former one counts when the new one is not given, and is then shown.
fn change_renamed(role: &mut Role, request: &api::WriteRole) -> Result<(), Fault> {
    if let Some(period) = request.token_period.or(request.period) {
        role.period = period;
        role.old_period = request.token_period.is_none();
    }
    if let Some(max) = request.token_explicit_max_ttl.or(request.explicit_max_ttl) {
        role.explicit_max_ttl = max;
        role.old_explicit_max_ttl = request.token_explicit_max_ttl.is_none();
    }
    if let Some(networks) = request
        .token_bound_cidrs
        .as_ref()
        .or(request.bound_cidrs.as_ref())
    {
        role.bound_cidrs = parse_networks(&networks.0)?;
        role.old_bound_cidrs = request.token_bound_cidrs.is_none();
    }
    Ok(())
}

fn change_type(role: &mut Role, request: &api::WriteRole) -> Result<(), Fault> {
    if let Some(kind) = &request.token_type {
        if !matches!(&**kind, "service" | "batch" | "default-service" | "default-batch") {
            return Err(Fault::invalid(format!("invalid 'token_type' value {kind:?}")));
        }
        role.token_type.clone_from(kind);
    }
    if role.token_type == "batch" {
        for (wrong, text) in [
            (
                !role.orphan,
                "'token_type' cannot be 'batch' when role is set to generate non-orphan tokens",
            ),
            (
                !role.period.is_zero(),
                "'token_type' cannot be 'batch' when role is set to generate periodic tokens",
            ),
            (
                role.renewable,
                "'token_type' cannot be 'batch' when role is set to generate renewable tokens",
            ),
            (
                !role.explicit_max_ttl.is_zero(),
                "'token_type' cannot be 'batch' when role is set to generate tokens with an explicit max TTL",
            ),
        ] {
            if wrong {
                return Err(Fault::invalid(text));
            }
        }
    }
    Ok(())
}

fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *place = given;
    }
}

pub(super) async fn delete(_: Arc<TokenEngine>, cx: Cx, request: api::RoleName) -> Result<Answer, Fault> {
    cx.active()?.tokens.roles().delete(&request.role_name).await?;
    Ok(Answer::empty())
}
