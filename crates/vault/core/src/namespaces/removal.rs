//! What becomes of a namespace that is being deleted.
//!
//! It was marked in one commit and takes no requests since then. From there on the expiry task comes back to it until
//! nothing is left, on whichever node runs the timers, and whatever interrupts it:
//!
//! 1. all leases are made due, so that they end in their lanes like any others: a database that is gone is waited for;
//! 2. when none is left, and requests that were on their way have had time to end, all tokens are ended;
//! 3. every record is removed, and with the last commit the namespace itself.

use std::sync::Arc;

use arca_base::{Timestamp, Ttl};

use super::{NamespaceRow, Namespaces};
use crate::active::Active;
use crate::barrier::Writes;
use crate::fault::Fault;
use crate::router::Class;

/// What the entry in the expiry index is called.
pub(crate) const WHAT: &str = "namespace";
/// How long requests that came before have to end.
const GRACE: Ttl = Ttl::from_seconds(5);
/// How long until leases that are not ended yet are looked at again, at least and at most.
const SHORTEST: u64 = 5;
const LONGEST: u64 = 300;
const PAGE: usize = 500;
/// How often the last commit is put together again when it lost a race.
const MAX_ATTEMPTS: usize = 16;

/// The entry of a namespace that is being deleted in the expiry index.
pub(super) fn entry(row: &NamespaceRow) -> Result<String, Fault> {
    let due = row.due.or(row.tainted);
    row.expiry(due.ok_or_else(|| Fault::internal("a namespace that is not being deleted"))?)
}

impl Namespaces {
    /// Goes on deleting a namespace; `false` when that is not due at `time`, in Unix seconds, so that the entry which
    /// says so stands for nothing.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails; it is tried again.
    pub(crate) async fn go_on_deleting(
        self: &Arc<Self>,
        id: &str,
        time: i64,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let Some(row) = self.row_by_id(id).await? else {
            return Ok(false);
        };
        let row = &*row.value;
        let due = row.due.filter(|due| due.unix_seconds() == time);
        let (Some(_), Some(tainted)) = (due, row.tainted) else {
            return Ok(false);
        };
        let active = self.opened(row)?;
        active.leases.mark_all(now).await?;
        if active.leases.any().await? {
            let wait = (SHORTEST << row.attempts.min(6)).min(LONGEST);
            self.postpone(row, now.plus(Ttl::from_seconds(wait))).await?;
            return Ok(true);
        }
        let quiet = tainted.plus(GRACE);
        if now < quiet {
            self.postpone(row, quiet).await?;
            return Ok(true);
        }
        active.tokens.revoke_all(&active.leases, now).await?;
        forget_engines(&active).await?;
        active.view().clear().await?;
        self.finish(row).await?;
        tracing::info!(path = %row.path, "namespace deleted");
        Ok(true)
    }

    async fn postpone(&self, row: &NamespaceRow, due: Timestamp) -> Result<(), Fault> {
        let path = row.path.trim_end_matches('/');
        let found = self.at.get(path).await?;
        let Some(same) = found.as_ref().filter(|found| *found.value == *row) else {
            return Ok(());
        };
        let next = NamespaceRow {
            due: Some(due),
            attempts: row.attempts.saturating_add(1),
            ..(*same.value).clone()
        };
        let mut writes = Writes::new();
        self.at.expect_in(&mut writes, path, found.as_ref());
        self.at.put_in(&mut writes, path, &next)?;
        let (old, new) = (entry(row)?, entry(&next)?);
        if old != new {
            writes.delete(old);
            writes.put(new, Vec::new());
        }
        match self.server.barrier.commit(writes).await {
            Err(error) if !error.is_conflict() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The last commit: from then on there is no such namespace, and its name is free.
    async fn finish(&self, row: &NamespaceRow) -> Result<(), Fault> {
        let mut attempt = 0;
        loop {
            let mut writes = Writes::new();
            self.at.delete_in(&mut writes, row.path.trim_end_matches('/'));
            self.by_id.delete_in(&mut writes, &row.id);
            writes.delete(entry(row)?);
            // Limits of it, or of anything in it, would bind whoever has the name next.
            self.server.quotas.drop_below_in(&mut writes, &row.path).await?;
            attempt += 1;
            match self.server.barrier.commit(writes).await {
                Ok(_) => break,
                // A limit was changed meanwhile.
                Err(error) if error.is_conflict() && attempt < MAX_ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(gone) = self.open.write().remove(&*row.id) {
            self.server.barrier.forget_generations(gone.view().prefix());
        }
        Ok(())
    }
}

/// Engines hold connections and caches; those of a namespace go before its records do.
async fn forget_engines(active: &Active) -> Result<(), Fault> {
    for class in [Class::Secret, Class::Auth] {
        let rows = active.router.rows(class);
        loop {
            let page = rows.view().scan("", "", PAGE).await?;
            if page.names.is_empty() {
                break;
            }
            for name in page.names {
                if let Some(row) = rows.get(&name).await? {
                    active.router.drop_engine(&row.value);
                }
                rows.delete(&name).await?;
            }
        }
    }
    Ok(())
}
