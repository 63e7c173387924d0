//! Randomness as fractions, and waits that spread out.

use std::time::Duration;

use arca_base::{Entropy, entropy};

/// A fraction, at least 0 and below 1.
pub(crate) fn roll(source: &dyn Entropy) -> f64 {
    let number = u32::try_from(entropy::below(source, 1 << 32)).unwrap_or(u32::MAX);
    f64::from(number) / 4_294_967_296.0
}

/// `from` for 0, nearly `to` for 1.
pub(crate) fn between(from: f64, to: f64, roll: f64) -> f64 {
    (to - from).mul_add(roll, from)
}

/// A part of a time. Never more than the time itself.
pub(crate) fn part(of: Duration, fraction: f64) -> Duration {
    of.mul_f64(fraction.clamp(0.0, 1.0))
}

/// The pause after one of `last`: anything between `shortest` and three times the last, at most `longest`
/// (decorrelated jitter). Those who failed together do not come back together.
pub(crate) fn next_pause(last: Duration, shortest: Duration, longest: Duration, roll: f64) -> Duration {
    let high = last.saturating_mul(3).max(shortest);
    let spread = high.saturating_sub(shortest);
    (shortest + part(spread, roll)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_between_their_bounds_and_grow() {
        let (shortest, longest) = (Duration::from_millis(250), Duration::from_secs(60));
        for chance in [0.0, 0.3, 0.999] {
            let mut pause = Duration::ZERO;
            for _ in 0..50 {
                pause = next_pause(pause, shortest, longest, chance);
                assert!((shortest..=longest).contains(&pause), "{pause:?}");
            }
        }
        let mut pause = Duration::ZERO;
        for _ in 0..12 {
            pause = next_pause(pause, shortest, longest, 0.9);
        }
        assert_eq!(pause, longest);
    }

    #[test]
    fn parts_are_never_more_than_the_whole() {
        assert_eq!(part(Duration::from_secs(10), 2.0), Duration::from_secs(10));
        assert_eq!(part(Duration::from_secs(10), -1.0), Duration::ZERO);
        assert_eq!(part(Duration::from_secs(10), 0.5), Duration::from_secs(5));
    }
}
