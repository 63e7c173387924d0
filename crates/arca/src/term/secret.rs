//! An answer of the API as people and programs read it.

use arca_api::{AuthBlock, Envelope, WrapBlock};
use arca_base::{Json, Timestamp};
use serde::Serialize;

use super::{go, human, rows};

/// Printed for a token that never ends.
const FOREVER: &str = "\u{221e}";

/// An answer in the order in which existing tools print it.
#[derive(Serialize)]
pub(super) struct View<'a> {
    request_id: &'a str,
    lease_id: &'a str,
    lease_duration: u64,
    renewable: bool,
    data: &'a Option<Json>,
    warnings: &'a Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<AuthView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap_info: Option<WrapView<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_type: &'a str,
}

#[derive(Serialize)]
struct AuthView<'a> {
    client_token: &'a str,
    accessor: &'a str,
    policies: &'a [String],
    token_policies: &'a [String],
    identity_policies: Option<&'a [String]>,
    metadata: &'a Option<std::collections::BTreeMap<String, String>>,
    orphan: bool,
    entity_id: &'a str,
    lease_duration: u64,
    renewable: bool,
    mfa_requirement: &'a Option<Json>,
}

#[derive(Serialize)]
struct WrapView<'a> {
    token: &'a str,
    accessor: &'a str,
    ttl: u64,
    creation_time: Timestamp,
    creation_path: &'a str,
    wrapped_accessor: &'a str,
}

impl<'a> View<'a> {
    pub(super) fn of(answer: &'a Envelope) -> Self {
        Self {
            request_id: &answer.request_id,
            lease_id: &answer.lease_id,
            lease_duration: answer.lease_duration,
            renewable: answer.renewable,
            data: &answer.data,
            warnings: &answer.warnings,
            auth: answer.auth.as_ref().map(AuthView::of),
            wrap_info: answer.wrap_info.as_ref().map(WrapView::of),
            mount_type: &answer.mount_type,
        }
    }
}

impl<'a> AuthView<'a> {
    fn of(auth: &'a AuthBlock) -> Self {
        Self {
            client_token: &auth.client_token,
            accessor: &auth.accessor,
            policies: &auth.policies,
            token_policies: &auth.token_policies,
            identity_policies: (!auth.identity_policies.is_empty()).then_some(&auth.identity_policies),
            metadata: &auth.metadata,
            orphan: auth.orphan,
            entity_id: &auth.entity_id,
            lease_duration: auth.lease_duration,
            renewable: auth.renewable,
            mfa_requirement: &auth.mfa_requirement,
        }
    }
}

impl<'a> WrapView<'a> {
    fn of(wrap: &'a WrapBlock) -> Self {
        Self {
            token: &wrap.token,
            accessor: &wrap.accessor,
            ttl: wrap.ttl,
            creation_time: wrap.creation_time,
            creation_path: &wrap.creation_path,
            wrapped_accessor: &wrap.wrapped_accessor,
        }
    }
}

/// The rows of the table of an answer.
pub(super) fn rows(answer: &Envelope) -> Vec<Vec<String>> {
    let mut rows = lease_rows(answer);
    if let Some(auth) = &answer.auth {
        match &auth.mfa_requirement {
            Some(requirement) => rows.extend(mfa_rows(requirement)),
            None => rows.extend(auth_rows(auth)),
        }
    }
    if let Some(wrap) = &answer.wrap_info {
        rows.extend(wrap_rows(wrap));
    }
    if let Some(Json::Object(members)) = &answer.data {
        rows.extend(rows::of_members(members));
    }
    rows
}

fn lease_rows(answer: &Envelope) -> Vec<Vec<String>> {
    if answer.lease_duration == 0 {
        return Vec::new();
    }
    let duration = seconds(answer.lease_duration);
    if answer.lease_id.is_empty() {
        return vec![row("refresh_interval", duration)];
    }
    vec![
        row("lease_id", &answer.lease_id),
        row("lease_duration", duration),
        row("lease_renewable", answer.renewable.to_string()),
    ]
}

