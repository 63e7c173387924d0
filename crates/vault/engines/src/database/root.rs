//! Changing the password that a configuration logs in with.

use std::sync::Arc;

use arca_api::database as api;
use arca_base::{Json, Secret, Timestamp};
use arca_core::Fault;
use arca_core::barrier::Writes;
use arca_core::engine::{Answer, Cx, Site};
use arca_core::events::Told;

use super::Databases;
use super::config::{self, Config};
use super::connection::{failed, open};
use super::driver::{Credential, CredentialKind, DriverError};
use super::rotation::Pending;

const MAX_ATTEMPTS: usize = 16;

pub(super) async fn rotate(engine: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    change(&engine, cx.site()?, &request.name).await?;
    Ok(Answer::empty())
}

/// Gives the user of a configuration another password, and keeps it.
pub(super) async fn change(engine: &Databases, site: &Site, name: &str) -> Result<(), Fault> {
    let _turn = engine.rotating.hold(format!("root/{name}")).await;
    change_in_turn(engine, site, name).await
}

async fn change_in_turn(engine: &Databases, site: &Site, name: &str) -> Result<(), Fault> {
    let (config, connection) = engine.connection(site, name).await?;
    let username = config.username().to_owned();
    if username.is_empty() {
        return Err(Fault::failed(
            "unable to rotate root credentials: no username in configuration",
        ));
    }
    if password(&config).is_empty() {
        return Err(Fault::failed(
            "unable to rotate root credentials: no password in configuration",
        ));
    }
    let rows = Pending::of_roots(site);
    let resumed = rows.get(name).await?.is_some();
    let new = site.passwords.generate(&config.password_policy);
    let pending = Pending::begin(&rows, site, name, &username, CredentialKind::Password, new).await?;
    let credential = Credential::Password(Secret::new(pending.value.password.clone()));
    let statements = &config.root_rotation_statements;
    let mut driver = connection.alone().await;
    let changed = connection
        .call_on(&driver, site, |driver| async move {
            driver.set_credential(&username, &credential, statements).await
        })
        .await;
    if let Err(error) = changed {
        // A statement that is refused may follow one that was not, and an earlier attempt may have come further: the
        // new password is forgotten only where the one before it is seen to count.
        let refused = matches!(error, DriverError::Statement { .. } | DriverError::Statements(_));
        if refused && !resumed && lets_in(site, &config, None).await == Some(true) {
            rows.delete(name).await?;
        }
        return Err(Fault::failed(format!("failed to update user: {error}")));
    }
    keep(site, name, &pending.value.password).await?;
    let row = config::find(site, name).await?;
    let (_, next) = open(site, &row.value.plugin_name, &row.value.details)
        .await
        .map_err(failed)?;
    connection.replace(&mut driver, next, row.revision).await;
    Ok(())
}

fn password(config: &Config) -> &str {
    config
        .details
        .get("password")
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// Stores the new password and forgets that it was pending, in one commit.
async fn keep(site: &Site, name: &str, new: &str) -> Result<(), Fault> {
    let (configs, pending) = (config::rows(site), Pending::of_roots(site));
    for _ in 0..MAX_ATTEMPTS {
        let found = configs.get(name).await?;
        let mut writes = Writes::new();
        pending.delete_in(&mut writes, name);
        if let Some(row) = &found {
            let mut config = (*row.value).clone();
            config.details.insert("password".to_owned(), new.into());
            config.last_rotation = Some(site.now);
            configs.put_in(&mut writes, name, &config)?;
            let told = Told::of("database/root-rotate", format!("config/{name}"))
                .by(format!("rotate-root/{name}"))
                .with("name", name);
            site.tell(&mut writes, &told);
        }
        configs.expect_in(&mut writes, name, found.as_ref());
        match site.view.commit(writes).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::unavailable("the configuration keeps changing; try again"))
}

/// Finds out which password counts where a change was interrupted, and ends the change.
pub(super) async fn recover(engine: &Databases, site: &Site) -> Result<(), Fault> {
    for (name, pending) in Pending::of_roots(site).all().await? {
        if !pending.is_stale(site.now) {
            continue;
        }
        let _turn = engine.rotating.hold(format!("root/{name}")).await;
        if let Err(fault) = recover_one(engine, site, &name).await {
            tracing::warn!(config = %name, %fault, "an interrupted change of the root password is ended later");
        }
    }
    Ok(())
}

/// The turn of the configuration is held.
async fn recover_one(engine: &Databases, site: &Site, name: &str) -> Result<(), Fault> {
    let rows = Pending::of_roots(site);
    // Somebody else may have ended it meanwhile.
    let Some(pending) = rows.get(name).await?.filter(|row| row.value.is_stale(site.now)) else {
        return Ok(());
    };
    let row = config::rows(site).get(name).await?;
    let Some(row) = row.filter(|row| row.value.username() == pending.value.username) else {
        rows.delete(name).await?;
        return Ok(());
    };
    let new = &pending.value.password;
    if password(&row.value) == new {
        rows.delete(name).await?;
    } else if lets_in(site, &row.value, Some(new)).await == Some(true) {
        keep(site, name, new).await?;
        engine.connections.forget(name);
        tracing::info!(config = %name, "an interrupted change of the root password was completed");
    } else if lets_in(site, &row.value, None).await == Some(true) {
        // The server may still be about to obey, for instance when it waited for a lock: so the new password is
        // kept, and set again.
        rows.put(name, &pending.value.seen(site.now)).await?;
        change_in_turn(engine, site, name).await?;
    }
    Ok(())
}

/// Whether the database lets the configured user in; nothing when it cannot be asked.
async fn lets_in(site: &Site, config: &Config, other_password: Option<&str>) -> Option<bool> {
    let mut details = config.details.clone();
    if let Some(other) = other_password {
        details.insert("password".to_owned(), other.into());
    }
    let (_, driver) = open(site, &config.plugin_name, &details).await.ok()?;
    let verified = driver.verify().await;
    driver.close().await;
    match verified {
        Ok(()) => Some(true),
        Err(DriverError::Refused(_)) => Some(false),
        Err(_) => None,
    }
}

/// When the password of a configuration is to be changed next.
pub(super) fn due(config: &Config, now: Timestamp) -> Option<Timestamp> {
    if config.disable_automated_rotation || !config.schedule.is_set() {
        return None;
    }
    config.schedule.due(config.last_rotation?, now)
}
