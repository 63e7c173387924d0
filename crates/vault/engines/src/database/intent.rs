//! Users that are being made: written down before, gone with the commit that stores the lease.

use arca_base::{Timestamp, id};
use arca_core::Fault;
use arca_core::barrier::{Change, Rows, Stored};
use arca_core::engine::{Intent, Site};
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::driver::DriverError;
use super::{Databases, lease};

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
}

impl Stored for Making {
    const VERSION: u8 = 1;
    const NAME: &'static str = "database user that is being made";
}

pub(super) fn rows(site: &Site) -> Rows<Making> {
    Rows::new(site.view.folder(FOLDER))
}

/// Writes down that a user will be made.
pub(super) async fn note(
    site: &Site,
    db_name: &str,
    username: &str,
    revocation: &[String],
) -> Result<Intent, Fault> {
    let name = id::base62(&*site.entropy, 24);
    let making = Making {
        created: Some(site.now),
        db_name: db_name.to_owned(),
        username: username.to_owned(),
        revocation: revocation.to_vec(),
        undoing: false,
    };
    let revision = rows(site).put(&name, &making).await?;
    Ok(Intent {
        key: format!("{FOLDER}{name}"),
        revision,
    })
}

/// Drops a user whose making failed, unless the database is out of reach: then the regular work does.
pub(super) async fn undo(
    site: &Site,
    connection: &Connection,
    intent: &Intent,
    username: &str,
    revocation: &[String],
    cause: &DriverError,
) {
    // A driver leaves nothing behind when a statement fails; it cannot know when it hears nothing.
    let known = matches!(
        cause,
        DriverError::Statement { .. } | DriverError::Statements(_) | DriverError::Busy(_)
    );
    let undone = known
        || (!cause.is_out_of_reach()
            && lease::drop_user(site, connection, username, revocation)
                .await
                .is_ok());
    if undone && let Err(error) = site.view.delete(&intent.key).await {
        tracing::warn!(%error, "a note of a user that was not made is removed later");
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
        rows(site).delete(name).await?;
        return Ok(());
    }
    let (_, connection) = engine.connection(site, &making.db_name).await?;
    lease::drop_user(site, &connection, &making.username, &making.revocation)
        .await
        .map_err(super::connection::failed)?;
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
