//! The index against the rules of precedence written down as they are read.

use std::collections::BTreeMap;

use arca_base::{Operation, Timestamp};
use arca_policy::{Acl, Capabilities, Capability, Policy, PolicyName, Request, Rule};
use proptest::prelude::*;

use crate::path;

/// Path texts with what is allowed there, all policies joined.
type Rules = BTreeMap<String, Capabilities>;

/// The text of the one rule that counts.
fn rule_for(rules: &Rules, path: &str, listing: bool) -> Option<String> {
    let bare = if listing { path.strip_suffix('/') } else { None };
    let exact = |path: &str| rules.keys().find(|rule| is_exact(rule) && *rule == path).cloned();
    exact(path)
        .or_else(|| exact(bare?))
        .or_else(|| best_wildcard(rules, path))
        .or_else(|| best_wildcard(rules, bare?))
}

fn is_exact(rule: &str) -> bool {
    !has_segments(rule) && !rule.ends_with('*')
}

fn has_segments(rule: &str) -> bool {
    rule == "+" || rule.starts_with("+/") || rule.contains("/+")
}

fn best_wildcard(rules: &Rules, path: &str) -> Option<String> {
    let longest_prefix = rules
        .keys()
        .filter(|rule| {
            !has_segments(rule) && rule.ends_with('*') && path.starts_with(&rule[..rule.len() - 1])
        })
        .max_by_key(|rule| rule.len());
    let segments = rules
        .keys()
        .filter(|rule| has_segments(rule) && segments_match(rule, path));
    let mut best: Option<&String> = None;
    for rule in longest_prefix.into_iter().chain(segments) {
        if best.is_none_or(|best| is_more_specific(rule, best)) {
            best = Some(rule);
        }
    }
    best.cloned()
}

fn segments_match(rule: &str, path: &str) -> bool {
    let open = rule.ends_with('*');
    let parts: Vec<&str> = if open { &rule[..rule.len() - 1] } else { rule }
        .split('/')
        .collect();
    let segments: Vec<&str> = path.split('/').collect();
    if segments.len() < parts.len() || (!open && segments.len() != parts.len()) {
        return false;
    }
    (0..parts.len()).all(|at| {
        let last = at == parts.len() - 1;
        parts[at] == "+" || parts[at] == segments[at] || (open && last && segments[at].starts_with(parts[at]))
    })
}

fn is_more_specific(rule: &str, other: &str) -> bool {
    let first_wildcard = |rule: &str| {
        if has_segments(rule) {
            rule.find('+').unwrap()
        } else {
            rule.len() - 1
        }
    };
    if first_wildcard(rule) != first_wildcard(other) {
        return first_wildcard(rule) > first_wildcard(other);
    }
    if rule.ends_with('*') != other.ends_with('*') {
        return other.ends_with('*');
    }
    let wildcards = |rule: &str| {
        rule.trim_end_matches('*')
            .split('/')
            .filter(|part| *part == "+")
            .count()
    };
    if wildcards(rule) != wildcards(other) {
        return wildcards(rule) < wildcards(other);
    }
    if rule.len() != other.len() {
        return rule.len() > other.len();
    }
    rule > other
}

/// Few segments, so that rules overlap and paths hit them.
fn segment() -> impl Strategy<Value = String> {
    let any = [
        "a", "b", "ab", "abc", "c", "!", "+", "+", "+", "a+", "+a", "*", "",
    ];
    prop::sample::select(any.to_vec()).prop_map(str::to_owned)
}

fn rule_path() -> impl Strategy<Value = String> {
    (
        prop::collection::vec(segment(), 1..5),
        prop::sample::select(vec!["", "", "*", "/*", "/", "b*"]),
    )
        .prop_map(|(segments, end)| format!("{}{end}", segments.join("/")))
        .prop_filter("forbidden by the grammar", |path| !path.contains("+*"))
}

fn capabilities() -> impl Strategy<Value = Vec<&'static str>> {
    let names = vec![
        "create", "read", "update", "delete", "list", "patch", "scan", "sudo", "deny",
    ];
    prop_oneof![
        8 => prop::sample::subsequence(names[..8].to_vec(), 0..5),
        1 => prop::sample::subsequence(names, 0..9),
    ]
}

/// Policies as lists of path and capabilities.
pub(crate) fn policies() -> impl Strategy<Value = Vec<Vec<(String, Vec<&'static str>)>>> {
    prop::collection::vec(prop::collection::vec((rule_path(), capabilities()), 0..8), 1..4)
}

/// The rules of several policies as one text.
pub(crate) fn text_of(policies: &[Vec<(String, Vec<&str>)>]) -> String {
    let rules = policies.iter().flatten();
    rules
        .map(|(path, names)| format!("path \"{path}\" {{ capabilities = {names:?} }}\n"))
        .collect()
}

fn compile(policies: &[Vec<(String, Vec<&str>)>]) -> (Rules, Acl) {
    let mut rules = Rules::new();
    let mut parsed = Vec::new();
    for (index, blocks) in policies.iter().enumerate() {
        let mut text = String::new();
        for (path, names) in blocks {
            text.push_str(&format!("path \"{path}\" {{ capabilities = {names:?} }}\n"));
            let named = names
                .iter()
                .map(|name| Capability::named(name).unwrap())
                .collect::<Capabilities>();
            let new = Capabilities::NONE.joined(named);
            let path = path.strip_prefix('/').unwrap_or(path);
            let known = rules.entry(path.to_owned()).or_default();
            *known = known.joined(new);
        }
        let name = PolicyName::parse(&format!("p{index}")).unwrap();
        parsed.push(Policy::parse(name, &text).unwrap());
    }
    (rules, Acl::compile(&parsed, Timestamp::EPOCH).unwrap())
}

