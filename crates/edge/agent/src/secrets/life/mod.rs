//! When a dependency is fetched, renewed and given up: decisions only, from an answer, an instant and a roll of
//! the dice.

pub(crate) mod kept;
mod lease;

use std::time::Duration;

use super::chance::{between, next_pause, part};
use super::moment::Moment;
use lease::Lease;

/// Pauses after failures that may pass by themselves.
const PASSING: (Duration, Duration) = (Duration::from_millis(250), Duration::from_mins(1));
/// Pauses after failures that somebody has to do something about.
const LASTING: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));
/// Most a server may make us wait.
const PATIENCE: Duration = Duration::from_mins(5);
/// Shortest and longest time between two credentials of the same dependency, while they end before their time.
const FLOOR: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(10));
/// Credentials in a row that ended before their time until the floor is kept whatever their length: one is an
/// operator who revoked it, two are a loop.
const LOOP: u32 = 2;
/// Part of its length before the end of a lease at which it is replaced at the latest: an outage of a tenth of the
/// length passes unnoticed, and leaves time for one more attempt.
const SPARE: f64 = 0.12;
/// Shortest pause before the end of what is held.
const HURRY: Duration = Duration::from_millis(20);
/// A lease of which a second is little.
const LONG: Duration = Duration::from_mins(1);
/// What is good for less was over when it came.
const OVER: Duration = Duration::from_secs(1);
/// Over how long requests spread that one event caused for many.
const SPREAD: Duration = Duration::from_secs(10);
/// How often a file is looked at.
const FILE_INTERVAL: Duration = Duration::from_secs(2);

/// What the configuration says about schedules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) static_interval: Duration,
    pub(crate) threshold: f64,
    /// Attempts after the first until a dependency counts as failed.
    pub(crate) retries: u32,
}

/// How long an answer is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Timing {
    /// It has a lease.
    Lease {
        id: String,
        renewable: bool,
        length: Duration,
    },
    /// It ends by itself, such as a certificate.
    Ends(Duration),
    /// It ends by itself, or with the token it was made with, such as a token.
    Child(Duration),
    /// The server changes it after this time.
    Rotates(Duration),
    /// It changes when somebody changes it; but it wants to be read again after this time, if the server said so.
    Static(Option<Duration>),
    /// It is a local file.
    File,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask for the secret.
    Fetch,
    /// Extend its lease.
    Renew { lease: String, increment: Duration },
    /// Ask whether its lease, which cannot be extended, is still there.
    Check { lease: String },
}

/// Why it could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// May pass by itself; perhaps the server said when.
    Passing(Option<Duration>),
    /// Lasts until somebody does something: no such secret, no such path.
    Lasting,
    /// The token may not.
    Forbidden,
    /// The lease is not there any more.
    Gone,
}

#[derive(Clone, Debug)]
enum Phase {
    Idle { renew: bool, due: Moment },
    Busy,
}

/// The life of one dependency.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    phase: Phase,
    /// Ask again as soon as the request under way is answered.
    again: bool,
    /// Ask the server about the lease at this time, whatever else is due.
    check: Option<Moment>,
    pub(crate) lease: Option<Lease>,
    /// When what is held ends without a lease, and the login whose token it ends with, if it does.
    ends: Option<Moment>,
    child_of: Option<u64>,
    /// Failed fetches in a row, and the pause after the last failure of any kind.
    pub(crate) failures: u32,
    pause: Duration,
    /// Whether the last attempt failed for lack of permission.
    forbidden: bool,
    /// When what is held was made, if making it costs something, and how long it was good for.
    made: Option<(Moment, Duration)>,
    /// Credentials in a row that ended before their time.
    premature: u32,
    /// What is held was to be replaced no earlier than this.
    planned: Option<Moment>,
    is_static: bool,
}

impl Life {
    /// Due at once.
    pub(crate) const fn new(now: Moment) -> Self {
        Self {
            phase: Phase::Idle {
                renew: false,
                due: now,
            },
            again: false,
            check: None,
            lease: None,
            ends: None,
            child_of: None,
            failures: 0,
            pause: Duration::ZERO,
            forbidden: false,
            made: None,
            premature: 0,
            planned: None,
            is_static: false,
        }
    }

