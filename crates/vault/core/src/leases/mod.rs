//! Leases: how long a secret that was made for somebody lives, and its end.
//!
//! A lease is a row named by its identifier, an entry in the expiry index at the time it is due, and an entry
//! below the token it belongs to; one that could not be ended has another entry below its mount. Nothing is loaded
//! at start: the expiry task reads the index from its beginning.

mod lease;
mod revoke;
mod stuck;
mod window;

use std::sync::Arc;

use arca_base::{Clock, Entropy, NamespaceId, Timestamp, Ttl, id};

pub use lease::{Ended, Lease, LeaseLink, Proof, Renewal, Renewed};
pub use window::LeaseWindow;

use crate::barrier::{Barrier, Rows, View, Writes};
use crate::engine::{Grant, Site};
use crate::fault::Fault;
use crate::layout;
use crate::metrics::Metrics;
use crate::namespaces::Namespace;
use crate::router::Router;
use crate::tokens::{Token, TokenKind};
use crate::ttl::{Lifetime, PastMax};

const MAX_ATTEMPTS: usize = 16;
/// Where the rows of leases are, below their namespace.
pub(crate) const BY_ID: &str = "lease/id/";
/// Where leases are found by the tokens they belong to, below the namespace of the token.
const BY_TOKEN: &str = "lease/token/";

/// The leases of one namespace.
pub struct Leases {
    barrier: Arc<Barrier>,
    namespace: NamespaceId,
    entropy: Arc<dyn Entropy>,
    router: Arc<Router>,
    rows: Rows<Lease>,
    by_token: Rows<LeaseLink>,
    /// Leases that could not be ended yet, below the mounts that made them.
    stuck: Rows<LeaseLink>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// A lease that was registered.
pub struct Registered {
    /// Its identifier.
    pub id: String,
    /// How long it lives.
    pub ttl: Ttl,
    /// Why that is less than was asked for.
    pub warnings: Vec<String>,
}

impl Leases {
    pub(crate) fn new(
        barrier: &Arc<Barrier>,
        namespace: NamespaceId,
        entropy: Arc<dyn Entropy>,
        router: Arc<Router>,
        view: &View,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            barrier: barrier.clone(),
            namespace,
            entropy,
            router,
            rows: Rows::new(view.folder(BY_ID)),
            by_token: Rows::new(view.folder(BY_TOKEN)),
            stuck: Rows::new(view.folder("lease/stuck/")),
            clock,
            metrics,
        }
    }

    /// Rows of the leases, named by their identifiers.
    #[must_use]
    pub const fn rows(&self) -> &Rows<Lease> {
        &self.rows
    }

