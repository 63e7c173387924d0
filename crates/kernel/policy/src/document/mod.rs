//! A policy as it was written.

mod error;
mod parse;

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::{GoDuration, Json, Timestamp};

use crate::capability::Capabilities;
use crate::name::PolicyName;
use crate::template::{self, IdentityView};
use crate::{builtin, pattern};

pub use error::{BadPolicy, BadRule, UnknownKey};

/// A named list of rules, and the text they came from.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Policy {
    name: PolicyName,
    text: Arc<str>,
    rules: Arc<[PathRule]>,
    templated: bool,
}

/// One `path` block.
#[derive(Clone, Debug)]
pub struct PathRule {
    pub(crate) path: Arc<str>,
    pub(crate) line: u32,
    pub(crate) templated: bool,
    pub(crate) capabilities: Capabilities,
    pub(crate) constraints: Option<Arc<Constraints>>,
    pub(crate) expiration: Option<Timestamp>,
}

/// What a rule asks of a request beyond a capability. Everything is optional.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraints {
    /// Parameters a request may have, in lower case, each with the values it may have; no values means any.
    /// Empty means any parameter; the name `*` stands for all others.
    pub allowed_parameters: Parameters,
    /// Parameters a request must not have, in lower case, each with the values it must not have; no values means
    /// any. The name `*` refuses every parameter.
    pub denied_parameters: Parameters,
    /// Parameters a request must have, in lower case.
    pub required_parameters: Vec<String>,
    /// Shortest wrapping TTL; if set, the response must be wrapped.
    pub min_wrapping_ttl: Option<GoDuration>,
    /// Longest wrapping TTL; if set, the response must be wrapped.
    pub max_wrapping_ttl: Option<GoDuration>,
    /// Login MFA methods the request must have passed.
    pub mfa_methods: Vec<String>,
    /// The control group block, as written.
    pub control_group: Option<Json>,
    /// Most names one listing may ask for.
    pub pagination_limit: Option<u32>,
    /// Template of the path each listed name is checked against.
    pub response_keys_filter: Option<String>,
    /// Kinds of event that may be subscribed to.
    pub subscribe_event_types: Vec<String>,
}

/// Parameter names in lower case with lists of values.
pub type Parameters = BTreeMap<String, Vec<Json>>;

impl Policy {
    /// Reads a policy document in HCL or JSON.
    ///
    /// # Errors
    /// [`BadPolicy`]; its text is the one clients know.
    pub fn parse(name: PolicyName, text: &str) -> Result<Self, BadPolicy> {
        let rules = parse::rules(text)?;
        Ok(Self {
            name,
            text: text.into(),
            templated: rules.iter().any(|rule| rule.templated),
            rules: rules.into(),
        })
    }

    /// The policy that allows everything. It has no rules.
    #[must_use]
    pub fn root() -> Self {
        Self {
            name: PolicyName::root(),
            text: "".into(),
            rules: Arc::default(),
            templated: false,
        }
    }

    /// The `default` policy as it is before anybody edits it.
    ///
    /// # Errors
    /// None as long as the tests pass: the text is a constant.
    pub fn initial_default() -> Result<Self, BadPolicy> {
        Self::parse(PolicyName::default_policy(), builtin::DEFAULT)
    }

    /// The policy of wrapping tokens.
    ///
    /// # Errors
    /// None as long as the tests pass: the text is a constant.
    pub fn response_wrapping() -> Result<Self, BadPolicy> {
        Self::parse(PolicyName::response_wrapping(), builtin::RESPONSE_WRAPPING)
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &PolicyName {
        &self.name
    }

    /// The document, byte for byte.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The rules in the order they were written.
    #[must_use]
    pub fn rules(&self) -> &[PathRule] {
        &self.rules
    }

    /// Whether the policy means something else for each identity.
    #[must_use]
    pub const fn is_templated(&self) -> bool {
        self.templated
    }

    /// The policy with its templates filled in for one identity.
    ///
    /// A rule is left out when one of its values does not exist, is empty, or contains `/`, `*`, `+` or `,`.
    #[must_use]
    pub fn render(&self, identity: &dyn IdentityView) -> Self {
        if !self.templated {
            return self.clone();
        }
        let rendered = self.rules.iter().filter_map(|rule| rule.render(identity));
        Self {
            rules: rendered.collect(),
            templated: false,
            ..self.clone()
        }
    }
}

impl PathRule {
    /// The path as written, without a leading slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line of the path, from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.line
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

    /// From when on the rule does not count any more.
    #[must_use]
    pub const fn expiration(&self) -> Option<Timestamp> {
        self.expiration
    }

    fn render(&self, identity: &dyn IdentityView) -> Option<Self> {
        if !self.templated {
            return Some(self.clone());
        }
        let path = template::render(&self.path, identity)?;
        (!path.contains(pattern::FORBIDDEN)).then(|| Self {
            path: path.into(),
            templated: false,
            ..self.clone()
        })
    }
}

impl Constraints {
    /// Adds what another rule for the same path asks for.
    ///
    /// Limits become the smaller ones, names and values add up; no values stays "any value".
    pub(crate) fn join(&mut self, other: &Self) {
        join_parameters(&mut self.allowed_parameters, &other.allowed_parameters);
        join_parameters(&mut self.denied_parameters, &other.denied_parameters);
        join_names(&mut self.required_parameters, &other.required_parameters);
        join_names(&mut self.mfa_methods, &other.mfa_methods);
        join_names(&mut self.subscribe_event_types, &other.subscribe_event_types);
        self.min_wrapping_ttl = smaller(self.min_wrapping_ttl, other.min_wrapping_ttl);
        self.max_wrapping_ttl = smaller(self.max_wrapping_ttl, other.max_wrapping_ttl);
        self.pagination_limit = smaller(self.pagination_limit, other.pagination_limit);
        if self.control_group.is_none() {
            self.control_group.clone_from(&other.control_group);
        }
        if self.response_keys_filter.is_none() {
            self.response_keys_filter.clone_from(&other.response_keys_filter);
        }
    }
}

fn join_parameters(all: &mut Parameters, more: &Parameters) {
    for (name, values) in more {
        match all.get_mut(name) {
            Some(known) if known.is_empty() || values.is_empty() => known.clear(),
            Some(known) => known.extend(values.iter().cloned()),
            None => {
                all.insert(name.clone(), values.clone());
            }
        }
    }
}

fn join_names(all: &mut Vec<String>, more: &[String]) {
    for name in more {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
}

fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
