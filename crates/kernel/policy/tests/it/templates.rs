//! Policies that mean something else for each identity.

use std::borrow::Cow;

use arca_base::{Operation, Timestamp};
use arca_policy::template::{AliasField, Anonymous, GroupField, IdentityView, Parameter};
use arca_policy::{Acl, Capability, Policy};
use proptest::prelude::*;

use crate::{allows, path, policy};

/// One entity with one alias and one group, all values the same.
struct Same(String);

impl IdentityView for Same {
    fn value(&self, parameter: Parameter<'_>) -> Option<Cow<'_, str>> {
        match parameter {
            Parameter::Alias { accessor, .. } if accessor != "acc" => None,
            Parameter::GroupById { id, .. } if id != "g1" => None,
            Parameter::GroupByName { name, .. } if name != "ops" => None,
            Parameter::EntityMetadata(key)
            | Parameter::Alias {
                field: AliasField::Metadata(key) | AliasField::CustomMetadata(key),
                ..
            }
            | Parameter::GroupById {
                field: GroupField::Metadata(key),
                ..
            }
            | Parameter::GroupByName {
                field: GroupField::Metadata(key),
                ..
            } if key != "team" => None,
            _ => Some(Cow::Borrowed(&self.0)),
        }
    }
}

fn rendered_paths(policy: &Policy, identity: &dyn IdentityView) -> Vec<String> {
    let rendered = policy.render(identity);
    assert!(!rendered.is_templated());
    rendered
        .rules()
        .iter()
        .map(|rule| rule.path().to_owned())
        .collect()
}

#[test]
fn values_of_all_kinds_stand_in_paths() {
    let templates = [
        "identity.entity.id",
        "identity.entity.name",
        "identity.entity.metadata.team",
        "identity.entity.aliases.acc.id",
        "identity.entity.aliases.acc.name",
        "identity.entity.aliases.acc.metadata.team",
        "identity.entity.aliases.acc.custom_metadata.team",
        "identity.groups.ids.g1.name",
        "identity.groups.ids.g1.metadata.team",
        "identity.groups.names.ops.id",
    ];
    for template in templates {
        let policy = policy("p", &format!("path \"kv/{{{{ {template} }}}}/*\" {{}}"));
        assert!(policy.is_templated());
        assert_eq!(
            rendered_paths(&policy, &Same("me".to_owned())),
            ["kv/me/*"],
            "{template}"
        );
        assert!(rendered_paths(&policy, &Anonymous).is_empty());
    }
}

#[test]
fn rules_without_a_value_are_left_out() {
    for template in [
        "identity.entity.metadata.other",
        "identity.entity.aliases.acc2.name",
        "identity.groups.ids.g2.name",
        "identity.groups.names.dev.id",
        "identity.entity.nothing",
        "",
        "nonsense",
    ] {
        let text = format!("path \"kv/{{{{{template}}}}}\" {{}}\npath \"kv/plain\" {{}}");
        let policy = policy("p", &text);
        assert_eq!(
            rendered_paths(&policy, &Same("me".to_owned())),
            ["kv/plain"],
            "{template}"
        );
    }
}

#[test]
fn several_values_stand_in_one_path() {
    let policy = policy(
        "p",
        "path \"/{{identity.entity.id}}/x/{{identity.entity.name}}-y\" {}",
    );
    assert_eq!(rendered_paths(&policy, &Same("v".to_owned())), ["v/x/v-y"]);
}

#[test]
fn policies_without_templates_stay_as_they_are() {
    let policy = policy("p", "path \"kv/a\" {}");
    assert!(!policy.is_templated());
    assert_eq!(rendered_paths(&policy, &Anonymous), ["kv/a"]);
}

#[test]
fn rules_that_were_not_rendered_match_nothing() {
    let policy = policy(
        "p",
        "path \"kv/{{identity.entity.id}}/*\" { capabilities = [\"read\"] }",
    );
    let acl = Acl::compile([&policy], Timestamp::EPOCH).unwrap();
    assert!(acl.rules().is_empty());
    assert!(!allows(&acl, Operation::Read, "kv/{{identity.entity.id}}/x"));
}

#[test]
fn a_value_that_makes_a_forbidden_path_leaves_the_rule_out() {
    let policy = policy("p", "path \"kv/+{{identity.entity.id}}*\" {}");
    assert_eq!(rendered_paths(&policy, &Same("x".to_owned())), ["kv/+x*"]);
    assert!(rendered_paths(&policy, &Same(String::new())).is_empty());
}

#[test]
fn values_with_a_meaning_in_paths_leave_the_rule_out() {
    let policy = policy("p", "path \"kv/{{identity.entity.name}}\" {}");
    for value in ["a/b", "a*", "*", "+", "a+b", "a,b", ""] {
        assert!(
            rendered_paths(&policy, &Same(value.to_owned())).is_empty(),
            "{value}"
        );
    }
    for value in ["a b", "a.b", "a@b.c", "\u{e9}", "{{x}}"] {
        assert_eq!(
            rendered_paths(&policy, &Same(value.to_owned())),
            [format!("kv/{value}")]
        );
    }
}

proptest! {
    /// GHSA-59w7-v8rr-pr4p: an entity name with wildcards widened the rules it stood in.
    #[test]
    fn ghsa_59w7_v8rr_pr4p_values_cannot_widen_a_rule(
        value in "[a-z+*/, ]{0,4}",
        other in "[a-z]{1,3}",
    ) {
        let text = "path \"kv/{{identity.entity.name}}/*\" { capabilities = [\"read\"] }\n\
                    path \"kv/{{identity.entity.name}}\" { capabilities = [\"read\"] }";
        let policy = policy("p", text).render(&Same(value.clone()));
        let acl = Acl::compile([&policy], Timestamp::EPOCH).unwrap();
        for at in [format!("kv/{other}"), format!("kv/{other}/x"), format!("kv/{other}/x/y"), "other/x".to_owned()] {
            let own = at == format!("kv/{value}") || at.starts_with(&format!("kv/{value}/"));
            prop_assert_eq!(acl.capabilities(&path(&at)).contains(Capability::Read), own, "{:?} {}", value, at);
        }
    }
}