    /// Registers the lease of a secret that was just made. When this fails the secret is ended at once.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn register(
        &self,
        path: &str,
        site: &Site,
        token: &Token,
        grant: &Grant,
    ) -> Result<Registered, Fault> {
        let granted = Lifetime {
            increment: Ttl::ZERO,
            ttl: grant.ttl,
            period: Ttl::ZERO,
            max_ttl: grant.max_ttl,
            explicit_max_ttl: Ttl::ZERO,
            mount_default: site.default_ttl,
            mount_max: site.max_ttl,
            issued: site.now,
            now: site.now,
        }
        .grant()
        .map_err(|PastMax| Fault::failed(PastMax.to_string()))?;
        let ttl = match token.expires {
            Some(end) if token.kind == TokenKind::Batch => {
                granted.ttl.min(Ttl::from_seconds(end.seconds_until(site.now)))
            }
            _ => granted.ttl,
        };
        let (owner, owner_namespace) = owner(token);
        let suffix = Namespace::suffix(&self.namespace);
        let lease = Lease {
            id: format!("{path}/{}{suffix}", id::base62(&*self.entropy, 24)),
            path: path.to_owned(),
            mount_uuid: site.mount.uuid.clone(),
            token: owner.to_owned(),
            token_namespace: if owner_namespace == self.namespace.as_str() {
                String::new()
            } else {
                owner_namespace.to_owned()
            },
            issued: Some(site.now),
            expires: Some(site.now.plus(ttl)),
            due: Some(site.now.plus(ttl)),
            ttl: grant.ttl,
            max_ttl: grant.max_ttl,
            renewable: grant.renewable,
            internal: grant.internal.clone(),
            target: grant.target.clone(),
            ..Lease::default()
        };
        if let Err(fault) = self.commit_new(&lease, site, grant).await {
            self.undo(lease, site).await;
            return Err(fault);
        }
        Ok(Registered {
            id: lease.id,
            ttl,
            warnings: granted.warnings,
        })
    }

    /// Stores a lease and, in the same commit, removes what its engine wrote down before it made the secret.
    async fn commit_new(&self, lease: &Lease, site: &Site, grant: &Grant) -> Result<(), Fault> {
        let mut writes = Writes::new();
        if let Some(told) = &grant.told {
            site.tell(&mut writes, told);
        }
        if let Some(intent) = &grant.intent {
            let key = site.view.key(&intent.key);
            writes.expect(key.clone(), Some(intent.revision));
            writes.delete(key);
        }
        self.rows.expect_in(&mut writes, &lease.id, None);
        self.put_in(&mut writes, lease)?;
        self.by_token_of(lease)?
            .put_in(&mut writes, &link(lease), &LeaseLink {})?;
        self.barrier.commit(writes).await?;
        Ok(())
    }

    async fn undo(&self, lease: Lease, site: &Site) {
        let id = lease.id.clone();
        let Ok(engine) = self.router.engine(&site.mount) else {
            return;
        };
        if let Err(fault) = engine.revoke(site.clone(), Arc::new(lease)).await {
            // Where the engine wrote down what it was about to do, it undoes it later.
            tracing::error!(lease = %id, %fault, "a secret whose lease could not be stored was not revoked");
        }
    }

    fn put_in(&self, writes: &mut Writes, lease: &Lease) -> Result<(), Fault> {
        self.rows.put_in(writes, &lease.id, lease)?;
        if let Some(due) = lease.due {
            writes.put(expiry_key(&self.namespace, due, &lease.id), Vec::new());
        }
        Ok(())
    }

    /// Where the leases of the token of a lease are found.
    fn by_token_of(&self, lease: &Lease) -> Result<Rows<LeaseLink>, Fault> {
        if lease.token_namespace.is_empty() {
            return Ok(self.by_token.clone());
        }
        let view = layout::view_of(&self.barrier, &lease.token_namespace)?;
        Ok(Rows::new(view.folder(BY_TOKEN)))
    }

    /// The lease called `id`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<Lease>>, Fault> {
        if arca_storage::check_key(id).is_err() {
            return Ok(None);
        }
        Ok(self.rows.get(id).await?.map(|row| row.value))
    }

    /// Extends a lease by `increment` from now (zero: by what its engine says), as far as its limits allow.
    ///
    /// # Errors
    /// 400 when it is not there, has ended, or cannot be renewed; what the engine says.
    pub async fn renew(&self, id: &str, increment: Ttl, now: Timestamp) -> Result<Renewed, Fault> {
        let lease = self
            .find(id)
            .await?
            .ok_or_else(|| Fault::invalid("lease not found"))?;
        check_renewable(&lease, now)?;
        let (mount, _) = self
            .router
            .find(&lease.path)
            .await?
            .ok_or_else(|| Fault::invalid("lease not found"))?;
        let site = self.router.site(&mount, now);
        let engine = self.router.engine(&mount)?;
        let renewal = engine.renew(site.clone(), lease.clone()).await?;
        let granted = Lifetime {
            increment,
            ttl: renewal.ttl.nonzero().unwrap_or(lease.ttl),
            period: Ttl::ZERO,
            max_ttl: renewal.max_ttl.nonzero().unwrap_or(lease.max_ttl),
            explicit_max_ttl: Ttl::ZERO,
            mount_default: site.default_ttl,
            mount_max: site.max_ttl,
            issued: lease.issued.unwrap_or(now),
            now,
        }
        .grant()
        .map_err(|PastMax| Fault::invalid(PastMax.to_string()))?;
        // First what the lease stands for: a user that outlives its lease by a moment is dropped with it, one that
        // ends before it is an outage.
        engine.extend(site, lease.clone(), now.plus(granted.ttl)).await?;
        self.extend(id, granted.ttl, now).await?;
        Ok(Renewed {
            lease_id: id.to_owned(),
            renewable: lease.renewable,
            ttl: granted.ttl,
            data: renewal.data,
            warnings: granted.warnings,
        })
    }

    async fn extend(&self, id: &str, ttl: Ttl, now: Timestamp) -> Result<(), Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let row = self.rows.get(id).await?;
            let Some(found) = row.as_ref().filter(|row| !row.value.revoking) else {
                return Err(Fault::invalid("lease not found"));
            };
            let end = Some(now.plus(ttl));
            let renewed = Lease {
                expires: end,
                due: end,
                last_renewal: Some(now),
                ..(*found.value).clone()
            };
            let mut writes = Writes::new();
            self.rows.expect_in(&mut writes, id, row.as_ref());
            move_due(&self.namespace, &mut writes, &found.value, &renewed);
            self.rows.put_in(&mut writes, id, &renewed)?;
            match self.barrier.commit(writes).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::unavailable("the lease keeps changing; try again"))
    }

    /// One page of identifiers below `prefix`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        Ok(self.rows.list(prefix, after, limit).await?.names)
    }
}

fn expiry_key(namespace: &NamespaceId, time: Timestamp, id: &str) -> String {
    layout::expiry(time, namespace, &format!("lease/{id}"))
}

/// Moves the entry of a lease in the expiry index.
fn move_due(namespace: &NamespaceId, writes: &mut Writes, before: &Lease, after: &Lease) {
    let entry = |lease: &Lease| lease.due.map(|due| expiry_key(namespace, due, &lease.id));
    let (old, new) = (entry(before), entry(after));
    // Times within one second have the same entry.
    if old == new {
        return;
    }
    if let Some(old) = old {
        writes.delete(old);
    }
    if let Some(new) = new {
        writes.put(new, Vec::new());
    }
}

fn check_renewable(lease: &Lease, now: Timestamp) -> Result<(), Fault> {
    if lease.irrevocable.is_some() {
        return Err(Fault::invalid(
            "lease is expired and has failed previous revocation attempts",
        ));
    }
    if lease.revoking || lease.expires.is_some_and(|expires| expires <= now) {
        return Err(Fault::invalid("lease expired"));
    }
    if !lease.renewable {
        return Err(Fault::invalid("lease is not renewable"));
    }
    Ok(())
}

/// The token whose end is the end of the lease, and its namespace: a batch token's parent, where it has one.
fn owner(token: &Token) -> (&str, &str) {
    match (&token.kind, &token.parent) {
        (TokenKind::Batch, Some(parent)) if token.parent_namespace.is_empty() => (parent, &token.namespace),
        (TokenKind::Batch, Some(parent)) => (parent, &token.parent_namespace),
        _ => (&token.hash, &token.namespace),
    }
}

fn link(lease: &Lease) -> String {
    format!("{}/{}", lease.token, lease.id)
}
