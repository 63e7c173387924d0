//! Limits of how many leases there may be: of secrets below a path, of tokens that logins of a mount or of a role of it
//! gave, and of both in a namespace.
//!
//! What is stored is counted, by names, when a limit may be reached, and at least every few seconds of use. In between
//! every request that may get a lease counts as one more, so one node never gives out more than the limit says. Each node
//! counts for itself: several nodes of one store may exceed it by what they give out within those seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::rule::{Aim, Scope};
use crate::active::Active;
use crate::barrier::Stored;
use crate::fault::Fault;
use crate::namespaces::Namespaces;
use crate::router::Class;

/// Names looked at in one go.
const PAGE: usize = 5000;
/// Namespaces looked at in one go.
const PAGE_OF_NAMESPACES: usize = 500;

/// How long a count is relied on.
const RELIED_ON: Duration = Duration::from_secs(5);

/// A limit, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LeaseRule {
    #[serde(flatten)]
    pub(super) aim: Aim,
    pub(super) max_leases: u64,
}

impl Stored for LeaseRule {
    const VERSION: u8 = 1;
    const NAME: &'static str = "limit of leases";
}

/// What is known of the leases of one limit.
#[derive(Debug, Default)]
struct Known {
    /// How many there were, and when.
    counted: u64,
    at: Option<Duration>,
    /// How many may ever have been given out, and how many of them before it was counted.
    given: u64,
    given_before: u64,
    /// Requests that may give one out now.
    under_way: u64,
}

impl Known {
    const fn at_most(&self) -> u64 {
        let since = self.given.saturating_sub(self.given_before);
        self.counted.saturating_add(since).saturating_add(self.under_way)
    }

    /// Takes down a count that began when so many had been given out. What was given out while it was counted may or
    /// may not be in it, also where another count began or ended meanwhile: so it comes on top.
    const fn learn(&mut self, counted: u64, given_before: u64, now: Duration) {
        self.counted = counted;
        self.given_before = given_before;
        self.at = Some(now);
    }
}

/// What is known of one limit, shared by the requests below it.
type Shared = Arc<Mutex<Known>>;

/// What is known of all limits, by their names.
#[derive(Default)]
pub(super) struct Counts(Mutex<HashMap<Arc<str>, Shared>>);

/// The place of a request that may get a lease, until it is answered.
pub(crate) struct Place(Shared);

impl Drop for Place {
    fn drop(&mut self) {
        let mut known = self.0.lock();
        known.under_way = known.under_way.saturating_sub(1);
        // Whether there is a lease now is seen when it is counted.
        known.given += 1;
    }
}

impl Counts {
    /// A place below a limit.
    ///
    /// # Errors
    /// [`Fault::limited`] when there is none left.
    pub(super) async fn take(
        &self,
        active: &Active,
        name: &Arc<str>,
        rule: &LeaseRule,
        path: &str,
    ) -> Result<Place, Fault> {
        let now = active.clock.monotonic();
        let fresh = |known: &Known| known.at.is_some_and(|at| now.saturating_sub(at) < RELIED_ON);
        let known = self.0.lock().entry(name.clone()).or_default().clone();
        let given = match place(&known, rule.max_leases, fresh) {
            Ok(place) => return Ok(place),
            Err(given) => given,
        };
        let counted = count(active, rule, rule.max_leases).await?;
        known.lock().learn(counted, given, now);
        place(&known, rule.max_leases, |_| true)
            .map_err(|_| Fault::limited(format!("request path {path:?}: lease count quota exceeded")))
    }

    /// Forgets what is known of a limit that was changed.
    pub(super) fn forget(&self, name: &str) {
        self.0.lock().remove(name);
    }
}

/// A place, or how many were given out so far.
fn place(known: &Shared, most: u64, relied_on: impl Fn(&Known) -> bool) -> Result<Place, u64> {
    let mut now = known.lock();
    if !relied_on(&now) || now.at_most() >= most {
        return Err(now.given);
    }
    now.under_way += 1;
    Ok(Place(known.clone()))
}

