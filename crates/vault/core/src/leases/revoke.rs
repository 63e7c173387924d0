//! Ending leases.
//!
//! As with tokens, a revocation begins with a mark that makes the lease due now, so that an interrupted one is
//! taken up again by the expiry task. An engine that cannot end its secret is asked again, later each time;
//! after [`MAX_REVOCATIONS`] attempts the lease is kept as irrevocable, with the reason, and tried once a day and
//! when its engine says that what was out of reach is back.

use std::sync::Arc;
use std::time::Duration;

use arca_base::{NamespaceId, Timestamp, Ttl, entropy};
use futures_util::StreamExt as _;

use super::{BY_ID, Ended, Lease, LeaseLink, Leases, MAX_ATTEMPTS, expiry_key, link, move_due, stuck};
use crate::barrier::{Rows, Writes};
use crate::events::Told;
use crate::fault::{Class, Fault};
use crate::layout;
use crate::namespaces::identifier_of;

/// Attempts after which a lease counts as irrevocable.
pub(super) const MAX_REVOCATIONS: u32 = 6;
/// Longest reason kept with an irrevocable lease, in characters.
const MAX_REASON: usize = 240;
const PAGE: usize = 500;
/// Leases of one request that are ended at the same time.
const TOGETHER: usize = 16;
/// How long an engine may take to end one secret.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the revocation of a token waits for its leases; the expiry task ends the rest.
const TOKEN_PATIENCE: Duration = Duration::from_secs(5);

impl Leases {
    /// Ends a lease now. Does nothing when it does not exist. Returns what its engine has to say.
    ///
    /// # Errors
    /// 400 with the engine's reason when it could not end the secret; the expiry task tries again.
    pub async fn revoke(&self, id: &str, now: Timestamp) -> Result<Vec<String>, Fault> {
        if arca_storage::check_key(id).is_err() {
            return Ok(Vec::new());
        }
        let Some(lease) = self.mark(id, now).await? else {
            return Ok(Vec::new());
        };
        match self.end_secret(&lease, now).await {
            Ok(ended) => {
                self.remove(&lease, now).await?;
                Ok(ended.remarks)
            }
            Err(fault) => {
                self.postpone(&lease, &fault, now).await?;
                Err(Fault::invalid(format!("failed to revoke {id:?}: {fault}")))
            }
        }
    }

