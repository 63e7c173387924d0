//! The policies of one token, compiled.

mod compile;
mod diff;
mod explain;
mod index;
mod listing;
mod parameters;
mod region;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;

use arca_base::json::Object;
use arca_base::{Operation, RequestPath, Timestamp, Ttl, glob};

use crate::capability::{Capabilities, Capability};
use crate::document::Constraints;
use crate::name::PolicyName;
use crate::pattern::{Form, Rank};
use index::{PrefixSet, SegmentTrie};

pub use compile::BadPolicySet;
pub use diff::{Change, Difference, TooManyRules};
pub use explain::{Explanation, MixedUp};
pub use verdict::{Constraint, Denial, Verdict};

/// What the policies of one token allow.
///
/// Finding the rule for a path takes one hash of it, one binary search and one walk along its segments,
/// whatever the number of rules.
pub struct Acl {
    root: bool,
    rules: Vec<Rule>,
    exact: HashMap<Arc<str>, RuleId>,
    prefixes: PrefixSet,
    segments: SegmentTrie,
    valid_until: Option<Timestamp>,
}

/// Place of a rule in [`Acl`]'s list.
type RuleId = u32;

/// All rules for one path text, joined.
#[derive(Debug)]
pub struct Rule {
    path: Arc<str>,
    form: Form,
    rank: Rank,
    capabilities: Capabilities,
    constraints: Option<Arc<Constraints>>,
    sources: Vec<Source>,
}

/// A rule as one policy wrote it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The policy.
    pub policy: PolicyName,
    /// The line of the rule in the policy's text, from 1.
    pub line: u32,
    /// What this rule alone allows.
    pub capabilities: Capabilities,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What to do.
    pub operation: Operation,
    /// With which path. Listings end in a slash.
    pub path: &'a RequestPath,
    /// With which parameters: the top level of the request body, or the query.
    pub data: Option<&'a Object>,
    /// The wrapping TTL asked for.
    pub wrap_ttl: Option<Ttl>,
}

impl<'a> Request<'a> {
    /// A request without parameters and without wrapping.
    #[must_use]
    pub const fn new(operation: Operation, path: &'a RequestPath) -> Self {
        Self {
            operation,
            path,
            data: None,
            wrap_ttl: None,
        }
    }
}

impl Acl {
    /// Decides about a request.
    ///
    /// Allocates nothing when it is allowed without parameters being looked at.
    #[must_use]
    pub fn check<'a>(&'a self, request: &Request<'a>) -> Verdict<'a> {
        if self.root {
            return Verdict::of_root();
        }
        let Some(needed) = Capability::needed_for(request.operation) else {
            return Verdict::without_rule(request.operation);
        };
        match self.rule_for(request.path.as_str(), request.operation.is_listing()) {
            None => Verdict::refused(Denial::NoRule),
            Some(rule) => Verdict::by_rule(rule, needed, rule.refuses(request, needed)),
        }
    }

    /// Whether the rule that counts for a path grants `subscribe` for this type of event: any, if it names none.
    #[must_use]
    pub fn may_subscribe(&self, path: &RequestPath, kind: &str) -> bool {
        if self.root {
            return true;
        }
        let Some(rule) = self.rule_for(path.as_str(), false) else {
            return false;
        };
        let kinds = rule.constraints().map(|asked| &*asked.subscribe_event_types);
        let kinds = kinds.unwrap_or_default();
        rule.capabilities.contains(Capability::Subscribe)
            && !rule.capabilities.contains(Capability::Deny)
            && (kinds.is_empty() || kinds.iter().any(|pattern| glob::matches(pattern, kind)))
    }

    /// What the token may do with a path, as `sys/capabilities` tells it; `deny` if nothing.
    ///
    /// The path is looked at as a listing would: with and without its trailing slash.
    #[must_use]
    pub fn capabilities(&self, path: &RequestPath) -> Capabilities {
        if self.root {
            return Capabilities::only(Capability::Root);
        }
        let rule = self.rule_for(path.as_str(), true);
        let granted = rule
            .map(|rule| rule.capabilities)
            .filter(|capabilities| capabilities.grants());
        granted.unwrap_or(Capabilities::only(Capability::Deny))
    }

    /// Whether the token has the `root` policy.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.root
    }

    /// When the first of the rules expires, so that the policies must be compiled again.
    #[must_use]
    pub const fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// All rules, in no particular order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The one rule that counts for a path.
    fn rule_for(&self, path: &str, listing: bool) -> Option<&Rule> {
        let bare = path.strip_suffix('/').filter(|_| listing);
        let exact = |path: &str| self.exact.get(path).copied();
        let id = exact(path)
            .or_else(|| exact(bare?))
            .or_else(|| self.best_wildcard(path))
            .or_else(|| self.best_wildcard(bare?));
        self.rule(id?)
    }

    /// The most specific rule with wildcards that matches.
    fn best_wildcard(&self, path: &str) -> Option<RuleId> {
        let prefix = self.prefixes.longest(path);
        self.segments.best(path, prefix, &self.rules)
    }

    fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(id as usize)
    }
}

impl Rule {
    /// The path text the rule is for, with its wildcards.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the rule allows.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// What the rule asks of a request beyond a capability.
    #[must_use]
    pub fn constraints(&self) -> Option<&Constraints> {
        self.constraints.as_deref()
    }

    /// Where the rule comes from.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Whether this rule counts rather than `other`, if both match.
    fn beats(&self, other: &Self) -> bool {
        (self.rank, &self.path) > (other.rank, &other.path)
    }

    fn refuses<'a>(&'a self, request: &Request<'a>, needed: Capability) -> Option<Denial<'a>> {
        if self.capabilities.contains(Capability::Deny) {
            return Some(Denial::Explicit { rule: self });
        }
        if !self.capabilities.contains(needed) {
            return Some(Denial::Lacks { rule: self, needed });
        }
        let constraints = self.constraints.as_deref()?;
        let broken = parameters::broken(constraints, request)?;
        Some(Denial::Constraint { rule: self, broken })
    }
}

impl std::fmt::Debug for Acl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acl")
            .field("root", &self.root)
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}
