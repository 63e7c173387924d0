//! Policies to one list of rules and its indexes.

use std::collections::HashMap;
use std::sync::Arc;

use arca_base::Timestamp;
use arca_base::path::MAX_PATH_BYTES;

use super::index::{PrefixSet, SegmentTrie};
use super::{Acl, Rule, RuleId, Source};
use crate::document::{Constraints, PathRule, Policy};
use crate::pattern::{Form, Rank};

/// Policies that no token may have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicySet {
    /// `root` next to others: a mistake somewhere, since it needs none.
    #[error("other policies present along with root")]
    RootAndOthers,
}

impl Acl {
    /// Joins the policies of one token at the instant `now`.
    ///
    /// Rules that have expired are left out, and so are rules whose templates were not rendered.
    ///
    /// # Errors
    /// [`BadPolicySet`] if `root` is not alone.
    pub fn compile<'a>(
        policies: impl IntoIterator<Item = &'a Policy>,
        now: Timestamp,
    ) -> Result<Self, BadPolicySet> {
        let mut joined = Joined::default();
        let (mut root, mut others) = (false, false);
        for policy in policies {
            root |= policy.name().is_root();
            others |= !policy.name().is_root();
            for rule in policy
                .rules()
                .iter()
                .filter(|rule| !rule.templated && can_match(rule))
            {
                joined.add(policy, rule, now);
            }
        }
        if root && others {
            return Err(BadPolicySet::RootAndOthers);
        }
        Ok(joined.index(root))
    }

    /// The rights of a token with the `root` policy.
    #[must_use]
    pub fn root() -> Self {
        Joined::default().index(true)
    }
}

/// Whether a path short enough to be accepted can match: a `+` takes one character or more, except at the end.
fn can_match(rule: &PathRule) -> bool {
    rule.path.len() <= MAX_PATH_BYTES + 1
}

#[derive(Default)]
struct Joined {
    rules: Vec<Rule>,
    by_path: HashMap<Arc<str>, RuleId>,
    valid_until: Option<Timestamp>,
}

impl Joined {
    fn add(&mut self, policy: &Policy, rule: &PathRule, now: Timestamp) {
        if let Some(expiration) = rule.expiration {
            if expiration <= now {
                return;
            }
            self.valid_until = Some(self.valid_until.map_or(expiration, |first| first.min(expiration)));
        }
        let source = Source {
            policy: policy.name().clone(),
            line: rule.line,
            capabilities: rule.capabilities,
        };
        let next = RuleId::try_from(self.rules.len()).unwrap_or(RuleId::MAX);
        let id = *self.by_path.entry(Arc::clone(&rule.path)).or_insert(next);
        match self.rules.get_mut(id as usize) {
            Some(known) => known.join(source, rule.constraints.as_ref()),
            None => self.rules.push(Rule::new(rule, source)),
        }
    }

    fn index(self, root: bool) -> Acl {
        let mut exact = HashMap::with_capacity(self.rules.len());
        let mut prefixes = Vec::new();
        let mut segments = Vec::new();
        for (path, id) in self.by_path {
            let form = self.rules.get(id as usize).map_or(Form::Exact, |rule| rule.form);
            match form {
                Form::Exact => {
                    exact.insert(path, id);
                }
                Form::Prefix => prefixes.push((path.strip_suffix('*').unwrap_or(&path).into(), id)),
                Form::Segments => segments.push((path, id)),
            }
        }
        Acl {
            root,
            exact,
            prefixes: PrefixSet::new(prefixes),
            segments: SegmentTrie::new(segments, &self.rules),
            rules: self.rules,
            valid_until: self.valid_until,
        }
    }
}

impl Rule {
    fn new(rule: &PathRule, source: Source) -> Self {
        let form = Form::of(&rule.path);
        Self {
            path: Arc::clone(&rule.path),
            form,
            rank: Rank::of(&rule.path, form),
            capabilities: rule.capabilities,
            constraints: rule.constraints.clone(),
            sources: vec![source],
        }
    }

    fn join(&mut self, source: Source, constraints: Option<&Arc<Constraints>>) {
        self.capabilities = self.capabilities.joined(source.capabilities);
        self.sources.push(source);
        match (&mut self.constraints, constraints) {
            (Some(mine), Some(more)) => Arc::make_mut(mine).join(more),
            (none @ None, more) => *none = more.cloned(),
            (Some(_), None) => {}
        }
    }
}
