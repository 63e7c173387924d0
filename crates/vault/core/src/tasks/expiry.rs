//! Ends tokens and leases when they are due, in the order of the expiry index.
//!
//! What is due is put into lanes: one for tokens, and one for each target that leases depend on, such as a database.
//! Each lane works for itself, so a target that is slow or gone delays nothing else.

use std::sync::Arc;
use std::time::Duration;

use arca_base::Timestamp;

use super::lanes::Lanes;
use crate::active::Active;
use crate::barrier::Writes;
use crate::fault::Fault;
use crate::layout;
use crate::namespaces::REMOVAL;

/// Entries read at a time.
const PAGE: usize = 512;
/// How long an entry made meanwhile may wait at most.
const STEP: Duration = Duration::from_secs(1);
/// How far before the last complete pass the next one begins, for entries made late and for clocks that
/// differ; a full pass is made at start and once an hour.
const LOOK_BACK_SECONDS: i64 = 300;
const FULL_PASS_SECONDS: i64 = 3600;

pub(super) async fn run(active: Arc<Active>) {
    let mut passes = Passes::default();
    let lanes = Arc::new(Lanes::default());
    loop {
        if active.is_expiring() {
            let now = active.clock.now();
            let start = passes.start(now);
            match pass(&active, &lanes, now, start).await {
                Ok(Fit::All) => passes.completed(now, start),
                Ok(Fit::NotAll) => {}
                Err(fault) => tracing::warn!(%fault, "the expiry index cannot be read; trying again"),
            }
        }
        tokio::select! {
            () = active.clock.sleep(STEP) => {}
            () = lanes.room() => {}
        }
    }
}

/// When the index was last read to the present.
#[derive(Default)]
struct Passes {
    last: Option<i64>,
    last_full: Option<i64>,
}

impl Passes {
    /// Where in the index the next pass begins; nothing for its very beginning. Beginning late keeps a pass
    /// from reading over everything that was removed since the store was last tidied.
    fn start(&self, now: Timestamp) -> Option<Timestamp> {
        let full_is_due = self
            .last_full
            .is_none_or(|last| now.unix_seconds() - last >= FULL_PASS_SECONDS);
        let last = self.last.filter(|_| !full_is_due)?;
        Some(Timestamp::from_unix(last.saturating_sub(LOOK_BACK_SECONDS), 0))
    }

    fn completed(&mut self, now: Timestamp, start: Option<Timestamp>) {
        self.last = Some(now.unix_seconds());
        if start.is_none() {
            self.last_full = self.last;
        }
    }
}

/// Whether everything due had room in its lane.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    All,
    NotAll,
}

/// Puts everything due at `now` into its lane.
async fn pass(
    active: &Arc<Active>,
    lanes: &Arc<Lanes>,
    now: Timestamp,
    start: Option<Timestamp>,
) -> Result<Fit, Fault> {
    let mut after = start.map(layout::expiry_time).unwrap_or_default();
    let mut fit = Fit::All;
    loop {
        let page = active.barrier.scan(layout::EXPIRY, &after, PAGE).await?;
        let count = page.names.len();
        let due: Vec<String> = page
            .names
            .into_iter()
            .take_while(|entry| is_due(entry, now))
            .collect();
        let complete = due.len() == count && page.more;
        let last = due.last().cloned();
        for entry in due {
            if lanes.holds(&entry) {
                continue;
            }
            let lane = lane(active, &entry).await?;
            if !lanes.add(active, &lane, entry) {
                fit = Fit::NotAll;
            }
        }
        match last {
            Some(last) if complete => after = last,
            _ => return Ok(fit),
        }
    }
}

fn is_due(entry: &str, now: Timestamp) -> bool {
    // What cannot be read is due: it is removed.
    layout::parse_expiry(entry).is_none_or(|(time, ..)| time <= now.unix_seconds())
}

/// The lane of an entry: everything in it waits for the same thing.
async fn lane(active: &Arc<Active>, entry: &str) -> Result<String, Fault> {
    let Some((_, namespace, what)) = layout::parse_expiry(entry) else {
        return Ok(String::new());
    };
    if what == REMOVAL {
        return Ok(REMOVAL.to_owned());
    }
    let Some(id) = what.strip_prefix("lease/") else {
        return Ok(String::new());
    };
    let Some(of) = namespace_of(active, namespace).await? else {
        return Ok(String::new());
    };
    Ok(of.leases.find(id).await?.map_or_else(String::new, |lease| {
        format!("{}/{}", lease.mount_uuid, lease.target)
    }))
}

/// The namespace of an entry; `None` when it is gone.
async fn namespace_of(active: &Arc<Active>, id: &str) -> Result<Option<Arc<Active>>, Fault> {
    if id == active.namespace.id.as_str() {
        return Ok(Some(active.clone()));
    }
    active.namespaces()?.by_id(id).await
}

/// An entry without the hash of its token.
pub(super) fn redacted(entry: &str) -> &str {
    layout::parse_expiry(entry).map_or("", |(_, _, what)| match what.starts_with("token/") {
        true => "token",
        false => what,
    })
}

/// Ends what an entry stands for, if it is still due at that time.
pub(super) async fn end(root: &Arc<Active>, entry: &str, now: Timestamp) -> Result<(), Fault> {
    let Some((time, namespace, what)) = layout::parse_expiry(entry) else {
        return forget(root, entry).await;
    };
    let Some(active) = &namespace_of(root, namespace).await? else {
        return forget(root, entry).await;
    };
    if what == REMOVAL {
        let going = active.namespaces()?.go_on_deleting(namespace, time, now).await?;
        return if going {
            Ok(())
        } else {
            forget(active, entry).await
        };
    }
    if let Some(hash) = what.strip_prefix("token/") {
        match active.tokens.by_hash(hash).await? {
            Some(token) if token.expires.is_some_and(|at| at.unix_seconds() == time) => {
                active.tokens.revoke(hash, &active.leases, now).await
            }
            _ => forget(active, entry).await,
        }
    } else if let Some(id) = what.strip_prefix("lease/") {
        match active.leases.find(id).await? {
            Some(lease) if lease.due.is_some_and(|at| at.unix_seconds() == time) => {
                for remark in active.leases.revoke(id, now).await? {
                    tracing::warn!(lease = %id, remark, "a lease ended with a remark");
                }
                Ok(())
            }
            _ => forget(active, entry).await,
        }
    } else {
        forget(active, entry).await
    }
}

/// Removes an entry that nothing belongs to any more.
async fn forget(active: &Active, entry: &str) -> Result<(), Fault> {
    let mut writes = Writes::new();
    writes.delete(format!("{}{entry}", layout::EXPIRY));
    active.barrier.commit(writes).await?;
    Ok(())
}