    /// Forgets a lease whatever its engine says.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn forget(&self, id: &str, now: Timestamp) -> Result<Vec<String>, Fault> {
        let Some(lease) = self.mark(id, now).await? else {
            return Ok(Vec::new());
        };
        let remarks = match self.end_secret(&lease, now).await {
            Ok(ended) => ended.remarks,
            Err(fault) => {
                tracing::warn!(lease = id, %fault, "lease forgotten although its secret could not be revoked");
                Vec::new()
            }
        };
        self.remove(&lease, now).await?;
        Ok(remarks)
    }

    /// Ends all leases whose identifiers begin with `prefix`, page by page; `force` forgets those that fail.
    /// Returns what engines have to say.
    ///
    /// # Errors
    /// The first failure, after trying all.
    pub async fn revoke_prefix(
        &self,
        prefix: &str,
        force: bool,
        now: Timestamp,
    ) -> Result<Vec<String>, Fault> {
        const MOST_REMARKS: usize = 20;
        let mut after = String::new();
        let mut first_failure = None;
        let mut remarks = Vec::new();
        loop {
            let page = self.rows.view().scan(prefix, &after, PAGE).await?;
            let mut ended = futures_util::stream::iter(page.names.clone())
                .map(|name: String| async move {
                    let id = format!("{prefix}{name}");
                    if force {
                        self.forget(&id, now).await
                    } else {
                        self.revoke(&id, now).await
                    }
                })
                .buffered(TOGETHER);
            while let Some(ended) = ended.next().await {
                match ended {
                    Ok(more) => remarks.extend(more),
                    Err(fault) => first_failure = first_failure.or(Some(fault)),
                }
                remarks.truncate(MOST_REMARKS);
            }
            drop(ended);
            match page.names.into_iter().next_back() {
                Some(last) if page.more => after = last,
                _ => return first_failure.map_or(Ok(remarks), Err),
            }
        }
    }

    /// Ends all leases of a token. What fails or takes long stays for the expiry task: it is marked as due first.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn revoke_of_token(&self, token: &str, now: Timestamp) -> Result<(), Fault> {
        let prefix = format!("{token}/");
        let mut late = self.clock.sleep(TOKEN_PATIENCE);
        let mut patient = true;
        let mut after = String::new();
        loop {
            let page = self.by_token.view().scan(&prefix, &after, PAGE).await?;
            let mut own = Vec::with_capacity(page.names.len());
            for id in &page.names {
                if identifier_of(id) == self.namespace.as_str() {
                    let _ = self.mark(id, now).await?;
                    own.push(id.clone());
                } else {
                    self.mark_elsewhere(id, now).await?;
                }
            }
            if patient {
                let ends =
                    futures_util::stream::iter(own).for_each_concurrent(TOGETHER, |id: String| async move {
                        if let Err(fault) = self.revoke(&id, now).await {
                            tracing::warn!(lease = %id, %fault, "lease of a revoked token is revoked later");
                        }
                    });
                tokio::select! {
                    () = ends => {}
                    () = &mut late => patient = false,
                }
            }
            match page.names.into_iter().next_back() {
                Some(last) if page.more => after = last,
                _ => return Ok(()),
            }
        }
    }

    /// Makes all leases of the namespace due.
    pub(crate) async fn mark_all(&self, now: Timestamp) -> Result<(), Fault> {
        let mut after = String::new();
        loop {
            let page = self.rows.view().scan("", &after, PAGE).await?;
            for id in &page.names {
                let _ = self.mark(id, now).await?;
            }
            match page.names.into_iter().next_back() {
                Some(last) if page.more => after = last,
                _ => return Ok(()),
            }
        }
    }

    /// Whether there is any lease in the namespace.
    pub(crate) async fn any(&self) -> Result<bool, Fault> {
        Ok(!self.rows.view().scan("", "", 1).await?.names.is_empty())
    }

    async fn mark(&self, id: &str, now: Timestamp) -> Result<Option<Arc<Lease>>, Fault> {
        self.mark_in(&self.rows, &self.namespace, id, now).await
    }

    /// Makes a lease of another namespace due; the expiry task, which reaches that namespace, ends it.
    async fn mark_elsewhere(&self, id: &str, now: Timestamp) -> Result<(), Fault> {
        // A link without a lease that it could be of leads nowhere.
        let Some(namespace) = NamespaceId::parse(identifier_of(id)) else {
            return Ok(());
        };
        let view = layout::view_of(&self.barrier, namespace.as_str())?;
        let rows = Rows::new(view.folder(BY_ID));
        self.mark_in(&rows, &namespace, id, now).await?;
        Ok(())
    }

    async fn mark_in(
        &self,
        rows: &Rows<Lease>,
        namespace: &NamespaceId,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Lease>>, Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let row = rows.get(id).await?;
            let Some(found) = &row else {
                return Ok(None);
            };
            if found.value.revoking {
                return Ok(Some(found.value.clone()));
            }
            let marked = Lease {
                revoking: true,
                due: Some(now),
                ..(*found.value).clone()
            };
            let mut writes = Writes::new();
            rows.expect_in(&mut writes, id, row.as_ref());
            move_due(namespace, &mut writes, &found.value, &marked);
            rows.put_in(&mut writes, id, &marked)?;
            match self.barrier.commit(writes).await {
                Ok(_) => return Ok(Some(Arc::new(marked))),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::unavailable("the lease keeps changing; try again"))
    }

    async fn end_secret(&self, lease: &Arc<Lease>, now: Timestamp) -> Result<Ended, Fault> {
        let mount = match self.router.find(&lease.path).await? {
            Some((mount, _)) if mount.uuid == lease.mount_uuid => mount,
            _ => return Err(Fault::unsupported_path()),
        };
        let engine = self.router.engine(&mount)?;
        let ended = tokio::select! {
            ended = engine.revoke(self.router.site(&mount, now), lease.clone()) => ended,
            () = self.clock.sleep(PATIENCE) => Err(Fault::failed(format!(
                "not done after {} seconds",
                PATIENCE.as_secs()
            ))),
        };
        let outcome = ended.as_ref().map_or("failed", |ended| ended.proof.label());
        self.metrics.lease_ended(&mount.kind, outcome);
        ended
    }

    async fn remove(&self, lease: &Lease, now: Timestamp) -> Result<(), Fault> {
        let mut writes = Writes::new();
        self.tell_end(&mut writes, lease, now);
        self.rows.delete_in(&mut writes, &lease.id);
        self.by_token_of(lease)?.delete_in(&mut writes, &link(lease));
        if let Some(due) = lease.due {
            writes.delete(expiry_key(&self.namespace, due, &lease.id));
        }
        if lease.attempts > 0 || lease.irrevocable.is_some() {
            self.stuck.delete_in(&mut writes, &stuck::entry(lease));
        }
        self.barrier.commit(writes).await?;
        Ok(())
    }

    /// Seen by whoever may read below the path of the secret, and by the token the lease belongs to.
    fn tell_end(&self, writes: &mut Writes, lease: &Lease, now: Timestamp) {
        let expired = lease.expires.is_some_and(|expires| expires <= now);
        let kind = if expired { "lease/expire" } else { "lease/revoke" };
        let told = Told::of(kind, &*lease.id)
            .with("lease_id", &*lease.id)
            .with("lease_path", &*lease.path)
            .of_token(&lease.token);
        writes.tell(told.key(&self.namespace, None, now));
    }

    /// Puts the next attempt into the expiry index, or gives up. Leaves a lease alone that somebody else has ended
    /// or postponed meanwhile.
    async fn postpone(&self, lease: &Lease, fault: &Fault, now: Timestamp) -> Result<(), Fault> {
        let row = self.rows.get(&lease.id).await?;
        let same = |found: &Lease| found.due == lease.due && found.attempts == lease.attempts;
        let Some(found) = row.as_ref().filter(|row| same(&row.value)) else {
            return Ok(());
        };
        let next = self.after_failure(&found.value, fault, now);
        let mut writes = Writes::new();
        self.rows.expect_in(&mut writes, &lease.id, row.as_ref());
        move_due(&self.namespace, &mut writes, &found.value, &next);
        self.rows.put_in(&mut writes, &lease.id, &next)?;
        self.stuck
            .put_in(&mut writes, &stuck::entry(lease), &LeaseLink {})?;
        match self.barrier.commit(writes).await {
            Err(error) if !error.is_conflict() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// A lease that could not be ended, with its next attempt.
    fn after_failure(&self, lease: &Lease, fault: &Fault, now: Timestamp) -> Lease {
        let attempts = lease.attempts.saturating_add(1);
        // Nothing changes by itself about a path or an operation an engine does not have.
        let hopeless = matches!(fault.class(), Class::NotFound | Class::WrongOperation);
        if hopeless || attempts >= MAX_REVOCATIONS {
            let reason = fault.text().chars().take(MAX_REASON).collect();
            tracing::error!(lease = %lease.id, %fault, "lease is irrevocable");
            Lease {
                irrevocable: Some(reason),
                due: Some(now.plus(Ttl::from_hours(24))),
                attempts,
                ..lease.clone()
            }
        } else {
            Lease {
                due: Some(now.plus(self.backoff(attempts))),
                attempts,
                ..lease.clone()
            }
        }
    }

    /// 10 s doubled with each attempt, half of it to one and a half of it by chance.
    fn backoff(&self, attempts: u32) -> Ttl {
        let base = 10_u64 << attempts.min(10);
        Ttl::from_seconds(base / 2 + entropy::below(&*self.entropy, base))
    }
}
