//! Document to rules.

use std::sync::Arc;

use arca_base::duration::BadDuration;
use arca_base::{GoDuration, Timestamp, suggest};
use arca_lang::hcl::{self, Document, Entry, Key, Kind, Scalar};
use serde::Deserialize;

use super::error::{BadPolicy, BadRule, UnknownKey};
use super::{Constraints, Parameters, PathRule};
use crate::capability::{Capabilities, Capability};
use crate::{pattern, template};

const TOP_KEYS: [&str; 2] = ["name", "path"];

const RULE_KEYS: [&str; 14] = [
    "allowed_parameters",
    "capabilities",
    "comment",
    "control_group",
    "denied_parameters",
    "expiration",
    "list_scan_response_keys_filter_path",
    "max_wrapping_ttl",
    "mfa_methods",
    "min_wrapping_ttl",
    "pagination_limit",
    "policy",
    "required_parameters",
    "subscribe_event_types",
];

/// The part of a rule that serde can read; parameters and control groups have values of any kind.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RuleText {
    capabilities: Vec<String>,
    policy: String,
    required_parameters: Vec<String>,
    min_wrapping_ttl: Option<Scalar>,
    max_wrapping_ttl: Option<Scalar>,
    mfa_methods: Vec<String>,
    pagination_limit: u32,
    expiration: Option<Scalar>,
    list_scan_response_keys_filter_path: String,
    subscribe_event_types: Vec<String>,
}

type Members<'a> = Vec<(&'a Key, Entry<'a>)>;

/// The rules of a document, in order.
pub(super) fn rules(text: &str) -> Result<Vec<PathRule>, BadPolicy> {
    let document = hcl::parse(text).map_err(BadPolicy::Syntax)?;
    let top: Members<'_> = document.root().members().collect();
    refuse_unknown(&top, &TOP_KEYS, None)?;
    let mut rules = Vec::new();
    for (key, entry) in top.into_iter().filter(|(key, _)| &*key.name == "path") {
        let line = key.span.position.line;
        let blocks = entry.members().ok_or(BadPolicy::NoPath { line })?;
        for (path, block) in blocks {
            // `path { capabilities = [...] }` has no label: what looks like one is a key.
            for body in bodies(block).ok_or(BadPolicy::NoPath { line })? {
                rules.push(rule(&document, path, body)?);
            }
        }
    }
    Ok(rules)
}

