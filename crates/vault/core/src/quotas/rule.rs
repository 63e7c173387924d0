//! Which limit holds for a request.

use std::borrow::Cow;
use std::cmp::Reverse;
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

/// What a limit is for, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Aim {
    /// Nothing, a namespace or a mount with its slash, or a path that may end in `*`; with the namespaces around it.
    pub(super) path: String,
    /// The namespace it lies in, or is itself; with its slash, and nothing for the root namespace. Older rows have
    /// nothing here.
    pub(super) namespace: String,
    /// Role of the auth method at `path`, in lower case.
    pub(super) role: String,
    /// Whether a limit of a namespace holds for those below it.
    pub(super) inheritable: bool,
}

/// A limit, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    #[serde(flatten)]
    pub(super) aim: Aim,
    /// Requests of one client in one interval.
    pub(super) rate: f64,
    pub(super) interval: Ttl,
    pub(super) block_interval: Ttl,
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

/// Where a request goes.
pub(crate) struct Destination<'a> {
    /// Path of its namespace, with its slash; nothing for the root namespace.
    pub(crate) namespace: Cow<'a, str>,
    /// Its path, that of the namespace before it.
    pub(crate) path: Cow<'a, str>,
    /// The role that a login is by.
    pub(crate) role: Option<&'a str>,
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
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Namespace { path: String, inherited: bool },
    Mount(String),
    Beginning(String),
    Path(String),
    Role { mount: String, role: String },
}

impl Scope {
    /// What a path names that is not known to be a namespace.
    fn of_path(path: &str) -> Self {
        if path.is_empty() {
            Self::Namespace {
                path: String::new(),
                inherited: true,
            }
        } else if let Some(beginning) = path.strip_suffix('*') {
            Self::Beginning(beginning.to_owned())
        } else if path.ends_with('/') {
            Self::Mount(path.to_owned())
        } else {
            Self::Path(path.to_owned())
        }
    }

    fn holds(&self, to: &Destination<'_>) -> bool {
        match self {
            Self::Namespace { path, inherited } => {
                to.namespace == *path || *inherited && to.namespace.starts_with(path)
            }
            Self::Mount(beginning) | Self::Beginning(beginning) => to.path.starts_with(beginning),
            Self::Path(exact) => to.path.trim_end_matches('/') == exact,
            Self::Role { mount, role } => to.role == Some(role) && to.path.starts_with(mount),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Namespace { path: text, .. }
            | Self::Mount(text)
            | Self::Beginning(text)
            | Self::Path(text)
            | Self::Role { mount: text, .. } => text.len(),
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Namespace { .. } => 0,
            Self::Mount(_) => 1,
            Self::Beginning(_) => 2,
            Self::Path(_) => 3,
            Self::Role { .. } => 4,
        }
    }

    /// Sorts the most specific first.
    fn rank(&self) -> Reverse<(u8, usize)> {
        Reverse((self.kind(), self.length()))
    }
}

