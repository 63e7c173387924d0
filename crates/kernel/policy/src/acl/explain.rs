//! A denial for people: what is missing, and what they may have meant.

use std::cmp::Reverse;
use std::fmt;

use arca_base::{Operation, RequestPath};

use super::{Acl, Denial, Request, Rule, Verdict};
use crate::capability::Capability;

/// Segments that version 2 of the key-value engine puts behind the mount.
const KV_V2: [&str; 6] = ["data", "metadata", "delete", "undelete", "destroy", "subkeys"];

/// Why a request is denied, and what may be meant instead. Costs a look at every rule: for people who ask.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// Why.
    pub denial: Denial<'a>,
    /// If no rule matches: the rule that has most in common with the path.
    pub nearest: Option<&'a Rule>,
    /// A rule that would allow the request if its path had no `data/` behind the mount: written for version 1
    /// of the key-value engine, used with version 2.
    pub for_kv_v1: Option<&'a Rule>,
}

impl Acl {
    /// Explains a verdict; `None` if the request was allowed.
    #[must_use]
    pub fn explain<'a>(&'a self, request: &Request<'a>, verdict: &Verdict<'a>) -> Option<Explanation<'a>> {
        let denial = verdict.denial()?.clone();
        let nearest = match denial {
            Denial::NoRule => self.nearest(request.path.as_str()),
            _ => None,
        };
        Some(Explanation {
            denial,
            nearest,
            for_kv_v1: self.for_kv_v1(request.operation, request.path),
        })
    }

    /// The rule that begins with most of the path, and at least with its first segment.
    fn nearest(&self, path: &str) -> Option<&Rule> {
        let first = path.split('/').next().map_or(0, str::len);
        let common = |rule: &Rule| {
            path.bytes()
                .zip(rule.path().bytes())
                .take_while(|(a, b)| a == b)
                .count()
        };
        let shared = |rule: &Rule| (common(rule), Reverse(rule.path().len()));
        let order = |a: &&Rule, b: &&Rule| shared(a).cmp(&shared(b)).then_with(|| b.path().cmp(a.path()));
        let nearest = self.rules().iter().max_by(order)?;
        (common(nearest) >= first.max(1)).then_some(nearest)
    }

    fn for_kv_v1(&self, operation: Operation, path: &RequestPath) -> Option<&Rule> {
        let (mount, rest) = path.as_str().split_once('/')?;
        let (segment, rest) = rest.split_once('/')?;
        let needed = Capability::needed_for(operation).filter(|_| KV_V2.contains(&segment))?;
        let rule = self.rule_for(&format!("{mount}/{rest}"), operation.is_listing())?;
        rule.capabilities().contains(needed).then_some(rule)
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.denial)?;
        if let Some(rule) = self.for_kv_v1 {
            write!(
                f,
                "; {rule} is written for version 1 of the key-value engine: paths of version 2 have data/ or \
                 metadata/ behind the mount"
            )?;
        } else if let Some(rule) = self.nearest {
            write!(f, "; the nearest is {rule}")?;
        }
        Ok(())
    }
}
