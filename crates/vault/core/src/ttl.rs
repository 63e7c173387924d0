//! How long tokens and leases live. One rule for both.

use arca_base::{Timestamp, Ttl};

/// What the rule looks at. Zero means "not given" everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Lifetime {
    /// What the caller asks for.
    pub increment: Ttl,
    /// What the engine or role says.
    pub ttl: Ttl,
    /// Renewable for ever, each time by this long.
    pub period: Ttl,
    /// The longest the engine or role allows.
    pub max_ttl: Ttl,
    /// The longest in any case.
    pub explicit_max_ttl: Ttl,
    /// Default of the mount, or of the server.
    pub mount_default: Ttl,
    /// Maximum of the mount, or of the server.
    pub mount_max: Ttl,
    /// When it was issued.
    pub issued: Timestamp,
    /// The instant of the request.
    pub now: Timestamp,
}

/// How long it lives from now, and what was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// From now.
    pub ttl: Ttl,
    /// Why it is less than was asked for.
    pub warnings: Vec<String>,
}

/// Its last possible end has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("past the max TTL, cannot renew")]
pub struct PastMax;

impl Lifetime {
    /// Applies the rule: a period is capped by the maximum and otherwise renews for ever unless there is an
    /// explicit maximum; anything else ends at the latest one maximum after it was issued.
    ///
    /// # Errors
    /// [`PastMax`].
    pub fn grant(&self) -> Result<Granted, PastMax> {
        let mut warnings = Vec::new();
        let max = [self.max_ttl, self.explicit_max_ttl]
            .into_iter()
            .filter_map(Ttl::nonzero)
            .fold(self.mount_max, Ttl::min);
        let (mut ttl, hard_end) = match self.period.nonzero() {
            Some(period) => {
                if period > max {
                    warnings.push(format!(
                        "period of \"{period}\" exceeded the effective max_ttl of \"{max}\"; period value is capped accordingly"
                    ));
                }
                let end = self
                    .explicit_max_ttl
                    .nonzero()
                    .map(|explicit| self.issued.plus(explicit));
                (period.min(max), end)
            }
            None => {
                let wanted = [self.increment, self.ttl].into_iter().find_map(Ttl::nonzero);
                (wanted.unwrap_or(self.mount_default), Some(self.issued.plus(max)))
            }
        };
        if let Some(end) = hard_end {
            let left = Ttl::from_seconds(end.since(self.now).as_secs());
            if left.is_zero() {
                return Err(PastMax);
            }
            if ttl > left {
                let limit = if self.issued == self.now { max } else { left };
                warnings.push(format!(
                    "TTL of \"{ttl}\" exceeded the effective max_ttl of \"{limit}\"; TTL value is capped accordingly"
                ));
                ttl = left;
            }
        }
        Ok(Granted { ttl, warnings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn lifetime() -> Lifetime {
        Lifetime {
            increment: Ttl::ZERO,
            ttl: Ttl::ZERO,
            period: Ttl::ZERO,
            max_ttl: Ttl::ZERO,
            explicit_max_ttl: Ttl::ZERO,
            mount_default: Ttl::from_hours(768),
            mount_max: Ttl::from_hours(768),
            issued: Timestamp::EPOCH,
            now: Timestamp::EPOCH,
        }
    }

    fn hours(hours: u64) -> Ttl {
        Ttl::from_hours(hours)
    }

    #[test]
    fn the_first_of_increment_ttl_and_default_counts() {
        assert_eq!(lifetime().grant().unwrap().ttl, hours(768));
        assert_eq!(
            Lifetime {
                ttl: hours(2),
                ..lifetime()
            }
            .grant()
            .unwrap()
            .ttl,
            hours(2)
        );
        let both = Lifetime {
            ttl: hours(2),
            increment: hours(3),
            ..lifetime()
        };
        assert_eq!(both.grant().unwrap().ttl, hours(3));
    }

    #[test]
    fn too_much_is_cut_with_a_warning() {
        let granted = Lifetime {
            increment: hours(800),
            ..lifetime()
        }
        .grant()
        .unwrap();
        assert_eq!(granted.ttl, hours(768));
        assert_eq!(
            granted.warnings,
            ["TTL of \"800h\" exceeded the effective max_ttl of \"768h\"; TTL value is capped accordingly"]
        );
        assert_eq!(
            Lifetime {
                increment: hours(9),
                max_ttl: hours(4),
                ..lifetime()
            }
            .grant()
            .unwrap()
            .ttl,
            hours(4)
        );
    }

    #[test]
    fn renewals_count_from_now_and_end_at_the_maximum() {
        let now = Timestamp::from_unix(i64::try_from(3 * HOUR).unwrap(), 0);
        let renewal = Lifetime {
            increment: hours(2),
            max_ttl: hours(4),
            now,
            ..lifetime()
        };
        assert_eq!(renewal.grant().unwrap().ttl, hours(1));
        let late = Lifetime {
            now: Timestamp::from_unix(i64::try_from(4 * HOUR).unwrap(), 0),
            ..renewal
        };
        assert_eq!(late.grant(), Err(PastMax));
    }

    #[test]
    fn periods_renew_for_ever_unless_explicitly_ended() {
        let now = Timestamp::from_unix(i64::try_from(9000 * HOUR).unwrap(), 0);
        let periodic = Lifetime {
            period: hours(24),
            now,
            ..lifetime()
        };
        assert_eq!(periodic.grant().unwrap().ttl, hours(24));
        let capped = Lifetime {
            period: hours(800),
            ..periodic
        }
        .grant()
        .unwrap();
        assert_eq!(capped.ttl, hours(768));
        assert_eq!(
            capped.warnings,
            [
                "period of \"800h\" exceeded the effective max_ttl of \"768h\"; period value is capped accordingly"
            ]
        );
        assert_eq!(
            Lifetime {
                explicit_max_ttl: hours(100),
                ..periodic
            }
            .grant(),
            Err(PastMax)
        );
    }

    #[test]
    fn a_mount_may_allow_more_than_the_server() {
        let generous = Lifetime {
            mount_max: hours(9000),
            increment: hours(8000),
            ..lifetime()
        };
        assert_eq!(generous.grant().unwrap().ttl, hours(8000));
    }
}
