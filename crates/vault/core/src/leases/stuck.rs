//! Leases that could not be ended: where they are found, and how they are taken up again.

use std::sync::Arc;

use arca_base::Timestamp;

use super::{Lease, Leases, MAX_ATTEMPTS, move_due};
use crate::barrier::Writes;
use crate::fault::Fault;

const PAGE: usize = 500;

/// Name of the entry of a lease below its mount.
pub(super) fn entry(lease: &Lease) -> String {
    format!("{}/{}", lease.mount_uuid, lease.id)
}

impl Leases {
    /// Leases nobody could end after many attempts.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn irrevocable(&self) -> Result<Vec<Arc<Lease>>, Fault> {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.stuck.view().scan("", &after, PAGE).await?;
            for name in &page.names {
                let id = name.split_once('/').map_or("", |(_, id)| id);
                if let Some(row) = self.rows.get(id).await? {
                    found.extend(Some(row.value).filter(|lease| lease.irrevocable.is_some()));
                }
            }
            match page.names.into_iter().next_back() {
                Some(last) if page.more => after = last,
                _ => return Ok(found),
            }
        }
    }

    /// Makes the leases of a mount that could not be ended due now, with all their attempts before them.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn retry_stuck(&self, mount_uuid: &str, now: Timestamp) -> Result<usize, Fault> {
        let folder = format!("{mount_uuid}/");
        let mut after = String::new();
        let mut count = 0;
        loop {
            let page = self.stuck.view().scan(&folder, &after, PAGE).await?;
            for id in &page.names {
                count += usize::from(self.make_due(id, now).await?);
            }
            match page.names.into_iter().next_back() {
                Some(last) if page.more => after = last,
                _ => return Ok(count),
            }
        }
    }

    async fn make_due(&self, id: &str, now: Timestamp) -> Result<bool, Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let row = self.rows.get(id).await?;
            let Some(found) = row.as_ref().filter(|row| row.value.due > Some(now)) else {
                return Ok(false);
            };
            let due = Lease {
                due: Some(now),
                // Not none: its entry here goes when the lease goes.
                attempts: found.value.attempts.min(1),
                ..(*found.value).clone()
            };
            let mut writes = Writes::new();
            self.rows.expect_in(&mut writes, id, row.as_ref());
            move_due(&self.namespace, &mut writes, &found.value, &due);
            self.rows.put_in(&mut writes, id, &due)?;
            match self.barrier.commit(writes).await {
                Ok(_) => return Ok(true),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}