impl Aim {
    pub(super) fn scope(&self) -> Scope {
        if !self.role.is_empty() {
            return Scope::Role {
                mount: self.path.clone(),
                role: self.role.clone(),
            };
        }
        if self.path == self.namespace {
            return Scope::Namespace {
                path: self.path.clone(),
                inherited: self.inheritable,
            };
        }
        Scope::of_path(&self.path)
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
                scope: rule.aim.scope(),
            })
            .collect();
        rules.sort_by_key(|ready| ready.scope.rank());
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
            .map(|(name, rule)| (name.into(), rule.aim.scope(), rule))
            .collect();
        self.leases.sort_by_key(|(_, scope, _)| scope.rank());
        self
    }

    /// Whether any limit is for a role of the auth method mounted at `mount`.
    pub(super) fn ask_role(&self, mount: &str) -> bool {
        let of_requests = self.rules.iter().map(|ready| &ready.scope);
        let of_leases = self.leases.iter().map(|(_, scope, _)| scope);
        of_requests
            .chain(of_leases)
            .any(|scope| matches!(scope, Scope::Role { mount: found, .. } if found == mount))
    }

    /// The limit of leases that holds for a request.
    pub(super) fn of_leases(&self, to: &Destination<'_>) -> Option<(&Arc<str>, &LeaseRule)> {
        let (name, _, rule) = self.leases.iter().find(|(_, scope, _)| scope.holds(to))?;
        Some((name, rule))
    }

    /// The limit that holds for a request.
    pub(super) fn of(&self, to: &Destination<'_>) -> Option<&Ready> {
        let rule = self.rules.iter().find(|ready| ready.scope.holds(to))?;
        let exempt = ALWAYS.contains(&&*to.path)
            || self
                .config
                .exempt
                .iter()
                .any(|exempt| Scope::of_path(exempt).holds(to));
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

    /// A rule for each path, called like it; those below `team/` are of that namespace.
    fn rules(paths: &[&str], exempt: &[&str]) -> Rules {
        let rows = paths.iter().map(|path| {
            let (path_and_role, inheritable) = match path.strip_prefix('+') {
                Some(path) => (path, true),
                None => (*path, false),
            };
            let (path_only, role) = path_and_role.split_once('|').unwrap_or((path_and_role, ""));
            let namespace = ["team/app/", "team/"]
                .into_iter()
                .find(|namespace| path_only.starts_with(namespace));
            let aim = Aim {
                path: path_only.to_owned(),
                namespace: namespace.unwrap_or_default().to_owned(),
                role: role.to_owned(),
                inheritable,
            };
            let rule = Rule {
                aim,
                rate: 1.0,
                ..Rule::default()
            };
            (format!("<{path_and_role}>"), rule)
        });
        let config = QuotaConfig {
            exempt: exempt.iter().map(|path| (*path).to_owned()).collect(),
            ..QuotaConfig::default()
        };
        Rules::new(rows.collect(), config)
    }

    fn to<'a>(namespace: &'a str, path: &'a str, role: Option<&'a str>) -> Destination<'a> {
        Destination {
            namespace: namespace.into(),
            path: path.into(),
            role,
        }
    }

    fn name<'a>(rules: &'a Rules, to: &Destination<'_>) -> Option<&'a str> {
        rules.of(to).map(|ready| &*ready.name)
    }

    #[test]
    fn the_most_specific_limit_holds() {
        let paths = [
            "+",
            "secret/",
            "secret/data/app*",
            "secret/data/app/db",
            "auth/userpass/",
            "auth/approle/",
            "auth/approle/login",
            "auth/approle/|app",
        ];
        let rules = rules(&paths, &["sys/mounts", "cubbyhole/*"]);
        for (path, role, expected) in [
            ("secret/data/app/db", None, Some("<secret/data/app/db>")),
            ("secret/data/app/x", None, Some("<secret/data/app*>")),
            ("secret/data/other", None, Some("<secret/>")),
            ("secrets/data", None, Some("<>")),
            ("auth/userpass/login/ann", None, Some("<auth/userpass/>")),
            ("auth/approle/login", Some("app"), Some("<auth/approle/|app>")),
            ("auth/approle/login", Some("other"), Some("<auth/approle/login>")),
            ("auth/approle/role/app", None, Some("<auth/approle/>")),
            ("auth/userpass/login", Some("app"), Some("<auth/userpass/>")),
            ("sys/health", None, None),
            ("sys/mounts", None, None),
            ("sys/mounts/x", None, Some("<>")),
            ("cubbyhole/a", None, None),
        ] {
            assert_eq!(name(&rules, &to("", path, role)), expected, "{path} {role:?}");
        }
        assert!(rules.ask_role("auth/approle/"));
        assert!(!rules.ask_role("auth/userpass/"));
    }

    #[test]
    fn a_limit_of_a_namespace_holds_below_it_only_where_it_is_inherited() {
        let inherited = rules(&["+", "+team/", "team/secret/"], &[]);
        let own = rules(&["+", "team/"], &[]);
        let root = rules(&["", "team/app/"], &[]);
        for (namespace, path, of_inherited, of_own, of_root) in [
            ("", "secret/x", Some("<>"), Some("<>"), Some("<>")),
            (
                "team/",
                "team/secret/x",
                Some("<team/secret/>"),
                Some("<team/>"),
                None,
            ),
            ("team/", "team/kv/x", Some("<team/>"), Some("<team/>"), None),
            (
                "team/app/",
                "team/app/kv/x",
                Some("<team/>"),
                Some("<>"),
                Some("<team/app/>"),
            ),
            ("teams/", "teams/kv/x", Some("<>"), Some("<>"), None),
        ] {
            let to = to(namespace, path, None);
            let found = (name(&inherited, &to), name(&own, &to), name(&root, &to));
            assert_eq!(found, (of_inherited, of_own, of_root), "{path}");
        }
    }
}
