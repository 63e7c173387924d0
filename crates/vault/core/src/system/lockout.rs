//! Callers that are locked out after failed logins, and when that happens on a mount.

use std::sync::Arc;

use arca_api::Field;
use arca_api::sys::lockout as api;
use arca_base::json::Object;
use arca_base::{Json, Ttl, json_object};

use super::System;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::login::{LockoutRules, Lockouts};
use crate::router::{Class, Mount};

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ListLocked, _, _>(list)
        .reads_only()
        .on::<api::Unlock, _, _>(unlock)
}

async fn list(_: Arc<System>, cx: Cx, request: api::Locked) -> Result<Answer, Fault> {
    let namespace = &cx.active()?.namespace;
    let mut locked = cx.active()?.lockouts.locked(cx.now);
    let wanted = &*request.mount_accessor;
    if !wanted.is_empty() {
        locked.retain(|accessor, _| accessor == wanted);
    }
    let total: usize = locked.values().map(Vec::len).sum();
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    let mounts: Vec<Json> = locked
        .into_iter()
        .map(|(accessor, names)| {
            json_object! {
                "mount_accessor" => accessor,
                "counts" => u64::try_from(names.len()).unwrap_or(u64::MAX),
                "alias_identifiers" => names,
            }
        })
        .collect();
    let here = json_object! {
        "namespace_id" => namespace.id.as_str(),
        "namespace_path" => &*namespace.path,
        "counts" => total,
        "mount_accessors" => mounts,
    };
    let namespaces = if total == 0 { Vec::new() } else { vec![here] };
    Ok(Answer::data(
        &json_object! { "by_namespace" => namespaces, "total" => total },
    ))
}

async fn unlock(_: Arc<System>, cx: Cx, request: api::LockedUser) -> Result<Answer, Fault> {
    let active = cx.active()?;
    if active
        .router
        .by_accessor(&request.mount_accessor)
        .await?
        .is_none()
    {
        return Err(Fault::invalid(format!(
            "no auth method has the accessor {:?}",
            request.mount_accessor
        )));
    }
    active
        .lockouts
        .unlock(&request.mount_accessor, &request.alias_identifier);
    Ok(Answer::empty())
}

/// Rules of a mount that were given; `None` leaves what is there.
#[derive(Default)]
pub(super) struct GivenRules {
    threshold: Option<u32>,
    duration: Option<Ttl>,
    counter_reset: Option<Ttl>,
    disabled: Option<bool>,
}

impl GivenRules {
    /// Reads a `user_lockout_config` object.
    pub(super) fn read(given: Option<&Json>) -> Result<Option<Self>, Fault> {
        let members = match given {
            None | Some(Json::Null) => return Ok(None),
            Some(Json::Object(members)) => members,
            Some(other) => {
                return Err(Fault::invalid(format!(
                    "user_lockout_config must be an object, not {}",
                    other.kind()
                )));
            }
        };
        let threshold: Option<i64> = member(members, "lockout_threshold")?;
        let threshold = threshold.map(|threshold| match u32::try_from(threshold) {
            Ok(threshold) if threshold > 0 => Ok(threshold),
            _ => Err(Fault::invalid(format!(
                "user_lockout_config.lockout_threshold must be at least 1, not {threshold}"
            ))),
        });
        Ok(Some(Self {
            threshold: threshold.transpose()?,
            duration: member(members, "lockout_duration")?,
            counter_reset: member(members, "lockout_counter_reset_duration")?,
            disabled: member(members, "lockout_disable")?,
        }))
    }

    /// Puts them into a mount.
    pub(super) fn apply(self, mount: &mut Mount) -> Result<(), Fault> {
        if mount.class != Class::Auth || !LockoutRules::apply_to(&mount.kind) {
            return Err(Fault::invalid(format!(
                "tuning of user lockout configuration for auth type {:?} not allowed",
                mount.kind
            )));
        }
        let rules = &mut mount.config.user_lockout;
        rules.threshold = self.threshold.or(rules.threshold);
        rules.duration = self.duration.or(rules.duration);
        rules.counter_reset = self.counter_reset.or(rules.counter_reset);
        rules.disabled = self.disabled.unwrap_or(rules.disabled);
        Ok(())
    }
}

fn member<F: Field>(members: &Object, name: &str) -> Result<F, Fault> {
    match members.get(name) {
        None | Some(Json::Null) => Ok(F::default()),
        Some(value) => {
            F::decode(value).map_err(|reason| Fault::invalid(format!("user_lockout_config.{name}: {reason}")))
        }
    }
}

/// Adds the rules that hold on a mount to what it shows, if it has any of its own.
pub(super) fn describe_in(mount: &Mount, lockouts: &Lockouts, members: &mut Object) {
    if mount.config.user_lockout == LockoutRules::default() {
        return;
    }
    let rules = lockouts.rules(mount);
    let shown: [(&str, Json); 4] = [
        ("user_lockout_threshold", u64::from(rules.threshold()).into()),
        ("user_lockout_duration", rules.duration().seconds().into()),
        (
            "user_lockout_counter_reset_duration",
            rules.counter_reset().seconds().into(),
        ),
        ("user_lockout_disable", rules.disabled.into()),
    ];
    members.extend(shown.map(|(name, value)| (name.to_owned(), value)));
}