fn auth_rows(auth: &AuthBlock) -> Vec<Vec<String>> {
    let duration = match auth.lease_duration {
        0 => FOREVER.to_owned(),
        length => seconds(length),
    };
    let mut rows = vec![
        row("token", &auth.client_token),
        row("token_accessor", &auth.accessor),
        row("token_duration", duration),
        row("token_renewable", auth.renewable.to_string()),
        row("token_policies", go::quoted(&auth.token_policies)),
        row("identity_policies", go::quoted(&auth.identity_policies)),
        row("policies", go::quoted(&auth.policies)),
    ];
    for (name, value) in auth.metadata.iter().flatten() {
        rows.push(row(&format!("token_meta_{name}"), value));
    }
    rows
}

fn mfa_rows(requirement: &Json) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    if let Some(id) = requirement.get("mfa_request_id") {
        rows.push(row("mfa_request_id", go::display(id)));
    }
    let constraints = requirement.get("mfa_constraints").and_then(Json::as_object);
    for (name, constraint) in constraints.into_iter().flatten() {
        let methods = constraint.get("any").and_then(Json::as_array).unwrap_or_default();
        for method in methods {
            let kind = method.get("type").map(go::display).unwrap_or_default();
            for part in ["id", "uses_passcode", "name"] {
                if let Some(value) = method.get(part) {
                    let name = format!("mfa_constraint_{name}_{kind}_{part}");
                    rows.push(row(&name, go::display(value)));
                }
            }
        }
    }
    rows
}

fn wrap_rows(wrap: &WrapBlock) -> Vec<Vec<String>> {
    let mut rows = vec![
        row("wrapping_token:", &wrap.token),
        row("wrapping_accessor:", &wrap.accessor),
        row("wrapping_token_ttl:", seconds(wrap.ttl)),
        row("wrapping_token_creation_time:", go_time(wrap.creation_time)),
        row("wrapping_token_creation_path:", &wrap.creation_path),
    ];
    if !wrap.wrapped_accessor.is_empty() {
        rows.push(row("wrapped_accessor:", &wrap.wrapped_accessor));
    }
    rows
}

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

fn seconds(length: u64) -> String {
    human(i64::try_from(length).unwrap_or(i64::MAX))
}

/// `2026-01-02 03:04:05.6 +0000 UTC`, as Go prints a time.
fn go_time(time: Timestamp) -> String {
    time.to_string()
        .replacen('T', " ", 1)
        .replacen('Z', " +0000 UTC", 1)
}

/// One field of an answer, by the name the table gives it.
pub(crate) fn field(answer: &Envelope, name: &str) -> Option<Json> {
    let own = match (&answer.auth, &answer.wrap_info) {
        (Some(auth), _) => auth_field(auth, name),
        (None, Some(wrap)) => wrap_field(wrap, name),
        (None, None) => plain_field(answer, name),
    };
    let of_data = || answer.data.as_ref().and_then(|data| data.get(name)).cloned();
    own.or_else(of_data).filter(|value| !value.is_null())
}

fn auth_field(auth: &AuthBlock, name: &str) -> Option<Json> {
    Some(match name {
        "token" => auth.client_token.as_str().into(),
        "token_accessor" => auth.accessor.as_str().into(),
        "token_duration" => auth.lease_duration.into(),
        "token_renewable" => auth.renewable.into(),
        "token_policies" => auth.token_policies.clone().into(),
        "identity_policies" => auth.identity_policies.clone().into(),
        "policies" => auth.policies.clone().into(),
        _ => {
            let meta = name.strip_prefix("token_meta_")?;
            auth.metadata.as_ref()?.get(meta)?.as_str().into()
        }
    })
}

fn wrap_field(wrap: &WrapBlock, name: &str) -> Option<Json> {
    Some(match name {
        "wrapping_token" => wrap.token.as_str().into(),
        "wrapping_accessor" => wrap.accessor.as_str().into(),
        "wrapping_token_ttl" => wrap.ttl.into(),
        "wrapping_token_creation_time" => wrap.creation_time.to_string().into(),
        "wrapping_token_creation_path" => wrap.creation_path.as_str().into(),
        "wrapped_accessor" => wrap.wrapped_accessor.as_str().into(),
        _ => return None,
    })
}

fn plain_field(answer: &Envelope, name: &str) -> Option<Json> {
    Some(match name {
        "lease_duration" | "refresh_interval" => answer.lease_duration.into(),
        "lease_id" => answer.lease_id.as_str().into(),
        "request_id" => answer.request_id.as_str().into(),
        "renewable" => answer.renewable.into(),
        "data" => {
            let data = answer.data.as_ref()?;
            data.get("data").unwrap_or(data).clone()
        }
        _ => return None,
    })
}