/// Paths made from a rule by filling in its wildcards, and a few of their neighbors.
fn paths_near(rule: &str, fill: &[String]) -> Vec<String> {
    let mut filled = Vec::new();
    for (at, part) in rule.trim_end_matches('*').split('/').enumerate() {
        let with = &fill[at % fill.len()];
        filled.push(if part == "+" {
            with.clone()
        } else {
            part.to_owned()
        });
    }
    let base = filled.join("/");
    let more = &fill[0];
    vec![
        base.clone(),
        format!("{base}/"),
        format!("{base}{more}"),
        format!("{base}/{more}"),
        format!("{base}/{more}/"),
        base.rsplit_once('/')
            .map_or(String::new(), |(head, _)| head.to_owned()),
    ]
}

const OPERATIONS: [Operation; 9] = [
    Operation::Create,
    Operation::Delete,
    Operation::Header,
    Operation::Help,
    Operation::List,
    Operation::Patch,
    Operation::Read,
    Operation::Scan,
    Operation::Update,
];

/// Explaining decides as enforcing does, and always has something to say.
fn explained(acl: &Acl, request: &Request<'_>) -> Result<(), TestCaseError> {
    for sudo in [false, true] {
        let verdict = acl.check(request);
        let allowed = verdict.allowed() && (!sudo || verdict.sudo());
        let explained = acl.explain(request, sudo);
        prop_assert_eq!(explained.verdict.allowed(), allowed, "{:?} {}", request, sudo);
        prop_assert_eq!(explained.rule().map(Rule::path), verdict.rule().map(Rule::path));
        prop_assert!(
            explained
                .verdict
                .granting()
                .eq(verdict.granting().filter(|_| allowed))
        );
        if let Some(denial) = verdict.denial() {
            prop_assert_eq!(explained.reason(), denial.to_string());
        }
        prop_assert_eq!(
            explained.reason().ends_with("allows it"),
            allowed && verdict.rule().is_some()
        );
        prop_assert!(explained.nearest.len() <= 3 && (!allowed || explained.mixed_up.is_none()));
    }
    Ok(())
}

#[track_caller]
fn compare(rules: &Rules, acl: &Acl, at: &str) -> Result<(), TestCaseError> {
    let Ok(request_path) = arca_base::RequestPath::parse(at) else {
        return Ok(());
    };
    let at = request_path.as_str();
    let (direct, listed) = (rule_for(rules, at, false), rule_for(rules, at, true));
    for operation in OPERATIONS {
        let request = Request::new(operation, &request_path);
        explained(acl, &request)?;
        let verdict = acl.check(&request);
        let needed = Capability::needed_for(operation);
        let listing = matches!(operation, Operation::List | Operation::Scan);
        let expected = if listing { &listed } else { &direct };
        let expected = expected.as_ref().filter(|_| needed.is_some());
        let granted = expected.map(|rule| rules[rule]).unwrap_or_default();
        let allowed = needed.map_or(operation == Operation::Help, |needed| granted.contains(needed));
        prop_assert_eq!(
            verdict.rule().map(Rule::path),
            expected.map(String::as_str),
            "{} {}",
            operation,
            at
        );
        prop_assert_eq!(verdict.allowed(), allowed, "{} {}", operation, at);
        let sudo = granted.contains(Capability::Sudo) || operation == Operation::Help;
        prop_assert_eq!(verdict.sudo(), sudo, "{} {}", operation, at);
    }
    let listed = listed.map(|rule| rules[&rule]).filter(|granted| granted.grants());
    prop_assert_eq!(
        acl.capabilities(&request_path),
        listed.unwrap_or(Capabilities::only(Capability::Deny))
    );
    Ok(())
}

/// As many cases as asked for, and at least this many: each compares about 200 requests.
/// `PROPTEST_CASES=1000000 cargo test --release -p arca-policy --test it -- index` takes minutes.
fn cases(least: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(least),
        // Each path the grammar forbids is one; the default is too few for a million cases.
        max_local_rejects: u32::MAX,
        ..default
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn the_index_agrees_with_the_rules_of_precedence(
        policies in policies(),
        fill in prop::collection::vec("[abc]{0,3}", 1..5),
        wild in "[abc+*/]{0,8}",
        hits in prop::collection::vec(any::<prop::sample::Index>(), 2),
    ) {
        let (rules, acl) = compile(&policies);
        compare(&rules, &acl, &wild)?;
        let all: Vec<&String> = rules.keys().collect();
        for hit in hits.iter().filter(|_| !all.is_empty()) {
            for at in paths_near(all[hit.index(all.len())], &fill) {
                compare(&rules, &acl, &at)?;
            }
        }
    }
}

#[test]
fn the_reference_knows_the_examples() {
    let rules: Rules = ["kv/*", "kv/+/x", "kv/team/*", "kv/team/y", "kv/+/b*", "kv/+/+"]
        .iter()
        .map(|rule| ((*rule).to_owned(), Capabilities::NONE))
        .collect();
    for (at, expected) in [
        ("kv/a", Some("kv/*")),
        ("kv/a/x", Some("kv/+/x")),
        ("kv/a/y", Some("kv/+/+")),
        ("kv/a/bc/d", Some("kv/*")),
        ("kv/team/x", Some("kv/team/*")),
        ("kv/team/y", Some("kv/team/y")),
        ("other", None),
    ] {
        assert_eq!(rule_for(&rules, at, false).as_deref(), expected, "{at}");
        let _ = path(at);
    }
}