/// The block, or all blocks of a JSON list.
fn bodies(block: Entry<'_>) -> Option<Vec<Entry<'_>>> {
    match &block.value.kind {
        Kind::Object(_) => Some(vec![block]),
        Kind::List(values)
            if !values.is_empty() && values.iter().all(|value| value.as_object().is_some()) =>
        {
            Some(values.iter().map(|value| Entry { labels: &[], value }).collect())
        }
        _ => None,
    }
}

fn rule(document: &Document, path: &Key, body: Entry<'_>) -> Result<PathRule, BadPolicy> {
    let line = path.span.position.line;
    let templated = template::is_template(&path.name).map_err(BadPolicy::Template)?;
    let members = body.members().unwrap_or_default();
    refuse_unknown(&members, &RULE_KEYS, Some(&path.name))?;
    let literal = path.name.strip_prefix('/').unwrap_or(&path.name);
    let parts = RuleParts {
        document,
        path: literal,
        members,
    };
    let (capabilities, constraints, expiration) = parts.read(body).map_err(|cause| BadPolicy::Rule {
        path: path.name.to_string(),
        line,
        cause,
    })?;
    Ok(PathRule {
        path: literal.into(),
        line,
        templated,
        capabilities,
        constraints: (constraints != Constraints::default()).then(|| Arc::new(constraints)),
        expiration,
    })
}

fn refuse_unknown(
    members: &Members<'_>,
    known: &[&'static str],
    path: Option<&str>,
) -> Result<(), BadPolicy> {
    let unknown = members.iter().filter(|(key, _)| !known.contains(&&*key.name));
    let keys: Vec<UnknownKey> = unknown
        .map(|(key, _)| UnknownKey {
            key: key.name.to_string(),
            line: key.span.position.line,
            suggestion: suggest::nearest(&key.name, known.iter().copied()),
        })
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    let path = path.map(str::to_owned);
    Err(BadPolicy::UnknownKeys { path, keys })
}

struct RuleParts<'a> {
    document: &'a Document,
    path: &'a str,
    members: Members<'a>,
}

impl<'a> RuleParts<'a> {
    fn read(&self, body: Entry<'a>) -> Result<(Capabilities, Constraints, Option<Timestamp>), BadRule> {
        let decoded = self.document.decode_entry::<RuleText>(body);
        let text = decoded.map_err(BadRule::Shape)?.value;
        if self.path.contains(pattern::FORBIDDEN) {
            return Err(BadRule::Wildcards);
        }
        let capabilities = capabilities(&text)?;
        let expiration = text.expiration.as_ref().map(instant).transpose()?;
        if capabilities.contains(Capability::Deny) {
            return Ok((capabilities, Constraints::default(), expiration));
        }
        let constraints = self.constraints(text)?;
        let listable = capabilities.contains(Capability::List) || capabilities.contains(Capability::Scan);
        if constraints.response_keys_filter.is_some() && !listable {
            return Err(BadRule::FilterWithoutList);
        }
        Ok((capabilities, constraints, expiration))
    }

    fn constraints(&self, text: RuleText) -> Result<Constraints, BadRule> {
        let min_wrapping_ttl = wrapping_ttl("min_wrapping_ttl", text.min_wrapping_ttl)?;
        let max_wrapping_ttl = wrapping_ttl("max_wrapping_ttl", text.max_wrapping_ttl)?;
        if let (Some(min), Some(max)) = (min_wrapping_ttl, max_wrapping_ttl)
            && max < min
        {
            return Err(BadRule::WrappingBounds);
        }
        let filter = text.list_scan_response_keys_filter_path;
        let control_groups = self.named("control_group");
        Ok(Constraints {
            allowed_parameters: self.parameters("allowed_parameters")?,
            denied_parameters: self.parameters("denied_parameters")?,
            required_parameters: text
                .required_parameters
                .iter()
                .map(|name| name.to_lowercase())
                .collect(),
            min_wrapping_ttl,
            max_wrapping_ttl,
            mfa_methods: text.mfa_methods,
            control_group: control_groups
                .last()
                .map(|entry| hcl::untyped::value(entry.value)),
            pagination_limit: (text.pagination_limit > 0).then_some(text.pagination_limit),
            response_keys_filter: (!filter.is_empty()).then_some(filter),
            subscribe_event_types: text.subscribe_event_types,
        })
    }

    fn named(&self, key: &str) -> impl Iterator<Item = Entry<'a>> {
        let named = self.members.iter().filter(move |(name, _)| &*name.name == key);
        named.map(|(_, entry)| *entry)
    }

    /// Lists of values under names, which are brought to lower case.
    fn parameters(&self, key: &str) -> Result<Parameters, BadRule> {
        let mut parameters = Parameters::new();
        for entry in self.named(key) {
            let members = entry
                .members()
                .ok_or_else(|| self.shape(entry, "expected a block"))?;
            for (name, values) in members {
                let Kind::List(elements) = &values.value.kind else {
                    return Err(self.shape(values, "expected a list of values"));
                };
                let all = parameters.entry(name.name.to_lowercase()).or_default();
                all.extend(elements.iter().map(hcl::untyped::value));
            }
        }
        Ok(parameters)
    }

    fn shape(&self, entry: Entry<'_>, expected: &str) -> BadRule {
        let message = format!("{expected}, found {}", entry.value.kind.name());
        BadRule::Shape(self.document.error_at(entry.value.span, message))
    }
}

/// The capabilities of both forms together; `deny` ends the list.
fn capabilities(text: &RuleText) -> Result<Capabilities, BadRule> {
    let from_old: &[&str] = match &*text.policy {
        "" => &[],
        "deny" => return Ok(Capabilities::only(Capability::Deny)),
        "read" => &["read", "list"],
        "write" => &["create", "read", "update", "delete", "list"],
        "sudo" => &["create", "read", "update", "delete", "list", "sudo"],
        other => return Err(BadRule::OldPolicy(other.to_owned())),
    };
    let names = text
        .capabilities
        .iter()
        .map(String::as_str)
        .chain(from_old.iter().copied());
    let mut all = Capabilities::NONE;
    for name in names {
        let capability = Capability::named(name).ok_or_else(|| BadRule::Capability {
            name: name.to_owned(),
            suggestion: suggest::nearest(name, Capability::assignable().map(Capability::as_str)),
        })?;
        all = all.joined(Capabilities::only(capability));
    }
    Ok(all)
}

/// A duration; zero counts as not set.
fn wrapping_ttl(field: &'static str, scalar: Option<Scalar>) -> Result<Option<GoDuration>, BadRule> {
    let Some(scalar) = scalar else { return Ok(None) };
    let bad = |cause| BadRule::Duration { field, cause };
    let duration = match scalar.as_i64() {
        Some(seconds) => GoDuration::from_seconds(seconds),
        None => GoDuration::parse_lenient(&scalar.text).map_err(bad)?,
    };
    if duration.nanos() < 0 {
        return Err(bad(BadDuration::Negative(scalar.text)));
    }
    Ok((duration.nanos() > 0).then_some(duration))
}

/// RFC 3339, or seconds since 1970.
fn instant(scalar: &Scalar) -> Result<Timestamp, BadRule> {
    match scalar.as_i64() {
        Some(seconds) => Ok(Timestamp::from_unix(seconds, 0)),
        None => Timestamp::parse(&scalar.text).map_err(BadRule::Expiration),
    }
}
