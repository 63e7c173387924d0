//! Locking callers out of an auth mount after failed logins.
//!
//! Failures are counted by mount and name whether the name is known or not: a lock must not tell that somebody
//! exists. They are kept in memory, bounded for each mount, and each node counts its own.

use std::collections::{BTreeMap, HashMap};

use arca_base::{Timestamp, Ttl};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::router::Mount;

/// Most names one mount remembers.
const MAX_NAMES: usize = 10_000;

/// When callers of an auth mount are locked out. `None` is the default of the server ([`LockoutDefaults`]), and where
/// it has none: 5 failures within 15 minutes lock for 15 minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockoutRules {
    /// Failed logins until the lock.
    pub threshold: Option<u32>,
    /// How long the lock holds.
    pub duration: Option<Ttl>,
    /// How long a failed login counts.
    pub counter_reset: Option<Ttl>,
    /// Nobody is ever locked out.
    pub disabled: bool,
}

impl LockoutRules {
    /// Failed logins until the lock.
    #[must_use]
    pub fn threshold(&self) -> u32 {
        self.threshold.unwrap_or(5)
    }

    /// How long the lock holds.
    #[must_use]
    pub fn duration(&self) -> Ttl {
        self.duration.unwrap_or(Ttl::from_seconds(900))
    }

    /// How long a failed login counts.
    #[must_use]
    pub fn counter_reset(&self) -> Ttl {
        self.counter_reset.unwrap_or(Ttl::from_seconds(900))
    }

    /// The types of auth methods that can lock callers out.
    pub const KINDS: [&'static str; 3] = ["userpass", "ldap", "approle"];

    /// Whether auth methods of this type can lock callers out.
    #[must_use]
    pub fn apply_to(kind: &str) -> bool {
        Self::KINDS.contains(&kind)
    }

    /// These rules, and `fallback` where they say nothing. Nobody is locked out when either says so, as existing
    /// servers have it.
    #[must_use]
    pub fn or(&self, fallback: &Self) -> Self {
        Self {
            threshold: self.threshold.or(fallback.threshold),
            duration: self.duration.or(fallback.duration),
            counter_reset: self.counter_reset.or(fallback.counter_reset),
            disabled: self.disabled || fallback.disabled,
        }
    }
}

/// The rules of auth mounts that have none of their own, by the type of the mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockoutDefaults(pub BTreeMap<&'static str, LockoutRules>);

/// Failed logins of all mounts of this node.
#[derive(Default)]
pub(crate) struct Lockouts {
    defaults: LockoutDefaults,
    mounts: Mutex<HashMap<String, Names>>,
}

type Names = HashMap<String, Failures>;

/// Failed logins of one name.
#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
    locked_until: Option<Timestamp>,
}

impl Failures {
    fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| until > now)
    }

    /// Whether they still matter.
    fn count_at(&self, rules: &LockoutRules, now: Timestamp) -> bool {
        match self.locked_until {
            Some(until) => until > now,
            None => self.last.plus(rules.counter_reset()) > now,
        }
    }
}

impl Lockouts {
    /// Nobody has failed yet.
    pub(crate) fn new(defaults: LockoutDefaults) -> Self {
        Self {
            defaults,
            mounts: Mutex::default(),
        }
    }

    /// What holds on a mount.
    pub(crate) fn rules(&self, mount: &Mount) -> LockoutRules {
        let own = &mount.config.user_lockout;
        match self.defaults.0.get(&*mount.kind) {
            Some(defaults) => own.or(defaults),
            None => own.clone(),
        }
    }

    fn is_locked(&self, mount: &Mount, name: &str, now: Timestamp) -> bool {
        let mounts = self.mounts.lock();
        let failures = mounts.get(&mount.accessor).and_then(|names| names.get(name));
        failures.is_some_and(|failures| failures.is_locked(now))
    }

    /// Forgets the failures of a name, unless it is locked: then it returns `false`.
    fn forgive(&self, mount: &Mount, name: &str, now: Timestamp) -> bool {
        let mut mounts = self.mounts.lock();
        let Some(names) = mounts.get_mut(&mount.accessor) else {
            return true;
        };
        if names.get(name).is_some_and(|failures| failures.is_locked(now)) {
            return false;
        }
        names.remove(name);
        if names.is_empty() {
            mounts.remove(&mount.accessor);
        }
        true
    }

