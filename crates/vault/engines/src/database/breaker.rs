//! Keeps calls away from a database that is gone, so that they fail at once instead of each waiting for it.

use arca_base::{Entropy, Timestamp, Ttl, entropy};
use parking_lot::Mutex;

/// Failures in a row after which calls are kept away.
const PATIENCE: u32 = 3;
/// First and longest pause, in seconds; each is doubled, and half of it to one and a half of it by chance. Short, since
/// a probe costs one connection, and as long as a pause lasts nobody gets into a database that may be back.
const FIRST_PAUSE: u64 = 1;
const LONGEST_PAUSE: u64 = 16;
/// How long a probe may be under way before another one is let through.
const PROBE: Ttl = Ttl::from_seconds(45);

/// Whether a database was within reach lately.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    /// In a row. Calls that were under way when the pause began do not count: they say nothing new.
    failures: u32,
    /// Whether the one call that is let through after a pause is under way.
    probing: bool,
    /// Set while calls are kept away.
    closed_until: Option<Timestamp>,
    reason: String,
    recovered: bool,
}

/// Why a call is kept away.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeptAway {
    pub(super) failures: u32,
    pub(super) seconds: u64,
    pub(super) reason: String,
}

impl Breaker {
    /// For a database nobody has spoken to yet: what could not be done before may be possible now.
    pub(super) fn of_unknown() -> Self {
        let breaker = Self::default();
        breaker.forget();
        breaker
    }

    /// Forgets what was: this is another database now, or another way to it.
    pub(super) fn forget(&self) {
        *self.0.lock() = State {
            recovered: true,
            ..State::default()
        };
    }

    /// Lets a call through, or not. After a pause one call is the probe; others wait for its outcome.
    pub(super) fn admit(&self, now: Timestamp) -> Result<(), KeptAway> {
        let mut state = self.0.lock();
        match state.closed_until {
            Some(until) if until > now => Err(KeptAway {
                failures: state.failures,
                seconds: until.seconds_until(now).max(1),
                reason: state.reason.clone(),
            }),
            Some(_) => {
                state.probing = true;
                state.closed_until = Some(now.plus(PROBE));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The database answered.
    pub(super) fn succeeded(&self) {
        let mut state = self.0.lock();
        if state.failures > 0 {
            *state = State {
                recovered: true,
                ..State::default()
            };
        }
    }

    /// The database was out of reach.
    pub(super) fn failed(&self, now: Timestamp, reason: &str, entropy: &dyn Entropy) {
        let mut state = self.0.lock();
        reason.clone_into(&mut state.reason);
        if !state.probing && state.closed_until.is_some() {
            return;
        }
        state.probing = false;
        state.failures = state.failures.saturating_add(1);
        if state.failures >= PATIENCE {
            let doublings = (state.failures - PATIENCE).min(10);
            let pause = (FIRST_PAUSE << doublings).min(LONGEST_PAUSE);
            let pause = pause / 2 + entropy::below(entropy, pause);
            state.closed_until = Some(now.plus(Ttl::from_seconds(pause.max(1))));
        }
    }

    /// Whether it is time to look whether the database is back.
    pub(super) fn wants_probe(&self, now: Timestamp) -> bool {
        let state = self.0.lock();
        state.failures > 0 && state.closed_until.is_none_or(|until| until <= now)
    }

    /// Whether the database came back since this was last asked.
    pub(super) fn take_recovered(&self) -> bool {
        std::mem::take(&mut self.0.lock().recovered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0);
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_000_000 + seconds, 0)
    }

    #[test]
    fn closes_after_failures_in_a_row_and_lets_one_probe_through() {
        let breaker = Breaker::default();
        for _ in 0..2 {
            breaker.failed(at(0), "gone", &Fixed);
            assert_eq!(breaker.admit(at(0)), Ok(()));
        }
        breaker.failed(at(0), "gone", &Fixed);
        let kept = breaker.admit(at(0)).unwrap_err();
        assert_eq!((kept.failures, kept.reason.as_str()), (3, "gone"));
        assert!(breaker.wants_probe(at(1)));
        assert_eq!(breaker.admit(at(1)), Ok(()), "the probe");
        assert!(breaker.admit(at(1)).is_err(), "only one");
        for _ in 0..4 {
            breaker.failed(at(2), "still gone", &Fixed);
        }
        assert!(breaker.admit(at(2)).is_err());
        assert_eq!(breaker.admit(at(4)), Ok(()));
        breaker.succeeded();
        assert_eq!(breaker.admit(at(4)), Ok(()));
        assert!(breaker.take_recovered());
        assert!(!breaker.take_recovered(), "said once");
    }

    #[test]
    fn many_calls_that_fail_at_once_make_no_long_pause() {
        let breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(at(0), "gone", &Fixed);
        }
        assert_eq!(breaker.admit(at(1)), Ok(()), "the probe");
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        let breaker = Breaker::default();
        let mut now = 0;
        for _ in 0..3 {
            breaker.failed(at(now), "gone", &Fixed);
        }
        for _ in 0..20 {
            now += 60;
            assert_eq!(breaker.admit(at(now)), Ok(()));
            breaker.failed(at(now), "gone", &Fixed);
        }
        let kept = breaker.admit(at(now)).unwrap_err();
        assert_eq!(kept.seconds, LONGEST_PAUSE / 2, "the shortest of the longest");
    }

    #[test]
    fn a_success_in_between_counts_anew() {
        let breaker = Breaker::default();
        for _ in 0..10 {
            breaker.failed(at(0), "slow", &Fixed);
            breaker.succeeded();
        }
        assert_eq!(breaker.admit(at(0)), Ok(()));
    }

    #[test]
    fn a_probe_that_never_returns_does_not_close_for_ever() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            breaker.failed(at(0), "gone", &Fixed);
        }
        assert_eq!(breaker.admit(at(10)), Ok(()));
        assert_eq!(breaker.admit(at(60)), Ok(()));
    }
}
