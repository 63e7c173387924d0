//! Users that are being made: written down before, gone with the commit that stores the lease.

use std::collections::BTreeSet;

use arca_base::{Timestamp, id};
use arca_core::Fault;
use arca_core::barrier::{Change, Rows, Stored, Writes};
use arca_core::engine::{Intent, Site};
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::driver::DriverError;
use super::lease::Internal;
use super::role::Role;
use super::{Databases, lease, quota};

/// After this long nobody is still making the user; a call to a database takes at most half of it.
const STALE_SECONDS: u64 = 120;
const FOLDER: &str = "intent/";

/// A user that is being made, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Making {
    created: Option<Timestamp>,
    pub(super) db_name: String,
    pub(super) username: String,
    revocation: Vec<String>,
    /// Set before the user is dropped, so that no lease can be stored for it any more.
    undoing: bool,
    role: String,
    /// What it counts by, where its role limits its leases.
    ticket: String,
}

impl Stored for Making {
    const VERSION: u8 = 1;
    const NAME: &'static str = "database user that is being made";
}

pub(super) fn rows(site: &Site) -> Rows<Making> {
    Rows::new(site.view.folder(FOLDER))
}

/// Writes down that a user will be made, and takes a ticket for it where its role limits its leases.
///
/// # Errors
/// 429 where there are as many leases as there may be.
pub(super) async fn note(
    engine: &Databases,
    site: &Site,
    role: &Role,
    internal: &mut Internal,
) -> Result<Intent, Fault> {
    let name = id::base62(&*site.entropy, 24);
    if role.limits_leases() {
        internal.ticket.clone_from(&name);
    }
    let making = Making {
        created: Some(site.now),
        db_name: role.db_name.clone(),
        username: internal.username.clone(),
        revocation: role.revocation.clone(),
        undoing: false,
        role: internal.role.clone(),
        ticket: internal.ticket.clone(),
    };
    let revision = if making.ticket.is_empty() {
        rows(site).put(&name, &making).await?
    } else {
        let applicant = quota::Applicant {
            role: &internal.role,
            entity: &internal.entity,
            ticket: &internal.ticket,
        };
        let note = |writes: &mut Writes| Ok(rows(site).put_in(writes, &name, &making)?);
        quota::take(engine, site, role, &applicant, note).await?
    };
    Ok(Intent {
        key: format!("{FOLDER}{name}"),
        revision,
    })
}

/// The tickets of users of a role that are being made.
pub(super) async fn tickets(site: &Site, role: &str) -> Result<BTreeSet<String>, Fault> {
    let making = rows(site).all().await?.into_iter().map(|(_, making)| making);
    Ok(making
        .filter(|making| making.role == role)
        .map(|making| making.ticket)
        .collect())
}

/// Forgets a user that was not made after all.
pub(super) async fn forget(engine: &Databases, site: &Site, intent: &Intent, internal: &Internal) {
    let forgotten = async {
        quota::give_back(engine, site, &internal.role, &internal.ticket).await?;
        site.view.delete(&intent.key).await?;
        Ok::<_, Fault>(())
    };
    if let Err(fault) = forgotten.await {
        tracing::warn!(%fault, "a note of a user that was not made is removed later");
    }
}

/// Drops a user whose making failed, unless the database is out of reach: then the regular work does.
pub(super) async fn undo(
    engine: &Databases,
    site: &Site,
    connection: &Connection,
    intent: &Intent,
    internal: &Internal,
    cause: &DriverError,
) {
    // A driver leaves nothing behind when a statement fails; it cannot know when it hears nothing.
    let known = matches!(
        cause,
        DriverError::Statement { .. } | DriverError::Statements(_) | DriverError::Busy(_)
    );
    let undone = known
        || (!cause.is_out_of_reach()
            && lease::drop_user(
                site,
                connection,
                &internal.username,
                &internal.revocation_statements,
            )
            .await
            .is_ok());
    if undone {
        forget(engine, site, intent, internal).await;
    }
}

/// Drops the users that were being made when something was interrupted.
pub(super) async fn undo_stale(engine: &Databases, site: &Site) -> Result<(), Fault> {
    for (name, making) in rows(site).all().await? {
        let age = making
            .created
            .map_or(u64::MAX, |created| site.now.since(created).as_secs());
        if age < STALE_SECONDS {
            continue;
        }
        if let Err(fault) = undo_one(engine, site, &name, making).await {
            tracing::warn!(%fault, "a user that was being made is dropped later");
        }
    }
    Ok(())
}

async fn undo_one(engine: &Databases, site: &Site, name: &str, making: Making) -> Result<(), Fault> {
    if !making.undoing {
        let marked = rows(site)
            .update(name, |found| {
                Ok::<_, Fault>(match found {
                    Some(found) => (
                        Change::Put(Making {
                            undoing: true,
                            ..found.clone()
                        }),
                        true,
                    ),
                    None => (Change::Keep, false),
                })
            })
            .await?;
        if !marked {
            return Ok(());
        }
    }
    if is_leased(site, &making).await? {
        // Its making failed because the name was taken: the user of that name belongs to somebody.
        quota::give_back(engine, site, &making.role, &making.ticket).await?;
        rows(site).delete(name).await?;
        return Ok(());
    }
    let (_, connection) = engine.connection(site, &making.db_name).await?;
    lease::drop_user(site, &connection, &making.username, &making.revocation)
        .await
        .map_err(super::connection::failed)?;
    quota::give_back(engine, site, &making.role, &making.ticket).await?;
    rows(site).delete(name).await?;
    tracing::info!(username = %making.username, "a user that was being made when something was interrupted is dropped");
    Ok(())
}

/// Whether a lease stands for a user of this name.
async fn is_leased(site: &Site, making: &Making) -> Result<bool, Fault> {
    let mut found = false;
    site.leases
        .each("creds/", |lease| {
            found = lease::Internal::of(lease).is_some_and(|internal| {
                internal.db_name == making.db_name && internal.username == making.username
            });
            !found
        })
        .await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_form_is_read() {
        let stored = br#"{"created":"2026-01-02T03:04:05Z","db_name":"pg","username":"v-x","revocation":["DROP"],"undoing":true}"#;
        let making = Making::decode(1, stored).unwrap();
        assert_eq!((making.username.as_str(), making.undoing), ("v-x", true));
        assert!(Making::decode(2, stored).is_err());
    }
}