    /// When the next step is due; `None` while one is under way.
    pub(crate) fn due(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Busy => None,
            Phase::Idle { due, .. } => Some(self.check.map_or(*due, |check| check.earlier(*due))),
        }
    }

    /// When what is held ends.
    pub(crate) fn end(&self) -> Option<Moment> {
        self.lease.as_ref().map(Lease::end).or(self.ends)
    }

    /// Whether an unchanged answer would be no surprise: what is held has no end.
    pub(crate) const fn is_static(&self) -> bool {
        self.is_static
    }

    /// Begins the step that is due.
    pub(crate) fn begin(&mut self, now: Moment) -> Step {
        let phase = std::mem::replace(&mut self.phase, Phase::Busy);
        let checked = self.check.take_if(|check| check.is_reached(now)).is_some();
        let renew = matches!(phase, Phase::Idle { renew: true, .. });
        if self
            .lease
            .as_ref()
            .is_some_and(|lease| lease.end().is_reached(now))
        {
            return Step::Fetch;
        }
        let fetch_is_due = matches!(phase, Phase::Idle { renew: false, due } if due.is_reached(now));
        match &self.lease {
            Some(lease) if lease.is_extended() && (renew || checked) && !fetch_is_due => Step::Renew {
                lease: lease.id.clone(),
                increment: lease.length,
            },
            Some(lease) if checked && !fetch_is_due => Step::Check {
                lease: lease.id.clone(),
            },
            _ => Step::Fetch,
        }
    }

    /// An answer came.
    pub(crate) fn fetched(
        &mut self,
        timing: Timing,
        owner: u64,
        owner_ends: Option<Moment>,
        now: Moment,
        rules: &Rules,
        roll: f64,
    ) {
        self.recover();
        self.ends = None;
        self.child_of = matches!(timing, Timing::Child(_)).then_some(owner);
        self.lease = None;
        self.check = None;
        self.is_static = false;
        let early = replace_at(rules.threshold, roll);
        let due = match timing {
            Timing::Lease {
                id,
                renewable,
                length,
            } => {
                self.note_made(now, length);
                self.lease = Some(Lease {
                    id,
                    renewable,
                    length,
                    since: now,
                    left: length,
                    last: !renewable,
                    owner,
                    owner_ends,
                });
                let spare = part(self.left(now), 1.0 - early);
                self.plan(now, roll, spare);
                return;
            }
            Timing::Ends(left) | Timing::Child(left) => {
                self.note_made(now, left);
                self.ends = Some(now.after(left));
                let due = self.not_before_floor(now.after(part(left, early)));
                self.planned = Some(due);
                due
            }
            Timing::Rotates(left) => {
                let jitter = part((left / 50).min(Duration::from_secs(5)), roll);
                now.after(left + Duration::from_secs(1) + jitter)
            }
            Timing::Static(at_most) => {
                self.is_static = true;
                let interval = at_most.map_or(rules.static_interval, |most| most.min(rules.static_interval));
                now.after(part(interval, between(0.85, 0.95, roll)).max(Duration::from_secs(1)))
            }
            Timing::File => now.after(FILE_INTERVAL),
        };
        self.idle(false, due);
        self.follow_up(now);
    }

    /// The lease was extended by `length`.
    pub(crate) fn renewed(&mut self, length: Duration, renewable: bool, now: Moment, roll: f64) {
        self.recover();
        if let Some(lease) = &mut self.lease {
            lease.since = now;
            lease.left = length;
            // One second less may be rounding; of a short lease it is too much to find out.
            let rounding = Duration::from_secs(u64::from(lease.length >= LONG));
            lease.last = !renewable || length.saturating_add(rounding) < lease.length;
        }
        self.plan_spared(now, roll);
    }

    /// The server says how much of the lease is left.
    pub(crate) fn checked(&mut self, left: Duration, now: Moment, roll: f64) {
        self.recover();
        if let Some(lease) = &mut self.lease {
            lease.since = now;
            lease.left = left;
        }
        self.plan_spared(now, roll);
    }

    /// No answer, or none that helps.
    pub(crate) fn fetch_failed(&mut self, failure: Failure, now: Moment, roll: f64) {
        self.failures = self.failures.saturating_add(1);
        self.forbidden = failure == Failure::Forbidden;
        let (bounds, longest, asked) = match failure {
            Failure::Passing(asked) => (PASSING, self.longest_pause(now), asked.unwrap_or_default()),
            Failure::Lasting | Failure::Forbidden | Failure::Gone => (LASTING, Duration::MAX, Duration::ZERO),
        };
        self.pause = next_pause(self.pause, bounds.0, bounds.1, roll);
        let (pause, asked) = (self.pause.min(longest), asked.min(PATIENCE));
        // A little later than asked for, so that not everybody comes at once.
        let wait = pause.max(asked + part(asked, roll * 0.1));
        self.idle(false, now.after(wait));
        self.follow_up(now);
    }

    /// The lease could not be extended, or asked about.
    pub(crate) fn renewal_failed(&mut self, failure: Failure, now: Moment, roll: f64) {
        self.forbidden = failure == Failure::Forbidden;
        match failure {
            Failure::Gone => {
                self.lease = None;
                self.check = None;
                self.planned = None;
                let due = self.not_before_floor(now.after(part(SPREAD, roll)));
                self.idle(false, due);
            }
            Failure::Lasting | Failure::Forbidden => {
                if let Some(lease) = &mut self.lease {
                    lease.last = true;
                }
                self.plan_spared(now, roll);
            }
            Failure::Passing(asked) => {
                self.pause = next_pause(self.pause, PASSING.0, PASSING.1, roll);
                let again = now.after(self.pause.max(asked.unwrap_or_default().min(PATIENCE)));
                let replace = self.lease.as_ref().map(|lease| lease.replaced_at(roll));
                let extended = self.lease.as_ref().is_some_and(Lease::is_extended);
                match replace {
                    Some(replace) if !extended || replace.from(now) <= again.from(now) => {
                        let due = self.not_before_floor(replace.later(now));
                        self.idle(false, due);
                    }
                    _ => self.idle(true, again),
                }
            }
        }
        self.follow_up(now);
    }

    /// What is there has changed: fetch it now. Credentials with a lease do not change, they end.
    pub(crate) fn nudge(&mut self, now: Moment, wait: Duration) {
        if self.lease.is_some() || self.ends.is_some() {
            return;
        }
        match &mut self.phase {
            Phase::Busy => self.again = true,
            Phase::Idle { renew, due } => {
                *renew = false;
                *due = due.earlier(now.after(wait));
            }
        }
    }

    /// Another login. What failed for lack of permission is tried again at once. Leases go on until the token they
    /// were made with ends; whether it has ended before its time, the server is asked within a moment.
    pub(crate) fn token_changed(
        &mut self,
        owner_ends: impl Fn(u64) -> Option<Moment>,
        now: Moment,
        roll: f64,
    ) {
        if self.forbidden {
            self.forbidden = false;
            self.pause = Duration::ZERO;
            if let Phase::Idle { due, .. } = &mut self.phase {
                *due = now;
            }
        }
        self.cut_child(&owner_ends, now);
        let Some(lease) = &mut self.lease else { return };
        lease.owner_ends = owner_ends(lease.owner);
        self.check = Some(now.after(part(SPREAD, roll)));
        if !matches!(self.phase, Phase::Busy) {
            self.plan_spared(now, roll);
        }
    }

    /// A child ends with the token it was made with, which will not be renewed any more: it is replaced before that.
    fn cut_child(&mut self, owner_ends: &impl Fn(u64) -> Option<Moment>, now: Moment) {
        let (Some(ends), Some(owner_ends)) = (self.ends, self.child_of.and_then(owner_ends)) else {
            return;
        };
        self.ends = Some(ends.earlier(owner_ends));
        let due = self.not_before_floor(now.after(part(self.left(now), 0.5)));
        if let Phase::Idle { due: planned, .. } = &mut self.phase {
            *planned = planned.earlier(due);
        }
    }

    /// Decides between extending and replacing the lease that is held, which is replaced when `spare` is left of it.
    fn plan(&mut self, now: Moment, roll: f64, spare: Duration) {
        let Some(lease) = &self.lease else {
            self.idle(false, now);
            return;
        };
        let (renew, due) = if lease.is_extended() {
            let fraction = 2.0 / 3.0 * between(0.9, 1.1, roll);
            (true, lease.since.after(part(lease.left, fraction)).later(now))
        } else {
            let due = now.after(lease.end().from(now).saturating_sub(spare));
            (false, self.not_before_floor(due))
        };
        self.planned = Some(due);
        self.idle(renew, due);
        self.follow_up(now);
    }

    fn plan_spared(&mut self, now: Moment, roll: f64) {
        let spare = self.lease.as_ref().map(|lease| lease.spare(self.left(now), roll));
        self.plan(now, roll, spare.unwrap_or_default());
    }

    /// How long what is held is still good for.
    fn left(&self, now: Moment) -> Duration {
        self.end().map(|end| end.from(now)).unwrap_or_default()
    }

    /// Longest pause that leaves time for another attempt before what is held ends. Ends are told in whole seconds,
    /// and what ended by the wall clock alone may live, because that may have been set.
    fn longest_pause(&self, now: Moment) -> Duration {
        let Some(end) = self.end() else {
            return Duration::MAX;
        };
        let left = end.steady.saturating_sub(now.steady);
        let left = Some(end.from(now)).filter(|left| !left.is_zero()).unwrap_or(left);
        match now.steady.saturating_sub(end.steady) {
            _ if !left.is_zero() => (left / 2).max(HURRY),
            over if over < OVER => PASSING.0,
            _ => Duration::MAX,
        }
    }

    /// Remembers that a credential was made, and makes the next one wait longer if this one came before its time.
    fn note_made(&mut self, now: Moment, length: Duration) {
        let is_early = self.planned.is_none_or(|planned| !planned.is_reached(now));
        self.premature = if self.made.is_some() && (is_early || length < OVER) {
            self.premature.saturating_add(1)
        } else {
            0
        };
        self.made = Some((now, length));
    }

    /// Credentials that end before their time are made ever more seldom. One that was to live for less than the
    /// floor is replaced before it ends nevertheless, unless that has become a loop.
    fn not_before_floor(&self, due: Moment) -> Moment {
        let Some((made, length)) = self.made else {
            return due;
        };
        let floor = FLOOR
            .0
            .saturating_mul(2_u32.saturating_pow(self.premature))
            .min(FLOOR.1);
        // By the steady clock alone: one that was set back would make it look over when it came.
        let length = self
            .end()
            .map_or(length, |end| end.steady.saturating_sub(made.steady).min(length));
        let is_short = self.premature < LOOP && length >= OVER;
        due.later(made.after(if is_short { floor.min(length / 2) } else { floor }))
    }

    const fn recover(&mut self) {
        self.failures = 0;
        self.pause = Duration::ZERO;
        self.forbidden = false;
    }

    const fn idle(&mut self, renew: bool, due: Moment) {
        self.phase = Phase::Idle { renew, due };
    }

    fn follow_up(&mut self, now: Moment) {
        if std::mem::take(&mut self.again)
            && let Phase::Idle { due, .. } = &mut self.phase
        {
            *due = due.earlier(now);
        }
    }
}

/// The part of its life after which a credential that cannot be extended is replaced: a little before `threshold`.
fn replace_at(threshold: f64, roll: f64) -> f64 {
    let early = between(threshold - SPARE, threshold - SPARE + 0.1, roll);
    if early > 0.0 && early < 1.0 {
        early
    } else {
        threshold
    }
}

#[cfg(test)]
mod tests;
