//! The decision about one request.

use std::fmt;

use arca_base::{GoDuration, Operation};

use super::Rule;
use crate::capability::Capability;
use crate::document::Constraints;

/// The decision about one request.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    root: bool,
    sudo: bool,
    rule: Option<(&'a Rule, Capability)>,
    denial: Option<Denial<'a>>,
}

/// Why a request is denied.
#[derive(Clone, Debug)]
pub enum Denial<'a> {
    /// No rule matches the path.
    NoRule,
    /// The rule that counts refuses everything.
    Explicit {
        /// The rule.
        rule: &'a Rule,
    },
    /// The rule that counts lacks the capability.
    Lacks {
        /// The rule.
        rule: &'a Rule,
        /// What the request needs.
        needed: Capability,
    },
    /// The request does not keep to what the rule that counts asks for.
    Constraint {
        /// The rule.
        rule: &'a Rule,
        /// What is not kept.
        broken: Constraint<'a>,
    },
    /// No rule can allow the operation.
    Never(Operation),
}

/// What a request does not keep to. Names parameters, never their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint<'a> {
    /// A required parameter is missing.
    Missing(&'a str),
    /// All parameters are denied, and there is one.
    AnyParameter,
    /// A denied parameter, or a denied value of one.
    Denied(&'a str),
    /// A parameter that is not among the allowed ones.
    NotAllowed(&'a str),
    /// A value that is not among the allowed ones of its parameter.
    Value(&'a str),
    /// The response must be wrapped.
    Unwrapped,
    /// The wrapping TTL is longer than this.
    WrappedTooLong(GoDuration),
    /// The wrapping TTL is shorter than this.
    WrappedTooShort(GoDuration),
    /// No wrapping TTL keeps the joined bounds.
    WrappingImpossible,
    /// More names asked for than this.
    PageTooLarge(u32),
}

impl<'a> Verdict<'a> {
    pub(super) const fn of_root() -> Self {
        Self {
            root: true,
            sudo: true,
            rule: None,
            denial: None,
        }
    }

    /// For operations that no rule decides about: help is free, the others are never granted.
    pub(super) fn without_rule(operation: Operation) -> Self {
        match operation {
            Operation::Help => Self {
                root: false,
                sudo: true,
                rule: None,
                denial: None,
            },
            other => Self::refused(Denial::Never(other)),
        }
    }

    pub(super) const fn refused(denial: Denial<'a>) -> Self {
        Self {
            root: false,
            sudo: false,
            rule: None,
            denial: Some(denial),
        }
    }

    pub(super) fn by_rule(rule: &'a Rule, needed: Capability, denial: Option<Denial<'a>>) -> Self {
        Self {
            root: false,
            sudo: rule.capabilities().contains(Capability::Sudo),
            rule: Some((rule, needed)),
            denial,
        }
    }

    /// The verdict about a path that needs `sudo`, if `sudo` says so.
    #[must_use]
    pub fn needing_sudo(mut self, sudo: bool) -> Self {
        if sudo && !self.sudo && self.denial.is_none() {
            self.denial = Some(match self.rule {
                Some((rule, _)) => Denial::Lacks {
                    rule,
                    needed: Capability::Sudo,
                },
                None => Denial::NoRule,
            });
        }
        self
    }

    /// Whether the request is allowed. Paths that need sudo are judged by [`Verdict::needing_sudo`].
    #[must_use]
    pub const fn allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// Whether the rule that counts has `sudo`; also true for root, and for help, which needs none.
    #[must_use]
    pub const fn sudo(&self) -> bool {
        self.sudo
    }

    /// Whether the `root` policy decided.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.root
    }

    /// Why the request is denied; `None` if it is allowed.
    #[must_use]
    pub const fn denial(&self) -> Option<&Denial<'a>> {
        self.denial.as_ref()
    }

    /// The rule that counts.
    #[must_use]
    pub fn rule(&self) -> Option<&'a Rule> {
        self.rule.map(|(rule, _)| rule)
    }

    /// What the rule that counts asks for beyond a capability. Parameters and wrapping have been checked; MFA
    /// methods, control groups, and the limits of listings are the caller's business.
    #[must_use]
    pub fn constraints(&self) -> Option<&'a Constraints> {
        self.rule()?.constraints()
    }

    /// Names of the policies that grant an allowed request, each once, for the audit entry.
    pub fn granting(&self) -> impl Iterator<Item = &'a str> {
        let root = (self.root && self.allowed()).then_some("root");
        let rule = self.rule.filter(|_| self.allowed());
        let sources = rule.into_iter().flat_map(|(rule, needed)| {
            let grants = rule
                .sources()
                .iter()
                .filter(move |source| source.capabilities.contains(needed));
            grants.map(|source| source.policy.as_str())
        });
        // Rules of one policy stand next to each other.
        let mut previous = None;
        root.into_iter()
            .chain(sources.filter(move |name| previous.replace(*name) != Some(*name)))
    }
}

impl<'a> Denial<'a> {
    /// The rule that counts, if there is one.
    #[must_use]
    pub const fn rule(&self) -> Option<&'a Rule> {
        match self {
            Self::NoRule | Self::Never(_) => None,
            Self::Explicit { rule } | Self::Lacks { rule, .. } | Self::Constraint { rule, .. } => Some(rule),
        }
    }
}

/// One sentence without a final stop: which rule of which policy, and what is missing.
impl fmt::Display for Denial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.write_str("no rule matches the path"),
            Self::Explicit { rule } => write!(f, "{rule} denies everything"),
            Self::Lacks { rule, needed } if rule.capabilities().is_empty() => {
                write!(
                    f,
                    "{rule} does not grant {:?}; it grants nothing",
                    needed.as_str()
                )
            }
            Self::Lacks { rule, needed } => {
                let granted = rule.capabilities();
                write!(
                    f,
                    "{rule} does not grant {:?}; it grants {granted}",
                    needed.as_str()
                )
            }
            Self::Constraint { rule, broken } => write!(f, "{rule} {broken}"),
            Self::Never(operation) => write!(f, "no rule can grant {:?}", operation.as_str()),
        }
    }
}

impl fmt::Display for Constraint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "requires the parameter {name:?}"),
            Self::AnyParameter => f.write_str("denies all parameters"),
            Self::Denied(name) => write!(f, "denies the parameter {name:?} or its value"),
            Self::NotAllowed(name) => write!(f, "does not allow the parameter {name:?}"),
            Self::Value(name) => write!(f, "does not allow this value of the parameter {name:?}"),
            Self::Unwrapped => f.write_str("requires the response to be wrapped"),
            Self::WrappedTooLong(limit) => write!(f, "limits the wrapping TTL to {limit}"),
            Self::WrappedTooShort(limit) => write!(f, "requires a wrapping TTL of at least {limit}"),
            Self::WrappingImpossible => f.write_str("has a max_wrapping_ttl below its min_wrapping_ttl"),
            Self::PageTooLarge(limit) => write!(f, "limits a listing to {limit} names at a time"),
        }
    }
}

/// `rule "secret/*" (policy "dev", line 3)`
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {:?} (", self.path())?;
        for (index, source) in self.sources().iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(
                f,
                "{separator}policy {:?}, line {}",
                source.policy.as_str(),
                source.line
            )?;
        }
        f.write_str(")")
    }
}
