//! A verdict for people: what decided, what is missing, and what they may have meant.

use std::cmp::Reverse;
use std::fmt;

use arca_base::RequestPath;

use super::{Acl, Denial, Request, Rule, Verdict};
use crate::capability::Capability;

/// Segments that version 2 of the key-value engine puts behind the mount.
const KV_V2: [&str; 6] = ["data", "metadata", "delete", "undelete", "destroy", "subkeys"];

/// The segments of [`KV_V2`] that rules written for version 1 lack most often.
const MISSED: [&str; 2] = ["data", "metadata"];

/// How many slashes of a path are tried as the end of its mount.
const DEEPEST_MOUNT: usize = 8;

/// How many rules are shown as near to a path that none matches.
const NEAREST: usize = 3;

/// A verdict, and what may be meant instead of a denied request. Costs a look at every rule: for people who ask.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// The verdict that [`Acl::check`] gives, with the need of `sudo` counted in.
    pub verdict: Verdict<'a>,
    /// If no rule matches: the rules that have most in common with the path, the nearest first.
    pub nearest: Vec<&'a Rule>,
    /// A rule that would allow the request if the versions of the key-value engine were not mixed up.
    pub mixed_up: Option<MixedUp<'a>>,
}

/// A rule and a request that mean different versions of the key-value engine.
#[derive(Clone, Debug)]
pub enum MixedUp<'a> {
    /// The rule has no `data/` behind the mount, the request has.
    RuleForV1(&'a Rule),
    /// The rule has `data/` or `metadata/` behind the mount, the request has not.
    RequestForV1 {
        /// The rule.
        rule: &'a Rule,
        /// The segment that the request lacks.
        segment: &'static str,
    },
}

impl Acl {
    /// Decides about a request as [`Acl::check`] does, and says why. `sudo` says whether the path needs it.
    #[must_use]
    pub fn explain<'a>(&'a self, request: &Request<'a>, sudo: bool) -> Explanation<'a> {
        let verdict = self.check(request).needing_sudo(sudo);
        let nearest = match verdict.denial() {
            Some(Denial::NoRule) => self.nearest(request.path.as_str()),
            _ => Vec::new(),
        };
        let guessed = matches!(verdict.denial(), Some(Denial::NoRule | Denial::Lacks { .. }));
        Explanation {
            mixed_up: guessed.then(|| self.mixed_up(request)).flatten(),
            verdict,
            nearest,
        }
    }

    /// The rules that begin with most of the path, and at least with its first segment.
    fn nearest(&self, path: &str) -> Vec<&Rule> {
        let first = path.split('/').next().map_or(0, str::len).max(1);
        let common = |rule: &Rule| {
            path.bytes()
                .zip(rule.path().bytes())
                .take_while(|(a, b)| a == b)
                .count()
        };
        let near = self
            .rules()
            .iter()
            .map(|rule| (common(rule), rule))
            .filter(|(common, _)| *common >= first);
        let mut near: Vec<(usize, &Rule)> = near.collect();
        near.sort_unstable_by_key(|(common, rule)| (Reverse(*common), rule.path().len(), rule.path()));
        near.truncate(NEAREST);
        near.into_iter().map(|(_, rule)| rule).collect()
    }

    fn mixed_up(&self, request: &Request<'_>) -> Option<MixedUp<'_>> {
        let path = request.path.as_str();
        let slashes = path.match_indices('/').take(DEEPEST_MOUNT);
        slashes
            .filter_map(|(at, _)| path.split_at_checked(at + 1))
            .find_map(|(mount, rest)| {
                self.rule_for_v1(request, mount, rest)
                    .or_else(|| self.rule_for_v2(request, mount, rest))
            })
    }

    fn rule_for_v1(&self, request: &Request<'_>, mount: &str, rest: &str) -> Option<MixedUp<'_>> {
        let (segment, rest) = rest.split_once('/')?;
        if !KV_V2.contains(&segment) {
            return None;
        }
        let rule = self.granting_rule(request, &format!("{mount}{rest}"))?;
        rule.path().starts_with(mount).then_some(MixedUp::RuleForV1(rule))
    }

    fn rule_for_v2(&self, request: &Request<'_>, mount: &str, rest: &str) -> Option<MixedUp<'_>> {
        MISSED.into_iter().find_map(|segment| {
            let mount = format!("{mount}{segment}/");
            let rule = self.granting_rule(request, &format!("{mount}{rest}"))?;
            let named = rule.path().starts_with(&mount);
            named.then_some(MixedUp::RequestForV1 { rule, segment })
        })
    }

    /// The rule that counts for another path, if it grants what the request needs.
    fn granting_rule(&self, request: &Request<'_>, path: &str) -> Option<&Rule> {
        let needed = Capability::needed_for(request.operation)?;
        let path = RequestPath::parse(path).ok()?;
        let rule = self.rule_for(path.as_str(), request.operation.is_listing())?;
        rule.capabilities().contains(needed).then_some(rule)
    }
}

/// One sentence without a final stop.
impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Reason(&self.verdict))?;
        if let Some(mixed_up) = &self.mixed_up {
            write!(f, "; {mixed_up}")?;
        } else if let Some(rule) = self.nearest.first() {
            write!(f, "; the nearest is {rule}")?;
        }
        Ok(())
    }
}

impl<'a> Explanation<'a> {
    /// Why, without what may be meant instead.
    #[must_use]
    pub fn reason(&self) -> String {
        Reason(&self.verdict).to_string()
    }

    /// The capability that the rule that counts lacks.
    #[must_use]
    pub fn missing(&self) -> Option<Capability> {
        match self.verdict.denial()? {
            Denial::Lacks { needed, .. } => Some(*needed),
            _ => None,
        }
    }

    /// The rule that decided, whatever it decided.
    #[must_use]
    pub fn rule(&self) -> Option<&'a Rule> {
        self.verdict.rule()
    }
}

struct Reason<'v, 'a>(&'v Verdict<'a>);

impl fmt::Display for Reason<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.denial(), self.0.rule()) {
            (Some(denial), _) => write!(f, "{denial}"),
            (None, Some(rule)) => write!(f, "{rule} allows it"),
            (None, None) if self.0.is_root() => f.write_str("the root policy allows everything"),
            (None, None) => f.write_str("it needs no policy"),
        }
    }
}

impl fmt::Display for MixedUp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RuleForV1(rule) => write!(
                f,
                "{rule} is written for version 1 of the key-value engine: paths of version 2 have data/ or \
                 metadata/ behind the mount"
            ),
            Self::RequestForV1 { rule, segment } => write!(
                f,
                "{rule} is written for version 2 of the key-value engine: the path of the request lacks \
                 {segment}/ behind the mount"
            ),
        }
    }
}
