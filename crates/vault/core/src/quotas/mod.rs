//! Limits of how often clients may ask, and of how many leases there may be.
//!
//! ```text
//! quota/rate-limit/<name>     a limit
//! quota/lease-count/<name>    a limit of leases
//! quota/config                what holds for all
//! ```
//!
//! A request is counted right after its namespace and its mount were found, before its token is looked up or any engine
//! works; an auth method tells the role of a login while a limit is for one. Of the limits that fit, the most specific
//! one holds: that of a role, of a path, of a mount, of a namespace and, where that is inherited, of one further up.
//! Clients are told apart by their address, and each node counts for itself, in bounded memory.

mod aim;
mod endpoints;
mod lease_endpoints;
mod leases;
mod limiter;
mod rule;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arca_base::Timestamp;
use parking_lot::RwLock;

pub(crate) use self::endpoints::routes;
pub(crate) use self::lease_endpoints::routes as lease_routes;
pub(crate) use self::leases::Place;

use self::leases::{Counts, LeaseRule};
use self::limiter::{Left, Limit, Limiter};
pub(crate) use self::rule::Destination;
use self::rule::{QuotaConfig, Rule, Rules};
use crate::active::Active;
use crate::barrier::{Generation, Rows, View, Writes};
use crate::ceremony;
use crate::fault::Fault;

/// Name of the row of what holds for all limits.
const CONFIG: &str = "config";

/// How often one client may ask for the ceremonies of share holders, which need no token: five times a second,
/// sixty times in a row.
const CEREMONIES: Limit = Limit {
    emission: Duration::from_millis(200),
    tolerance: Duration::from_secs(12),
    block: Duration::ZERO,
};

/// All limits, of whatever namespace, and what clients have used up.
pub(crate) struct Quotas {
    rules: Rows<Rule>,
    lease_rules: Rows<LeaseRule>,
    lease_counts: Counts,
    config: Rows<QuotaConfig>,
    changed: Generation,
    known: RwLock<Option<(u64, Arc<Rules>)>>,
    limiter: Limiter,
    /// Name of the limit of the ceremonies; no rule of an operator is called so.
    ceremonies: Arc<str>,
}

/// Where a client stands with the limit of its path, for the headers of its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    limit: u64,
    left: Left,
}

impl Standing {
    /// The headers, in the form clients know.
    pub(crate) fn headers(&self, now: Timestamp) -> [(&'static str, String); 3] {
        let reset = now.plus_duration(self.left.reset);
        [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.left.requests.to_string()),
            (
                "x-ratelimit-reset",
                arca_lang::time_layout::format(reset, "Mon, 02 Jan 2006 15:04:05 MST"),
            ),
        ]
    }
}

/// A request that is one too many.
pub(crate) struct Exceeded {
    pub(crate) fault: Fault,
    /// Whether it belongs into the audit log.
    pub(crate) audited: bool,
    /// What its client is told of the limit.
    pub(crate) standing: Option<Standing>,
}

impl Quotas {
    pub(crate) fn new(view: &View) -> Self {
        let view = view.folder("quota/");
        Self {
            changed: view.generation(),
            rules: Rows::new(view.folder("rate-limit/")),
            lease_rules: Rows::new(view.folder("lease-count/")),
            lease_counts: Counts::default(),
            config: Rows::new(view),
            known: RwLock::new(None),
            limiter: Limiter::default(),
            ceremonies: Arc::from(""),
        }
    }

    /// Counts a request; `now` is where the stopwatch stands.
    pub(crate) async fn count(
        &self,
        to: &Destination<'_>,
        client: Option<IpAddr>,
        now: Duration,
    ) -> Result<Option<Standing>, Exceeded> {
        let path = &*to.path;
        if ceremony::is_open(path)
            && let Err(wait) = self.limiter.take(&self.ceremonies, &CEREMONIES, client, now)
        {
            // Not audited: whoever floods these paths must not fill the log.
            return Err(Exceeded {
                fault: too_often(path, wait),
                audited: false,
                standing: None,
            });
        }
        let failed = |fault| Exceeded {
            fault,
            audited: true,
            standing: None,
        };
        let rules = self.rules().await.map_err(failed)?;
        let Some(rule) = rules.of(to) else {
            return Ok(None);
        };
        let taken = self.limiter.take(&rule.name, &rule.limit, client, now);
        let left = taken.unwrap_or_else(|wait| Left {
            requests: 0,
            reset: wait,
        });
        let standing = rules.config.headers.then_some(Standing {
            limit: rule.requests,
            left,
        });
        match taken {
            Ok(_) => Ok(standing),
            Err(wait) => Err(Exceeded {
                fault: too_often(path, wait),
                audited: rules.config.audit,
                standing,
            }),
        }
    }

    /// The place of a request that may get a lease below the limit of its path, if there is one.
    ///
    /// # Errors
    /// [`Fault::limited`] when the limit is reached.
    pub(crate) async fn place(&self, active: &Active, to: &Destination<'_>) -> Result<Option<Place>, Fault> {
        let rules = self.rules().await?;
        let Some((name, rule)) = rules.of_leases(to) else {
            return Ok(None);
        };
        self.lease_counts
            .take(active, name, rule, &to.path)
            .await
            .map(Some)
    }

    /// Whether the role matters that a login is by at `mount`, the path of an auth method with its namespaces.
    pub(crate) async fn ask_role(&self, mount: &str) -> Result<bool, Fault> {
        Ok(self.rules().await?.ask_role(mount))
    }

