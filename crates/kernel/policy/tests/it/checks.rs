//! Verdicts and their reasons, by example. The matching itself is compared with a reference elsewhere.

use arca_base::{Operation, Timestamp};
use arca_policy::{Acl, BadPolicySet, Policy, Request};

use crate::{acl, allows, denial, path, policy};
use Operation::{Create, Delete, Header, Help, List, Patch, Read, Scan, Update};

#[test]
fn only_the_most_specific_rule_counts() {
    let acl = acl(&[r#"
        path "kv/*" { capabilities = ["read", "list"] }
        path "kv/app" { capabilities = ["update"] }
        path "kv/team/*" { capabilities = ["deny"] }
        path "kv/team/public" { capabilities = ["read"] }
        path "kv/+/shared" { capabilities = ["delete"] }
    "#]);
    assert!(allows(&acl, Read, "kv/other"));
    assert!(allows(&acl, Update, "kv/app"));
    assert!(!allows(&acl, Read, "kv/app"), "the broader rule adds nothing");
    assert!(!allows(&acl, Read, "kv/team/x"));
    assert!(
        allows(&acl, Read, "kv/team/public"),
        "an exact rule beats a wider deny"
    );
    assert!(
        allows(&acl, Delete, "kv/other/shared"),
        "equally late, but no star"
    );
    assert!(
        !allows(&acl, Delete, "kv/team/shared"),
        "the first wildcard of kv/team/* is later"
    );
    assert!(!allows(&acl, Read, "kv"), "kv/* is about what is below");
    assert!(!allows(&acl, Read, "other"));
}

#[test]
fn prefixes_are_text_and_plus_is_one_segment() {
    let acl = acl(&[r#"
        path "a/foo*" { capabilities = ["read"] }
        path "b/+/x" { capabilities = ["read"] }
        path "c/+/y*" { capabilities = ["read"] }
        path "d/*/z" { capabilities = ["read"] }
        path "+" { capabilities = ["list"] }
        path "e/x+y" { capabilities = ["read"] }
    "#]);
    for (at, expected) in [
        ("a/foo", true),
        ("a/foobar/x", true),
        ("a/fo", false),
        ("b/1/x", true),
        ("b/1/2/x", false),
        ("b/x", false),
        ("b/1/xx", false),
        ("c/1/y", true),
        ("c/1/yes/and/more", true),
        ("c/1/no", false),
        ("c/1", false),
        ("d/1/z", false),
        ("d/*/z", true),
        ("e/x+y", true),
        ("e/xzy", false),
    ] {
        assert_eq!(allows(&acl, Read, at), expected, "{at}");
    }
    assert!(allows(&acl, List, "anything") && !allows(&acl, List, "two/parts"));
}

/// Equally specific in every other way, so the greater text counts, in whatever order they are met.
#[test]
fn the_last_tie_is_broken_by_the_text() {
    for (counts, other) in [("a/+/b/+", "a/+/+/c"), ("a/+/+/c", "a/+/!/+")] {
        let acl = acl(&[&format!(
            "path \"{counts}\" {{ capabilities = [\"read\"] }}\npath \"{other}\" {{ capabilities = [\"list\"] }}"
        )]);
        let segment = if other.contains('!') { "!" } else { "b" };
        assert!(
            allows(&acl, Read, &format!("a/x/{segment}/c")),
            "{counts} before {other}"
        );
    }
}

#[test]
fn listings_look_at_the_folder_first() {
    let listed = |text: &str, at: &str| allows(&acl(&[text]), List, at);
    let list = |path: &str| format!("path \"{path}\" {{ capabilities = [\"list\"] }}");
    assert!(listed(&list("kv/a/"), "kv/a/"));
    assert!(listed(&list("kv/a"), "kv/a/"), "without the slash too");
    assert!(listed(&list("kv/*"), "kv/"));
    assert!(listed(&list("kv/+"), "kv/a/"), "the path without its slash");
    assert!(listed(&list("+/a"), "kv/a/"));
    assert!(!listed(&list("kv/a"), "kv/a/b/"));
    let read_only = acl(&["path \"kv/a\" { capabilities = [\"read\", \"scan\"] }"]);
    assert!(!allows(&read_only, List, "kv/a/"));
    assert!(allows(&read_only, Scan, "kv/a/"));
    assert!(!allows(&read_only, Read, "kv/a/"), "only listings look again");
}

/// GHSA-xp3c: a listing was decided by a rule for the folder's name, past a deny for what is in it.
#[test]
fn ghsa_xp3c_listing_does_not_bypass_a_deny() {
    let acl = acl(&[r#"
        path "kv*" { capabilities = ["list", "scan"] }
        path "kv/private/*" { capabilities = ["deny"] }
    "#]);
    for operation in [List, Scan] {
        assert!(!allows(&acl, operation, "kv/private/"));
        assert!(!allows(&acl, operation, "kv/private/x/"));
        assert!(allows(&acl, operation, "kv/"));
    }
}

#[test]
fn rules_for_the_same_path_join() {
    let acl = acl(&[
        "path \"a\" { capabilities = [\"read\"] }\npath \"a\" { capabilities = [\"list\", \"read\"] }\npath \"b\" { capabilities = [\"read\"] }",
        "path \"a\" { capabilities = [\"update\"] }\npath \"b\" { capabilities = [\"deny\"] }",
        "path \"/a\" { capabilities = [\"read\"] }",
    ]);
    let at = path("a");
    let granting = |operation| {
        let request = Request::new(operation, &at);
        let verdict = acl.check(&request);
        verdict.granting().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(granting(Read), "a c");
    assert_eq!(granting(List), "a");
    assert_eq!(granting(Update), "b");
    assert_eq!(granting(Delete), "", "nobody");
    assert_eq!(acl.capabilities(&at).to_string(), "list, read, update");
    assert_eq!(acl.capabilities(&path("b")).to_string(), "deny");
    assert!(!allows(&acl, Read, "b"));
}

#[test]
fn capabilities_are_those_of_the_rule_that_counts() {
    let acl = acl(&[r#"
        path "kv/*" { capabilities = ["read", "sudo"] }
        path "kv/empty" { capabilities = [] }
        path "kv/dir" { capabilities = ["list"] }
    "#]);
    for (at, capabilities) in [
        ("kv/x", "read, sudo"),
        ("kv/empty", "deny"),
        ("kv/dir/", "list"),
        ("other", "deny"),
        ("", "deny"),
    ] {
        assert_eq!(acl.capabilities(&path(at)).to_string(), capabilities, "{at}");
    }
    assert_eq!(Acl::root().capabilities(&path("x")).to_string(), "root");
}

#[test]
fn sudo_comes_from_the_same_rule() {
    let acl = acl(&[r#"
        path "sys/*" { capabilities = ["update", "sudo"] }
        path "sys/raw/x" { capabilities = ["update"] }
    "#]);
    let sudo = |at: &str| acl.check(&Request::new(Update, &path(at))).sudo();
    assert!(sudo("sys/rotate"));
    assert!(!sudo("sys/raw/x"));
    assert!(!sudo("other"));
}

#[test]
fn root_may_do_everything_and_stands_alone() {
    let root = Acl::compile([&Policy::root()], Timestamp::EPOCH).unwrap();
    for acl in [&root, &Acl::root()] {
        for operation in [Create, Delete, Header, Help, List, Patch, Read, Scan, Update] {
            let at = path("sys/raw/x");
            let request = Request::new(operation, &at);
            let verdict = acl.check(&request);
            assert!(verdict.allowed() && verdict.sudo() && verdict.is_root());
            assert_eq!(verdict.granting().collect::<Vec<_>>(), ["root"]);
        }
    }
    let other = policy("dev", "");
    let both = Acl::compile([&Policy::root(), &other], Timestamp::EPOCH);
    assert_eq!(both.unwrap_err(), BadPolicySet::RootAndOthers);
    assert_eq!(
        BadPolicySet::RootAndOthers.to_string(),
        "other policies present along with root"
    );
    assert!(!Acl::compile([], Timestamp::EPOCH).unwrap().is_root());
}

#[test]
fn help_is_free_and_header_is_never_granted() {
    let acl = acl(&["path \"*\" { capabilities = [\"read\", \"list\", \"sudo\"] }"]);
    let at = path("sys/raw");
    let help = Request::new(Help, &at);
    let help = acl.check(&help);
    assert!(help.allowed() && help.sudo() && !help.is_root());
    assert_eq!(
        denial(&acl, Header, "sys/health", "{}", None),
        "no rule can grant \"header\""
    );
}

#[test]
fn denials_name_rule_policy_and_line() {
    let acl = acl(&[
        "path \"kv/a\" { capabilities = [\"read\", \"list\"] }\npath \"kv/d/*\" { capabilities = [\"deny\"] }\npath \"kv/e\" {}",
        "\npath \"kv/a\" { capabilities = [\"read\"] }",
    ]);
    for (operation, at, reason) in [
        (Read, "kv/a", ""),
        (
            Update,
            "kv/a",
            "rule \"kv/a\" (policy \"a\", line 1; policy \"b\", line 2) does not grant \"update\"; it grants list, read",
        ),
        (
            Read,
            "kv/d/x",
            "rule \"kv/d/*\" (policy \"a\", line 2) denies everything",
        ),
        (
            Read,
            "kv/e",
            "rule \"kv/e\" (policy \"a\", line 3) does not grant \"read\"; it grants nothing",
        ),
        (Read, "kv/zzz", "no rule matches the path"),
    ] {
        assert_eq!(
            denial(&acl, operation, at, "{}", None),
            reason,
            "{operation} {at}"
        );
    }
}

#[test]
fn explanations_name_what_may_be_meant() {
    let acl = acl(&[
        "path \"secret/app\" { capabilities = [\"read\"] }\npath \"kv/data/team/*\" { capabilities = [\"read\"] }",
    ]);
    for (at, explanation) in [
        (
            "secret/data/app",
            "no rule matches the path; rule \"secret/app\" (policy \"a\", line 1) is written for version 1 of the \
             key-value engine: paths of version 2 have data/ or metadata/ behind the mount",
        ),
        (
            "kv/data/tema/x",
            "no rule matches the path; the nearest is rule \"kv/data/team/*\" (policy \"a\", line 2)",
        ),
        (
            "kv/team/x",
            "no rule matches the path; rule \"kv/data/team/*\" (policy \"a\", line 2) is written for version 2 of \
             the key-value engine: the path of the request lacks data/ behind the mount",
        ),
        ("other/x", "no rule matches the path"),
    ] {
        let at = path(at);
        let request = Request::new(Read, &at);
        assert_eq!(acl.explain(&request, false).to_string(), explanation, "{at}");
    }
    let at = path("secret/app");
    let explained = acl.explain(&Request::new(Read, &at), false);
    assert!(explained.verdict.allowed() && explained.mixed_up.is_none());
    assert_eq!(
        explained.to_string(),
        "rule \"secret/app\" (policy \"a\", line 1) allows it"
    );
    let explained = acl.explain(&Request::new(Read, &at), true);
    assert_eq!(
        explained.to_string(),
        "rule \"secret/app\" (policy \"a\", line 1) does not grant \"sudo\"; it grants read"
    );
}

const LIMITED: &str = r#"
path "required" {
  capabilities        = ["create", "read", "list", "delete"]
  required_parameters = ["ttl", "Name"]
}
path "denied" {
  capabilities      = ["create", "read", "list", "delete"]
  denied_parameters = { "no_parent" = [], "ttl" = ["0", "9*"] }
}
path "denied/all" {
  capabilities      = ["create"]
  denied_parameters = { "*" = [] }
}
path "allowed" {
  capabilities       = ["create"]
  allowed_parameters = { "ttl" = ["1h", "2*"], "Name" = [] }
}
path "allowed/any" {
  capabilities       = ["create"]
  allowed_parameters = { "ttl" = ["1h"], "*" = [] }
}
path "allowed/star" {
  capabilities       = ["create"]
  allowed_parameters = { "*" = ["x"] }
}
path "both" {
  capabilities       = ["create"]
  allowed_parameters = { "a" = [], "b" = [] }
  denied_parameters  = { "b" = ["no"] }
}
"#;

/// Path, parameters, and why they are refused.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("required", r#"{"ttl": 1, "name": null}"#, ""),
    ("required", r#"{"ttl": 1}"#, "requires the parameter \"name\""),
    (
        "required",
        r#"{"TTL": 1, "name": 1}"#,
        "requires the parameter \"ttl\"",
    ),
    ("required", "{}", "requires the parameter \"ttl\""),
    ("denied", "{}", ""),
    ("denied", r#"{"x": 1, "ttl": "5"}"#, ""),
    (
        "denied",
        r#"{"no_parent": false}"#,
        "denies the parameter \"no_parent\" or its value",
    ),
    (
        "denied",
        r#"{"No_Parent": false}"#,
        "denies the parameter \"No_Parent\" or its value",
    ),
    (
        "denied",
        r#"{"ttl": "0"}"#,
        "denies the parameter \"ttl\" or its value",
    ),
    (
        "denied",
        r#"{"ttl": "99h"}"#,
        "denies the parameter \"ttl\" or its value",
    ),
    ("denied/all", "{}", ""),
    ("denied/all", r#"{"x": 1}"#, "denies all parameters"),
    ("allowed", "{}", ""),
    ("allowed", r#"{"ttl": "1h", "name": {"any": 1}}"#, ""),
    ("allowed", r#"{"TTL": "25h"}"#, ""),
    (
        "allowed",
        r#"{"ttl": "3h"}"#,
        "does not allow this value of the parameter \"ttl\"",
    ),
    (
        "allowed",
        r#"{"ttl": "1h", "x": 1}"#,
        "does not allow the parameter \"x\"",
    ),
    ("allowed/any", r#"{"ttl": "1h", "x": 1}"#, ""),
    (
        "allowed/any",
        r#"{"ttl": "2h", "x": 1}"#,
        "does not allow this value of the parameter \"ttl\"",
    ),
    ("allowed/star", r#"{"whatever": 1}"#, ""),
    ("both", r#"{"a": 1, "b": "yes"}"#, ""),
    (
        "both",
        r#"{"a": 1, "b": "no"}"#,
        "denies the parameter \"b\" or its value",
    ),
    ("both", r#"{"c": 1}"#, "does not allow the parameter \"c\""),
];

#[test]
fn parameters_are_checked() {
    let acl = acl(&[LIMITED]);
    let reason = |at: &str, data: &str| {
        let text = denial(&acl, Create, at, data, None);
        text.split_once(") ")
            .map_or(text.clone(), |(_, reason)| reason.to_owned())
    };
    for (at, data, expected) in PARAMETERS {
        assert_eq!(reason(at, data), *expected, "{at} {data}");
    }
    assert!(
        !denial(&acl, Read, "required", "{}", None).is_empty(),
        "reads have parameters too"
    );
    for operation in [List, Delete] {
        assert_eq!(denial(&acl, operation, "required", "{}", None), "", "{operation}");
        assert_eq!(
            denial(&acl, operation, "denied", r#"{"no_parent": 1}"#, None),
            "",
            "{operation}"
        );
    }
}

#[test]
fn numbers_are_compared_by_value() {
    let acl = acl(&[r#"
        path "d" { capabilities = ["create"] denied_parameters = { "n" = [5, 1.5, true] } }
        path "a" { capabilities = ["create"] allowed_parameters = { "n" = [5] } }
    "#]);
    for (at, data, allowed) in [
        ("d", r#"{"n": 5}"#, false),
        ("d", r#"{"n": 5.0}"#, false),
        ("d", r#"{"n": 1.50}"#, false),
        ("d", r#"{"n": true}"#, false),
        ("d", r#"{"n": 6}"#, true),
        ("d", r#"{"n": "5"}"#, true),
        ("a", r#"{"n": 5}"#, true),
        ("a", r#"{"n": 6}"#, false),
    ] {
        assert_eq!(
            denial(&acl, Create, at, data, None).is_empty(),
            allowed,
            "{at} {data}"
        );
    }
}

#[test]
fn parameters_of_several_policies_join() {
    let rule = |body: &str| format!("path \"x\" {{ capabilities = [\"create\"] {body} }}");
    let joined = |one: &str, other: &str| acl(&[&rule(one), &rule(other)]);
    let acl = joined(
        "allowed_parameters = { a = [\"1\"] }",
        "allowed_parameters = { a = [\"2\"], b = [] }",
    );
    for (data, allowed) in [
        (r#"{"a":"1"}"#, true),
        (r#"{"a":"2"}"#, true),
        (r#"{"a":"3"}"#, false),
        (r#"{"b":0}"#, true),
    ] {
        assert_eq!(
            denial(&acl, Create, "x", data, None).is_empty(),
            allowed,
            "{data}"
        );
    }
    let acl = joined(
        "allowed_parameters = { a = [\"1\"] }",
        "allowed_parameters = { a = [] }",
    );
    assert!(
        denial(&acl, Create, "x", r#"{"a":"3"}"#, None).is_empty(),
        "no values is any value"
    );
    let acl = joined(
        "denied_parameters = { a = [\"1\"] }",
        "denied_parameters = { a = [] }",
    );
    assert!(!denial(&acl, Create, "x", r#"{"a":"3"}"#, None).is_empty());
    let acl = joined(
        "required_parameters = [\"a\"]",
        "required_parameters = [\"b\", \"a\"]",
    );
    assert!(!denial(&acl, Create, "x", r#"{"a":1}"#, None).is_empty());
    assert!(denial(&acl, Create, "x", r#"{"a":1,"b":1}"#, None).is_empty());
    let acl = joined("", "allowed_parameters = { a = [] }");
    assert!(
        !denial(&acl, Create, "x", r#"{"b":1}"#, None).is_empty(),
        "limits are not lifted by a rule without"
    );
}

#[test]
fn wrapping_is_checked_for_every_operation() {
    let acl = acl(&[
        "path \"w\" { capabilities = [\"read\", \"delete\"] min_wrapping_ttl = \"10s\" max_wrapping_ttl = \"1m\" }\n\
         path \"j\" { capabilities = [\"read\"] min_wrapping_ttl = \"2m\" }\n\
         path \"m\" { capabilities = [\"read\"] max_wrapping_ttl = \"2m\" }",
        "path \"j\" { capabilities = [\"read\"] max_wrapping_ttl = \"1m\" }\n\
         path \"m\" { capabilities = [\"read\"] max_wrapping_ttl = \"1m\" }",
    ]);
    for (at, wrap, reason) in [
        ("w", Some(10), ""),
        ("w", Some(60), ""),
        ("w", None, "requires the response to be wrapped"),
        ("w", Some(9), "requires a wrapping TTL of at least 10s"),
        ("w", Some(61), "limits the wrapping TTL to 1m0s"),
        ("j", Some(90), "has a max_wrapping_ttl below its min_wrapping_ttl"),
        ("m", Some(60), ""),
        ("m", Some(61), "limits the wrapping TTL to 1m0s"),
    ] {
        let text = denial(&acl, Read, at, "{}", wrap);
        assert!(
            text.ends_with(reason) && text.is_empty() == reason.is_empty(),
            "{at} {wrap:?}: {text}"
        );
    }
    assert!(!denial(&acl, Delete, "w", "{}", None).is_empty());
}

#[test]
fn listings_keep_to_the_page_size() {
    let acl = acl(&[
        "path \"a/\" { capabilities = [\"list\"] pagination_limit = 100 }\n\
         path \"b/\" { capabilities = [\"list\"] pagination_limit = 100 required_parameters = [\"limit\"] }",
        "path \"a/\" { capabilities = [\"list\"] pagination_limit = 50 }",
    ]);
    for (at, data, allowed) in [
        ("a/", "{}", true),
        ("a/", r#"{"limit": "50"}"#, true),
        ("a/", r#"{"limit": 51}"#, false),
        ("a/", r#"{"limit": "max"}"#, true),
        ("a/", r#"{"limit": "all"}"#, false),
        ("b/", "{}", false),
        ("b/", r#"{"limit": "100"}"#, true),
    ] {
        assert_eq!(
            denial(&acl, List, at, data, None).is_empty(),
            allowed,
            "{at} {data}"
        );
    }
    let at = path("a/");
    let request = Request::new(List, &at);
    assert_eq!(
        acl.check(&request).constraints().unwrap().pagination_limit,
        Some(50)
    );
}

#[test]
fn expired_rules_do_not_count() {
    let text = "path \"a\" { capabilities = [\"read\"] expiration = 100 }\npath \"a\" { capabilities = [\"list\"] expiration = \"200\" }";
    let policy = policy("p", text);
    let at = |seconds| Acl::compile([&policy], Timestamp::from_unix(seconds, 0)).unwrap();
    assert_eq!(at(99).capabilities(&path("a")).to_string(), "list, read");
    assert_eq!(at(99).valid_until(), Some(Timestamp::from_unix(100, 0)));
    assert_eq!(at(100).capabilities(&path("a")).to_string(), "list");
    assert_eq!(at(100).valid_until(), Some(Timestamp::from_unix(200, 0)));
    assert_eq!(at(200).capabilities(&path("a")).to_string(), "deny");
    assert_eq!(at(200).valid_until(), None);
}

/// The deepest rule that can match costs no more than its length.
#[test]
fn paths_may_be_as_deep_as_they_are_long() {
    let deep = "a/".repeat(1023);
    let rule = |path: &str| format!("path \"{path}\" {{ capabilities = [\"read\"] }}\n");
    let wild = "+/".repeat(1023);
    let acl = acl(&[&(rule(&format!("{wild}+")) + &rule(&format!("{wild}+/+/+")))]);
    assert!(allows(&acl, Read, &format!("{deep}x")));
    assert!(allows(&acl, Read, &deep));
    assert!(!allows(&acl, Read, &deep[2..]));
    assert_eq!(acl.rules().len(), 1, "the other is too long for any path");
}

#[test]
fn subscribing_takes_the_capability_and_a_type_that_fits() {
    let acl = acl(&[r#"
        path "kv/any/*" { capabilities = ["subscribe"] }
        path "kv/some/*" { capabilities = ["subscribe"] subscribe_event_types = ["kv*write", "lease/revoke"] }
        path "kv/read/*" { capabilities = ["read"] subscribe_event_types = ["*"] }
        path "kv/any/no" { capabilities = ["deny"] }
    "#]);
    for (at, kind, expected) in [
        ("kv/any/a", "kv-v1/write", true),
        ("kv/any/no", "kv-v1/write", false),
        ("kv/some/a", "kv-v2/data-write", true),
        ("kv/some/a", "lease/revoke", true),
        ("kv/some/a", "kv-v2/destroy", false),
        ("kv/read/a", "kv-v1/write", false),
        ("other", "kv-v1/write", false),
    ] {
        assert_eq!(acl.may_subscribe(&path(at), kind), expected, "{at} {kind}");
    }
    assert!(Acl::root().may_subscribe(&path("other"), "policy/write"));
}
