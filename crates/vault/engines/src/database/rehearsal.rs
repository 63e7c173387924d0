//! Trying the statements of a role when it is written. Whatever goes wrong here, the role is written.

use std::time::Duration;

use arca_base::Ttl;
use arca_core::engine::Site;

use super::credential::{Holder, credential_of};
use super::driver::{DriverError, Finding, Phase, Rehearsal};
use super::role::Role;
use super::static_role::StaticRole;
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

/// What would go wrong when the credential of a static role changes.
pub(super) async fn warnings_of_change(engine: &Databases, site: &Site, role: &StaticRole) -> Vec<String> {
    match tokio::time::timeout(PATIENCE, rehearse_change(engine, site, role)).await {
        Ok(warnings) => warnings.unwrap_or_default(),
        Err(_) => vec!["the statements could not be tried: the database did not answer in time".to_owned()],
    }
}

async fn rehearse_change(engine: &Databases, site: &Site, role: &StaticRole) -> Option<Vec<String>> {
    let (config, connection) = engine.connection(site, &role.db_name).await.ok()?;
    let secret = role.plan.secret(site, &config.password_policy).await.ok()?;
    let credential = &credential_of(role.plan.kind(), &secret).ok()?;
    let lists: [(Phase, &[String]); 3] = [
        (Phase::BeforeChange, &role.before),
        (Phase::Change, &role.rotation),
        (Phase::AfterChange, &role.after),
    ];
    let tried = connection.call(site, |driver| async move {
        driver.rehearse_change(&role.username, credential, &lists).await
    });
    Some(told(tried.await))
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
    let tried = connection
        .call(site, |driver| async move { driver.rehearse(&rehearsal).await })
        .await;
    warnings.extend(told(tried));
    Some(warnings)
}

fn told(tried: Result<Vec<Finding>, DriverError>) -> Vec<String> {
    let text = |finding: Finding| {
        let field = finding.phase.field();
        format!("{field}: {}; {}", finding.message, finding.remedy)
    };
    match tried {
        Ok(findings) => findings.into_iter().map(text).collect(),
        Err(DriverError::Statements(reason)) => vec![reason],
        Err(error) => vec![format!("the statements could not be tried: {error}")],
    }
}