/// How many leases there are that a limit is for; counts up to `most`.
pub(super) async fn count(active: &Active, rule: &LeaseRule, most: u64) -> Result<u64, Fault> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (namespaces, aim) = (active.namespaces()?, &rule.aim);
    let count = match namespaces.there(&aim.namespace).await? {
        // It is gone, and with it what was counted.
        None => 0,
        Some(own) => match aim.scope() {
            Scope::Namespace { inherited: false, .. } => count_all(&own, most).await?,
            Scope::Namespace { inherited: true, .. } => {
                let here = count_all(&own, most).await?;
                here + count_below(&namespaces, &aim.namespace, most.saturating_sub(here)).await?
            }
            scope => {
                let path = aim.path.strip_prefix(&*aim.namespace).unwrap_or(&aim.path);
                count_at(&own, &scope, path, most).await?
            }
        },
    };
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Everything in one namespace.
async fn count_all(own: &Active, most: usize) -> Result<usize, Fault> {
    let secrets = count_leases(own, String::new(), most).await?;
    Ok(secrets + own.tokens.count_up_to(most.saturating_sub(secrets)).await?)
}

/// Everything in the namespaces below one, also in those that are being deleted: what they leased is still there.
async fn count_below(namespaces: &Arc<Namespaces>, path: &str, most: usize) -> Result<usize, Fault> {
    let (mut count, mut after) = (0, String::new());
    while count < most {
        let rows = namespaces.rows_below(path, &after, PAGE_OF_NAMESPACES).await?;
        let Some(last) = rows.last() else { break };
        after = last.path.strip_prefix(path).unwrap_or_default().to_owned();
        for row in rows {
            if let Some(own) = namespaces.there(&row.path).await? {
                count += count_all(&own, most.saturating_sub(count)).await?;
            }
        }
    }
    Ok(count)
}

/// What is below a path of one namespace, or comes from the logins of an auth method there.
async fn count_at(own: &Active, scope: &Scope, path: &str, most: usize) -> Result<usize, Fault> {
    if let Some(mount) = path.strip_prefix("auth/") {
        let rows = own.router.rows(Class::Auth);
        let Some(mount) = rows.get(mount.trim_end_matches('/')).await? else {
            return Ok(0);
        };
        let accessor = &mount.value.accessor;
        return match scope {
            Scope::Role { role, .. } => own.tokens.count_of_role(accessor, role, most).await,
            _ => own.tokens.count_of_mount(accessor, most).await,
        };
    }
    let prefix = match (scope, path.strip_suffix('*')) {
        (Scope::Beginning(_), Some(beginning)) => beginning.to_owned(),
        (Scope::Path(_), _) => format!("{path}/"),
        _ => path.to_owned(),
    };
    count_leases(own, prefix, most).await
}

/// Leases whose identifiers begin with `prefix`, up to `most`.
async fn count_leases(active: &Active, prefix: String, most: usize) -> Result<usize, Fault> {
    let (folder, beginning) = prefix.split_at(prefix.rfind('/').map_or(0, |at| at + 1));
    let view = active.leases.rows().view();
    let (mut count, mut after) = (0, String::new());
    while count < most {
        let page = view.scan(folder, &after, PAGE).await?;
        count += page
            .names
            .iter()
            .filter(|name| name.starts_with(beginning))
            .count();
        match page.names.into_iter().next_back() {
            Some(last) if page.more => after = last,
            _ => break,
        }
    }
    Ok(count.min(most))
}

/// Whether a limit can be for this: tokens are only known by the mount and the role that gave them.
pub(super) fn check(aim: &Aim) -> Result<(), Fault> {
    let path = aim.path.strip_prefix(&*aim.namespace).unwrap_or(&aim.path);
    if path.starts_with("auth/") && !path.ends_with('/') {
        return Err(Fault::invalid(
            "a limit of leases of an auth method is for the whole mount or for a role of it: tokens are counted by what gave them",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_given_out_between_two_counts_at_once_is_not_lost() {
        let known = Shared::default();
        known.lock().learn(0, 0, NOW);
        for _ in 0..3 {
            drop(place(&known, 10, |_| true).unwrap());
        }
        // Two requests begin to count; one lease is given out, and neither sees it.
        let first = known.lock().given;
        let second = first;
        let between = place(&known, 10, |_| true).unwrap();
        known.lock().learn(3, first, NOW);
        drop(between);
        known.lock().learn(3, second, NOW);
        assert_eq!(known.lock().at_most(), 4);
        assert!(place(&known, 4, |_| true).is_err());
        // A count that began later has seen it.
        let later = known.lock().given;
        known.lock().learn(4, later, NOW);
        assert_eq!(known.lock().at_most(), 4);
    }
}
