//! When passwords change: every so often, or by a schedule with a window.

use arca_base::{Timestamp, Ttl};
use arca_core::Fault;
use serde::{Deserialize, Serialize};

use super::cron::Cron;

/// Shortest period.
const SHORTEST_PERIOD: u64 = 5;
/// Shortest window.
const SHORTEST_WINDOW: u64 = 3600;

/// When a password changes. Neither period nor schedule: never by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Schedule {
    /// Every so often.
    pub(super) period: Ttl,
    /// Five fields as of cron, in UTC.
    pub(super) cron: String,
    /// How long after each time of the schedule it may still change; zero for until the next.
    pub(super) window: Ttl,
}

/// What a request says about a schedule.
pub(super) struct Given<'a> {
    pub(super) period: Option<Ttl>,
    pub(super) cron: Option<&'a str>,
    pub(super) window: Option<Ttl>,
}

impl Schedule {
    /// This schedule with what a request says; a period takes the place of a schedule and the other way round.
    ///
    /// # Errors
    /// 400 for what does not go together.
    pub(super) fn changed(&self, given: &Given<'_>) -> Result<Self, Fault> {
        let period = given.period.and_then(Ttl::nonzero);
        let cron = given.cron.filter(|cron| !cron.is_empty());
        let mut next = self.clone();
        match (period, cron) {
            (Some(_), Some(_)) => {
                return Err(Fault::invalid(
                    "mutually exclusive fields rotation_period and rotation_schedule were both specified; only one of them can be provided",
                ));
            }
            (Some(period), None) => {
                next = Self {
                    period,
                    ..Self::default()
                }
            }
            (None, Some(cron)) => {
                next.period = Ttl::ZERO;
                cron.clone_into(&mut next.cron);
            }
            (None, None) => {
                if given.period.is_some() {
                    next.period = Ttl::ZERO;
                }
                if given.cron.is_some() {
                    next.cron.clear();
                    next.window = Ttl::ZERO;
                }
            }
        }
        if let Some(window) = given.window {
            next.window = window;
        }
        next.check()?;
        Ok(next)
    }

    fn check(&self) -> Result<(), Fault> {
        if !self.period.is_zero() && self.period.seconds() < SHORTEST_PERIOD {
            return Err(Fault::invalid(format!(
                "rotation_period must be {SHORTEST_PERIOD} seconds or more"
            )));
        }
        if !self.cron.is_empty() {
            Cron::parse(&self.cron)
                .map_err(|reason| Fault::invalid(format!("could not parse rotation_schedule: {reason}")))?;
        }
        if self.window.is_zero() {
            return Ok(());
        }
        if self.cron.is_empty() {
            return Err(Fault::invalid(
                "rotation_window is invalid with use of rotation_period",
            ));
        }
        if self.window.seconds() < SHORTEST_WINDOW {
            return Err(Fault::invalid(format!(
                "rotation_window must be {SHORTEST_WINDOW} seconds or more"
            )));
        }
        Ok(())
    }

    /// Whether it says anything.
    pub(super) fn is_set(&self) -> bool {
        !self.period.is_zero() || !self.cron.is_empty()
    }

    /// When the password is to be changed after it was changed at `last`, seen from `now`: a time of the schedule
    /// whose window has passed is left out.
    pub(super) fn due(&self, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if !self.period.is_zero() {
            return Some(last.plus(self.period));
        }
        let cron = Cron::parse(&self.cron).ok()?;
        let due = cron.next_after(last)?;
        let missed = !self.window.is_zero() && due.plus(self.window) < now;
        if missed { cron.next_from(now) } else { Some(due) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn given<'a>(period: Option<u64>, cron: Option<&'a str>, window: Option<u64>) -> Given<'a> {
        Given {
            period: period.map(Ttl::from_seconds),
            cron,
            window: window.map(Ttl::from_seconds),
        }
    }

    #[test]
    fn a_period_and_a_schedule_exclude_each_other() {
        let none = Schedule::default();
        let refused = |given: &Given<'_>| none.changed(given).unwrap_err().text().to_owned();
        assert!(refused(&given(Some(60), Some("* * * * *"), None)).starts_with("mutually exclusive"));
        assert_eq!(
            refused(&given(Some(4), None, None)),
            "rotation_period must be 5 seconds or more"
        );
        assert_eq!(
            refused(&given(Some(60), None, Some(3600))),
            "rotation_window is invalid with use of rotation_period"
        );
        assert_eq!(
            refused(&given(None, Some("* * * * *"), Some(60))),
            "rotation_window must be 3600 seconds or more"
        );
        assert!(refused(&given(None, Some("nonsense"), None)).starts_with("could not parse"));
        let scheduled = none.changed(&given(None, Some("0 2 * * *"), Some(7200))).unwrap();
        let periodic = scheduled.changed(&given(Some(60), None, None)).unwrap();
        assert_eq!((periodic.period.seconds(), periodic.cron.as_str()), (60, ""));
        let again = periodic.changed(&given(None, Some("0 2 * * *"), None)).unwrap();
        assert_eq!((again.period.seconds(), again.cron.as_str()), (0, "0 2 * * *"));
    }

    #[test]
    fn a_window_that_passed_is_left_out() {
        let schedule = Schedule::default()
            .changed(&given(None, Some("0 2 * * *"), Some(3600)))
            .unwrap();
        let last = at("2026-03-01T02:00:00Z");
        let due = |now| schedule.due(last, at(now)).unwrap();
        assert_eq!(due("2026-03-01T12:00:00Z"), at("2026-03-02T02:00:00Z"));
        assert_eq!(due("2026-03-02T02:30:00Z"), at("2026-03-02T02:00:00Z"));
        assert_eq!(due("2026-03-02T03:30:00Z"), at("2026-03-03T02:00:00Z"));
    }
}
