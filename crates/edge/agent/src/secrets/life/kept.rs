//! A life as one run gives it to the next: instants of the wall clock, for the steady clock starts anew.

use std::time::Duration;

use arca_base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Lease, Life, Phase, Rules, replace_at};
use crate::secrets::chance::part;
use crate::secrets::moment::Moment;

/// What is left for less than this is not worth handing over.
const WORTH: Duration = Duration::from_secs(1);
/// Over how long those who begin together ask the server about their leases.
const SPREAD: Duration = Duration::from_secs(2);

/// Everything the next run has to know about what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptLife {
    due: Timestamp,
    renew: bool,
    lease: Option<KeptLease>,
    /// When it ends without a lease.
    ends: Option<Timestamp>,
    /// Whether it ends with the token it was made with.
    is_child: bool,
    is_static: bool,
    made: Option<Timestamp>,
    /// Whole seconds it was made for.
    made_for: u64,
    premature: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptLease {
    id: String,
    /// Whether it can be extended still.
    renewable: bool,
    /// Whole seconds of its first length.
    length: u64,
    ends: Timestamp,
}

impl KeptLife {
    /// Whether another one would have to be made.
    pub(crate) const fn is_leased(&self) -> bool {
        self.lease.is_some() || self.ends.is_some()
    }

    /// That of a certificate which is there already.
    pub(crate) fn of_certificate(from: Timestamp, until: Timestamp, due: Timestamp) -> Self {
        Self {
            due,
            renew: false,
            lease: None,
            ends: Some(until),
            is_child: false,
            is_static: false,
            made: Some(from),
            made_for: until.since(from).as_secs(),
            premature: 0,
        }
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        let ends = self.lease.as_ref().map(|lease| lease.ends).or(self.ends);
        ends.is_some_and(|ends| ends.since(now) < WORTH)
    }
}

/// When something that lives so long is replaced.
pub(crate) fn replaced_at(from: Timestamp, until: Timestamp, rules: &Rules, roll: f64) -> Timestamp {
    from.plus_duration(part(until.since(from), replace_at(rules.threshold, roll)))
}

impl Life {
    /// What the next run gets; nothing if what is held is over, or is being read again because it may have changed.
    pub(crate) fn kept(&self, now: Moment) -> Option<KeptLife> {
        let end = self.end();
        if end.is_some_and(|end| end.from(now) < WORTH) {
            return None;
        }
        let (due, renew) = match self.phase {
            Phase::Idle { due, renew } => (due, renew),
            // What was under way is lost with this run; the credential is there still.
            Phase::Busy => (now, self.lease.as_ref().is_some_and(Lease::is_extended)),
        };
        if end.is_none() && (self.again || due.is_reached(now)) {
            return None;
        }
        let (made, made_for) = self.made.unzip();
        Some(KeptLife {
            due: due.wall,
            renew,
            lease: self.lease.as_ref().map(|lease| KeptLease {
                id: lease.id.clone(),
                renewable: lease.is_extended(),
                length: lease.length.as_secs(),
                ends: lease.end().wall,
            }),
            ends: self.ends.map(|ends| ends.wall),
            is_child: self.child_of.is_some(),
            is_static: self.is_static,
            made: made.map(|made| made.wall),
            made_for: made_for.unwrap_or_default().as_secs(),
            premature: self.premature,
        })
    }

    /// A life that goes on where another run left it; nothing if it is over. `owner` is the login whose token is the
    /// one of that run. The server is asked about a lease soon: it may have been revoked in between.
    pub(crate) fn resumed(kept: &KeptLife, owner: u64, now: Moment, roll: f64) -> Option<Self> {
        let left = |ends: Timestamp| Some(ends.since(now.wall)).filter(|left| *left >= WORTH);
        let mut life = Self::new(now);
        if let Some(lease) = &kept.lease {
            life.lease = Some(Lease {
                id: lease.id.clone(),
                renewable: lease.renewable,
                length: Duration::from_secs(lease.length),
                since: now,
                left: left(lease.ends)?,
                last: !lease.renewable,
                owner,
                owner_ends: None,
            });
            life.check = Some(now.after(part(SPREAD, roll)));
        }
        if let Some(ends) = kept.ends {
            life.ends = Some(now.after(left(ends)?));
            life.child_of = kept.is_child.then_some(owner);
        }
        let due = now.after(kept.due.since(now.wall));
        life.is_static = kept.is_static;
        life.made = kept
            .made
            .map(|made| (earlier(now, made), Duration::from_secs(kept.made_for)));
        life.premature = kept.premature;
        life.planned = Some(due);
        life.idle(kept.renew, due);
        Some(life)
    }
}

