//! Changing the credential of a static role: what comes before, the change, and what comes after.
//!
//! Every step may happen again after an interruption: what comes before is run whenever a change is begun or taken up
//! again, the same password is set until it is stored, and what comes after is run until it has worked once.

use std::sync::Arc;

use arca_api::database as api;
use arca_base::Secret;
use arca_core::Fault;
use arca_core::barrier::{Change, Row, Writes};
use arca_core::engine::{Answer, Cx, Site};
use arca_core::events::Told;

use super::Databases;
use super::connection::failed;
use super::credential::credential_of;
use super::driver::DriverError;
use super::rotation::Pending;
use super::static_role::{StaticRole, rows};

const MAX_ATTEMPTS: usize = 16;

pub(super) async fn rotate(engine: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let changed = change(&engine, cx.site()?, &request.name).await.map_err(|fault| {
        Fault::failed(format!(
            "unable to finish rotating credentials; retries will continue in the background but it is also safe to retry manually: {fault}"
        ))
    })?;
    match changed {
        Changed::Done(warning) => Ok(Answer::empty().warn_all(warning)),
        Changed::NoRole => Err(Fault::invalid("no static role found for role name")),
    }
}

/// What became of a change.
pub(super) enum Changed {
    /// The new credential counts; the warning is about what comes after.
    Done(Option<String>),
    /// A role that is gone has nothing to change.
    NoRole,
}

/// Changes the password at once; the role is there when that has worked. Returns a warning about what comes after.
pub(super) async fn create(
    engine: &Databases,
    site: &Site,
    name: &str,
    role: &StaticRole,
) -> Result<Option<String>, Fault> {
    let pending = match set(engine, site, name, role).await {
        Ok(pending) => pending,
        Err(fault) => {
            Pending::of_roles(site).delete(name).await?;
            return Err(fault);
        }
    };
    let mut writes = Writes::new();
    rows(site).expect_in(&mut writes, name, None);
    rows(site).put_in(&mut writes, name, &with(role, &pending, site))?;
    Pending::of_roles(site).delete_in(&mut writes, name);
    site.view.commit(writes).await?;
    Ok(after(engine, site, name).await.err().map(warning))
}

/// Changes the credential of a role that is there.
pub(super) async fn change(engine: &Databases, site: &Site, name: &str) -> Result<Changed, Fault> {
    let _turn = engine.rotating.hold(format!("role/{name}")).await;
    let Some(row) = rows(site).get(name).await? else {
        return Ok(Changed::NoRole);
    };
    let pending = set(engine, site, name, &row.value).await?;
    for _ in 0..MAX_ATTEMPTS {
        let found = rows(site).get(name).await?;
        let mut writes = Writes::new();
        Pending::of_roles(site).delete_in(&mut writes, name);
        if let Some(row) = &found {
            rows(site).put_in(&mut writes, name, &with(&row.value, &pending, site))?;
            let told = Told::of("database/rotate", format!("static-creds/{name}"))
                .by(format!("rotate-role/{name}"))
                .with("name", name);
            site.tell(&mut writes, &told);
        }
        rows(site).expect_in(&mut writes, name, found.as_ref());
        match site.view.commit(writes).await {
            Ok(_) => return Ok(Changed::Done(after(engine, site, name).await.err().map(warning))),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::unavailable("the static role keeps changing; try again"))
}

/// Runs again what comes after a change and did not work.
pub(super) async fn finish(engine: &Databases, site: &Site, name: &str) -> Result<(), Fault> {
    let _turn = engine.rotating.hold(format!("role/{name}")).await;
    after(engine, site, name).await
}

fn with(role: &StaticRole, pending: &Row<Pending>, site: &Site) -> StaticRole {
    StaticRole {
        password: pending.value.password.clone(),
        last_rotation: Some(site.now),
        after_due: !role.after.is_empty(),
        ..role.clone()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "stands in map")]
fn warning(fault: Fault) -> String {
    format!("the credential was changed, but post_rotation_statements failed and are run again soon: {fault}")
}

/// Writes a password down, runs what comes before, and gives it to the user.
async fn set(engine: &Databases, site: &Site, name: &str, role: &StaticRole) -> Result<Row<Pending>, Fault> {
    let (config, connection) = engine.connection(site, &role.db_name).await?;
    let rows = Pending::of_roles(site);
    let resumed = rows.get(name).await?.is_some();
    let secret = role.plan.secret(site, &config.password_policy);
    let begun = Pending::begin(&rows, site, name, &role.username, role.plan.kind(), secret);
    let pending = begun.await?;
    let secret = Secret::new(pending.value.password.clone());
    let credential = &credential_of(role.plan.kind(), &secret)?;
    let before = |driver: Arc<dyn super::driver::Database>| async move {
        driver
            .run_statements(&role.username, credential, &role.before)
            .await
    };
    if !role.before.is_empty()
        && let Err(error) = connection.call(site, before).await
    {
        // Nothing was set yet: the change is off, unless an earlier attempt may have come further.
        let refused = matches!(error, DriverError::Statement { .. } | DriverError::Statements(_));
        if refused && !resumed {
            rows.delete(name).await?;
        }
        return Err(Fault::failed(format!("pre_rotation_statements: {error}")));
    }
    connection
        .call(site, |driver| async move {
            driver
                .set_credential(&role.username, credential, &role.rotation)
                .await
        })
        .await
        .map_err(failed)?;
    Ok(pending)
}

/// Runs what comes after a change, where it was not run yet. The turn of the role is held.
async fn after(engine: &Databases, site: &Site, name: &str) -> Result<(), Fault> {
    let Some(row) = rows(site).get(name).await?.filter(|row| row.value.after_due) else {
        return Ok(());
    };
    let role = &row.value;
    let (_, connection) = engine.connection(site, &role.db_name).await?;
    let credential = &credential_of(role.plan.kind(), &Secret::new(role.password.clone()))?;
    connection
        .call(site, |driver| async move {
            driver
                .run_statements(&role.username, credential, &role.after)
                .await
        })
        .await
        .map_err(failed)?;
    rows(site)
        .update(name, |found| {
            // Another change has statements of its own to run.
            let same = found.filter(|found| found.password == role.password);
            let done = same.map(|found| StaticRole {
                after_due: false,
                ..found.clone()
            });
            Ok::<_, Fault>((done.map_or(Change::Keep, Change::Put), ()))
        })
        .await?;
    Ok(())
}
