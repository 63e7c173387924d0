//! The leases of one mount, as its engine may see them.

use std::sync::Arc;

use super::Lease;
use crate::barrier::Rows;
use crate::fault::Fault;

const PAGE: usize = 500;

/// A window on the leases of one mount and no other.
#[derive(Clone)]
pub struct LeaseWindow {
    rows: Rows<Lease>,
    mount_path: Arc<str>,
    mount_uuid: Arc<str>,
}

impl LeaseWindow {
    pub(crate) fn new(rows: Rows<Lease>, mount_path: &str, mount_uuid: &str) -> Self {
        Self {
            rows,
            mount_path: mount_path.into(),
            mount_uuid: mount_uuid.into(),
        }
    }

    /// How many leases there are below `folder`, which is relative to the mount; counts up to `most`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn count(&self, folder: &str, most: usize) -> Result<usize, Fault> {
        let prefix = format!("{}{folder}", self.mount_path);
        Ok(self.rows.view().scan(&prefix, "", most).await?.names.len())
    }

    /// Shows every lease below `folder` to `each`, until that returns false.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn each(&self, folder: &str, mut each: impl FnMut(&Lease) -> bool + Send) -> Result<(), Fault> {
        let prefix = format!("{}{folder}", self.mount_path);
        let mut after = String::new();
        loop {
            let page = self.rows.view().scan(&prefix, &after, PAGE).await?;
            for name in &page.names {
                let Some(row) = self.rows.get(&format!("{prefix}{name}")).await? else {
                    continue;
                };
                if *row.value.mount_uuid == *self.mount_uuid && !each(&row.value) {
                    return Ok(());
                }
            }
            match page.names.into_iter().next_back() {
                Some(last) if page.more => after = last,
                _ => return Ok(()),
            }
        }
    }
}
