//! Not asking faster than agreed.

use std::time::Duration;

use parking_lot::Mutex;

/// Most requests per second, and how many may go at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Between two requests, without a burst.
    step: Duration,
    burst: u32,
}

/// Slowest and fastest rate, in requests per second.
const SLOWEST: f64 = 0.001;
const FASTEST: f64 = 1_000_000.0;

impl Pace {
    /// Reads `rate` or `rate:burst`; without a burst, it is the rate rounded down.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (rate, burst) = match text.split_once(':') {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let rate: f64 = rate.trim().parse().map_err(|_| "the rate is not a number")?;
        if !(SLOWEST..=FASTEST).contains(&rate) {
            return Err("the rate must be between 0.001 and 1000000");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        let whole = rate as u32;
        let burst = match burst {
            None => whole,
            Some(burst) => burst
                .trim()
                .parse()
                .map_err(|_| "the burst is not a whole number")?,
        };
        Ok(Self {
            step: Duration::from_secs_f64(1.0 / rate),
            burst: u32::max(burst, 1),
        })
    }
}

/// Hands out turns at a [`Pace`].
#[derive(Debug)]
pub(crate) struct Turns {
    pace: Pace,
    /// When the next turn would be if there were no burst.
    next: Mutex<Duration>,
}

impl Turns {
    pub(crate) const fn new(pace: Pace) -> Self {
        Self {
            pace,
            next: Mutex::new(Duration::ZERO),
        }
    }

    /// Takes a turn, and says how long to wait for it. `now` never goes backwards.
    pub(crate) fn take(&self, now: Duration) -> Duration {
        let Pace { step, burst } = self.pace;
        let credit = step.saturating_mul(burst.saturating_sub(1));
        let mut next = self.next.lock();
        let turn = (*next).max(now.saturating_sub(credit));
        *next = turn + step;
        turn.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(milliseconds: u64, burst: u32) -> Pace {
        Pace {
            step: Duration::from_millis(milliseconds),
            burst,
        }
    }

    #[test]
    fn reads_rate_and_burst() {
        assert_eq!(Pace::parse("2.5"), Ok(pace(400, 2)));
        assert_eq!(Pace::parse("0.5"), Ok(pace(2000, 1)));
        assert_eq!(Pace::parse(" 10 : 20 "), Ok(pace(100, 20)));
        for text in [
            "", "x", "0", "-1", "NaN", "inf", "1e-300", "1e300", "1:", "1:x", "1:2:3",
        ] {
            assert!(Pace::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_waits() {
        let turns = Turns::new(pace(500, 3));
        let start = Duration::from_secs(100);
        let waits: Vec<_> = (0..5).map(|_| turns.take(start).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 500, 1000]);
        assert_eq!(turns.take(start + Duration::from_secs(60)), Duration::ZERO);
    }
}
