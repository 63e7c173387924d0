//! Trying the statements of a role when it is written. Whatever goes wrong here, the role is written.

use std::time::Duration;

use arca_base::Ttl;
use arca_core::engine::Site;

use super::credential::Holder;
use super::driver::{DriverError, Rehearsal};
use super::role::Role;
use super::username::Facts;
use super::{Databases, config, creds};

/// How long a rehearsal may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What would go wrong with users of this role, and what mends it.
pub(super) async fn warnings(engine: &Databases, site: &Site, name: &str, role: &Role) -> Vec<String> {
    match config::rows(site).get(&role.db_name).await {
        Ok(Some(_)) => {}
        Ok(None) => {
            return vec![format!(
                "no configuration is called {:?} yet; creds/{name} fails until there is one",
                role.db_name
            )];
        }
        Err(_) => return Vec::new(),
    }
    match tokio::time::timeout(PATIENCE, rehearse(engine, site, name, role)).await {
        Ok(warnings) => warnings.unwrap_or_default(),
        Err(_) => vec!["the statements could not be tried: the database did not answer in time".to_owned()],
    }
}

async fn rehearse(engine: &Databases, site: &Site, name: &str, role: &Role) -> Option<Vec<String>> {
    let (config, connection) = engine.connection(site, &role.db_name).await.ok()?;
    let mut warnings = Vec::new();
    if !config.allows(name) {
        warnings.push(format!(
            "{name:?} is not one of allowed_roles of {:?}; creds/{name} fails until it is",
            role.db_name
        ));
    }
    let place = role
        .plan
        .check_place(connection.kind, &role.creation, "creation_statements");
    if let Err(fault) = place {
        warnings.push(format!("creds/{name} fails: {fault}"));
        return Some(warnings);
    }
    if !connection.kind.rehearses {
        return Some(warnings);
    }
    let facts = Facts {
        display_name: "rehearse",
        role_name: name,
    };
    let username = creds::username(&config, &connection, &facts, site).ok()?;
    let expiration = site.now.plus(Ttl::from_hours(1));
    let holder = Holder {
        username: &username,
        facts: &facts,
        expiration,
    };
    let made = match role.plan.make(site, &config.password_policy, &holder).await {
        Ok(made) => made,
        Err(fault) => {
            warnings.push(format!("creds/{name} fails: {fault}"));
            return Some(warnings);
        }
    };
    let rehearsal = Rehearsal {
        username: &username,
        credential: &made.credential,
        expiration,
        creation: &role.creation,
        renewal: &role.renewal,
        revocation: &role.revocation,
    };
    match connection
        .call(site, |driver| async move { driver.rehearse(&rehearsal).await })
        .await
    {
        Ok(findings) => warnings.extend(findings.into_iter().map(|finding| {
            format!(
                "{}: {}; {}",
                finding.phase.field(),
                finding.message,
                finding.remedy
            )
        })),
        Err(DriverError::Statements(reason)) => warnings.push(reason),
        Err(error) => warnings.push(format!("the statements could not be tried: {error}")),
    }
    Some(warnings)
}