/// An instant before this run began, as far as the steady clock reaches back.
fn earlier(now: Moment, wall: Timestamp) -> Moment {
    let ago = now.wall.since(wall);
    Moment {
        steady: now.steady.saturating_sub(ago),
        wall: wall.min(now.wall),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Failure, Step, Timing};
    use super::*;

    const RULES: Rules = Rules {
        static_interval: Duration::from_mins(5),
        threshold: 0.9,
        retries: 12,
    };

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// `seconds` after the start of a run that began `boot` after the first one: its steady clock begins anew.
    fn at(seconds: u64, boot: u64) -> Moment {
        Moment {
            steady: secs(seconds - boot),
            wall: Timestamp::from_unix(1_000_000, 0).plus_duration(secs(seconds)),
        }
    }

    fn holding(timing: Timing) -> Life {
        let mut life = Life::new(at(0, 0));
        assert_eq!(life.begin(at(0, 0)), Step::Fetch);
        life.fetched(timing, 1, None, at(0, 0), &RULES, 0.5);
        life
    }

    fn lease(renewable: bool) -> Timing {
        Timing::Lease {
            id: "l".to_owned(),
            renewable,
            length: secs(60),
        }
    }

    fn through_json(kept: &KeptLife) -> KeptLife {
        serde_json::from_str(&serde_json::to_string(kept).unwrap()).unwrap()
    }

    #[test]
    fn a_lease_goes_on_in_the_next_run_and_is_asked_about_first() {
        let kept = holding(lease(true)).kept(at(10, 0)).unwrap();
        let mut life = Life::resumed(&through_json(&kept), 1, at(20, 20), 0.5).unwrap();
        assert_eq!(life.end().unwrap().from(at(20, 20)), secs(40));
        assert!(life.due().unwrap().from(at(20, 20)) <= SPREAD);
        let renewal = Step::Renew {
            lease: "l".to_owned(),
            increment: secs(60),
        };
        assert_eq!(life.begin(at(22, 20)), renewal);
        life.renewed(secs(60), true, at(22, 20), 0.5);
        assert_eq!(life.due().unwrap().from(at(22, 20)), secs(40));
        // One that is gone is replaced within moments.
        let mut gone = Life::resumed(&kept, 1, at(20, 20), 0.5).unwrap();
        gone.begin(at(22, 20));
        gone.renewal_failed(Failure::Gone, at(22, 20), 0.5);
        assert!(gone.due().unwrap().from(at(22, 20)) <= secs(10));
    }

    #[test]
    fn one_that_cannot_be_extended_is_replaced_when_it_was_to_be() {
        let first = holding(lease(false));
        let due = first.due().unwrap().wall;
        let kept = first.kept(at(10, 0)).unwrap();
        let mut life = Life::resumed(&kept, 1, at(20, 20), 0.5).unwrap();
        let check = Step::Check {
            lease: "l".to_owned(),
        };
        assert_eq!(life.begin(at(22, 20)), check);
        life.checked(secs(38), at(22, 20), 0.5);
        let left = life
            .due()
            .unwrap()
            .wall
            .since(due)
            .max(due.since(life.due().unwrap().wall));
        assert!(left < secs(5), "{left:?}");
    }

    #[test]
    fn what_is_over_or_may_have_changed_is_not_handed_over() {
        let ends = holding(Timing::Ends(secs(60)));
        assert!(ends.kept(at(59, 0)).unwrap().is_leased());
        assert!(ends.kept(at(60, 0)).is_none() && holding(lease(true)).kept(at(60, 0)).is_none());
        let kept = ends.kept(at(10, 0)).unwrap();
        assert!(Life::resumed(&kept, 1, at(60, 60), 0.5).is_none() && kept.is_over(at(60, 60).wall));
        let mut value = holding(Timing::Static(None));
        assert!(value.kept(at(10, 0)).is_some());
        let resumed = Life::resumed(&value.kept(at(10, 0)).unwrap(), 1, at(20, 20), 0.5).unwrap();
        assert!(resumed.is_static() && resumed.due().unwrap().wall == value.due().unwrap().wall);
        value.nudge(at(10, 0), Duration::ZERO);
        assert!(value.kept(at(10, 0)).is_none(), "it may be another one by now");
        assert!(Life::new(at(0, 0)).kept(at(0, 0)).is_none());
    }

    #[test]
    fn a_credential_that_is_being_replaced_is_handed_over_nevertheless() {
        let mut life = holding(lease(false));
        let due = life.due().unwrap();
        life.begin(due);
        let kept = life.kept(due).unwrap();
        let resumed = Life::resumed(&kept, 1, due, 0.5).unwrap();
        assert!(resumed.due().unwrap().is_reached(due));
    }
}