    /// Removes the limits of what is about to go: of the namespace or mount at `path`, which ends in a slash, and of
    /// everything in it. A limit that is changed meanwhile makes the commit a conflict.
    pub(crate) async fn drop_below_in(&self, writes: &mut Writes, path: &str) -> Result<(), Fault> {
        for (name, _) in self.rules.all().await? {
            let found = self.rules.get(&name).await?;
            if found
                .as_ref()
                .is_some_and(|row| row.value.aim.path.starts_with(path))
            {
                self.rules.expect_in(writes, &name, found.as_ref());
                self.rules.delete_in(writes, &name);
            }
        }
        for (name, _) in self.lease_rules.all().await? {
            let found = self.lease_rules.get(&name).await?;
            if found
                .as_ref()
                .is_some_and(|row| row.value.aim.path.starts_with(path))
            {
                self.lease_rules.expect_in(writes, &name, found.as_ref());
                self.lease_rules.delete_in(writes, &name);
                self.lease_counts.forget(&name);
            }
        }
        Ok(())
    }

    /// Has the limits of a mount, and of what is in it, follow it from one path to another; both end in a slash. A
    /// limit that is changed meanwhile makes the commit a conflict.
    pub(crate) async fn move_in(&self, writes: &mut Writes, from: &str, to: &str) -> Result<(), Fault> {
        for (name, _) in self.rules.all().await? {
            let Some(found) = self.rules.get(&name).await? else {
                continue;
            };
            let mut rule = (*found.value).clone();
            if rule.aim.follow(from, to) {
                self.rules.expect_in(writes, &name, Some(&found));
                self.rules.put_in(writes, &name, &rule)?;
            }
        }
        for (name, _) in self.lease_rules.all().await? {
            let Some(found) = self.lease_rules.get(&name).await? else {
                continue;
            };
            let mut rule = (*found.value).clone();
            if rule.aim.follow(from, to) {
                self.lease_rules.expect_in(writes, &name, Some(&found));
                self.lease_rules.put_in(writes, &name, &rule)?;
                self.lease_counts.forget(&name);
            }
        }
        Ok(())
    }

    /// All limits as they are; read again when they have changed.
    async fn rules(&self) -> Result<Arc<Rules>, Fault> {
        let now = self.changed.current();
        if let Some((then, known)) = &*self.known.read()
            && *then == now
        {
            return Ok(known.clone());
        }
        let rows = self.rules.all().await?;
        let config = self.config.get(CONFIG).await?.map(|row| (*row.value).clone());
        let leases = self.lease_rules.all().await?;
        let rules = Arc::new(Rules::new(rows, config.unwrap_or_default()).with_leases(leases));
        *self.known.write() = Some((now, rules.clone()));
        Ok(rules)
    }
}

fn too_often(path: &str, wait: Duration) -> Fault {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let text = format!("request path {path:?}: rate limit quota exceeded");
    Fault::limited(text).retry_after(seconds.max(1))
}

#[cfg(test)]
mod tests {
    use arca_crypto::SystemEntropy;
    use arca_storage::MemoryStorage;

    use super::rule::Aim;
    use super::*;
    use crate::barrier::{Barrier, CacheLimits, Keyring};

    #[tokio::test]
    async fn a_limit_that_is_changed_while_its_mount_moves_or_goes_is_not_written_back() {
        let keyring = Keyring::generate(&SystemEntropy, Timestamp::EPOCH);
        let storage = Arc::new(MemoryStorage::new());
        let barrier = Barrier::new(storage, keyring, Arc::new(SystemEntropy), CacheLimits::default());
        let view = View::new(Arc::new(barrier), "ns/root/");
        let quotas = Quotas::new(&view);
        let of_leases = |max_leases| LeaseRule {
            aim: Aim {
                path: "g/".to_owned(),
                ..Aim::default()
            },
            max_leases,
        };
        let of_requests = |rate| Rule {
            aim: of_leases(1).aim,
            rate,
            ..Rule::default()
        };
        for kind in ["rate", "leases"] {
            quotas.rules.put("r", &of_requests(1.0)).await.unwrap();
            quotas.lease_rules.put("l", &of_leases(1)).await.unwrap();
            let (mut moving, mut going) = (Writes::new(), Writes::new());
            quotas.move_in(&mut moving, "g/", "h/").await.unwrap();
            quotas.drop_below_in(&mut going, "g/").await.unwrap();
            if kind == "rate" {
                quotas.rules.put("r", &of_requests(2.0)).await.unwrap();
            } else {
                quotas.lease_rules.put("l", &of_leases(2)).await.unwrap();
            }
            for writes in [moving, going] {
                let lost = view.commit(writes).await.unwrap_err();
                assert!(lost.is_conflict(), "{kind}: {lost}");
            }
            let mut again = Writes::new();
            quotas.move_in(&mut again, "g/", "h/").await.unwrap();
            let _ = view.commit(again).await.unwrap();
            let rate = quotas.rules.get("r").await.unwrap().unwrap().value;
            let leases = quotas.lease_rules.get("l").await.unwrap().unwrap().value;
            assert_eq!((&*rate.aim.path, &*leases.aim.path), ("h/", "h/"));
            assert_eq!(rate.rate > 1.5, kind == "rate");
            assert_eq!(leases.max_leases == 2, kind == "leases");
        }
    }
}
