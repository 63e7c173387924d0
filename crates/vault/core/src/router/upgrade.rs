//! Turning an unversioned mount into a versioned one.
//!
//! The mount is marked first, so that no request meets half-converted records; a note of it outlives a crash,
//! and the next unsealing finishes what was begun. Converting is safe to repeat.

use std::sync::Arc;

use arca_base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Class, Mount, Router};
use crate::barrier::{Change, Stored};
use crate::fault::Fault;

/// A mount whose upgrade was begun, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    path: String,
    class: Class,
}

impl Stored for Pending {
    const VERSION: u8 = 1;
    const NAME: &'static str = "pending upgrade";
}

impl Router {
    /// Notes that the upgrade of a mount has begun.
    pub(crate) async fn note_upgrade(&self, mount: &Mount) -> Result<(), Fault> {
        let pending = Pending {
            path: mount.row().to_owned(),
            class: mount.class,
        };
        self.upgrades.put(&mount.uuid, &pending).await?;
        Ok(())
    }

    /// Converts the records of a marked mount and puts it back in service as version 2.
    pub(crate) async fn finish_upgrade(&self, mount: &Mount, now: Timestamp) -> Result<(), Fault> {
        let engine = self.engine(mount)?;
        engine.upgrade(self.site(&Arc::new(mount.clone()), now)).await?;
        self.rows(mount.class)
            .update(mount.row(), |found| {
                let Some(found) = found.filter(|found| found.uuid == mount.uuid) else {
                    return Ok::<_, Fault>((Change::Keep, ()));
                };
                let mut upgraded = found.clone();
                upgraded.upgrading = false;
                let options = upgraded.options.get_or_insert_default();
                options.insert("version".to_owned(), "2".to_owned());
                Ok((Change::Put(upgraded), ()))
            })
            .await?;
        self.drop_engine(mount);
        self.upgrades.delete(&mount.uuid).await?;
        Ok(())
    }

    /// Finishes the upgrades that were interrupted.
    pub(crate) async fn finish_upgrades(&self, now: Timestamp) -> Result<(), Fault> {
        for (uuid, pending) in self.upgrades.all().await? {
            match self.rows(pending.class).get(&pending.path).await? {
                Some(row) if row.value.uuid == uuid && row.value.upgrading => {
                    tracing::info!(mount = %row.value.path, "finishing an interrupted upgrade");
                    self.finish_upgrade(&row.value, now).await?;
                }
                _ => {
                    self.upgrades.delete(&uuid).await?;
                }
            }
        }
        Ok(())
    }
}
