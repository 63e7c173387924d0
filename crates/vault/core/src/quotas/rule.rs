//! Which limit holds for a path.

use std::sync::Arc;
use std::time::Duration;

use arca_base::Ttl;
use serde::{Deserialize, Serialize};

use super::leases::LeaseRule;
use super::limiter::Limit;
use crate::barrier::Stored;

/// What a server must answer, or nobody could operate it.
const ALWAYS: [&str; 6] = [
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/leader",
    "sys/seal-status",
    "sys/unseal",
];

/// A limit, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    /// Nothing, a mount with its slash, or a path that may end in `*`.
    pub(super) path: String,
    /// Requests of one client in one interval.
    pub(super) rate: f64,
    pub(super) interval: Ttl,
    pub(super) block_interval: Ttl,
    pub(super) inheritable: bool,
}

impl Stored for Rule {
    const VERSION: u8 = 1;
    const NAME: &'static str = "rate limit";
}

/// What holds for all limits, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct QuotaConfig {
    pub(super) exempt: Vec<String>,
    pub(super) audit: bool,
    pub(super) headers: bool,
}

impl Stored for QuotaConfig {
    const VERSION: u8 = 1;
    const NAME: &'static str = "configuration of rate limits";
}

/// All limits, the most specific first.
pub(super) struct Rules {
    rules: Vec<Ready>,
    leases: Vec<(Arc<str>, Scope, LeaseRule)>,
    pub(super) config: QuotaConfig,
}

/// A limit, ready to count by.
pub(super) struct Ready {
    pub(super) name: Arc<str>,
    pub(super) limit: Limit,
    /// Requests of one client in one interval, as clients are told.
    pub(super) requests: u64,
    scope: Scope,
}

/// What a limit is for.
pub(super) enum Scope {
    Everything,
    Mount(String),
    Beginning(String),
    Path(String),
}

impl Scope {
    pub(super) fn of(path: &str) -> Self {
        if path.is_empty() {
            Self::Everything
        } else if let Some(beginning) = path.strip_suffix('*') {
            Self::Beginning(beginning.to_owned())
        } else if path.ends_with('/') {
            Self::Mount(path.to_owned())
        } else {
            Self::Path(path.to_owned())
        }
    }

    fn holds(&self, path: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Mount(beginning) | Self::Beginning(beginning) => path.starts_with(beginning),
            Self::Path(exact) => path.trim_end_matches('/') == exact,
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Everything => 0,
            Self::Mount(text) | Self::Beginning(text) | Self::Path(text) => text.len(),
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Everything => 0,
            Self::Mount(_) => 1,
            Self::Beginning(_) => 2,
            Self::Path(_) => 3,
        }
    }
}

impl Rules {
    pub(super) fn new(rows: Vec<(String, Rule)>, config: QuotaConfig) -> Self {
        let mut rules: Vec<Ready> = rows
            .into_iter()
            .map(|(name, rule)| Ready {
                name: name.into(),
                limit: rule.limit(),
                requests: rule.requests(),
                scope: Scope::of(&rule.path),
            })
            .collect();
        rules.sort_by_key(|ready| std::cmp::Reverse((ready.scope.kind(), ready.scope.length())));
        Self {
            rules,
            leases: Vec::new(),
            config,
        }
    }

    /// The same with limits of leases.
    pub(super) fn with_leases(mut self, rows: Vec<(String, LeaseRule)>) -> Self {
        let rows = rows.into_iter();
        self.leases = rows
            .map(|(name, rule)| (name.into(), Scope::of(&rule.path), rule))
            .collect();
        self.leases
            .sort_by_key(|(_, scope, _)| std::cmp::Reverse((scope.kind(), scope.length())));
        self
    }

    /// The limit of leases that holds for a path.
    pub(super) fn of_leases(&self, path: &str) -> Option<(&Arc<str>, &LeaseRule)> {
        let (name, _, rule) = self.leases.iter().find(|(_, scope, _)| scope.holds(path))?;
        Some((name, rule))
    }

    /// The limit that holds for a path.
    pub(super) fn of(&self, path: &str) -> Option<&Ready> {
        let rule = self.rules.iter().find(|ready| ready.scope.holds(path))?;
        let exempt = ALWAYS.contains(&path)
            || self
                .config
                .exempt
                .iter()
                .any(|exempt| Scope::of(exempt).holds(path));
        (!exempt).then_some(rule)
    }
}

impl Rule {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and at most 1e9; its fraction is not for headers"
    )]
    const fn requests(&self) -> u64 {
        self.rate as u64
    }

    fn limit(&self) -> Limit {
        let interval = self.interval.to_duration().max(Duration::from_millis(1));
        // What was written was checked; a row of somebody else's making must not divide by nothing.
        let rate = self.rate.max(1e-9);
        let emission = interval.as_secs_f64() / rate;
        let emission = Duration::try_from_secs_f64(emission).unwrap_or(Duration::from_secs(86_400));
        Limit {
            emission,
            tolerance: interval.saturating_sub(emission),
            block: self.block_interval.to_duration(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(paths: &[&str], exempt: &[&str]) -> Rules {
        let rows = paths.iter().map(|path| {
            let rule = Rule {
                path: (*path).to_owned(),
                rate: 1.0,
                ..Rule::default()
            };
            (format!("<{path}>"), rule)
        });
        let config = QuotaConfig {
            exempt: exempt.iter().map(|path| (*path).to_owned()).collect(),
            ..QuotaConfig::default()
        };
        Rules::new(rows.collect(), config)
    }

    #[test]
    fn the_most_specific_limit_holds() {
        let paths = [
            "",
            "secret/",
            "secret/data/app*",
            "secret/data/app/db",
            "auth/userpass/",
        ];
        let rules = rules(&paths, &["sys/mounts", "cubbyhole/*"]);
        for (path, expected) in [
            ("secret/data/app/db", Some("<secret/data/app/db>")),
            ("secret/data/app/x", Some("<secret/data/app*>")),
            ("secret/data/other", Some("<secret/>")),
            ("secrets/data", Some("<>")),
            ("auth/userpass/login/ann", Some("<auth/userpass/>")),
            ("sys/health", None),
            ("sys/mounts", None),
            ("sys/mounts/x", Some("<>")),
            ("cubbyhole/a", None),
        ] {
            assert_eq!(rules.of(path).map(|ready| &*ready.name), expected, "{path}");
        }
    }
}
