//! Settings of a role that have a path of their own.

use std::sync::Arc;

use arca_api::auth::approle as api;
use arca_api::{Captures, Fields as _, Input};
use arca_base::{Json, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx};

use super::role::{Role, folded, roles};
use super::{AppRole, alter};

/// A setting with a path of its own.
struct Setting {
    /// Last segment of the path.
    path: &'static str,
    /// The fields it takes and shows; the first is the one that is missed.
    fields: &'static [&'static str],
    /// Puts the default back.
    reset: fn(&mut Role),
}

const SETTINGS: &[Setting] = &[
    Setting {
        path: "policies",
        fields: &["token_policies", "policies"],
        reset: |role| role.token.policies.clear(),
    },
    Setting {
        path: "bound-cidr-list",
        fields: &["bound_cidr_list"],
        reset: |role| role.secret_id_bound_cidrs.clear(),
    },
    Setting {
        path: "secret-id-bound-cidrs",
        fields: &["secret_id_bound_cidrs"],
        reset: |role| role.secret_id_bound_cidrs.clear(),
    },
    Setting {
        path: "token-bound-cidrs",
        fields: &["token_bound_cidrs"],
        reset: |role| role.token.bound_cidrs.clear(),
    },
    Setting {
        path: "bind-secret-id",
        fields: &["bind_secret_id"],
        reset: |role| role.bind_secret_id = true,
    },
    Setting {
        path: "secret-id-num-uses",
        fields: &["secret_id_num_uses"],
        reset: |role| role.secret_id_num_uses = 0,
    },
    Setting {
        path: "secret-id-ttl",
        fields: &["secret_id_ttl"],
        reset: |role| role.secret_id_ttl = arca_base::Ttl::ZERO,
    },
    Setting {
        path: "period",
        fields: &["token_period", "period"],
        reset: |role| role.token.period = arca_base::Ttl::ZERO,
    },
    Setting {
        path: "token-num-uses",
        fields: &["token_num_uses"],
        reset: |role| role.token.num_uses = 0,
    },
    Setting {
        path: "token-ttl",
        fields: &["token_ttl"],
        reset: |role| role.token.ttl = arca_base::Ttl::ZERO,
    },
    Setting {
        path: "token-max-ttl",
        fields: &["token_max_ttl"],
        reset: |role| role.token.max_ttl = arca_base::Ttl::ZERO,
    },
];

impl Setting {
    fn named(path: &str) -> Result<&'static Self, Fault> {
        let found = SETTINGS.iter().find(|setting| setting.path == path);
        found.ok_or_else(Fault::unsupported_path)
    }
}

pub(super) async fn read(_: Arc<AppRole>, cx: Cx, request: api::Setting) -> Result<Answer, Fault> {
    let setting = Setting::named(&request.setting)?;
    let row = roles(&cx.site()?.view)
        .get(&folded(&request.role_name))
        .await?
        .ok_or_else(Fault::absent)?;
    let mut members = row.value.describe();
    if let Some(networks) = members.get("secret_id_bound_cidrs").cloned() {
        members.insert("bound_cidr_list".to_owned(), networks);
    }
    members.retain(|name, _| setting.fields.contains(&name.as_str()));
    Ok(Answer::data(&Json::Object(members)))
}

pub(super) async fn write(_: Arc<AppRole>, cx: Cx, request: api::WriteSetting) -> Result<Answer, Fault> {
    let setting = Setting::named(&request.setting)?;
    let mut members = request.encode();
    members.retain(|name, _| setting.fields.contains(&name.as_str()));
    if members.is_empty() {
        let field = setting.fields.first().copied().unwrap_or_default();
        return Err(Fault::invalid(format!("missing {field}")));
    }
    let given = api::WriteRole::decode(&Input::new(&Captures::none(), &members))?;
    alter::role(cx.site()?, &folded(&request.role_name), |found| {
        let mut role = found.ok_or_else(Fault::unsupported_path)?.clone();
        role.change(&given)?;
        Ok(Some(role))
    })
    .await?;
    Ok(Answer::empty())
}

pub(super) async fn delete(_: Arc<AppRole>, cx: Cx, request: api::Setting) -> Result<Answer, Fault> {
    let setting = Setting::named(&request.setting)?;
    alter::role(cx.site()?, &folded(&request.role_name), |found| {
        let Some(mut role) = found.cloned() else {
            return Ok(None);
        };
        (setting.reset)(&mut role);
        role.check()?;
        Ok(Some(role))
    })
    .await?;
    Ok(Answer::empty())
}

pub(super) async fn read_local_secret_ids(
    _: Arc<AppRole>,
    cx: Cx,
    request: api::RoleName,
) -> Result<Answer, Fault> {
    let row = roles(&cx.site()?.view)
        .get(&folded(&request.role_name))
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(
        &json_object! { "local_secret_ids" => row.value.local_secret_ids },
    ))
}
