//! What two sets of policies allow differently.

use std::collections::{BTreeMap, BTreeSet};

use arca_base::{Operation, RequestPath};

use super::region::{Filling, Region};
use super::{Acl, Request, Rule};
use crate::capability::Capability;

/// Pairs of rules that are compared at most.
const MOST_PAIRS: usize = 4_000_000;

/// Something that one set of policies allows, or asks for, and the other does not.
#[derive(Clone, Debug)]
pub struct Difference<'a> {
    /// The path text of the more specific of the two rules; `*` if neither set has one.
    pub path: &'a str,
    /// A path where it shows; characters that no rule names stand for anything.
    pub example: RequestPath,
    /// What may be done, or may no longer.
    pub capability: Capability,
    /// In which way.
    pub change: Change,
    /// The rule that counts before.
    pub before: Option<&'a Rule>,
    /// The rule that counts afterwards.
    pub after: Option<&'a Rule>,
}

/// In which way rights differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Allowed only afterwards.
    Allowed,
    /// Allowed only before.
    Denied,
    /// Allowed before and afterwards, under other conditions.
    Conditions,
}

/// Sets that are too large to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{before} rules cannot be compared with {after}: at most {MOST_PAIRS} pairs of rules are looked at")]
pub struct TooManyRules {
    /// Rules before.
    pub before: usize,
    /// Rules afterwards.
    pub after: usize,
}

/// Which rules count, told apart by their path texts.
type Rules<'a> = (Option<&'a str>, Option<&'a str>);

impl Acl {
    /// What `after` allows differently, by the same matcher that decides about requests: every path where the two
    /// differ is decided by the same rules as the example of one of the differences. In the order of path texts.
    ///
    /// # Errors
    /// [`TooManyRules`].
    pub fn differences<'a>(&'a self, after: &'a Self) -> Result<Vec<Difference<'a>>, TooManyRules> {
        if (self.rules.len() + 1).saturating_mul(after.rules.len() + 1) > MOST_PAIRS {
            return Err(TooManyRules {
                before: self.rules.len(),
                after: after.rules.len(),
            });
        }
        let filling = Filling::strange_to(&[self, after]);
        let (mine, others) = (self.regions(), after.regions());
        let mut seen = BTreeSet::new();
        let mut found: BTreeMap<(Rules<'a>, Capability, Change), Difference<'a>> = BTreeMap::new();
        for one in &mine {
            for region in others.iter().filter_map(|two| one.with(two)) {
                for path in region.paths(&filling) {
                    if !seen.insert(path.as_str().to_owned()) {
                        continue;
                    }
                    for difference in self.at(after, &path) {
                        let rules = (
                            difference.before.map(Rule::path),
                            difference.after.map(Rule::path),
                        );
                        let key = (rules, difference.capability, difference.change);
                        found.entry(key).or_insert(difference);
                    }
                }
            }
        }
        let mut all: Vec<Difference<'a>> = found.into_values().collect();
        all.sort_by(|one, two| {
            (one.path, one.capability, one.example.as_str()).cmp(&(
                two.path,
                two.capability,
                two.example.as_str(),
            ))
        });
        Ok(all)
    }

    /// The rule that always counts in place of one of this set, if there is such a rule.
    #[must_use]
    pub fn hiding(&self, rule: &Rule) -> Option<&Rule> {
        let filling = Filling::strange_to(&[self]);
        let mut other = None;
        for path in Region::of(rule.path()).paths(&filling) {
            for listing in [false, true] {
                match self.rule_for(path.as_str(), listing) {
                    Some(counts) if counts.path() == rule.path() => return None,
                    found => other = found.or(other),
                }
            }
        }
        other
    }

    /// The regions of all rules, and that of every path.
    fn regions(&self) -> Vec<Region> {
        let rules = self.rules.iter().map(|rule| Region::of(rule.path()));
        rules.chain([Region::everything()]).collect()
    }

    /// What differs at one path.
    fn at<'a>(&'a self, after: &'a Self, path: &RequestPath) -> Vec<Difference<'a>> {
        let folder = match path.as_str().ends_with('/') {
            true => Ok(path.clone()),
            false => RequestPath::parse(&format!("{}/", path.as_str())),
        };
        let compared = Capability::ALL
            .into_iter()
            .filter(|capability| !matches!(capability, Capability::Deny | Capability::Root));
        let mut found = Vec::new();
        for capability in compared {
            let lists = matches!(capability, Capability::List | Capability::Scan);
            let at = match (&folder, lists) {
                (Ok(folder), true) => folder,
                (Err(_), true) => continue,
                (_, false) => path,
            };
            let (before, now) = (self.standing(capability, at), after.standing(capability, at));
            let change = match (before.0, now.0) {
                (false, true) => Change::Allowed,
                (true, false) => Change::Denied,
                (true, true) if conditions(before.1) != conditions(now.1) => Change::Conditions,
                _ => continue,
            };
            found.push(Difference {
                path: more_specific(before.1, now.1),
                example: at.clone(),
                capability,
                change,
                before: before.1,
                after: now.1,
            });
        }
        found
    }

    /// Whether a capability is granted for a path, and the rule that counts.
    fn standing(&self, capability: Capability, path: &RequestPath) -> (bool, Option<&Rule>) {
        let lists = matches!(capability, Capability::List | Capability::Scan);
        let rule = self.rule_for(path.as_str(), lists);
        let operation = match capability {
            Capability::Create => Operation::Create,
            Capability::Delete => Operation::Delete,
            Capability::List => Operation::List,
            Capability::Patch => Operation::Patch,
            Capability::Read => Operation::Read,
            Capability::Scan => Operation::Scan,
            Capability::Update => Operation::Update,
            _ => {
                let granted = rule.is_some_and(|rule| {
                    let granted = rule.capabilities();
                    granted.grants() && granted.contains(capability)
                });
                return (self.root || granted, rule);
            }
        };
        // What a rule asks of a request is no matter of the path: it is compared as it is written.
        let verdict = self.check(&Request::new(operation, path));
        let refused = matches!(
            verdict.denial(),
            Some(denial) if !matches!(denial, super::Denial::Constraint { .. })
        );
        (!refused, rule)
    }
}

/// What a rule asks of a request; nothing and no conditions at all are the same.
fn conditions(rule: Option<&Rule>) -> crate::document::Constraints {
    rule.and_then(Rule::constraints).cloned().unwrap_or_default()
}

fn more_specific<'a>(before: Option<&'a Rule>, after: Option<&'a Rule>) -> &'a str {
    match (before, after) {
        (Some(one), Some(two)) => {
            let exact = |rule: &Rule| rule.form == crate::pattern::Form::Exact;
            let first = (exact(one) && !exact(two)) || (exact(one) == exact(two) && one.beats(two));
            if first { one.path() } else { two.path() }
        }
        (Some(only), None) | (None, Some(only)) => only.path(),
        (None, None) => "*",
    }
}
