//! Roles: how users are made.

use std::sync::Arc;

use arca_api::database as api;
use arca_base::{Json, Ttl, json_object};
use arca_core::Fault;
use arca_core::barrier::{Change, Rows, Stored};
use arca_core::engine::{Answer, Cx, Site, list_limit};
use serde::{Deserialize, Serialize};

use super::config::statements_of;
use super::driver::CredentialKind;
use super::{Databases, rehearsal, static_role};

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
    credential_type: String,
    credential_config: std::collections::BTreeMap<String, String>,
    pub(super) max_leases: u64,
    pub(super) max_leases_per_entity: u64,
}

impl Stored for Role {
    const VERSION: u8 = 1;
    const NAME: &'static str = "database role";
}

impl Role {
    pub(super) fn credential(&self) -> CredentialKind {
        CredentialKind::named(&self.credential_type).unwrap_or_default()
    }

    /// The policy of its passwords, before that of the configuration.
    pub(super) fn password_policy<'a>(&'a self, of_config: &'a str) -> &'a str {
        policy(&self.credential_config).unwrap_or(of_config)
    }

    fn changed(&self, request: &api::WriteRole) -> Result<Self, Fault> {
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
        if let Some(kind) = &request.credential_type {
            next.credential_type = credential_type(kind)?;
        }
        if let Some(config) = &request.credential_config {
            next.credential_config.clone_from(&config.0);
        }
        check_credential_config(next.credential(), &next.credential_config)?;
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
            "credential_type" => self.credential().as_str(),
            "credential_config" => shown_config(&self.credential_config),
            "max_leases" => self.max_leases,
            "max_leases_per_entity" => self.max_leases_per_entity,
        }
    }
}

/// The name of a kind of credential, as given.
pub(super) fn credential_type(given: &str) -> Result<String, Fault> {
    CredentialKind::named(given)
        .map(|kind| kind.as_str().to_owned())
        .ok_or_else(|| Fault::invalid(format!("invalid credential_type {given:?}")))
}

pub(super) fn check_credential_config(
    kind: CredentialKind,
    config: &std::collections::BTreeMap<String, String>,
) -> Result<(), Fault> {
    let known: &[&str] = match kind {
        CredentialKind::Password => &["password_policy"],
        CredentialKind::RsaPrivateKey => &["key_bits", "format"],
        CredentialKind::ClientCertificate => &[
            "common_name_template",
            "ca_cert",
            "ca_private_key",
            "key_type",
            "key_bits",
            "signature_bits",
        ],
    };
    match config.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(Fault::invalid(format!(
            "credential_config validation failed: {unknown:?} is not a setting of credential_type {:?}; known: {}",
            kind.as_str(),
            known.join(", ")
        ))),
    }
}

/// The settings of a credential without keys.
pub(super) fn shown_config(config: &std::collections::BTreeMap<String, String>) -> Json {
    config
        .iter()
        .filter(|(name, _)| *name != "ca_private_key")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

pub(super) fn policy(config: &std::collections::BTreeMap<String, String>) -> Option<&str> {
    config
        .get("password_policy")
        .map(String::as_str)
        .filter(|policy| !policy.is_empty())
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

pub(super) async fn list(_: Arc<Databases>, cx: Cx, request: api::Names) -> Result<Answer, Fault> {
    let page = rows(cx.site()?)
        .list("", &request.after, list_limit(request.limit)?)
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
    if static_role::rows(site).get(&request.name).await?.is_some() {
        return Err(Fault::invalid("Role and Static Role names must be unique"));
    }
    let role = rows(site)
        .update(&request.name, |found| {
            let role = found.cloned().unwrap_or_default().changed(&request)?;
            Ok::<_, Fault>((Change::Put(role.clone()), role))
        })
        .await?;
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
        assert_eq!(role.password_policy("other"), "strong");
        assert!(Role::decode(2, stored).is_err());
    }

    #[test]
    fn wrong_values_are_named() {
        let refused = |request: api::WriteRole| {
            let role = Role {
                db_name: "pg".into(),
                ..Role::default()
            };
            role.changed(&request).unwrap_err().text().to_owned()
        };
        let request = api::WriteRole::default;
        assert_eq!(
            Role::default().changed(&request()).unwrap_err().text(),
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