    /// Counts a failure; `false` when the name was locked already.
    fn count(&self, mount: &Mount, name: &str, now: Timestamp) -> bool {
        let rules = &self.rules(mount);
        let mut mounts = self.mounts.lock();
        let names = mounts.entry(mount.accessor.clone()).or_default();
        if names.len() >= MAX_NAMES && !names.contains_key(name) {
            make_room(names, rules, now);
        }
        let blank = Failures {
            count: 0,
            last: now,
            locked_until: None,
        };
        let failures = names.entry(name.to_owned()).or_insert(blank);
        if failures.is_locked(now) {
            return false;
        }
        if !failures.count_at(rules, now) {
            *failures = blank;
        }
        failures.count += 1;
        failures.last = now;
        if failures.count >= rules.threshold() {
            failures.locked_until = Some(now.plus(rules.duration()));
        }
        true
    }

    /// Lets a name in again.
    pub(crate) fn unlock(&self, mount_accessor: &str, name: &str) {
        if let Some(names) = self.mounts.lock().get_mut(mount_accessor) {
            names.remove(name);
        }
    }

    /// Names that are locked, by accessor of their mount.
    pub(crate) fn locked(&self, now: Timestamp) -> BTreeMap<String, Vec<String>> {
        let mounts = self.mounts.lock();
        let locked = mounts.iter().map(|(accessor, names)| {
            let locked = names.iter().filter(|(_, failures)| failures.is_locked(now));
            let mut locked: Vec<String> = locked.map(|(name, _)| name.clone()).collect();
            locked.sort_unstable();
            (accessor.clone(), locked)
        });
        locked.filter(|(_, names)| !names.is_empty()).collect()
    }
}

/// Forgets what no longer matters, or else whoever failed longest ago and is not locked.
fn make_room(names: &mut Names, rules: &LockoutRules, now: Timestamp) {
    names.retain(|_, failures| failures.count_at(rules, now));
    if names.len() < MAX_NAMES {
        return;
    }
    let age = |failures: &Failures| (failures.is_locked(now), failures.last);
    let oldest = names.iter().min_by_key(|(_, failures)| age(failures));
    if let Some(name) = oldest.map(|(name, _)| name.clone()) {
        names.remove(&name);
    }
}

/// A login that is being tried, under a name that is not locked.
#[must_use = "the outcome of a login counts"]
pub struct Attempt<'a> {
    lockouts: &'a Lockouts,
    mount: &'a Mount,
    name: &'a str,
    now: Timestamp,
}

impl<'a> Attempt<'a> {
    /// Begins to try.
    pub(crate) fn begin(
        lockouts: &'a Lockouts,
        mount: &'a Mount,
        name: &'a str,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let attempt = Self {
            lockouts,
            mount,
            name,
            now,
        };
        if attempt.counts() && lockouts.is_locked(mount, name, now) {
            return Err(locked());
        }
        Ok(attempt)
    }

    fn counts(&self) -> bool {
        !self.lockouts.rules(self.mount).disabled
    }

    /// The credentials are right.
    ///
    /// # Errors
    /// [`Fault::denied`] when other attempts have locked the name meanwhile: guesses in parallel are no better
    /// than guesses in a row.
    pub fn succeeded(self) -> Result<(), Fault> {
        if !self.counts() || self.lockouts.forgive(self.mount, self.name, self.now) {
            Ok(())
        } else {
            Err(locked())
        }
    }

    /// The credentials are wrong; gives the fault to answer with.
    pub fn failed(self, fault: Fault) -> Fault {
        if !self.counts() || self.lockouts.count(self.mount, self.name, self.now) {
            fault
        } else {
            locked()
        }
    }
}

