//! Roles: how users are made.

use std::sync::Arc;

use arca_api::database as api;
use arca_base::{Entropy, Json, Timestamp, Ttl, json_object};
use arca_core::Fault;
use arca_core::barrier::{Change, Rows, Stored};
use arca_core::engine::{Answer, Cx, Site, list_limit};
use serde::{Deserialize, Serialize};

use super::config::statements_of;
use super::credential::Plan;
use super::{Databases, quota, rehearsal, static_role};

/// A role, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) db_name: String,
    pub(super) creation: Vec<String>,
    pub(super) revocation: Vec<String>,
    pub(super) rollback: Vec<String>,
    pub(super) renewal: Vec<String>,
    pub(super) default_ttl: Ttl,
    pub(super) max_ttl: Ttl,
    #[serde(flatten)]
    pub(super) plan: Plan,
    pub(super) max_leases: u64,
    pub(super) max_leases_per_entity: u64,
}

impl Stored for Role {
    const VERSION: u8 = 1;
    const NAME: &'static str = "database role";
}

impl Role {
    /// Whether it says how many leases there may be.
    pub(super) const fn limits_leases(&self) -> bool {
        self.max_leases > 0 || self.max_leases_per_entity > 0
    }

    fn changed(
        &self,
        request: &api::WriteRole,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let mut next = self.clone();
        if let Some(db_name) = &request.db_name {
            next.db_name.clone_from(db_name);
        }
        if next.db_name.is_empty() {
            return Err(Fault::invalid("database name is required"));
        }
        for (name, given, field) in [
            (
                "creation_statements",
                &request.creation_statements,
                &mut next.creation,
            ),
            (
                "revocation_statements",
                &request.revocation_statements,
                &mut next.revocation,
            ),
            (
                "rollback_statements",
                &request.rollback_statements,
                &mut next.rollback,
            ),
            ("renew_statements", &request.renew_statements, &mut next.renewal),
        ] {
            if let Some(given) = statements_of(name, given.as_ref())? {
                *field = given;
            }
        }
        next.default_ttl = request.default_ttl.unwrap_or(next.default_ttl);
        next.max_ttl = request.max_ttl.unwrap_or(next.max_ttl);
        if !next.max_ttl.is_zero() && next.default_ttl > next.max_ttl {
            return Err(Fault::invalid("default_ttl must not be more than max_ttl"));
        }
        let config = request.credential_config.as_ref().map(|config| &config.0);
        next.plan = self
            .plan
            .changed(request.credential_type.as_deref(), config, entropy, now)?;
        next.max_leases = quota("max_leases", request.max_leases, next.max_leases)?;
        next.max_leases_per_entity = quota(
            "max_leases_per_entity",
            request.max_leases_per_entity,
            next.max_leases_per_entity,
        )?;
        Ok(next)
    }

    fn shown(&self) -> Json {
        json_object! {
            "db_name" => self.db_name.as_str(),
            "creation_statements" => self.creation.clone(),
            "revocation_statements" => self.revocation.clone(),
            "rollback_statements" => self.rollback.clone(),
            "renew_statements" => self.renewal.clone(),
            "default_ttl" => self.default_ttl.seconds(),
            "max_ttl" => self.max_ttl.seconds(),
            "credential_type" => self.plan.kind().as_str(),
            "credential_config" => self.plan.shown(),
            "max_leases" => self.max_leases,
            "max_leases_per_entity" => self.max_leases_per_entity,
        }
    }
}

fn quota(name: &str, given: Option<i64>, current: u64) -> Result<u64, Fault> {
    const MOST: u64 = 1_000_000;
    match given {
        None => Ok(current),
        Some(given) => u64::try_from(given)
            .ok()
            .filter(|given| *given <= MOST)
            .ok_or_else(|| Fault::invalid(format!("{name} must be from 0 (any number) to {MOST}"))),
    }
}

pub(super) fn rows(site: &Site) -> Rows<Role> {
    Rows::new(site.view.folder("role/"))
}

/// Refuses names of roles with segments that are none: `team/app` is one, `team//app` is not.
pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    const MOST: usize = 256;
    if name.len() <= MOST && name.split('/').all(arca_api::pattern::is_name) {
        return Ok(());
    }
    Err(Fault::invalid(format!(
        "the name of a role has at most {MOST} bytes: letters, digits and _, within them also - . and @, in segments parted by /"
    )))
}

pub(super) async fn list(_: Arc<Databases>, cx: Cx, request: api::Names) -> Result<Answer, Fault> {
    let page = rows(cx.site()?)
        .list(&request.folder, &request.after, list_limit(request.limit)?)
        .await?;
    Ok(Answer::names(page.names))
}

pub(super) async fn exists(_: Arc<Databases>, cx: Cx, request: api::Name) -> Result<bool, Fault> {
    Ok(rows(cx.site()?).get(&request.name).await?.is_some())
}

pub(super) async fn read(_: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let row = rows(cx.site()?)
        .get(&request.name)
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(&row.value.shown()))
}

pub(super) async fn write(engine: Arc<Databases>, cx: Cx, request: api::WriteRole) -> Result<Answer, Fault> {
    let site = cx.site()?;
    check_name(&request.name)?;
    if static_role::rows(site).get(&request.name).await?.is_some() {
        return Err(Fault::invalid("Role and Static Role names must be unique"));
    }
    let (role, begins_to_limit) = rows(site)
        .update(&request.name, |found| {
            let former = found.cloned().unwrap_or_default();
            let role = former.changed(&request, &*site.entropy, site.now)?;
            let begins = role.limits_leases() && !former.limits_leases();
            Ok::<_, Fault>((Change::Put(role.clone()), (role, begins)))
        })
        .await?;
    if begins_to_limit {
        // Leases of before were not counted.
        quota::forget(site, &request.name).await?;
    }
    let warnings = rehearsal::warnings(&engine, site, &request.name, &role).await;
    Ok(Answer::empty().warn_all(warnings))
}

pub(super) async fn delete(_: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    rows(cx.site()?).delete(&request.name).await?;
    Ok(Answer::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_form_is_read() {
        let stored = br#"{"db_name":"pg","creation":["CREATE"],"revocation":[],"rollback":[],"renewal":[],"default_ttl":3600,"max_ttl":86400,"credential_type":"password","credential_config":{"password_policy":"strong"},"max_leases":5,"max_leases_per_entity":1}"#;
        let role = Role::decode(1, stored).unwrap();
        assert_eq!((role.db_name.as_str(), role.max_leases), ("pg", 5));
        assert_eq!(role.plan.password_policy("other"), "strong");
        assert!(Role::decode(2, stored).is_err());
    }

    fn changed(role: &Role, request: &api::WriteRole) -> Result<Role, Fault> {
        role.changed(request, &arca_crypto::SystemEntropy, Timestamp::EPOCH)
    }

    #[test]
    fn wrong_values_are_named() {
        let refused = |request: api::WriteRole| {
            let role = Role {
                db_name: "pg".into(),
                ..Role::default()
            };
            changed(&role, &request).unwrap_err().text().to_owned()
        };
        let request = api::WriteRole::default;
        assert_eq!(
            changed(&Role::default(), &request()).unwrap_err().text(),
            "database name is required"
        );
        assert_eq!(
            refused(api::WriteRole {
                credential_type: Some("dna".into()),
                ..request()
            }),
            "invalid credential_type \"dna\""
        );
        assert!(
            refused(api::WriteRole {
                max_leases: Some(-1),
                ..request()
            })
            .contains("max_leases")
        );
    }
}
