//! How long to wait after failures.

use std::time::Duration;

use arca_base::{Entropy, entropy};

/// After a refusal a person must change something: there is no hurry.
const SLOW: Duration = Duration::from_secs(15);

/// First and longest pause between attempts to renew.
const RENEWAL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_mins(1));

/// Most a server may ask for.
const MOST_PATIENCE: Duration = Duration::from_mins(5);

/// Doubling waits, each up to a quarter shorter.
pub(super) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(super) const fn of_login(min: Duration, max: Duration) -> Self {
        Self { next: min, max }
    }

    pub(super) const fn of_renewal() -> Self {
        let (next, max) = RENEWAL;
        Self { next, max }
    }

    /// The next wait. `asked` is what the server wants at least.
    pub(super) fn next(
        &mut self,
        entropy: &dyn Entropy,
        is_refusal: bool,
        asked: Option<Duration>,
    ) -> Duration {
        let floor = if is_refusal {
            SLOW.min(self.max)
        } else {
            Duration::ZERO
        };
        let wait = self.next.max(floor);
        self.next = wait.saturating_mul(2).min(self.max);
        let wait = wait.saturating_sub(part(entropy, wait, 0, 25));
        wait.max(asked.unwrap_or(Duration::ZERO).min(MOST_PATIENCE))
    }
}

/// A random part of `whole`, from `low` to `high` percent of it.
pub(super) fn part(entropy: &dyn Entropy, whole: Duration, low: u32, high: u32) -> Duration {
    let millionths = u64::from(high.saturating_sub(low)) * 10_000;
    let drawn = u64::from(low) * 10_000 + entropy::below(entropy, millionths + 1);
    whole.mul_f64(f64::from(u32::try_from(drawn).unwrap_or(u32::MAX)) / 1_000_000.0)
}

#[cfg(test)]
mod tests {
    use arca_testkit::SeededEntropy;

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_vary() {
        let entropy = SeededEntropy::new(1);
        let mut backoff = Backoff::of_login(Duration::from_secs(1), Duration::from_secs(10));
        let waits: Vec<f64> = (0..6)
            .map(|_| backoff.next(&*entropy, false, None).as_secs_f64())
            .collect();
        for (wait, whole) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 10.0, 10.0]) {
            assert!((whole * 0.75..=whole).contains(wait), "{waits:?}");
        }
        assert!(waits.iter().any(|wait| wait.fract() != 0.0));
    }

    #[test]
    fn refusals_are_slow_and_the_server_may_ask_for_more() {
        let entropy = SeededEntropy::new(1);
        let mut backoff = Backoff::of_login(Duration::from_secs(1), Duration::from_mins(5));
        assert!(backoff.next(&*entropy, true, None) >= SLOW.mul_f64(0.75));
        let mut backoff = Backoff::of_renewal();
        assert!(backoff.next(&*entropy, false, None) <= Duration::from_millis(250));
        assert_eq!(
            backoff
                .next(&*entropy, false, Some(Duration::from_secs(7)))
                .as_secs(),
            7
        );
        assert_eq!(
            backoff.next(&*entropy, false, Some(Duration::from_hours(7))),
            MOST_PATIENCE
        );
        let mut short = Backoff::of_login(Duration::from_secs(1), Duration::from_secs(2));
        assert!(short.next(&*entropy, true, None) <= Duration::from_secs(2));
    }

    #[test]
    fn parts_stay_within_their_bounds() {
        let entropy = SeededEntropy::new(3);
        for _ in 0..100 {
            let part = part(&*entropy, Duration::from_secs(100), 80, 90).as_secs_f64();
            assert!((80.0..=90.0).contains(&part), "{part}");
        }
    }
}