fn locked() -> Fault {
    Fault::denied().because("locked out after failed logins")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds, 0)
    }

    fn mount() -> Mount {
        Mount {
            accessor: "a".to_owned(),
            ..Mount::default()
        }
    }

    fn fail(lockouts: &Lockouts, mount: &Mount, name: &str, now: i64) -> String {
        match Attempt::begin(lockouts, mount, name, at(now)) {
            Ok(attempt) => attempt.failed(Fault::invalid("wrong")).text().to_owned(),
            Err(fault) => fault.text().to_owned(),
        }
    }

    #[test]
    fn five_failures_lock_for_a_while() {
        let (lockouts, mount) = (Lockouts::default(), mount());
        for second in 0..5 {
            assert_eq!(fail(&lockouts, &mount, "ann", second), "wrong");
        }
        assert_eq!(fail(&lockouts, &mount, "ann", 5), "permission denied");
        assert_eq!(fail(&lockouts, &mount, "bob", 5), "wrong");
        assert_eq!(
            lockouts.locked(at(5)),
            BTreeMap::from([("a".to_owned(), vec!["ann".to_owned()])])
        );
        assert_eq!(fail(&lockouts, &mount, "ann", 903), "permission denied");
        assert_eq!(fail(&lockouts, &mount, "ann", 904), "wrong", "the lock has ended");
        assert!(lockouts.locked(at(904)).is_empty());
    }

    #[test]
    fn old_failures_do_not_count_and_success_forgets_them() {
        let (lockouts, mount) = (Lockouts::default(), mount());
        for second in 0..4 {
            assert_eq!(fail(&lockouts, &mount, "ann", second), "wrong");
        }
        assert_eq!(fail(&lockouts, &mount, "ann", 1000), "wrong");
        for second in 1001..1004 {
            assert_eq!(fail(&lockouts, &mount, "ann", second), "wrong");
        }
        let attempt = Attempt::begin(&lockouts, &mount, "ann", at(1004)).unwrap();
        attempt.succeeded().unwrap();
        for second in 1005..1010 {
            assert_eq!(fail(&lockouts, &mount, "ann", second), "wrong");
        }
        assert_eq!(fail(&lockouts, &mount, "ann", 1010), "permission denied");
    }

    #[test]
    fn guesses_in_parallel_are_no_better() {
        let (lockouts, mount) = (Lockouts::default(), mount());
        let begun: Vec<_> = (0..8)
            .map(|_| Attempt::begin(&lockouts, &mount, "ann", at(0)).unwrap())
            .collect();
        let right = Attempt::begin(&lockouts, &mount, "ann", at(0)).unwrap();
        let answers: Vec<String> = begun
            .into_iter()
            .map(|attempt| attempt.failed(Fault::invalid("wrong")).text().to_owned())
            .collect();
        assert_eq!(answers.iter().filter(|text| *text == "wrong").count(), 5);
        assert!(right.succeeded().is_err());
    }

    #[test]
    fn memory_is_bounded_and_locks_are_forgotten_last() {
        let (lockouts, mount) = (Lockouts::default(), mount());
        for second in 0..5 {
            let _ = fail(&lockouts, &mount, "ann", second);
        }
        for n in 0..MAX_NAMES + 100 {
            let _ = fail(&lockouts, &mount, &format!("guess{n}"), 10);
        }
        assert_eq!(lockouts.mounts.lock()["a"].len(), MAX_NAMES);
        assert_eq!(fail(&lockouts, &mount, "ann", 11), "permission denied");
    }

    #[test]
    fn mounts_choose_their_rules() {
        let (lockouts, mut mount) = (Lockouts::default(), mount());
        mount.config.user_lockout.threshold = Some(1);
        mount.config.user_lockout.duration = Some(Ttl::from_seconds(10));
        assert_eq!(fail(&lockouts, &mount, "ann", 0), "wrong");
        assert_eq!(fail(&lockouts, &mount, "ann", 9), "permission denied");
        assert_eq!(fail(&lockouts, &mount, "ann", 10), "wrong");
        mount.config.user_lockout.disabled = true;
        assert_eq!(fail(&lockouts, &mount, "ann", 11), "wrong");
    }

    #[test]
    fn the_server_says_what_mounts_do_not() {
        let of_type = LockoutRules {
            threshold: Some(2),
            duration: Some(Ttl::from_seconds(10)),
            ..LockoutRules::default()
        };
        let defaults = |rules| LockoutDefaults(BTreeMap::from([("userpass", rules)]));
        let lockouts = Lockouts::new(defaults(of_type.clone()));
        let mut mount = mount();
        for second in 0..3 {
            assert_eq!(fail(&lockouts, &mount, "ann", second), "wrong", "of another type");
        }
        mount.kind = "userpass".to_owned();
        assert_eq!(fail(&lockouts, &mount, "bob", 0), "wrong");
        assert_eq!(fail(&lockouts, &mount, "bob", 0), "wrong");
        assert_eq!(fail(&lockouts, &mount, "bob", 9), "permission denied");
        assert_eq!(fail(&lockouts, &mount, "bob", 10), "wrong", "the lock has ended");
        mount.config.user_lockout.threshold = Some(1);
        assert_eq!(fail(&lockouts, &mount, "eve", 0), "wrong");
        assert_eq!(fail(&lockouts, &mount, "eve", 9), "permission denied");
        assert_eq!(
            fail(&lockouts, &mount, "eve", 10),
            "wrong",
            "the duration is the server's"
        );

        let off = LockoutRules {
            disabled: true,
            ..of_type
        };
        let lockouts = Lockouts::new(defaults(off));
        for second in 0..9 {
            assert_eq!(fail(&lockouts, &mount, "ann", second), "wrong");
        }
    }
}
